package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"seikan/engine/checkpoint"
	"seikan/storage"
)

// tidied counts how often what killed writers left is looked for.
type tidied struct {
	storage.Store
	times atomic.Int64
}

func (s *tidied) Sweep(context.Context) error { s.times.Add(1); return nil }

// The manifest of a job that has ended well, which somebody failed to delete, is deleted by the
// master; one of a job that nobody knows is not.
func TestTheMasterKeepsTheStoragesClean(t *testing.T) {
	l := newLoner(t)
	l.serve()
	l.submit("1")
	put := func(job string) string {
		t.Helper()
		m := &checkpoint.Manifest{JobID: job, Pipeline: 1, Checkpoint: 7, Attempt: 1, Kind: "checkpoint"}
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		name := checkpoint.ManifestName(m)
		if _, err := l.blobs.Put(t.Context(), name, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	dead, unknown := put("1"), put("2")
	there := func(name string) bool {
		_, err := l.blobs.Stat(t.Context(), name)
		return !errors.Is(err, storage.ErrNotExist)
	}
	store := &tidied{Store: l.blobs}
	k := storageKeeper{sweeper: checkpoint.Sweeper{Jobs: l.node.master.Jobs, Blobs: l.blobs, Log: slog.New(slog.DiscardHandler), Retained: 1}, stores: []storage.Store{store},
		log: slog.New(slog.DiscardHandler), after: time.Millisecond, every: time.Millisecond, daily: time.Nanosecond}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { k.run(ctx); close(ended) }()
	l.wait("the dead manifest is gone", func() bool { return !there(dead) && store.times.Load() > 2 })
	cancel()
	<-ended
	if !there(unknown) {
		t.Error("a manifest that nobody knows is deleted")
	}
}
