package state

import (
	"reflect"
	"testing"
	"time"

	"seikan/db"
)

func TestCheckpointRowIsTheCommitPoint(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	_, err := j.BeginCheckpoint(ctx, "1", 1, 1, Periodic, 0)
	want(t, err, ErrNotFound)
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	_, err = j.LatestCheckpoint(ctx, "1", 1)
	want(t, err, ErrNotFound)
	a := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	stored := must[Checkpoint](t)(j.Checkpoint(ctx, a.Key))
	if !reflect.DeepEqual(a, stored) || a.ID != 1 || a.Status != CheckpointPending {
		t.Errorf("begun\n%+v\nstored\n%+v", a, stored)
	}
	want(t, j.AcknowledgeCommits(ctx, a.Key), ErrMoved)
	want(t, j.DeleteCheckpoint(ctx, a.Key), ErrMoved)
	m := Manifest{Name: "1/1.m", Size: 5, Checksum: "abc", Inline: []byte("bytes")}
	ok(t, j.CompleteCheckpoint(ctx, a.Key, m))
	ok(t, j.CompleteCheckpoint(ctx, a.Key, m))
	want(t, j.CompleteCheckpoint(ctx, a.Key, Manifest{Name: "other"}), ErrMoved)
	want(t, j.AbortCheckpoint(ctx, a.Key, "late"), ErrMoved)
	want(t, j.DeleteCheckpoint(ctx, a.Key), ErrUnacknowledged)

	b := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Savepoint, 0))
	ok(t, j.AbortCheckpoint(ctx, b.Key, "timeout"))
	ok(t, j.AbortCheckpoint(ctx, b.Key, "timeout"))
	want(t, j.CompleteCheckpoint(ctx, b.Key, m), ErrMoved)
	latest := must[Checkpoint](t)(j.LatestCheckpoint(ctx, "1", 1))
	if latest.ID != 1 || string(latest.Manifest.Inline) != "bytes" || latest.Manifest.Size != 5 || latest.Completed.IsZero() {
		t.Errorf("latest is %+v", latest)
	}
	_, err = j.LatestCheckpoint(ctx, "1", 1, Savepoint, CompletedPoint)
	want(t, err, ErrNotFound)

	c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	ok(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "1/3.m"}))
	ok(t, j.DeleteCheckpoint(ctx, a.Key)) // c carries its commits
	ok(t, j.DeleteCheckpoint(ctx, a.Key))
	ok(t, j.AcknowledgeCommits(ctx, c.Key))
	ok(t, j.AcknowledgeCommits(ctx, c.Key))
	ok(t, j.DeleteCheckpoint(ctx, c.Key))
	if d := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0)); d.ID != 4 {
		t.Errorf("number %d is given out after 3", d.ID)
	}
	if err := j.CompleteCheckpoint(ctx, Key{"1", 1, 4}, Manifest{Inline: make([]byte, MaxInline+1)}); err == nil {
		t.Error("a manifest larger than MaxInline is taken")
	}
	list := must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 10))
	if len(list) != 2 || list[0].ID != 4 || list[1].Error != "timeout" {
		t.Errorf("list is %+v", list)
	}
}

func TestOldAttemptIsFenced(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	old := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, old.Attempt, Periodic, 0))
	now := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	if now.Attempt != 2 || now.Restores != 1 || now.Status != PipelineCreated {
		t.Errorf("second attempt is %+v", now)
	}
	want(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "late"}), ErrMoved)
	_, err := j.BeginCheckpoint(ctx, "1", 1, old.Attempt, Periodic, 0)
	want(t, err, ErrMoved)
	old.Status = PipelineRunning
	_, err = j.SavePipeline(ctx, old)
	want(t, err, ErrMoved)
	now.Status, now.Allowed = PipelineRunning, time.Minute
	if got := must[Pipeline](t)(j.SavePipeline(ctx, now)); got.Allowed != time.Minute {
		t.Errorf("running pipeline is %+v", got)
	}
	now.Status, now.Error = PipelineFailed, "boom"
	saved := must[Pipeline](t)(j.SavePipeline(ctx, now))
	must[Pipeline](t)(j.SavePipeline(ctx, now))
	if saved.Started.IsZero() || saved.Finished.IsZero() {
		t.Errorf("failed pipeline is %+v", saved)
	}
	now.Status = PipelineRunning
	_, err = j.SavePipeline(ctx, now)
	want(t, err, ErrMoved)
	got := must[[]Pipeline](t)(j.Pipelines(ctx, "1"))
	if len(got) != 1 || got[0].Status != PipelineFailed || got[0].Error != "boom" || got[0].Allowed != time.Minute || !got[0].Finished.Equal(saved.Finished) {
		t.Errorf("pipelines are %+v", got)
	}
}

func TestEndedJobAbortsPendingCheckpoints(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	must[Job](t)(j.FinishJob(ctx, "1", Finished, "", ""))
	want(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "late"}), ErrMoved)
	_, err := j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0)
	want(t, err, ErrMoved)
	_, err = j.StartAttempt(ctx, "1", 1)
	want(t, err, ErrMoved)
}

// TestCheckpointsAreGivenUpOnlyWhileTheirJobHasEnded: and the job is known to have had them until
// their rows are gone, since their manifests may be there still.
func TestCheckpointsAreGivenUpOnlyWhileTheirJobHasEnded(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	for _, kind := range []Kind{Periodic, Savepoint} {
		c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, kind, 0))
		ok(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: string(kind)}))
		ok(t, j.AcknowledgeCommits(ctx, c.Key))
	}
	want(t, j.GiveUpCheckpoints(ctx, "1", Running, Finished), ErrMoved)
	must[Job](t)(j.FinishJob(ctx, "1", Finished, "", ""))
	want(t, j.GiveUpCheckpoints(ctx, "1", Canceled), ErrMoved)
	ok(t, j.GiveUpCheckpoints(ctx, "1", Canceled, Finished))
	ok(t, j.GiveUpCheckpoints(ctx, "1", Canceled, Finished))
	list := must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 10))
	if len(list) != 2 || list[0].Status != CheckpointCompleted || list[1].Status != CheckpointAborted {
		t.Errorf("left are %+v", list)
	}
	ok(t, j.DropBatch(ctx, must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, everything(), 100))))
	for range 2 {
		ended := must[[]Ended](t)(j.EndedJobs(ctx, everything().Jobs, Ended{}, 10))
		if len(ended) != 1 || !ended[0].Checkpoint {
			t.Fatalf("%+v", ended)
		}
		must[db.Result](t)(j.store.Write(ctx, db.S("DELETE FROM checkpoint WHERE kind = 'savepoint'")))
	}
}
