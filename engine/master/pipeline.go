package master

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"seikan/db/state"
	"seikan/engine/record"
	"seikan/engine/rpc"
)

// pipeline takes the next step of one pipeline; true when it is finished.
func (d *decider) pipeline(j JobFact, p PipelineShape, tasks []string) bool {
	f, started := j.Pipelines[p.ID]
	if !started {
		d.begin(j, p, tasks)
		return false
	}
	switch f.Row.Status {
	case state.PipelineFinished:
		return true
	case state.PipelineFailed, state.PipelineCanceled:
		d.again(j, p, f, tasks)
		return false
	}
	d.save(f, d.progress(j, p, f, tasks))
	return false
}

func (d *decider) begin(j JobFact, p PipelineShape, tasks []string) {
	placement, sent := j.Unsure[p.ID]
	if !sent || len(placement) != len(tasks) || !d.stands(placement) {
		var reason string
		if placement, reason = d.place(j, p, tasks); reason != "" {
			d.do(Hold{j.Job.ID, reason})
			return
		}
	}
	d.do(Begin{j.Job.ID, p.ID, placement, j.Pipelines[p.ID].Row.Attempt, startWithin})
}

func (d *decider) save(f PipelineFact, s Save) {
	if s.Pipeline.Status != f.Row.Status {
		d.do(s)
	}
}

// again starts a failed pipeline once more when it may and when nothing of its last attempt can
// still be running.
func (d *decider) again(j JobFact, p PipelineShape, f PipelineFact, tasks []string) {
	wait, giveUp := j.Shape.retry().after(f.Falls)
	if f.Row.Permanent || giveUp {
		d.fail(j, fmt.Sprintf("pipeline %d: %s", p.ID, f.Row.Error))
		return
	}
	switch {
	case !d.gone(j, p.ID, f):
	case d.Now-f.Since < wait:
		_, _ = d.place(j, p, tasks) // its room is promised
	default:
		d.begin(j, p, tasks)
	}
}

// lost says whether tasks placed on a node in an incarnation are surely stopped. Silence proves
// it only after a full lease, counted from the beginning of this reign at the earliest.
// (Invariant 7)
func (d *decider) lost(node, incarnation string) bool {
	n, known := d.Nodes[node]
	switch {
	case !known:
		return d.Now > d.Lease
	case n.Info.Incarnation != incarnation, n.Dead:
		return true
	}
	return d.Now-n.Heard > d.Lease
}

// gone says whether no task of the pipeline's attempt can be running any more.
func (d *decider) gone(j JobFact, pipeline int, f PipelineFact) bool {
	if d.Now-f.Since > max(abandon, 2*d.Lease) { // by which a silent node has no lease either
		return true
	}
	for name, at := range f.Placement {
		n, known := d.Nodes[at.Node]
		if d.lost(at.Node, at.Incarnation) {
			continue
		}
		if !known {
			return false
		}
		if t, here := n.Tasks[taskKey(j, pipeline, f.Row.Attempt, name)]; here && !t.State.Ended() {
			return false
		}
		// An order to start may still be on its way, unless one that came after it is obeyed.
		if n.Heard < f.Since || n.Obeyed < f.SinceOrder {
			return false
		}
	}
	return true
}

// progress is the pipeline's row as its tasks' reports make it, and why it has fallen, if it has.
func (d *decider) progress(j JobFact, p PipelineShape, f PipelineFact, tasks []string) Save {
	row := f.Row
	fell := func(s state.PipelineStatus, why state.Fall, format string, args ...any) Save {
		row.Status, row.Error = s, fmt.Sprintf(format, args...)
		return Save{row, why}
	}
	reports := d.reports(j, p.ID, f)
	for _, t := range reports {
		switch {
		case t.State != rpc.Finished || t.Role == rpc.Chain:
		case t.Kind == record.Checkpoint:
			return fell(state.PipelineCanceled, state.FallMoved, "it goes on elsewhere: a node is drained")
		default: // its head, or all that it has
			row.Status, row.FinalKind = state.PipelineFinished, state.Kind(t.Kind)
			return Save{Pipeline: row}
		}
	}
	if t, failed := d.failure(reports, f); failed {
		row.Status, row.Error, row.Permanent = state.PipelineFailed, t.Error, t.Permanent
		return Save{row, d.blame(f)}
	}
	running, stopped := 0, ""
	for i, name := range f.tasks() {
		at := f.Placement[name]
		if d.lost(at.Node, at.Incarnation) {
			return fell(state.PipelineFailed, state.FallOffline, "The taskGroup(%s) deployed node(%s) offline", name, at.Addr)
		}
		switch reports[i].State {
		case rpc.Stopped:
			stopped = name
		case rpc.Finished, rpc.Running:
			running++
		}
	}
	if stopped != "" {
		return fell(state.PipelineFailed, state.FallMoved, "%s on node %s was stopped", stopped, f.Placement[stopped].Addr)
	}
	if addr, reason := d.cannotStay(f, reports); reason != "" {
		return fell(state.PipelineCanceled, state.FallMoved, "node %s is drained: %s", addr, reason)
	}
	if running == len(tasks) && row.Status != state.PipelineRunning {
		row.Status, row.Allowed = state.PipelineRunning, 0
		if p.ID == 0 || settles(f) {
			row.Allowed = prepareWithin
		}
		return Save{Pipeline: row}
	}
	if limit := allowedTo(f); limit > 0 && d.Now-f.Since > limit {
		return fell(state.PipelineFailed, state.FallFailure, "it did not get on within %v: %s", limit, doing(f, reports))
	}
	return Save{Pipeline: row}
}

