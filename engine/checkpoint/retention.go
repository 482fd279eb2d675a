package checkpoint

import (
	"context"
	"log/slog"

	"seikan/db/state"
	"seikan/storage"
)

// Keeper deletes the checkpoints of a job that are no longer needed, manifest first, then row.
// A savepoint is the user's and stays.
type Keeper struct {
	Jobs     *state.Jobs
	Blobs    storage.Store
	Log      *slog.Logger
	Retained int // completed checkpoints kept for each pipeline; 0 keeps all
}

// Prune deletes what is beyond the retained number, up to checkpoint newest of a pipeline.
func (k Keeper) Prune(ctx context.Context, jobID string, pipeline int, newest int64) {
	if k.Retained <= 0 {
		return
	}
	all, err := k.Jobs.Checkpoints(ctx, jobID, 1000)
	if err != nil {
		return // the next checkpoint tries again
	}
	kept := 0
	for _, c := range all {
		if c.PipelineID != int64(pipeline) || c.ID > newest || c.Kind == state.Savepoint || c.Status == state.CheckpointPending {
			continue
		}
		if c.Status == state.CheckpointCompleted {
			if kept++; kept <= k.Retained {
				continue
			}
		}
		k.drop(ctx, c)
	}
}

// DropAll deletes all checkpoints of a job that ended well.
func (k Keeper) DropAll(ctx context.Context, jobID string) {
	all, err := k.Jobs.Checkpoints(ctx, jobID, 100000)
	if err != nil {
		k.Log.Warn("the checkpoints of the job are not deleted", "job", jobID, "error", err)
		return
	}
	for _, c := range all {
		if c.Kind != state.Savepoint {
			k.drop(ctx, c)
		}
	}
}

func (k Keeper) drop(ctx context.Context, c state.Checkpoint) {
	if c.Manifest.Name != "" {
		if err := k.Blobs.Delete(ctx, c.Manifest.Name); err != nil {
			k.Log.Warn("a manifest is not deleted", "manifest", c.Manifest.Name, "error", err)
			return
		}
	}
	if err := k.Jobs.DeleteCheckpoint(ctx, c.Key); err != nil {
		k.Log.Warn("a checkpoint's row is not deleted", "checkpoint", c.Key.String(), "error", err)
	}
}
