package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"seikan/db/state"
	"seikan/storage"
)

// After its state came back from a backup, a pipeline may have checkpoints that the state does
// not know. A manifest on the storage means "prepared": its commits may have been sent, so the
// pipeline must go on from there and commit them first, or rows since the backup come twice.

// Found is a manifest that was read, or could not be.
type Found struct {
	Object
	RunID string
	Kind  state.Kind
	Sum   string // SHA-256, hex
	Bytes []byte // of small ones, for their row
	Err   error  // it cannot be used
}

// Adoption is what to do about one pipeline.
type Adoption struct {
	Take   *Found  // nil: the state knows the newest
	Passed []Found // newer ones that are damaged
}

// Adopt decides for one pipeline of a run: the newest valid manifest of that run is taken if it
// is newer than every COMPLETED row. Rows are those of the pipeline; an ABORTED one is final.
func Adopt(rows []state.Checkpoint, runID string, found []Found) (a Adoption) {
	newest, aborted := completed(rows)
	found = slices.Clone(found)
	slices.SortFunc(found, func(x, y Found) int {
		return cmp.Or(cmp.Compare(y.Checkpoint, x.Checkpoint), cmp.Compare(y.Attempt, x.Attempt))
	})
	for i, f := range found {
		switch {
		case f.Checkpoint <= newest:
			return a
		case aborted[f.Checkpoint]:
		case f.Err != nil:
			a.Passed = append(a.Passed, f)
		case f.RunID == runID:
			a.Take = &found[i]
			return a
		}
	}
	return a
}

func completed(rows []state.Checkpoint) (newest int64, aborted map[int64]bool) {
	aborted = map[int64]bool{}
	for _, c := range rows {
		switch c.Status {
		case state.CheckpointCompleted:
			newest = max(newest, c.ID)
		case state.CheckpointAborted:
			aborted[c.ID] = true
		}
	}
	return newest, aborted
}

// Highest are the highest attempt and checkpoint numbers on the storage.
func Highest(ctx context.Context, blobs storage.Store) (attempt, checkpoint int64, err error) {
	err = each(ctx, blobs, Root, func(all []Object, _ []storage.Info) error {
		for _, s := range all {
			attempt, checkpoint = max(attempt, s.Attempt), max(checkpoint, s.Checkpoint)
		}
		return nil
	})
	return attempt, checkpoint, err
}

// Recover brings a restored state up to what the checkpoint storage knows; it must succeed before
// any job is started. It begins the incarnation, adopts for every job that has not ended,
// and records that this is done: again it changes nothing. While the storage cannot be read it fails.
func Recover(ctx context.Context, jobs *state.Jobs, blobs storage.Store, incarnation, backup string, log *slog.Logger) error {
	attempt, checkpoint, err := Highest(ctx, blobs)
	if err == nil {
		err = jobs.AfterRestore(ctx, state.Restored{Incarnation: incarnation, From: backup, Attempt: attempt, Checkpoint: checkpoint})
	}
	if err != nil {
		return fmt.Errorf("recover from backup %s: %w", backup, err)
	}
	if err := Settle(ctx, jobs, blobs, log); err != nil {
		return fmt.Errorf("recover from backup %s: %w", backup, err)
	}
	return nil
}

// Settle finishes what a Recover began and a crash cut off. A master calls it at the beginning
// of its reign; it changes nothing when there is nothing to settle.
func Settle(ctx context.Context, jobs *state.Jobs, blobs storage.Store, log *slog.Logger) error {
	i, err := jobs.Incarnation(ctx)
	if errors.Is(err, state.ErrNotFound) || err == nil && i.Settled {
		return nil
	}
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, next, err := jobs.Jobs(ctx, state.Live(), after, 500)
		if err != nil {
			return err
		}
		for _, job := range page {
			if err := adoptJob(ctx, jobs, blobs, job, log); err != nil {
				return fmt.Errorf("adopt checkpoints of job %s: %w", job.ID, err)
			}
		}
		if after = next; after == "" {
			return jobs.Settle(ctx, i.ID)
		}
	}
}

func adoptJob(ctx context.Context, jobs *state.Jobs, blobs storage.Store, job state.Job, log *slog.Logger) error {
	stored, err := OfJob(ctx, blobs, job.ID)
	if err != nil {
		return err
	}
	rows, err := jobs.Checkpoints(ctx, job.ID, 100000)
	if err != nil {
		return err
	}
	ofPipeline := map[int][]state.Checkpoint{}
	for _, c := range rows {
		ofPipeline[int(c.PipelineID)] = append(ofPipeline[int(c.PipelineID)], c)
	}
	found := map[int][]Found{}
	there := map[string]bool{}
	for _, s := range stored {
		there[s.Name] = true
		if newest, aborted := completed(ofPipeline[s.Pipeline]); s.Checkpoint <= newest || aborted[s.Checkpoint] {
			continue // need not be read
		}
		f, err := find(ctx, blobs, s)
		if err != nil {
			return err
		}
		found[s.Pipeline] = append(found[s.Pipeline], f)
	}
	for pipeline, all := range found {
		a := Adopt(ofPipeline[pipeline], job.RunID, all)
		for _, f := range a.Passed {
			log.Error("a checkpoint newer than the restored state cannot be used: rows since then come again where the sink keeps no ledger",
				"job", job.ID, "pipeline", pipeline, "checkpoint", f.Checkpoint, "manifest", f.Name, "error", f.Err)
		}
		if a.Take == nil {
			continue
		}
		f := a.Take
		m := state.Manifest{Name: f.Name, Size: f.Size, Checksum: f.Sum, Inline: f.Bytes}
		if err := jobs.AdoptCheckpoint(ctx, state.Checkpoint{Key: f.Key(), Kind: f.Kind, RunID: f.RunID, Attempt: f.Attempt, Manifest: m}); err != nil {
			return err
		}
		log.Info("going on from a checkpoint that is newer than the restored state", "job", job.ID, "pipeline", pipeline, "checkpoint", f.Checkpoint)
	}
	for pipeline, all := range ofPipeline {
		warnGone(log, job.ID, pipeline, all, found[pipeline], there)
	}
	return nil
}

// warnGone tells of a job whose newest manifest was deleted: it may have ended after the backup,
// and is run again from there.
func warnGone(log *slog.Logger, jobID string, pipeline int, rows []state.Checkpoint, newer []Found, there map[string]bool) {
	newest, _ := completed(rows)
	for _, c := range rows {
		if c.ID == newest && c.Status == state.CheckpointCompleted && len(newer) == 0 && !there[c.Manifest.Name] {
			log.Warn("the manifest of the newest checkpoint is gone: the job may have ended after the backup, and then rows since that checkpoint come again where the sink keeps no ledger",
				"job", jobID, "pipeline", pipeline, "checkpoint", newest)
		}
	}
}

// find reads a manifest. Only a failing storage is an error.
func find(ctx context.Context, blobs storage.Store, s Object) (Found, error) {
	m, i, data, err := read(ctx, blobs, s.Name)
	f := Found{Object: s, Sum: i.SHA256}
	var failed *storage.Error
	switch {
	case err == nil:
		f.RunID, f.Kind, f.Size = m.RunID, state.Kind(m.Kind), i.Size
		if f.Size <= InlineLimit {
			f.Bytes = data
		}
	case errors.As(err, &failed) && !errors.Is(err, storage.ErrNotExist):
		return f, err
	default:
		f.Err = err
	}
	return f, nil
}
