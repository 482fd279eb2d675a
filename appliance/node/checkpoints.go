package node

import (
	"context"
	"errors"
	"fmt"

	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/storage"
)

// Checkpoints are those of a cluster or of local mode, for people who look after them.
type Checkpoints struct {
	Jobs  *state.Jobs
	Blobs storage.Store
}

// CheckpointInside is a checkpoint and what is in its manifest.
type CheckpointInside struct {
	Row      state.Checkpoint
	Manifest *checkpoint.Inspection // nil: it has none, or not any more
}

// OneCheckpoint names one in a question.
type OneCheckpoint struct {
	Key   state.Key `json:"key"`
	Force bool      `json:"force,omitempty"`
}

// Look reads a checkpoint and its manifest. state.ErrNotFound when there is no such row.
func (c Checkpoints) Look(ctx context.Context, key state.Key) (out CheckpointInside, err error) {
	if out.Row, err = c.Jobs.Checkpoint(ctx, key); err != nil || out.Row.Status != state.CheckpointCompleted {
		return out, err
	}
	out.Row.Manifest.Inline = nil // it is in the inspection
	i, err := checkpoint.Inspect(ctx, c.Blobs, out.Row.Manifest.Name)
	if err == nil {
		out.Manifest = &i
	}
	return out, err
}

// Verify reads a manifest and compares it with its row; "" when both are good.
func (c Checkpoints) Verify(ctx context.Context, key state.Key) (problem string, err error) {
	_, err = checkpoint.Verify(ctx, c.Jobs, c.Blobs, key)
	switch {
	case err == nil:
		return "", nil
	case ctx.Err() != nil, errors.Is(err, state.ErrNotFound), errors.Is(err, state.ErrUnknown):
		return "", err
	}
	return err.Error(), nil
}

// Delete deletes a checkpoint, manifest first. One that a job may go on from stays, unless the job
// has ended and force is given.
func (c Checkpoints) Delete(ctx context.Context, key state.Key, force bool) error {
	row, err := c.Jobs.Checkpoint(ctx, key)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s/%d/%d", key.JobID, key.PipelineID, key.ID)
	if row.Status == state.CheckpointPending {
		return fmt.Errorf("%w: checkpoint %s is being taken", state.ErrMoved, text)
	}
	if row.Status == state.CheckpointCompleted {
		newest, err := c.Jobs.LatestCheckpoint(ctx, key.JobID, key.PipelineID)
		if err != nil {
			return err
		}
		job, err := c.Jobs.Job(ctx, key.JobID)
		if err != nil {
			return err
		}
		switch {
		case newest.ID != key.ID:
		case !job.Status.Ended():
			return fmt.Errorf("%w: checkpoint %s is what the job would go on from, and it is %s; cancel it first", state.ErrMoved, text, job.Status)
		case !row.Acknowledged:
			return fmt.Errorf("%w: checkpoint %s holds commits that are not acknowledged; a restore of job %s finishes them", state.ErrMoved, text, key.JobID)
		case !force:
			return fmt.Errorf("%w: checkpoint %s is the newest of its pipeline: without it the job cannot be restored; --force deletes it", state.ErrMoved, text)
		}
		if err := c.Blobs.Delete(ctx, row.Manifest.Name); err != nil && !errors.Is(err, storage.ErrNotExist) {
			return err
		}
	}
	return c.Jobs.DeleteCheckpoint(ctx, key)
}

// checkpointQuestions are for any node: the rows are read and written by way of the leader.
func (s *Server) checkpointQuestions(all map[string]question) {
	c := func() Checkpoints { return Checkpoints{s.jobs, s.blobs} }
	all["checkpoint.show"] = to(func(ctx context.Context, q OneCheckpoint) (CheckpointInside, error) { return c().Look(ctx, q.Key) })
	all["checkpoint.verify"] = to(func(ctx context.Context, q OneCheckpoint) (string, error) { return c().Verify(ctx, q.Key) })
	all["checkpoint.delete"] = to(func(ctx context.Context, q OneCheckpoint) (nothing, error) {
		return nothing{}, c().Delete(ctx, q.Key, q.Force)
	})
}

// Look is Checkpoints.Look of the cluster.
func (c *Client) Look(ctx context.Context, key state.Key) (out CheckpointInside, err error) {
	err = c.Ask(ctx, "checkpoint.show", OneCheckpoint{Key: key}, &out)
	return out, err
}

// Verify is Checkpoints.Verify of the cluster.
func (c *Client) Verify(ctx context.Context, key state.Key) (problem string, err error) {
	err = c.Ask(ctx, "checkpoint.verify", OneCheckpoint{Key: key}, &problem)
	return problem, err
}

// Delete is Checkpoints.Delete of the cluster.
func (c *Client) Delete(ctx context.Context, key state.Key, force bool) error {
	return c.Ask(ctx, "checkpoint.delete", OneCheckpoint{key, force}, nil)
}
