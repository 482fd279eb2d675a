package master

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// Decide takes the next step for each job. It is pure: the same facts give the same actions.
// First start, failover, restart of the whole cluster and upgrade are this one function.
func Decide(f Facts) []Action {
	d := &decider{Facts: f, homes: map[string]string{}}
	d.occupied()
	blocked := false
	for _, j := range f.Jobs {
		if !waits(j) {
			d.job(j, &blocked)
		}
	}
	for _, j := range f.Jobs { // behind those that run, which have room promised
		if waits(j) {
			d.job(j, &blocked)
		}
	}
	return d.out
}

func waits(j JobFact) bool {
	return j.Job.Status == state.Pending || j.Job.Status == state.Scheduled
}

type decider struct {
	Facts
	used   map[string]int              // slots taken on each node
	memory map[string]map[string]int64 // bytes each job may hold on each node
	homes  map[string]string           // node of the node-bound pipelines of each job, see home
	out    []Action
}

func (d *decider) do(a Action) { d.out = append(d.out, a) }

func (d *decider) job(j JobFact, blocked *bool) {
	id := j.Job.ID
	switch j.Job.Status {
	case state.Initializing:
		switch {
		case j.Job.Desired == state.WantCancel:
			d.do(Move{id, state.Move{To: state.Canceling}})
		case j.PlanErr != nil:
			d.do(Move{id, state.Move{To: state.Failing, Error: j.PlanErr.Error()}})
		case j.Shape != nil:
			d.do(Move{id, state.Move{From: []state.Status{state.Initializing}, To: state.Created, Shape: j.Shape.encode()}})
		case !j.Planning:
			d.do(Plan{id})
		}
	case state.Created:
		d.do(Move{id, state.Move{From: []state.Status{state.Created}, To: state.Pending}})
	case state.Pending, state.Scheduled:
		d.pending(j, blocked)
	case state.Running, state.DoingSavepoint:
		d.running(j)
	case state.Failing:
		d.stopping(j, state.Failed)
	case state.Canceling:
		d.stopping(j, state.Canceled)
	}
}

// pending waits for room for all of the job at once. The queue is first in, first out.
func (d *decider) pending(j JobFact, blocked *bool) {
	id := j.Job.ID
	if j.Job.Desired != state.WantRun {
		d.do(Move{id, state.Move{To: state.Canceling}})
		return
	}
	if *blocked {
		d.do(Hold{id, "waits behind an earlier job"})
		return
	}
	reason := d.fits(j)
	switch {
	case reason == "":
		d.do(Move{id, state.Move{From: []state.Status{j.Job.Status}, To: state.Running}})
	case d.Wait || d.Now < d.Lease:
		// Right after a switch workers are still reporting: no verdict yet.
		*blocked = true
		d.do(Hold{id, reason})
	default:
		d.do(Move{id, state.Move{To: state.Failing, Error: "NoEnoughResourceException: " + reason}})
	}
}

// fits places all pipelines of a job on paper.
func (d *decider) fits(j JobFact) string {
	trial := &decider{Facts: d.Facts, used: maps.Clone(d.used), memory: cloneMemory(d.memory), homes: map[string]string{}}
	for _, p := range j.Shape.Pipelines {
		if _, reason := trial.place(j, p, tasksOf(p)); reason != "" {
			return reason
		}
	}
	d.used, d.memory = trial.used, trial.memory
	return ""
}

func tasksOf(p PipelineShape) []string {
	names := []string{string(rpc.Head)}
	for i := range p.Parallelism {
		names = append(names, TaskName(rpc.Chain, i))
	}
	return names
}

// home is the node where a job's data lies that only one node can see: the same for all its
// node-bound pipelines, from the save modes on and through every restart. "" is not chosen yet.
func (d *decider) home(j JobFact) string {
	for _, p := range j.Shape.Pipelines {
		if p.NodeBound == "" {
			continue
		}
		for _, at := range j.Pipelines[p.ID].Placement {
			return at.Node
		}
	}
	if at, ok := j.Pipelines[0].Placement[string(rpc.Prepare)]; ok {
		return at.Node
	}
	return d.homes[j.Job.ID]
}

// bound counts the slots of a job's node-bound pipelines.
func bound(j JobFact) (slots int) {
	for _, p := range j.Shape.Pipelines {
		if p.NodeBound != "" {
			slots += p.all()
		}
	}
	return slots
}

