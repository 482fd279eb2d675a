package state

import (
	"strings"
	"testing"
)

// stopped makes a job with two pipelines that ended with checkpoints of these numbers completed,
// of each pipeline; number 2 of each was aborted.
func stopped(t *testing.T, j *Jobs, id string, last ...int64) {
	t.Helper()
	ctx := t.Context()
	running(t, j, id)
	for i, n := range last {
		p := must[Pipeline](t)(j.StartAttempt(ctx, id, int64(i+1)))
		for range n {
			c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, id, p.ID, p.Attempt, Periodic, 0))
			if c.ID == 2 {
				ok(t, j.AbortCheckpoint(ctx, c.Key, "too late"))
				continue
			}
			ok(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: c.Key.String(), Size: 1, Checksum: "x"}))
		}
	}
	must[Job](t)(j.Move(ctx, id, Move{To: Failing, Error: "boom"}))
	must[Job](t)(j.FinishJob(ctx, id, Failed, "", ""))
}

func TestRestartFromAnOlderCheckpointIsANewRunThatGivesUpTheNewer(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	stopped(t, j, "1", 5, 3)
	before := must[Job](t)(j.Job(ctx, "1"))
	s := submit("1")
	s.RestoredFrom, s.From = "latest", 3
	after := must[Job](t)(j.Restart(ctx, s, "back"))
	if after.RunID == before.RunID || after.RestoredFrom != "checkpoint 3" || after.Status != Initializing {
		t.Errorf("restarted as %+v, before it was run %s", after, before.RunID)
	}
	if same := must[Job](t)(j.Restart(ctx, s, "back")); same.Version != after.Version || same.RunID != after.RunID {
		t.Error("a restart sent again restarts again")
	}
	for _, p := range []int64{1, 2} {
		if c := must[Checkpoint](t)(j.LatestCheckpoint(ctx, "1", p)); c.ID != 3 {
			t.Errorf("pipeline %d goes on from %d", p, c.ID)
		}
	}
	if c := must[Checkpoint](t)(j.Checkpoint(ctx, Key{"1", 1, 5})); c.Status != CheckpointAborted || !strings.Contains(c.Error, "restored from checkpoint 3") {
		t.Errorf("the newest of before is %+v", c)
	}
	events := must[[]Event](t)(j.Events(ctx, "1", 0, 100))
	if e := events[len(events)-1]; e.Kind != "RESTORED" || e.RunNo != 2 || !strings.Contains(e.Message, "checkpoint 3") || !strings.Contains(e.Message, "rows since then repeat") {
		t.Errorf("the last event is %+v", e)
	}

	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	next := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	if next.ID != 6 || next.RunID != after.RunID {
		t.Errorf("the next checkpoint is %+v", next)
	}
	for _, f := range must[[]Progress](t)(j.CheckpointProgress(ctx)) {
		if f.Failed != 0 {
			t.Errorf("given up checkpoints count as failed: %+v", f)
		}
	}
	ok(t, j.CompleteCheckpoint(ctx, next.Key, Manifest{Name: "m6", Size: 1, Checksum: "x"}))
	must[Job](t)(j.Move(ctx, "1", Move{To: Failing, Error: "boom"}))
	must[Job](t)(j.FinishJob(ctx, "1", Failed, "", ""))
	s.From = 0
	if last := must[Job](t)(j.Restart(ctx, s, "newest")); last.RunID != after.RunID {
		t.Errorf("from the newest the run is %s, not %s", last.RunID, after.RunID)
	}
	if c := must[Checkpoint](t)(j.LatestCheckpoint(ctx, "1", 1)); c.ID != 6 {
		t.Errorf("the newest is %d", c.ID)
	}
}

func TestRestartFromTheNewestNumberKeepsTheRun(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	stopped(t, j, "1", 3, 3)
	before := must[Job](t)(j.Job(ctx, "1"))
	s := submit("1")
	s.RestoredFrom, s.From = "latest", 3
	if after := must[Job](t)(j.Restart(ctx, s, "again")); after.RunID != before.RunID || after.RestoredFrom != "latest" {
		t.Errorf("restarted as %+v", after)
	}
}

func TestRestartFromACheckpointThatIsNotKeptChangesNothing(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	stopped(t, j, "1", 5, 3)
	running(t, j, "2")
	must[Pipeline](t)(j.StartAttempt(ctx, "2", 0))
	must[Job](t)(j.Move(ctx, "2", Move{To: Failing, Error: "boom"}))
	must[Job](t)(j.FinishJob(ctx, "2", Failed, "", ""))
	ok(t, j.AcknowledgeCommits(ctx, Key{"1", 2, 3}))
	for _, c := range []struct {
		id   string
		from int64
		says []string
		not  string
	}{
		{"1", 4, []string{"there is no kept checkpoint 4", "pipeline 2 keeps 3, 1"}, "pipeline 1"},
		{"1", 2, []string{"pipeline 1 keeps 5, 4, 3, 1 (its 2 was ABORTED: too late)", "pipeline 2 keeps 3, 1 (its 2"}, ""},
		{"1", 9, []string{"pipeline 1 keeps 5, 4, 3, 1;", "pipeline 2 keeps 3, 1"}, "was"},
		{"2", 1, []string{"the job has none"}, ""},
	} {
		s := submit(c.id)
		s.From = c.from
		before := must[Job](t)(j.Job(ctx, c.id))
		_, err := j.Restart(ctx, s, "back-"+c.id)
		want(t, err, ErrNoCheckpoint)
		for _, w := range c.says {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("from %d: %v lacks %q", c.from, err, w)
			}
		}
		if c.not != "" && err != nil && strings.Contains(err.Error(), c.not) {
			t.Errorf("from %d: %v", c.from, err)
		}
		if after := must[Job](t)(j.Job(ctx, c.id)); after != before {
			t.Errorf("from %d: the job is now %+v", c.from, after)
		}
	}
	if c := must[Checkpoint](t)(j.LatestCheckpoint(ctx, "1", 1)); c.ID != 5 {
		t.Errorf("the newest is %d", c.ID)
	}
	s := submit("404")
	s.From = 1
	_, err := j.Restart(ctx, s, "x")
	want(t, err, ErrNotFound)
}
