package state

import (
	"testing"
	"time"
)

// TestCheckpointsAreOrderedByNumberNotByClock sets the clock back between two checkpoints: what
// goes on from the newest, and what deletes the oldest, must not mistake one for the other.
func TestCheckpointsAreOrderedByNumberNotByClock(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000)
	j, ctx := New(newStore(t), func() time.Time { return now }, counting("op-")).WithPause(noPause), t.Context()
	running(t, j, "1")
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	first := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	now = now.Add(-time.Hour)
	second := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	list := must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 10))
	if len(list) != 2 || list[0].ID != second.ID || list[1].ID != first.ID {
		t.Errorf("the newest first is %+v", list)
	}
}
