package master

import (
	"cmp"
	"strings"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// What must hold after every step and at the end.

type liveModel struct {
	running map[sinkKey][]*simTask // not ended, of processes that have not crashed
	started map[rpc.TaskKey]bool   // ever
}

func byKey(a, b rpc.TaskKey) int {
	switch {
	case a.JobID != b.JobID:
		return strings.Compare(a.JobID, b.JobID)
	case a.Pipeline != b.Pipeline:
		return a.Pipeline - b.Pipeline
	case a.Attempt != b.Attempt:
		return int(a.Attempt - b.Attempt)
	case a.Role != b.Role:
		return strings.Compare(string(a.Role), string(b.Role))
	}
	return a.Subtask - b.Subtask
}

// wakes is how long after a pause a process may take to see that its lease has run out.
const wakes = 50 * time.Millisecond

// excused says that a task is about to stop: told to, frozen, or its lease has just run out.
func (w *world) excused(t *simTask) bool {
	n := t.w.n
	return t.told || n.paused() || n.resumed > 0 && w.now-n.resumed < wakes || t.w.rules.Lapsed(t.w.wall()) && w.mutant != mutantLeaseIgnored
}

// begun checks what a task's start must not do.
func (w *world) begun(t *simTask) {
	key := sinkKey{t.spec.JobID, t.spec.Pipeline}
	if w.live.started[t.spec.TaskKey] {
		w.fail("P3: %v is started twice", t.spec.TaskKey)
	}
	w.live.started[t.spec.TaskKey] = true
	for _, o := range w.live.running[key] {
		switch {
		case o.spec.Attempt > t.spec.Attempt:
			w.fail("P3: attempt %d of %v starts on %s while %d runs on %s", t.spec.Attempt, key, t.w.n.id, o.spec.Attempt, o.w.n.id)
		case o.spec.Attempt < t.spec.Attempt && !w.excused(o):
			w.fail("P3: attempt %d of %v starts on %s while %s of attempt %d runs on %s", t.spec.Attempt, key, t.w.n.id, o.spec.Role, o.spec.Attempt, o.w.n.id)
		}
	}
	w.live.running[key] = append(w.live.running[key], t)
	w.checkSlots(t.w.n)
}

func (w *world) forgetLive(t *simTask) {
	key := sinkKey{t.spec.JobID, t.spec.Pipeline}
	list := w.live.running[key]
	for i, o := range list {
		if o == t {
			w.live.running[key] = append(list[:i:i], list[i+1:]...)
			return
		}
	}
}

// effective checks that a task that does something is the newest attempt (P3).
func (w *world) effective(t *simTask) {
	for _, o := range w.live.running[sinkKey{t.spec.JobID, t.spec.Pipeline}] {
		if o.spec.Attempt > t.spec.Attempt && !w.excused(t) {
			w.fail("P3: %s of attempt %d of %s/%d works on %s while attempt %d runs", t.spec.Role, t.spec.Attempt, t.spec.JobID, t.spec.Pipeline, t.w.n.id, o.spec.Attempt)
		}
	}
}

// checkSlots: static slots are never oversubscribed, not even by tasks that will not stop.
func (w *world) checkSlots(n *simNode) {
	if n.slots == 0 {
		return
	}
	sum := 0
	for _, list := range w.live.running {
		for _, t := range list {
			switch {
			case t.w.n != n:
			case t.told && (w.now-t.toldAt > abandon/2 || t.spec.Attempt != t.job().pipes[t.spec.Pipeline].row.Attempt):
				sum++ // it does not stop
			case t.spec.Pipeline == 0:
				sum++
			default:
				sum += t.job().spec.shape.Pipelines[t.spec.Pipeline-1].slots(TaskName(t.spec.Role, t.spec.Subtask))
			}
		}
	}
	if sum > n.slots {
		w.fail("%d slots of %s are taken, it has %d", sum, n.id, n.slots)
	}
}

// moving says whether a task's pipeline ran and leaves its nodes while its job goes on.
func (j *jobRow) moving(spec rpc.TaskSpec) bool {
	p := j.pipes[spec.Pipeline]
	return (j.row.Status == state.Running || j.row.Status == state.DoingSavepoint) && p.row.Attempt == spec.Attempt && p.ran && p.row.Status == state.PipelineCanceled
}

// failed notes that a task fails, which is its job's failure unless the head's process is no more.
func (w *world) failed(t *simTask) {
	if t.link && t.chain.link.head.w.gone {
		return
	}
	j, p := t.job(), t.spec.Pipeline
	if t.spec.Role == rpc.Settle {
		j.settled[p] = true
		return
	}
	if j.failed[p] == nil {
		j.failed[p] = map[int64]bool{}
	}
	j.failed[p][t.spec.Attempt] = true
}

// judgeEnd checks a job that is about to end: its sinks hold all that its newest checkpoints say.
// One that has FAILED may owe that still when settling has failed or did not end in time.
func (w *world) judgeEnd(j *jobRow, to state.Status) {
	for id, p := range j.pipes {
		c := p.latest()
		if id == 0 || c == nil {
			continue
		}
		if to == state.Failed {
			late := time.Duration(0.9 * float64(min(failWithin, cmp.Or(j.row.Allowed, failWithin))))
			if !c.acked && !j.settled[id] && w.now-j.failing < late {
				w.fail("%s is FAILED, checkpoint %d of pipeline %d is not settled", j.row.ID, c.id, id)
			}
			continue
		}
		w.sink(j.row.ID, id).judgeManifest(w.blobs[c.blob], string(to))
	}
}

// judgeFailed checks that a job did not fail without need.
func (w *world) judgeFailed(j *jobRow) {
	own := 0
	for _, attempts := range j.failed {
		own = max(own, len(attempts))
	}
	switch {
	case j.row.Desired == state.WantCancel: // forced
	case w.hung[j.row.ID]: // given up in the end
	case own <= int(j.spec.shape.RetryTimes):
		w.fail("P5: %s FAILED with %d failures of its own, it survives %d: %s", j.row.ID, own, j.spec.shape.RetryTimes, j.row.Error)
	}
}

// judge checks the whole at the end.
func (w *world) judge() {
	for _, j := range w.store.list {
		switch j.row.Status {
		case state.Finished:
			for id := range j.spec.kinds {
				s := w.sink(j.row.ID, id)
				for i := range simSplits {
					if !s.holds(i, simRows) {
						w.fail("P2: %s is FINISHED, split %d of pipeline %d is %v", j.row.ID, i, id, s.visible[i])
					}
				}
			}
		case state.Failed:
			w.judgeFailed(j)
		}
		if _, there := w.store.jobs[j.row.ID]; !there {
			w.fail("P1: %s is lost", j.row.ID)
		}
	}
}
