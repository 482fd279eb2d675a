package state

import (
	"testing"
	"time"

	"seikan/db"
)

func TestNumbersRisePastEverythingAfterARestore(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	_, err := j.Incarnation(ctx)
	want(t, err, ErrNotFound)
	ok(t, j.BeginIncarnation(ctx, "first"))
	ok(t, j.BeginIncarnation(ctx, "first"))
	if i := must[Incarnation](t)(j.Incarnation(ctx)); i != (Incarnation{ID: "first", Settled: true}) {
		t.Errorf("incarnation %+v", i)
	}
	epoch := must[int64](t)(j.TakeEpoch(ctx, "n1"))
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	before := must[Job](t)(j.Job(ctx, "1"))

	r := Restored{Incarnation: "second", From: "b.snap", Attempt: start.Unix() + 5, Checkpoint: 3}
	ok(t, j.AfterRestore(ctx, r))
	if i := must[Incarnation](t)(j.Incarnation(ctx)); i != (Incarnation{ID: "second", RestoredFrom: "b.snap"}) {
		t.Errorf("incarnation %+v", i)
	}
	ok(t, j.Settle(ctx, "second"))
	raised := must[[]Pipeline](t)(j.Pipelines(ctx, "1"))[0]
	job := must[Job](t)(j.Job(ctx, "1"))
	if raised.Attempt < r.Attempt+afterRestore || raised.LastCheckpoint < start.Unix() || job.Attempt <= before.Attempt || job.Version <= before.Version {
		t.Errorf("after the restore:\n%+v\n%+v", raised, job)
	}
	if now := must[int64](t)(j.Epoch(ctx)); now < epoch+afterRestore || now < start.Unix() {
		t.Errorf("epoch %d after %d", now, epoch)
	}
	want(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "late"}), db.ErrGuard)

	ok(t, j.AfterRestore(ctx, r))
	ok(t, j.BeginIncarnation(ctx, "second"))
	if i := must[Incarnation](t)(j.Incarnation(ctx)); i.ID != "second" || !i.Settled {
		t.Errorf("incarnation %+v", i)
	}
	if again := must[[]Pipeline](t)(j.Pipelines(ctx, "1"))[0]; again != raised {
		t.Errorf("the second call changed\n%+v\nto\n%+v", raised, again)
	}
	next := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	if next.Attempt != raised.Attempt+1 {
		t.Errorf("the next attempt is %d", next.Attempt)
	}
	if got := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, next.Attempt, Periodic, 0)); got.ID != raised.LastCheckpoint+1 {
		t.Errorf("the next checkpoint is %d", got.ID)
	}
}

// One backup restored twice must not give the same numbers twice.
func TestASecondRestoreOfOneBackupGivesOtherNumbers(t *testing.T) {
	t.Parallel()
	restored := func(at time.Time) Pipeline {
		j, ctx := New(newStore(t), func() time.Time { return at }, counting("op-")).WithPause(noPause), t.Context()
		running(t, j, "1")
		must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
		ok(t, j.AfterRestore(ctx, Restored{Incarnation: at.String()}))
		return must[[]Pipeline](t)(j.Pipelines(ctx, "1"))[0]
	}
	a, b := restored(start), restored(start.Add(time.Minute))
	if b.Attempt-a.Attempt < 60 || b.LastCheckpoint-a.LastCheckpoint < 60 {
		t.Errorf("attempts %d and %d, checkpoints %d and %d", a.Attempt, b.Attempt, a.LastCheckpoint, b.LastCheckpoint)
	}
}

func TestAdoptedCheckpointIsTheOneToGoOnFrom(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	job := must[Job](t)(j.Job(ctx, "1"))
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	old := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	ok(t, j.CompleteCheckpoint(ctx, old.Key, Manifest{Name: "old"}))
	ok(t, j.AcknowledgeCommits(ctx, old.Key))
	pending := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))

	found := func(pipeline, id int64) Checkpoint {
		return Checkpoint{Key: Key{"1", pipeline, id}, Kind: Periodic, RunID: job.RunID, Attempt: 4,
			Manifest: Manifest{Name: "found", Size: 3, Checksum: "c", Inline: []byte("abc")}}
	}
	other := found(1, 50)
	other.RunID = "another run"
	want(t, j.AdoptCheckpoint(ctx, other), ErrMoved)
	want(t, j.AdoptCheckpoint(ctx, found(1, old.ID)), ErrMoved)
	ok(t, j.AdoptCheckpoint(ctx, found(1, pending.ID)))
	ok(t, j.AdoptCheckpoint(ctx, found(1, 50)))
	ok(t, j.AdoptCheckpoint(ctx, found(1, 50)))
	want(t, j.AdoptCheckpoint(ctx, found(1, 49)), ErrMoved)
	ok(t, j.AdoptCheckpoint(ctx, found(2, 9))) // a pipeline that the state does not know
	for pipeline, id := range map[int64]int64{1: 50, 2: 9} {
		got := must[Checkpoint](t)(j.LatestCheckpoint(ctx, "1", pipeline))
		if got.ID != id || got.Acknowledged || got.Status != CheckpointCompleted || string(got.Manifest.Inline) != "abc" || got.Attempt != 4 {
			t.Errorf("pipeline %d: %+v", pipeline, got)
		}
	}
	if list := must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 10)); len(list) != 4 || list[len(list)-1].ID != old.ID {
		t.Errorf("the newest is not first: %+v", list)
	}
	next := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	if next.Attempt <= 4 {
		t.Errorf("attempt %d is given out again", next.Attempt)
	}
	if c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, next.Attempt, Periodic, 0)); c.ID != 51 {
		t.Errorf("number %d is given out after 50", c.ID)
	}
}

func TestChangesGrowWithEachWrite(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	last := must[int64](t)(j.Changes(ctx))
	for range 3 {
		ok(t, j.AddEvent(ctx, "1", "NOTE", "x", ""))
		now := must[int64](t)(j.Changes(ctx))
		if now <= last {
			t.Errorf("%d after %d", now, last)
		}
		last = now
	}
}

func TestJobsThatWaitForTheKeyAreFoundByTheirText(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	for id, text := range map[string]string{"1": `{"password":"sealed:v1:x"}`, "2": `{}`, "3": `{"password":"sealed:v1:y"}`} {
		must[Job](t)(j.CreateJob(ctx, Submit{ID: id, Name: "n", Mode: "BATCH", Text: text, TextFormat: "json"}, "op"+id))
	}
	must[Job](t)(j.Move(ctx, "3", Move{To: Failing, Error: "x"}))
	must[Job](t)(j.FinishJob(ctx, "3", Failed, "x", ""))
	if ids := must[[]string](t)(j.Holding(ctx, `"sealed:v1:`)); len(ids) != 1 || ids[0] != "1" {
		t.Errorf("found %v", ids)
	}
}
