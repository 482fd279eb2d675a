package state

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"seikan/db"
	"seikan/db/dbtest"
	"seikan/db/local"
)

var storySeeds = flag.Uint64("seeds", 500, "how many seeds the story of lost answers runs with")

// Answers get lost in every way; what the caller was told and what is stored must still agree,
// and each operation must have taken effect once.
func TestLostAnswersLeaveExactlyOneEffect(t *testing.T) {
	t.Parallel()
	seeds := *storySeeds
	var wg sync.WaitGroup
	faults := make([]map[string]int, 2)
	for w := range uint64(2) {
		store := newStore(t)
		faults[w] = map[string]int{}
		wg.Go(func() {
			for seed := w; seed < seeds && !t.Failed(); seed += 2 {
				flaky := dbtest.NewFlaky(store, seed)
				if err := story(t.Context(), flaky, store, seed); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				for kind, n := range flaky.Faults {
					faults[w][kind] += n
				}
			}
		})
	}
	wg.Wait()
	for _, kind := range []string{"write not done", "write done, answer lost", "write done later", "busy", "query failed"} {
		if faults[0][kind]+faults[1][kind] == 0 {
			t.Errorf("no fault of kind %q was injected", kind)
		}
	}
}

// story lives through a job on a store that loses answers and compares it with a model.
func story(ctx context.Context, flaky *dbtest.Flaky, store db.Store, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	id := fmt.Sprint("job-", seed)
	j := New(flaky, ticking(), counting(fmt.Sprint(seed, "-"))).WithPause(noPause)
	var (
		version, events, attempt, last, completed, runs int64
		acknowledged                                    = true
	)
	// count notes a change of the job's row that records an event.
	count := func(_ Job, err error) error { version++; events++; return err }

	if err := count(again(func() (Job, error) { return j.CreateJob(ctx, submit(id), id) })); err != nil {
		return err
	}
	run := func() error {
		for _, s := range []Status{Created, Pending, Running} {
			if err := count(j.SetStatus(ctx, id, nil, s)); err != nil {
				return err
			}
		}
		for range 1 + rng.IntN(3) {
			p, err := j.StartAttempt(ctx, id, 1)
			if attempt++; err != nil || p.Attempt != attempt {
				return fmt.Errorf("attempt %d, want %d: %w", p.Attempt, attempt, err)
			}
			p.Status = PipelineRunning
			if _, err := j.SavePipeline(ctx, p); err != nil {
				return err
			}
			for range rng.IntN(3) {
				c, err := j.BeginCheckpoint(ctx, id, 1, attempt, Periodic, 0)
				if last++; err != nil || c.ID != last {
					return fmt.Errorf("checkpoint %d, want %d: %w", c.ID, last, err)
				}
				switch rng.IntN(3) {
				case 0:
					err = j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: fmt.Sprint(c.ID)})
					completed, acknowledged = c.ID, false
				case 1:
					err = j.AbortCheckpoint(ctx, c.Key, "abort")
				}
				if err == nil && !acknowledged && rng.IntN(2) == 0 {
					err = j.AcknowledgeCommits(ctx, Key{id, 1, completed})
					acknowledged = true
				}
				if err != nil {
					return err
				}
			}
			if err := j.AddEvent(ctx, id, "NOTE", "", ""); err != nil {
				return err
			}
			events++
		}
		return nil
	}
	if err := run(); err != nil {
		return err
	}
	if err := count(j.Move(ctx, id, Move{To: Failing, Error: "boom"})); err != nil {
		return err
	}
	if err := count(j.FinishJob(ctx, id, Failed, "", "{}")); err != nil {
		return err
	}
	runs++
	if err := count(again(func() (Job, error) { return j.Restart(ctx, submit(id), id+"-again") })); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	if err := count(j.SetDesired(ctx, id, WantCancel)); err != nil {
		return err
	}
	if err := count(j.SetStatus(ctx, id, []Status{Running}, Canceling)); err != nil {
		return err
	}
	if _, err := j.FinishJob(ctx, id, Canceled, "", "{}"); acknowledged == errors.Is(err, ErrUnacknowledged) {
		return fmt.Errorf("finish with commits acknowledged %v: %w", acknowledged, err)
	}
	if !acknowledged {
		if err := j.AcknowledgeCommits(ctx, Key{id, 1, completed}); err != nil {
			return err
		}
		if _, err := j.FinishJob(ctx, id, Canceled, "", "{}"); err != nil {
			return err
		}
	}
	version, events, runs = version+1, events+1, runs+1

	flaky.Settle(ctx)
	now := New(store, ticking(), RandomID)
	job, err := now.Job(ctx, id)
	if err != nil || job.Version != version || job.Status != Canceled || job.RunNo != runs || job.Error != "" {
		return fmt.Errorf("job is %+v, want version %d, CANCELED, run %d (%w)", job, version, runs, err)
	}
	if got, err := now.Events(ctx, id, 0, 1000); err != nil || int64(len(got)) != events {
		return fmt.Errorf("%d events, want %d (%w): %+v", len(got), events, err, got)
	}
	if got, err := now.Runs(ctx, id); err != nil || int64(len(got)) != runs {
		return fmt.Errorf("%d runs, want %d (%w)", len(got), runs, err)
	}
	p, _, err := now.findPipeline(ctx, id, 1)
	if err != nil || p.Attempt != attempt || p.LastCheckpoint != last {
		return fmt.Errorf("pipeline is %+v, want attempt %d and checkpoint %d (%w)", p, attempt, last, err)
	}
	points, err := now.Checkpoints(ctx, id, 1000)
	if err != nil || int64(len(points)) != last {
		return fmt.Errorf("%d checkpoints, want %d (%w)", len(points), last, err)
	}
	for _, c := range points {
		if c.Status == CheckpointPending || c.Status == CheckpointCompleted && !c.Acknowledged {
			return fmt.Errorf("a checkpoint of an ended job is %+v", c)
		}
	}
	latest, err := now.LatestCheckpoint(ctx, id, 1)
	if completed == 0 && errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || latest.ID != completed {
		return fmt.Errorf("latest checkpoint is %d, want %d (%w)", latest.ID, completed, err)
	}
	return nil
}

// again sends a request with the same id once more when its last read failed, as a client does.
func again(do func() (Job, error)) (Job, error) {
	for {
		job, err := do()
		var failed *queryError
		if !errors.As(err, &failed) {
			return job, err
		}
	}
}

func BenchmarkSetStatus(b *testing.B) {
	store, err := local.Open(filepath.Join(b.TempDir(), "state.db"), local.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	j := New(store, ticking(), RandomID)
	if _, err := j.CreateJob(b.Context(), submit("1"), "1"); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		if _, err := j.Move(b.Context(), "1", Move{To: []Status{Failing, Canceling}[n%2]}); err != nil {
			b.Fatal(err)
		}
	}
}
