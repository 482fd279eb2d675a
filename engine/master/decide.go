package master

import (
	"fmt"
	"maps"
	"slices"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// Decide takes the next step for each job. It is pure: the same facts give the same actions.
// First start, failover, restart of the whole cluster and upgrade are this one function.
func Decide(f Facts) []Action {
	d := newDecider(f)
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
	rooms []room // by id of the node
	index map[string]int
	trial []taken          // what was placed since fits began
	homes map[string]Place // node of the node-bound pipelines of each job, see home
	out   []Action
}

func newDecider(f Facts) *decider {
	d := &decider{Facts: f, homes: map[string]Place{}}
	d.occupied()
	return d
}

func (d *decider) do(a Action) { d.out = append(d.out, a) }

func (d *decider) job(j JobFact, blocked *bool) {
	id := j.Job.ID
	ending := j.Job.Status == state.Failing || j.Job.Status == state.Canceling
	cancel := j.Job.Desired == state.WantCancel
	switch {
	case ending:
	case j.PlanErr != nil && !(cancel && j.Job.Status == state.Initializing):
		d.fail(j, j.PlanErr.Error()) // not cancelled: what it owes cannot be finished without its shape
		return
	case j.Lacks != "" && !cancel:
		d.do(Hold{id, j.Lacks})
		d.late(j)
		return
	}
	switch j.Job.Status {
	case state.Initializing:
		switch {
		case cancel:
			d.do(Move{id, to(j, state.Canceling)})
		case j.Shape != nil:
			d.do(Move{id, state.Move{From: []state.Status{state.Initializing}, To: state.Created, Shape: j.Shape.encode()}})
		case d.overdue(j):
			d.fail(j, fmt.Sprintf("the plan was not made within %v: a source or sink does not answer", allowed(j)))
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

// fail begins the end of a job that cannot go on.
func (d *decider) fail(j JobFact, reason string) {
	m := to(j, state.Failing)
	m.Error = reason
	d.do(Move{j.Job.ID, m})
}

// pending waits for room for all of the job at once. The queue is first in, first out.
func (d *decider) pending(j JobFact, blocked *bool) {
	id := j.Job.ID
	switch {
	case j.Job.Desired == state.WantRun:
	case j.Job.Desired != state.WantCancel && j.Job.RestoredFrom != "": // a cancelled job's would be deleted
		d.fail(j, "stopped before it ran; its checkpoints are kept")
		return
	default:
		d.do(Move{id, to(j, state.Canceling)})
		return
	}
	if *blocked {
		d.do(Hold{id, "waits behind an earlier job"})
		return
	}
	reason, full := d.fits(j)
	switch {
	case reason == "":
		d.do(Move{id, state.Move{From: []state.Status{j.Job.Status}, To: state.Running}})
	case d.Wait || d.Now < d.Lease || !d.staffed():
		// Right after a switch workers are still reporting, and after a restart of all nodes the first
		// may come late: no verdict yet. What lacks more than room would hold later jobs up in vain.
		*blocked = full
		d.do(Hold{id, reason})
	default:
		d.fail(j, "NoEnoughResourceException: "+reason)
	}
}

// running starts what is to be started, takes in what tasks report, and ends the job when all
// its pipelines have ended.
func (d *decider) running(j JobFact) {
	id := j.Job.ID
	switch {
	case j.Job.Desired == state.WantCancel:
		d.do(Move{id, to(j, state.Canceling)})
		return
	case (j.Job.Desired == state.WantSavepoint || j.Job.Desired == state.WantStop) && j.Job.Status == state.Running:
		m := to(j, state.DoingSavepoint)
		m.From = []state.Status{state.Running}
		d.do(Move{id, m})
		return
	}
	if limit := j.Shape.DirtyMaxCount; limit > 0 && j.Dirty > limit { // each head knows of its own pipeline alone
		d.fail(j, fmt.Sprintf("%d bad rows in all pipelines, and env.dirty.max-count is %d", j.Dirty, limit))
		return
	}
	prepare := PipelineShape{ID: 0}
	if !d.pipeline(j, prepare, []string{string(rpc.Prepare)}) {
		for _, p := range j.Shape.Pipelines { // their room is promised
			_, _ = d.place(j, p, tasksOf(p))
		}
		d.late(j)
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
	switch {
	case finished < len(j.Shape.Pipelines):
		d.late(j)
	case !gone: // chains are ending
	case j.Job.Status == state.DoingSavepoint: // also when the data ended before the savepoint
		d.do(End{JobID: id, Status: state.SavepointDone})
	case saved:
		m := to(j, state.DoingSavepoint)
		m.From = []state.Status{state.Running}
		d.do(Move{id, m})
	default:
		d.do(End{JobID: id, Status: state.Finished})
	}
}

// late ends a savepoint that has not come about in time.
func (d *decider) late(j JobFact) {
	if j.Job.Status == state.DoingSavepoint && d.overdue(j) {
		d.fail(j, fmt.Sprintf("the savepoint was not complete within %v; the job can go on from its newest checkpoint (-r)", allowed(j)))
	}
}

// Orders are what each worker shall run, by the rows alone: also for workers that have not
// reported yet, since those run on through a change of the master.
func Orders(f Facts) map[Seat][]rpc.TaskSpec {
	d := &decider{Facts: f}
	out := map[Seat][]rpc.TaskSpec{}
	for _, j := range f.Jobs {
		live := j.Job.Status == state.Running || j.Job.Status == state.DoingSavepoint
		for _, id := range slices.Sorted(maps.Keys(j.Pipelines)) {
			p := j.Pipelines[id]
			if p.Row.Status.Ended() || !live && !settles(p) {
				continue
			}
			_, move := d.draining(p)
			for _, name := range p.tasks() {
				at := p.Placement[name]
				spec := rpc.TaskSpec{TaskKey: taskKey(j, id, p.Row.Attempt, name), RunID: j.Job.RunID,
					Restore: p.Row.Restores > 0 || j.Job.RestoredFrom != ""}
				spec.HeadAddr = p.Placement[string(rpc.Head)].Addr
				if name == string(rpc.Head) {
					spec.Savepoint, spec.Move = j.Job.Status == state.DoingSavepoint, move
				}
				seat := Seat{at.Node, at.Incarnation}
				out[seat] = append(out[seat], spec)
			}
		}
	}
	return out
}
