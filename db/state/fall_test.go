package state

import (
	"testing"
	"time"
)

func TestFallsAreCountedByPipelineRunAndTime(t *testing.T) {
	t.Parallel()
	ctx, j := t.Context(), newJobs(t)
	running(t, j, "1")
	fall := func(pipeline int64, f Fall) {
		p := must[Pipeline](t)(j.StartAttempt(ctx, "1", pipeline))
		p.Status, p.Error = PipelineFailed, "it broke"
		must[Pipeline](t)(j.SavePipeline(ctx, p, f))
		must[Pipeline](t)(j.SavePipeline(ctx, p, f)) // the same again is no other fall
	}
	fall(1, FallFailure)
	fall(11, FallFailure)
	fall(1, FallOffline)
	later := j.now()
	fall(1, FallFailure)
	fall(1, FallMoved)
	for since, want := range map[time.Time]Falls{
		{}:    {Failures: 2, Offline: 1, Moved: 1, Last: FallMoved},
		later: {Failures: 1, Moved: 1, Last: FallMoved},
	} {
		if got := must[Falls](t)(j.Falls(ctx, "1", 1, since)); got != want {
			t.Errorf("since %v: %+v, not %+v", since, got, want)
		}
	}
	must[Job](t)(j.SetStatus(ctx, "1", nil, Failing))
	must[Job](t)(j.FinishJob(ctx, "1", Failed, "it broke", ""))
	must[Job](t)(j.Restart(ctx, submit("1"), "again"))
	if got := must[Falls](t)(j.Falls(ctx, "1", 1, time.Time{})); got != (Falls{}) {
		t.Errorf("the next run begins with %+v", got)
	}
}
