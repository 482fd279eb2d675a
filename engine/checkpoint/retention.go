package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

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

// Prune deletes what is beyond the retained number, up to checkpoint newest of a pipeline. It waits
// until there are as many to delete as to keep, as SeaTunnel does, and deletes their rows at once.
func (k Keeper) Prune(ctx context.Context, jobID string, pipeline int, newest int64) {
	if k.Retained <= 0 {
		return
	}
	all, err := k.Jobs.Checkpoints(ctx, jobID, 1000)
	if err != nil {
		return // the next checkpoint tries again
	}
	kept := 0
	var beyond []state.Checkpoint
	for _, c := range all {
		if c.PipelineID != int64(pipeline) || c.ID > newest || c.Kind == state.Savepoint || c.Status == state.CheckpointPending {
			continue
		}
		if c.Status == state.CheckpointCompleted {
			if kept++; kept <= k.Retained {
				continue
			}
		}
		beyond = append(beyond, c)
	}
	if len(beyond) >= k.Retained {
		k.drop(ctx, jobID, int64(pipeline), beyond)
	}
}

// DropAll deletes all checkpoints of a job, if it has ended so. They are given up first: whoever
// restarts the job meanwhile does not go on from one whose manifest is gone.
func (k Keeper) DropAll(ctx context.Context, jobID string, ended ...state.Status) {
	err := k.Jobs.GiveUpCheckpoints(ctx, jobID, ended...)
	if errors.Is(err, state.ErrMoved) || errors.Is(err, state.ErrNotFound) {
		return // it is restarted, or forgotten
	}
	var all []state.Checkpoint
	if err == nil {
		all, err = k.Jobs.Checkpoints(ctx, jobID, 100000)
	}
	if err != nil {
		k.Log.Warn("the checkpoints of the job are not deleted yet", "job", jobID, "error", err)
		return
	}
	byPipeline := map[int64][]state.Checkpoint{}
	for _, c := range all {
		if c.Kind != state.Savepoint && c.Status == state.CheckpointAborted {
			byPipeline[c.PipelineID] = append(byPipeline[c.PipelineID], c)
		}
	}
	for pipeline, cs := range byPipeline {
		k.drop(ctx, jobID, pipeline, cs)
	}
}

const (
	// atOnce is how many rows one write deletes, and how many objects one request.
	atOnce = 200
	// dropPatience bounds the wait for a storage that does not answer, and with it the end of a job.
	// What is left then is dead, and found by the next Prune or Sweeper.
	dropPatience = 30 * time.Second
)

// drop deletes the manifests and then their rows.
func (k Keeper) drop(ctx context.Context, jobID string, pipeline int64, cs []state.Checkpoint) {
	for batch := range slices.Chunk(cs, atOnce) {
		var ids []int64
		var names []string
		for _, c := range batch {
			ids = append(ids, c.ID)
			name := c.Manifest.Name
			if name == "" { // it was given up, and may have been stored all the same
				name = ManifestName(&Manifest{JobID: c.JobID, Pipeline: int(c.PipelineID), Checkpoint: c.ID, Attempt: c.Attempt})
			}
			names = append(names, name)
		}
		if err := k.deleteBlobs(ctx, names); err != nil {
			if ctx.Err() == nil {
				k.Log.Warn("manifests of old checkpoints are not deleted yet", "job", jobID, "pipeline", pipeline, "manifests", len(cs), "error", err)
			}
			return
		}
		if err := k.Jobs.DeleteCheckpoints(ctx, jobID, pipeline, ids); err != nil && ctx.Err() == nil {
			k.Log.Warn("rows of checkpoints are not deleted yet", "job", jobID, "pipeline", pipeline, "error", err)
		}
	}
}

func (k Keeper) deleteBlobs(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, dropPatience, fmt.Errorf("no answer in %v", dropPatience))
	defer cancel()
	err := k.Blobs.Delete(ctx, names...)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