// place chooses a node for each task: among those with the job's tags and room, the one with the
// fewest slots taken. A node-bound pipeline has one node for all.
func (d *decider) place(j JobFact, p PipelineShape, tasks []string) (Placement, string) {
	out := Placement{}
	if p.NodeBound != "" {
		need, home := 0, d.home(j)
		for _, t := range tasks {
			need += p.slots(t)
		}
		room := need
		if home == "" {
			room = bound(j)
		}
		n, reason := d.choose(j, need, room, home)
		if reason != "" {
			return nil, reason + "; the pipeline must run on one node: " + p.NodeBound
		}
		d.homes[j.Job.ID] = n.Node
		for _, t := range tasks {
			out[t] = n
		}
		return out, ""
	}
	for _, t := range tasks {
		room := p.slots(t)
		if need := bound(j); t == string(rpc.Prepare) && need > room {
			room = need // its node is the job's home
		}
		n, reason := d.choose(j, p.slots(t), room, "")
		if reason != "" {
			return nil, reason
		}
		out[t] = n
	}
	return out, ""
}

// choose finds a node that has room, and takes slots of it; only limits the choice to one node.
func (d *decider) choose(j JobFact, slots, room int, only string) (Place, string) {
	best, alive, tagged := "", 0, 0
	for _, id := range slices.Sorted(maps.Keys(d.Nodes)) {
		n := d.Nodes[id]
		if d.lost(id, n.Info.Incarnation) || n.Info.Draining || n.Info.Role == "master" {
			continue
		}
		alive++
		if !hasTags(n.Info.Tags, j.Shape.Tags) {
			continue
		}
		tagged++
		if only != "" && only != id || n.Info.Slots > 0 && d.used[id]+room > n.Info.Slots || !d.hasMemory(id, j) {
			continue
		}
		if best == "" || d.used[id] < d.used[best] {
			best = id
		}
	}
	if best == "" {
		switch {
		case alive == 0:
			return Place{}, "no worker is there"
		case tagged == 0:
			return Place{}, fmt.Sprintf("none of %d workers has the tags %v", alive, j.Shape.Tags)
		}
		if only != "" {
			return Place{}, fmt.Sprintf("node %s, where its data is, is not there or has no %d free slots and %d bytes of memory", only, room, j.Shape.MemoryBytes)
		}
		return Place{}, fmt.Sprintf("none of %d workers has %d free slots and %d bytes of memory", tagged, room, j.Shape.MemoryBytes)
	}
	d.take(best, slots, j)
	i := d.Nodes[best].Info
	return Place{Node: i.ID, Incarnation: i.Incarnation, Addr: i.Addr}, ""
}

func (d *decider) hasMemory(node string, j JobFact) bool {
	limit := d.Nodes[node].Info.MemoryBytes
	if _, has := d.memory[node][j.Job.ID]; has || limit <= 0 {
		return true
	}
	sum := j.Shape.MemoryBytes
	for _, n := range d.memory[node] {
		sum += n
	}
	return sum <= limit
}

func hasTags(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
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

// running starts what is to be started, takes in what tasks report, and ends the job when all
// its pipelines have ended.
func (d *decider) running(j JobFact) {
	id := j.Job.ID
	switch {
	case j.Job.Desired == state.WantCancel:
		d.do(Move{id, state.Move{To: state.Canceling}})
		return
	case (j.Job.Desired == state.WantSavepoint || j.Job.Desired == state.WantStop) && j.Job.Status == state.Running:
		d.do(Move{id, state.Move{From: []state.Status{state.Running}, To: state.DoingSavepoint}})
		return
	}
	prepare := PipelineShape{ID: 0}
	if !d.pipeline(j, prepare, []string{string(rpc.Prepare)}) {
		for _, p := range j.Shape.Pipelines { // their room is promised
			_, _ = d.place(j, p, tasksOf(p))
		}
		return
	}
	finished, saved, gone := 0, false, true
	for _, p := range j.Shape.Pipelines {
		if d.pipeline(j, p, tasksOf(p)) {
			finished++
			saved = saved || j.Pipelines[p.ID].Row.FinalKind == state.Savepoint
			gone = gone && d.gone(j, p.ID, j.Pipelines[p.ID])
		}
	}
	if finished < len(j.Shape.Pipelines) {
		return
	}
	switch {
	case !gone: // chains are ending
	case j.Job.Status == state.DoingSavepoint: // also when the data ended before the savepoint
		d.do(End{JobID: id, Status: state.SavepointDone})
	case saved:
		d.do(Move{id, state.Move{From: []state.Status{state.Running}, To: state.DoingSavepoint}})
	default:
		d.do(End{JobID: id, Status: state.Finished})
	}
}

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
	report := d.progress(j, p, f, tasks)
	if report.Status != f.Row.Status {
		d.do(Save{report})
	}
	return false
}