// allowedTo is how long the row of an attempt may stay as it is, 0 for ever.
func allowedTo(f PipelineFact) time.Duration {
	if f.Row.Allowed == 0 && f.Row.Status != state.PipelineRunning {
		return startWithin
	}
	return f.Row.Allowed
}

// reports are what is known of each task of an attempt, in the order of their names; without a
// State nothing is.
func (d *decider) reports(j JobFact, pipeline int, f PipelineFact) []rpc.TaskReport {
	out := make([]rpc.TaskReport, len(f.Placement))
	for i, name := range f.tasks() {
		at := f.Placement[name]
		if n := d.Nodes[at.Node]; n.Info.Incarnation == at.Incarnation {
			out[i] = n.Tasks[taskKey(j, pipeline, f.Row.Attempt, name)]
		}
	}
	return out
}

// failure is the first task that has failed of itself. A chain that lost its link to the head may
// only tell that the head has ended or that its node is lost: it counts when the head is known to
// go on after that.
func (d *decider) failure(reports []rpc.TaskReport, f PipelineFact) (rpc.TaskReport, bool) {
	var link, head rpc.TaskReport
	for _, t := range reports {
		if t.Role == rpc.Head {
			head = t
		}
		switch {
		case t.State != rpc.Failed:
		case t.Link:
			link = t
		default:
			return t, true
		}
	}
	at := f.Placement[string(rpc.Head)]
	n := d.Nodes[at.Node]
	return link, link.Link && !head.State.Ended() && n.Info.Incarnation == at.Incarnation && n.Heard > link.Ended+d.Lease/8
}

// blame says whether a failure is the job's own: not while one of its nodes is drained, or silent
// and so perhaps lost.
func (d *decider) blame(f PipelineFact) state.Fall {
	if _, yes := d.draining(f); yes {
		return state.FallMoved
	}
	for _, at := range f.Placement {
		if n, known := d.Nodes[at.Node]; !known || n.Info.Incarnation != at.Incarnation || n.Dead || d.Now-n.Heard > d.Lease/2 {
			return state.FallOffline
		}
	}
	return state.FallFailure
}

// draining says whether one of a pipeline's nodes is drained, and which. (Invariant 9)
func (d *decider) draining(f PipelineFact) (Place, bool) {
	for _, name := range f.tasks() {
		at := f.Placement[name]
		if n := d.Nodes[at.Node]; n.Info.Draining && n.Info.Incarnation == at.Incarnation {
			return at, true
		}
	}
	return Place{}, false
}

// cannotStay says why a pipeline leaves a node that is drained without a checkpoint: its head has
// not taken one in time, or cannot since the node has not taken the task. What has no head is short
// and may end there.
func (d *decider) cannotStay(f PipelineFact, reports []rpc.TaskReport) (addr, reason string) {
	at, yes := d.draining(f)
	if !yes {
		return "", ""
	}
	n := d.Nodes[at.Node]
	if _, has := f.Placement[string(rpc.Head)]; has && d.Now-max(n.Draining, f.Since) > moveWithin {
		return at.Addr, fmt.Sprintf("no checkpoint within %v", moveWithin)
	}
	for i, name := range f.tasks() {
		if f.Placement[name] == at && reports[i].State == "" && n.Heard >= f.Since && n.Obeyed >= f.SinceOrder {
			return at.Addr, name + " has not begun there"
		}
	}
	return "", ""
}

// doing is what the tasks of an attempt that does not get on are doing.
func doing(f PipelineFact, reports []rpc.TaskReport) string {
	var out []string
	for i, name := range f.tasks() {
		t := reports[i]
		s := name + " on node " + f.Placement[name].Addr
		switch {
		case t.State == "":
			s += " has not begun"
		case t.Doing != "":
			s += " is " + string(t.State) + ", " + t.Doing
		default:
			s += " is " + string(t.State)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func taskKey(j JobFact, pipeline int, attempt int64, name string) rpc.TaskKey {
	key := rpc.TaskKey{JobID: j.Job.ID, Pipeline: pipeline, Attempt: attempt, Role: rpc.Role(name)}
	if n, isChain := strings.CutPrefix(name, "chain-"); isChain {
		key.Role = rpc.Chain
		key.Subtask, _ = strconv.Atoi(n) // made by TaskName
	}
	return key
}
