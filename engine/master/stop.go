package master

import (
	"maps"
	"slices"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// stopping waits until nothing of the job runs, and then finishes the commits that its recorded
// checkpoints owe. It always ends: what does not come about in time stays for a restore.
func (d *decider) stopping(j JobFact, end state.Status) {
	stopped := true // all at once: tasks that hang are waited for together
	for _, p := range slices.Sorted(maps.Keys(j.Pipelines)) {
		if f := j.Pipelines[p]; !f.Row.Status.Ended() && !settles(f) {
			f.Row.Status = state.PipelineCanceled
			d.do(Save{Pipeline: f.Row})
			stopped = false
		}
	}
	for p, f := range j.Pipelines {
		stopped = stopped && (settles(f) || d.gone(j, p, f))
	}
	if !stopped {
		return
	}
	settled, forced := true, d.overdue(j)
	if j.Shape != nil && !forced {
		for _, p := range j.Shape.Pipelines {
			if f, started := j.Pipelines[p.ID]; started {
				settled = d.settled(j, p, f, end) && settled
			}
		}
	}
	if settled {
		d.do(End{JobID: j.Job.ID, Status: end, Error: j.Job.Error, Forced: forced})
	}
}

func settles(f PipelineFact) bool { _, ok := f.Placement[string(rpc.Settle)]; return ok }

// settled runs a settle task on a pipeline that had started; true when that has ended. A cancelled
// job tries until it is forced. One that failed tries once: its own error matters more, and a
// restore settles again.
func (d *decider) settled(j JobFact, p PipelineShape, f PipelineFact, end state.Status) bool {
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
	case state.PipelineFailed, state.PipelineCanceled:
		switch {
		case end == state.Failed && (f.Row.Permanent || f.Falls.Last == state.FallFailure):
			return true
		case f.Row.Permanent:
			d.fail(j, f.Row.Error)
		case d.Now-f.Since > time.Second && d.gone(j, p.ID, f):
			d.begin(j, p, tasks)
		}
		return false
	}
	d.save(f, d.progress(j, p, f, tasks))
	return false
}
