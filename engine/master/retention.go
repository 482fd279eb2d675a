package master

import (
	"context"

	"seikan/db/state"
)

// prune deletes completed checkpoints beyond the retained number, manifest first, then row; a
// savepoint is the user's and stays.
func (r *Run) prune(ctx context.Context, pipeline int, newest int64) {
	if r.local.Retained <= 0 {
		return
	}
	all, err := r.local.Jobs.Checkpoints(ctx, r.job.ID, 1000)
	if err != nil {
		return // the next checkpoint tries again
	}
	kept := 0
	for _, c := range all {
		if c.PipelineID != int64(pipeline) || c.ID > newest || c.Kind == state.Savepoint || c.Status == state.CheckpointPending {
			continue
		}
		if c.Status == state.CheckpointCompleted {
			if kept++; kept <= r.local.Retained {
				continue
			}
		}
		r.drop(ctx, c)
	}
}

// dropCheckpoints deletes all checkpoints of a job that ended well.
func (r *Run) dropCheckpoints(ctx context.Context) {
	all, err := r.local.Jobs.Checkpoints(ctx, r.job.ID, 100000)
	if err != nil {
		r.local.Log.Warn("the checkpoints of the job are not deleted", "error", err)
		return
	}
	for _, c := range all {
		if c.Kind != state.Savepoint {
			r.drop(ctx, c)
		}
	}
}

func (r *Run) drop(ctx context.Context, c state.Checkpoint) {
	if c.Manifest.Name != "" {
		if err := r.local.Blobs.Delete(ctx, c.Manifest.Name); err != nil {
			r.local.Log.Warn("a manifest is not deleted", "manifest", c.Manifest.Name, "error", err)
			return
		}
	}
	if err := r.local.Jobs.DeleteCheckpoint(ctx, c.Key); err != nil {
		r.local.Log.Warn("a checkpoint's row is not deleted", "checkpoint", c.Key.String(), "error", err)
	}
}
