package master

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seikan/db"
	states "seikan/db/local"
	"seikan/db/state"
	"seikan/engine/plan"
)

// forgetful is a store that does not answer the first reads of a job's text.
type forgetful struct {
	db.Store
	fails atomic.Int64
}

func (f *forgetful) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	if strings.HasSuffix(s.SQL, ", text FROM job WHERE id = ?") && f.fails.Add(-1) >= 0 {
		return nil, errors.New("the disk does not answer")
	}
	return f.Store.Query(ctx, s)
}

// TestAStoreThatDoesNotAnswerIsNoFaultOfThePlan: only what is wrong with the job ends it.
func TestAStoreThatDoesNotAnswerIsNoFaultOfThePlan(t *testing.T) {
	t.Parallel()
	c, log := reigning(t)
	rows, err := states.Open(filepath.Join(t.TempDir(), "state.db"), states.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	store := &forgetful{Store: rows}
	c.Jobs = state.New(store, time.Now, state.RandomID)
	c.Plan = func(context.Context, state.Job, *slog.Logger) (*plan.Plan, error) {
		return nil, errors.New("the file names no source")
	}
	if _, err := c.Jobs.CreateJob(t.Context(), state.Submit{ID: "1", Name: "n", Mode: "BATCH", Text: "{}", TextFormat: "json"}, "op"); err != nil {
		t.Fatal(err)
	}
	store.fails.Store(2)
	c.reigns(t)
	eventually(t, "the job fails", func() bool {
		jobs, _, err := c.Jobs.Jobs(t.Context(), state.Filter{}, "", 1)
		if err != nil || len(jobs) != 1 {
			t.Fatal(err, jobs)
		}
		if jobs[0].Status == state.Failed && jobs[0].Error != "the file names no source" {
			t.Fatalf("it failed by %q", jobs[0].Error)
		}
		return jobs[0].Status == state.Failed
	})
	if !strings.Contains(log.String(), "the disk does not answer") {
		t.Error("nothing is said of the store")
	}
}

// TestAMasterSurvivesRowsThatItCannotRead: else each in turn would fall over them.
func TestAMasterSurvivesRowsThatItCannotRead(t *testing.T) {
	t.Parallel()
	c, _ := reigning(t)
	for id, shape := range map[string]string{"broken": "{", "none": ""} {
		if _, err := c.Jobs.CreateJob(t.Context(), state.Submit{ID: id, Name: "n", Mode: "BATCH", Text: "{}", TextFormat: "json"}, id); err != nil {
			t.Fatal(err)
		}
		for _, s := range []state.Status{state.Created, state.Pending, state.Running} {
			if _, err := c.Jobs.Move(t.Context(), id, state.Move{To: s, Shape: shape}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.reigns(t)
	for _, id := range []string{"broken", "none"} {
		eventually(t, "job "+id+" fails", func() bool {
			j, err := c.Jobs.Job(t.Context(), id)
			return err == nil && j.Status == state.Failed && strings.Contains(j.Error, "shape of ")
		})
	}
}
