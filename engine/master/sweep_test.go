package master

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	states "seikan/db/local"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/record"
	blobs "seikan/storage/local"
)

type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// reigning is a cluster of one master, without workers, on a real store.
func reigning(t *testing.T) (c *Cluster, log *logbook) {
	t.Helper()
	dir := t.TempDir()
	store, err := states.Open(filepath.Join(dir, "state.db"), states.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	log = &logbook{}
	return &Cluster{Jobs: state.New(store, time.Now, state.RandomID), Blobs: b, Node: "n", Lease: time.Second, Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

func (c *Cluster) reigns(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- c.Reign(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// TestCheckpointsOfAnEndedJobGoWithTheNextMaster: the one that ended the job may have died before
// it came to that. Those of a job that FAILED stay, and so do savepoints.
func TestCheckpointsOfAnEndedJobGoWithTheNextMaster(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, _ := reigning(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	take := func(id string, kind record.BarrierKind) {
		t.Helper()
		rows := checkpoint.NewRows(c.Jobs, id, 1, 1)
		n, err := rows.Begin(ctx, kind, 0)
		must(err)
		m := &checkpoint.Manifest{JobID: id, Pipeline: 1, Checkpoint: n, Attempt: 1, Kind: kind}
		_, err = c.Blobs.Put(ctx, checkpoint.ManifestName(m), strings.NewReader("manifest"))
		must(err)
		must(rows.Complete(ctx, n, checkpoint.Ref{Name: checkpoint.ManifestName(m), Size: 8}))
		must(rows.Acknowledge(ctx, n))
	}
	for id, end := range map[string]state.Status{"done": state.Finished, "failed": state.Failed} {
		_, err := c.Jobs.CreateJob(ctx, state.Submit{ID: id, Name: id, Mode: "BATCH", Text: "{}", TextFormat: "json"}, id)
		must(err)
		for _, s := range []state.Status{state.Created, state.Pending, state.Running} {
			_, err = c.Jobs.SetStatus(ctx, id, nil, s)
			must(err)
		}
		_, err = c.Jobs.StartAttempt(ctx, id, 1)
		must(err)
		for _, kind := range []record.BarrierKind{record.Checkpoint, record.Savepoint, record.Checkpoint} {
			take(id, kind)
		}
		if end == state.Failed {
			_, err = c.Jobs.SetStatus(ctx, id, nil, state.Failing)
			must(err)
		}
		_, err = c.Jobs.FinishJob(ctx, id, end, "", "")
		must(err)
	}
	left := func() (out []string) {
		for after := ""; ; {
			page, err := c.Blobs.List(ctx, "", after, 1000)
			must(err)
			for _, o := range page.Objects {
				out = append(out, o.Name)
			}
			if after = page.Next; after == "" {
				return out
			}
		}
	}
	if n := len(left()); n != 6 {
		t.Fatalf("%d manifests", n)
	}
	c.reigns(t)
	eventually(t, "the ended job's checkpoints are deleted", func() bool {
		rows, err := c.Jobs.Checkpoints(ctx, "done", 10)
		return err == nil && len(rows) == 1
	})
	want := []string{"seikan/done/1/000000000002-1.manifest", "seikan/failed/1/000000000001-1.manifest", "seikan/failed/1/000000000002-1.manifest", "seikan/failed/1/000000000003-1.manifest"}
	got := left()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("left are %v", got)
	}
}

// TestTheMasterTellsItsCounts: print-execution-info-interval.
func TestTheMasterTellsItsCounts(t *testing.T) {
	t.Parallel()
	c, log := reigning(t)
	c.TellEvery = time.Millisecond
	_, err := c.Jobs.CreateJob(t.Context(), state.Submit{ID: "1", Name: "n", Mode: "BATCH", Text: "{}", TextFormat: "json"}, "op")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []state.Status{state.Created, state.Pending, state.Running} {
		if _, err := c.Jobs.Move(t.Context(), "1", state.Move{To: s, Shape: (&Shape{}).encode()}); err != nil {
			t.Fatal(err)
		}
	}
	c.reigns(t)
	eventually(t, "the counts are logged", func() bool { return strings.Contains(log.String(), "runningJobs=1 pendingJobs=0") })
}