func (d *decider) begin(j JobFact, p PipelineShape, tasks []string) {
	placement, reason := d.place(j, p, tasks)
	if reason != "" {
		d.do(Hold{j.Job.ID, reason})
		return
	}
	d.do(Begin{j.Job.ID, p.ID, placement})
}

// again starts a failed pipeline once more when it may and when nothing of its last attempt can
// still be running.
func (d *decider) again(j JobFact, p PipelineShape, f PipelineFact, tasks []string) {
	if f.Row.Permanent || f.Row.Restores >= j.Shape.RetryTimes {
		d.do(Move{j.Job.ID, state.Move{To: state.Failing, Error: fmt.Sprintf("pipeline %d: %s", p.ID, f.Row.Error)}})
		return
	}
	switch {
	case !d.gone(j, p.ID, f):
	case d.Now-f.Since < time.Duration(j.Shape.RetryWaitMS)*time.Millisecond:
		_, _ = d.place(j, p, tasks) // its room is promised
	default:
		d.begin(j, p, tasks)
	}
}

// abandon is how long a task may take to stop before it is left to itself: its attempt number
// is of the past, so whatever it still does is refused or has no effect.
const abandon = time.Minute

// gone says whether no task of the pipeline's attempt can be running any more.
func (d *decider) gone(j JobFact, pipeline int, f PipelineFact) bool {
	if d.Now-f.Since > abandon {
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

// progress is the pipeline's row as its tasks' reports make it.
func (d *decider) progress(j JobFact, p PipelineShape, f PipelineFact, tasks []string) state.Pipeline {
	row := f.Row
	running := 0
	for _, name := range slices.SortedFunc(maps.Keys(f.Placement), cmp.Compare[string]) {
		at := f.Placement[name]
		if d.lost(at.Node, at.Incarnation) {
			row.Status, row.Error = state.PipelineFailed, fmt.Sprintf("The taskGroup(%s) deployed node(%s) offline", name, at.Addr)
			return row
		}
		t, reported := d.Nodes[at.Node].Tasks[taskKey(j, p.ID, row.Attempt, name)]
		if !reported {
			continue
		}
		switch t.State {
		case rpc.Failed:
			row.Status, row.Error, row.Permanent = state.PipelineFailed, t.Error, t.Permanent
			return row
		case rpc.Stopped:
			row.Status, row.Error = state.PipelineFailed, fmt.Sprintf("%s on node %s was stopped", name, at.Addr)
			return row
		case rpc.Finished:
			if name == string(rpc.Head) || name == string(rpc.Prepare) || name == string(rpc.Settle) {
				row.Status, row.FinalKind = state.PipelineFinished, state.Kind(t.Kind)
				return row
			}
			running++
		case rpc.Running:
			running++
		}
	}
	if running == len(tasks) {
		row.Status = state.PipelineRunning
	}
	return row
}

func taskKey(j JobFact, pipeline int, attempt int64, name string) rpc.TaskKey {
	key := rpc.TaskKey{JobID: j.Job.ID, Pipeline: pipeline, Attempt: attempt, Role: rpc.Role(name)}
	if n, isChain := strings.CutPrefix(name, "chain-"); isChain {
		key.Role = rpc.Chain
		key.Subtask, _ = strconv.Atoi(n) // made by TaskName
	}
	return key
}

// stopping waits until nothing of the job runs; a cancelled job first finishes the commits that
// its recorded checkpoints owe.
func (d *decider) stopping(j JobFact, end state.Status) {
	for _, p := range slices.Sorted(maps.Keys(j.Pipelines)) {
		f := j.Pipelines[p]
		switch {
		case !f.Row.Status.Ended() && !settles(f):
			row := f.Row
			row.Status = state.PipelineCanceled
			d.do(Save{row})
			return
		case !settles(f) && !d.gone(j, p, f):
			return
		}
	}
	settled := true
	if end == state.Canceled && j.Shape != nil {
		for _, p := range j.Shape.Pipelines {
			if f, started := j.Pipelines[p.ID]; started {
				settled = d.settled(j, p, f) && settled
			}
		}
	}
	if !settled {
		return
	}
	d.do(End{JobID: j.Job.ID, Status: end, Error: j.Job.Error})
}

func settles(f PipelineFact) bool { _, ok := f.Placement[string(rpc.Settle)]; return ok }

// settled runs a settle task on a pipeline that had started; true when it is done.
func (d *decider) settled(j JobFact, p PipelineShape, f PipelineFact) bool {
	tasks := []string{string(rpc.Settle)}
	if !settles(f) {
		if f.Row.Status != state.PipelineFinished {
			d.begin(j, p, tasks)
			return false
		}
		return true
	}
	switch f.Row.Status {
	case state.PipelineFinished:
		return true
	case state.PipelineFailed:
		if f.Row.Permanent {
			d.do(Move{j.Job.ID, state.Move{To: state.Failing, Error: f.Row.Error}})
			return false
		}
		if d.Now-f.Since > time.Second && d.gone(j, p.ID, f) {
			d.begin(j, p, tasks)
		}
		return false
	}
	if row := d.progress(j, p, f, tasks); row.Status != f.Row.Status {
		d.do(Save{row})
	}
	return false
}

// Orders are what each worker shall run, by the rows alone: also for workers that have not
// reported yet, since those run on through a change of the master.
func Orders(f Facts) map[Seat][]rpc.TaskSpec {
	out := map[Seat][]rpc.TaskSpec{}
	for _, j := range f.Jobs {
		live := j.Job.Status == state.Running || j.Job.Status == state.DoingSavepoint
		for _, id := range slices.Sorted(maps.Keys(j.Pipelines)) {
			p := j.Pipelines[id]
			if p.Row.Status.Ended() || !live && !settles(p) {
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(p.Placement)) {
				at := p.Placement[name]
				spec := rpc.TaskSpec{TaskKey: taskKey(j, id, p.Row.Attempt, name), RunID: j.Job.RunID,
					Restore: p.Row.Restores > 0 || j.Job.RestoredFrom != ""}
				spec.HeadAddr = p.Placement[string(rpc.Head)].Addr
				spec.Savepoint = name == string(rpc.Head) && j.Job.Status == state.DoingSavepoint
				seat := Seat{at.Node, at.Incarnation}
				out[seat] = append(out[seat], spec)
			}
		}
	}
	return out
}

// occupied counts the slots and the memory taken on each node: by attempts that run, by those
// that have ended and may not be gone yet, and by tasks of the past that will not stop.
func (d *decider) occupied() {
	d.used, d.memory = map[string]int{}, map[string]map[string]int64{}
	type attempt struct {
		job      string
		pipeline int
	}
	present := make(map[attempt]int64, 2*len(d.Jobs))
	for _, j := range d.Jobs {
		for id, p := range j.Pipelines {
			if p.Row.Status.Ended() && d.gone(j, id, p) {
				continue
			}
			present[attempt{j.Job.ID, id}] = p.Row.Attempt
			shape := shapeOf(j, id)
			for name, at := range p.Placement {
				d.take(at.Node, shape.slots(name), j)
			}
		}
	}
	for id, n := range d.Nodes {
		for key, t := range n.Tasks {
			if !t.State.Ended() && present[attempt{key.JobID, key.Pipeline}] != key.Attempt {
				d.used[id]++
			}
		}
	}
}

func (d *decider) take(node string, slots int, j JobFact) {
	d.used[node] += slots
	if j.Shape == nil {
		return
	}
	if d.memory[node] == nil {
		d.memory[node] = map[string]int64{}
	}
	d.memory[node][j.Job.ID] = j.Shape.MemoryBytes
}

func shapeOf(j JobFact, pipeline int) PipelineShape {
	if j.Shape != nil {
		for _, p := range j.Shape.Pipelines {
			if p.ID == pipeline {
				return p
			}
		}
	}
	return PipelineShape{ID: pipeline}
}

func cloneMemory(m map[string]map[string]int64) map[string]map[string]int64 {
	out := make(map[string]map[string]int64, len(m))
	for k, v := range m {
		out[k] = maps.Clone(v)
	}
	return out
}
