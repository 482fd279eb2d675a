package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlite/rqlite/v8/cluster"
	"github.com/rqlite/rqlite/v8/tcp"

	"seikan/db"
	"seikan/db/raft"
	"seikan/db/state"
)

// opened keeps two nodes from opening at once: a mux of rqlite makes its logger from os.Stderr.
var opened sync.Mutex

// node is a real state store, a cluster of one.
func node(t *testing.T, restore string) *raft.Node {
	t.Helper()
	opened.Lock()
	defer opened.Unlock()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux, err := tcp.NewMux(ln, tcp.NameAddress{Address: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	mux.Logger.SetOutput(io.Discard)
	forRaft, forCluster := mux.Listen(cluster.MuxRaftHeader), mux.Listen(cluster.MuxClusterHeader)
	go func() { _ = mux.Serve() }()
	n, err := raft.Open(raft.Config{Dir: t.TempDir(), Advertise: ln.Addr().String(), MinFreeBytes: 1 << 20,
		Raft:    tcp.NewLayer(forRaft, tcp.NewDialer(cluster.MuxRaftHeader, nil)),
		Cluster: tcp.NewLayer(forCluster, tcp.NewDialer(cluster.MuxClusterHeader, nil)),
		Log:     slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(n.Close(), ln.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := n.BootstrapFrom(ctx, restore, func(context.Context, db.Store) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return n
}

// All disks of a cluster are lost while it works: a new one has everything that was
// acknowledged before the newest backup was begun, and nothing that never was.
func TestWhatWasAcknowledgedBeforeTheBackupComesBack(t *testing.T) {
	t.Parallel()
	first, store := node(t, ""), newStore(t)
	jobs := state.New(first.LeaderStore(), time.Now, state.RandomID)
	ctx := t.Context()
	u := &Uploader{Store: store, Cluster: "seatunnel", ClusterID: "first", Key: testKey, Dir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Source: first.Backup, Version: jobs.Changes}

	var acknowledged, before, deltas atomic.Int64
	var wg sync.WaitGroup
	writing, stop := context.WithCancel(ctx)
	wg.Go(func() {
		for n := int64(1); writing.Err() == nil; n++ {
			submit := state.Submit{ID: fmt.Sprint(n), Name: "copy", Mode: "BATCH", Text: "env {}", TextFormat: "hocon"}
			if _, err := jobs.CreateJob(ctx, submit, fmt.Sprint("op-", n)); err != nil {
				t.Error(err)
				return
			}
			acknowledged.Store(n)
		}
	})
	for n := range 8 {
		for goal := int64(20 * (n + 1)); acknowledged.Load() < goal && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
		seen := acknowledged.Load()
		i, made, err := u.Step(ctx)
		if err != nil || !made {
			t.Fatalf("backup %d: %v %v", n, made, err)
		}
		before.Store(seen)
		if !i.Full() {
			deltas.Add(1)
		}
	}
	stop()
	wg.Wait()
	if deltas.Load() == 0 {
		t.Error("no backup is a delta")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	i, err := Newest(ctx, store, testKey, Want{Cluster: "seatunnel"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "restored.db")
	if err := RestoreFile(ctx, store, i, testKey, path); err != nil {
		t.Fatal(err)
	}
	second := node(t, path)
	jobs = state.New(second.LeaderStore(), time.Now, state.RandomID)
	rows, err := second.LeaderStore().Query(ctx, db.S("SELECT count(*), min(CAST(id AS INTEGER)), max(CAST(id AS INTEGER)) FROM job"))
	if err != nil {
		t.Fatal(err)
	}
	count, last := rows.Values[0][0].(int64), rows.Values[0][2].(int64)
	if count < before.Load() || last > acknowledged.Load()+1 || last != count {
		t.Errorf("%d jobs up to %d, %d were acknowledged before the backup and %d in all", count, last, before.Load(), acknowledged.Load())
	}
	if err := jobs.AfterRestore(ctx, state.Restored{Incarnation: "second", From: i.Name}); err != nil {
		t.Fatal(err)
	}
	if epoch, err := jobs.TakeEpoch(ctx, "n"); err != nil || epoch < 1_000_000 {
		t.Errorf("epoch %d (%v)", epoch, err)
	}
	// The new incarnation goes on where the numbers of the old one end.
	u = &Uploader{Store: store, Cluster: "seatunnel", ClusterID: "second", Key: testKey, Dir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Source: second.Backup, Version: jobs.Changes}
	if next, made, err := u.Step(ctx); err != nil || !made || next.Seq != i.Seq+1 || !next.Full() {
		t.Errorf("the first backup of the second life: %v %+v %v", made, next, err)
	}
}
