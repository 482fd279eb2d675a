package checkpoint

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"seikan/db"
	states "seikan/db/local"
	"seikan/db/state"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// counting counts the writes of a state store.
type counting struct {
	db.Store
	writes atomic.Int64
}

func (c *counting) Write(ctx context.Context, statements ...db.Statement) (db.Result, error) {
	c.writes.Add(1)
	return c.Store.Write(ctx, statements...)
}

// committing is a pipeline that has something to commit at each barrier.
type committing struct{ *plain }

func (t committing) Barrier(b record.Barrier) {
	t.c.Tell(Ack{Checkpoint: b.Checkpoint, Commits: []Commit{{Checkpoint: b.Checkpoint, State: plugin.State{Version: 1, Data: []byte("work")}}}})
}

func (t committing) Complete(id int64) { tasks(t).Complete(id) }

// TestACheckpointIsAFewWrites: every write of the store is a round of the whole cluster. Two a
// checkpoint, its row and its commit point; the acknowledgement of its commits rides with the next
// one's row, and old rows go several at once.
func TestACheckpointIsAFewWrites(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	inner, err := states.Open(filepath.Join(t.TempDir(), "state.db"), states.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	store := &counting{Store: inner}
	p := &place{t: t, jobs: state.New(store, time.Now, state.RandomID), blobs: openLocal(t)}
	job := p.job("1")
	row := must[[]state.Pipeline](t)(p.jobs.Pipelines(ctx, "1"))
	c := coordinate(t, Config{Subtasks: 1, Interval: time.Millisecond, Tolerable: 3}, p.blobs, io.Discard)
	c.c.Rows, c.c.Tasks = NewRows(p.jobs, job.ID, 1, row[0].Attempt), committing{c}
	before := store.writes.Load()
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { _, err := c.c.Run(running); done <- err }()
	const checkpoints, retained = 30, 3
	var newest int64
	for newest < checkpoints {
		newest = <-c.completed
		Keeper{Jobs: p.jobs, Blobs: p.blobs, Log: c.c.Log, Retained: retained}.Prune(ctx, "1", 1, newest)
	}
	writes := store.writes.Load() - before
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	t.Logf("%.2f writes a checkpoint", float64(writes)/float64(newest))
	if writes > newest*5/2+2 {
		t.Errorf("%d writes for %d checkpoints", writes, newest)
	}
	acknowledged := 0
	for _, r := range must[[]state.Checkpoint](t)(p.jobs.Checkpoints(ctx, "1", 100)) {
		if r.Acknowledged {
			acknowledged++
		}
	}
	if acknowledged == 0 {
		t.Error("no commit is acknowledged")
	}
}
