package state

import "testing"

// TestACheckpointIsNotRecordedBehindALaterOne: the write of a checkpoint that was given up may
// be on its way for long; recorded behind the acknowledgement of a later one, its commits would
// never be acknowledged and the job could never end.
func TestACheckpointIsNotRecordedBehindALaterOne(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	first := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	second := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	ok(t, j.CompleteCheckpoint(ctx, second.Key, Manifest{Name: "1/2.m"}))
	ok(t, j.AcknowledgeCommits(ctx, second.Key))
	want(t, j.CompleteCheckpoint(ctx, first.Key, Manifest{Name: "1/1.m"}), ErrMoved)
	if c := must[Checkpoint](t)(j.Checkpoint(ctx, first.Key)); c.Status != CheckpointPending {
		t.Errorf("it is %s", c.Status)
	}
}
