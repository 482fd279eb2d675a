package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"seikan/db/state"
	"seikan/engine/record"
	"seikan/storage"
)

// attemptRows are the checkpoint rows of one attempt of a pipeline: once another attempt has
// taken its place, every change of theirs is refused.
type attemptRows struct {
	jobs     *state.Jobs
	jobID    string
	pipeline int64
	attempt  int64
}

// NewRows gives an attempt of a pipeline its checkpoint rows.
func NewRows(jobs *state.Jobs, jobID string, pipeline int, attempt int64) Rows {
	return attemptRows{jobs, jobID, int64(pipeline), attempt}
}

func (r attemptRows) key(id int64) state.Key {
	return state.Key{JobID: r.jobID, PipelineID: r.pipeline, ID: id}
}

func (r attemptRows) Begin(ctx context.Context, kind record.BarrierKind, acknowledged int64) (int64, error) {
	c, err := r.jobs.BeginCheckpoint(ctx, r.jobID, r.pipeline, r.attempt, state.Kind(kind), acknowledged)
	return c.ID, err
}

func (r attemptRows) Complete(ctx context.Context, id int64, ref Ref) error {
	return r.jobs.CompleteCheckpoint(ctx, r.key(id), state.Manifest{Name: ref.Name, Size: ref.Size, Checksum: ref.SHA256, Inline: ref.Inline})
}

func (r attemptRows) Abort(ctx context.Context, id int64, reason string) error {
	return r.jobs.AbortCheckpoint(ctx, r.key(id), reason)
}

func (r attemptRows) Acknowledge(ctx context.Context, id int64) error {
	return r.jobs.AcknowledgeCommits(ctx, r.key(id))
}

// Newest finds the checkpoint to go on from: the completed one with the highest number whose
// manifest is whole. A damaged one is passed over, loudly; nil when there is none.
func Newest(ctx context.Context, jobs *state.Jobs, blobs storage.Store, jobID string, pipeline int, log *slog.Logger) (*Manifest, error) {
	all, err := jobs.CompletedCheckpoints(ctx, jobID, int64(pipeline))
	if err != nil {
		return nil, fmt.Errorf("list the checkpoints of job %s: %w", jobID, err)
	}
	damaged := false
	for _, c := range all {
		m, err := load(ctx, jobs, blobs, c.Key)
		switch {
		case err == nil:
			if damaged {
				log.Warn("going on from an older checkpoint: rows since then come again where the sink keeps no ledger", "pipeline", pipeline, "checkpoint", c.ID)
			}
			return m, nil
		case errors.Is(err, ErrDamaged) || errors.Is(err, storage.ErrNotExist):
			damaged = true
			log.Error("a checkpoint cannot be used", "pipeline", pipeline, "checkpoint", c.ID, "manifest", c.Manifest.Name, "error", err)
		default:
			return nil, fmt.Errorf("read checkpoint %d of pipeline %d: %w", c.ID, pipeline, err)
		}
	}
	if damaged {
		return nil, fmt.Errorf("no checkpoint of pipeline %d of job %s can be used: %w", pipeline, jobID, ErrDamaged)
	}
	return nil, nil
}

// Readable says whether the completed checkpoints of number n of a job's pipelines are whole, for
// a user who wants to go on from them: once newer ones are given up there is no way back.
func Readable(ctx context.Context, jobs *state.Jobs, blobs storage.Store, jobID string, n int64) error {
	all, err := jobs.Checkpoints(ctx, jobID, 100000)
	if err != nil {
		return fmt.Errorf("list the checkpoints of job %s: %w", jobID, err)
	}
	for _, c := range all {
		if c.ID != n || c.Status != state.CheckpointCompleted {
			continue
		}
		if _, err := load(ctx, jobs, blobs, c.Key); err != nil {
			return fmt.Errorf("checkpoint %d of pipeline %d cannot be gone on from: read its manifest %s: %w", n, c.PipelineID, c.Manifest.Name, err)
		}
	}
	return nil
}

// load reads a manifest out of its row or the blob storage, and checks it against the row.
func load(ctx context.Context, jobs *state.Jobs, blobs storage.Store, key state.Key) (*Manifest, error) {
	c, err := jobs.Checkpoint(ctx, key)
	if err != nil {
		return nil, err
	}
	data := c.Manifest.Inline
	if data == nil {
		r, err := blobs.Get(ctx, c.Manifest.Name, 0, -1)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		_, err = io.Copy(&b, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		data = b.Bytes()
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != c.Manifest.Checksum {
		return nil, fmt.Errorf("%w: its checksum is not the row's", ErrDamaged)
	}
	return Decode(data)
}
