package master

import (
	"testing"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// TestNoRowIsCountedTwiceThroughARestart: the head of an attempt tells what those before it counted.
func TestNoRowIsCountedTwiceThroughARestart(t *testing.T) {
	t.Parallel()
	c, _ := reigning(t)
	r := &reign{c: c, jobs: c.Jobs, began: time.Now(), counts: map[string]map[int]*tally{}}
	report := func(pipeline int, attempt int64, role rpc.Role, subtask int, n int64) {
		r.count(rpc.TaskReport{TaskKey: rpc.TaskKey{JobID: "1", Pipeline: pipeline, Attempt: attempt, Role: role, Subtask: subtask}, Counters: map[string]int64{"DirtyCount": n}})
	}
	want := func(n int64) {
		t.Helper()
		if got := r.Counters("1")["DirtyCount"]; got != n {
			t.Errorf("%d, not %d", got, n)
		}
	}
	report(1, 1, rpc.Chain, 0, 3)
	report(1, 1, rpc.Chain, 1, 4)
	report(2, 1, rpc.Chain, 0, 10)
	want(17)
	report(1, 2, rpc.Head, 0, 5) // as of the checkpoint from which it goes on
	want(15)
	report(1, 2, rpc.Chain, 1, 2)
	report(1, 1, rpc.Chain, 0, 3) // late
	want(17)
}

func TestBadRowsCountOverAllPipelines(t *testing.T) {
	t.Parallel()
	limit := func(dirty int64) *table {
		return facts().node("a").job("1", state.Running, func(j *JobFact) { j.Shape.DirtyMaxCount, j.Dirty = 7, dirty })
	}
	limit(7).want(t, "1/1 begins on a:5801")
	limit(8).want(t, "1 is FAILING within 1m30s 8 bad rows in all pipelines, and env.dirty.max-count is 7")
}
