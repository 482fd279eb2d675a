package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"seikan/db/state"
	"seikan/storage"
)

// Sweeper compares the checkpoint storage with the state: it deletes what is known to be dead
// and reports what nobody knows. It reads and deletes under Root alone.
type Sweeper struct {
	Jobs     *state.Jobs
	Blobs    storage.Store
	Log      *slog.Logger
	Retained int // completed checkpoints kept for each pipeline; 0 keeps all
}

// Sweep is what one pass did.
type Sweep struct {
	Deleted []string // objects
	Bytes   int64    // of these
	Kept    int
	Unknown []Unknown // left alone; the first thousand
	Left    int       // all that were left alone
}

// maxUnknown bounds what a pass remembers and reports one by one.
const maxUnknown = 1000

func (s *Sweep) leave(u Unknown) {
	if s.Left++; s.Left <= maxUnknown {
		s.Unknown = append(s.Unknown, u)
	}
}

// Unknown is an object that the state cannot account for.
type Unknown struct {
	Name string
	Size int64 // bytes
	Why  string
}

// facts are what the state says of one job.
type facts struct {
	known    bool // there is a row
	restored bool // the state came back from a backup, so it may lack later runs
	status   state.Status
	rows     map[state.Key]state.Checkpoint
	newest   map[int64]int64 // COMPLETED checkpoint by pipeline
}

type verdict uint8

const (
	keep verdict = iota
	gone         // somebody was faster
	remove
	removeUnlessSavepoint // without a row only the manifest itself tells
	report
)

// judge decides about one manifest. The listing must be older than the facts: a row is there
// before its manifest.
func judge(s Object, f facts) (v verdict, why string) {
	c, row := f.rows[s.Key()]
	over := f.status == state.Finished || f.status == state.Canceled
	switch {
	case !f.known:
		return report, "there is no such job"
	case row && c.Status == state.CheckpointCompleted && c.Manifest.Name != s.Name:
		return report, "its checkpoint has another manifest, " + c.Manifest.Name
	case row && c.Status == state.CheckpointCompleted && (c.Kind == state.Savepoint || !over):
		return keep, ""
	case row && c.Status == state.CheckpointPending && !over:
		return keep, ""
	case row && c.Status == state.CheckpointAborted:
		return remove, "its checkpoint was aborted"
	case row:
		return remove, "its job has ended " + string(f.status)
	case over && f.restored:
		return report, "its job has ended " + string(f.status) + " as far as the restored state knows"
	case over:
		return removeUnlessSavepoint, "its job has ended " + string(f.status)
	case s.Checkpoint < f.newest[int64(s.Pipeline)]:
		return removeUnlessSavepoint, "a newer checkpoint has taken its place"
	}
	return report, "its checkpoint is newer than any that is known"
}

// Run makes one pass. An error means that the pass was cut off; what was done is in the result.
func (s Sweeper) Run(ctx context.Context) (out Sweep, err error) {
	life, err := s.Jobs.Incarnation(ctx)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return out, fmt.Errorf("sweep the checkpoint storage: %w", err)
	}
	if err == nil && !life.Settled {
		return out, fmt.Errorf("sweep the checkpoint storage: %w: checkpoints newer than backup %s are not adopted yet", state.ErrMoved, life.RestoredFrom)
	}
	err = each(ctx, s.Blobs, Root, func(manifests []Object, others []storage.Info) error {
		for _, o := range others {
			out.leave(Unknown{o.Name, o.Size, "it is not the name of a manifest"})
		}
		for len(manifests) > 0 { // in order of names, so job by job
			n := 1
			for n < len(manifests) && manifests[n].JobID == manifests[0].JobID {
				n++
			}
			if err := s.job(ctx, manifests[:n], life.RestoredFrom != "", &out); err != nil {
				return err
			}
			manifests = manifests[n:]
		}
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("sweep the checkpoint storage: %w", err)
	}
	for _, u := range out.Unknown {
		s.Log.Warn("an object on the checkpoint storage belongs to nobody; it is left alone", "object", u.Name, "bytes", u.Size, "why", u.Why)
	}
	if more := out.Left - len(out.Unknown); more > 0 {
		s.Log.Warn("more objects on the checkpoint storage belong to nobody", "objects", more)
	}
	return out, nil
}

func (s Sweeper) job(ctx context.Context, manifests []Object, restored bool, out *Sweep) error {
	id := manifests[0].JobID
	f, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	if f.status == state.Finished || f.status == state.Canceled { // so that a restart does not go on from what is deleted
		err := s.Jobs.GiveUpCheckpoints(ctx, id, state.Finished, state.Canceled)
		if err != nil && !errors.Is(err, state.ErrMoved) && !errors.Is(err, state.ErrNotFound) {
			return err
		}
	} else {
		for pipeline, newest := range f.newest {
			Keeper(s).Prune(ctx, id, int(pipeline), newest)
		}
	}
	if f, err = s.look(ctx, id); err != nil {
		return err
	}
	f.restored = restored
	for _, m := range manifests {
		v, why := judge(m, f)
		if v == removeUnlessSavepoint {
			if v, why, err = s.unlessSavepoint(ctx, m, why); err != nil {
				return err
			}
		}
		switch v {
		case gone:
		case remove:
			if err := s.remove(ctx, m, f); err != nil {
				return err
			}
			out.Deleted, out.Bytes = append(out.Deleted, m.Name), out.Bytes+m.Size
			s.Log.Info("a dead manifest is deleted", "manifest", m.Name, "why", why)
		case report:
			out.leave(Unknown{m.Name, m.Size, why})
		case keep:
			out.Kept++
		}
	}
	return nil
}

func (s Sweeper) look(ctx context.Context, id string) (f facts, err error) {
	job, err := s.Jobs.Job(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	rows, err := s.Jobs.Checkpoints(ctx, id, 100000)
	f = facts{known: true, status: job.Status, rows: map[state.Key]state.Checkpoint{}, newest: map[int64]int64{}}
	for _, c := range rows {
		f.rows[c.Key] = c
		if c.Status == state.CheckpointCompleted {
			f.newest[c.PipelineID] = max(f.newest[c.PipelineID], c.ID)
		}
	}
	return f, err
}

// unlessSavepoint reads a manifest that has no row: a savepoint is the user's and stays.
func (s Sweeper) unlessSavepoint(ctx context.Context, m Object, why string) (verdict, string, error) {
	i, err := Inspect(ctx, s.Blobs, m.Name)
	var failed *storage.Error
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return gone, "", nil
	case errors.As(err, &failed):
		return gone, "", err
	case err != nil:
		return report, "it cannot be read: " + strings.TrimPrefix(err.Error(), "manifest "+m.Name+": "), nil
	case i.Kind == state.Savepoint:
		return report, "it is a savepoint without a row", nil
	}
	return remove, why, nil
}

// remove deletes a manifest and then its row.
func (s Sweeper) remove(ctx context.Context, m Object, f facts) error {
	if err := s.Blobs.Delete(ctx, m.Name); err != nil {
		return fmt.Errorf("delete %s: %w", m.Name, err)
	}
	if c, row := f.rows[m.Key()]; row && c.Status != state.CheckpointPending {
		if err := s.Jobs.DeleteCheckpoint(ctx, c.Key); err != nil && !errors.Is(err, state.ErrUnacknowledged) && !errors.Is(err, state.ErrMoved) {
			return err
		}
	}
	return nil
}
