package raft

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlite/rqlite/v8/cluster"
	"github.com/rqlite/rqlite/v8/tcp"

	"seikan/db"
)

// testNode is a node on a real port of the loopback interface, with rqlite's own multiplexer.
type testNode struct {
	*Node
	cfg Config
	ln  net.Listener
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	var err error
	for range 100 { // a port that was just closed
		var ln net.Listener
		if ln, err = net.Listen("tcp", addr); err == nil {
			return ln
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal(err)
	return nil
}

// openNode opens a node with short timeouts in dir. change may alter its configuration.
func openNode(t testing.TB, dir, addr string, change ...func(*Config)) (*testNode, error) {
	t.Helper()
	ln := listen(t, addr)
	stderrMu.Lock() // it makes a logger from os.Stderr
	mux, err := tcp.NewMux(ln, tcp.NameAddress{Address: ln.Addr().String()})
	stderrMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	mux.Logger.SetOutput(io.Discard)
	raftLn, clusterLn := mux.Listen(cluster.MuxRaftHeader), mux.Listen(cluster.MuxClusterHeader)
	go func() { _ = mux.Serve() }()
	cfg := Config{
		Dir: dir, Advertise: ln.Addr().String(),
		Raft:      tcp.NewLayer(raftLn, tcp.NewDialer(cluster.MuxRaftHeader, nil)),
		Cluster:   tcp.NewLayer(clusterLn, tcp.NewDialer(cluster.MuxClusterHeader, nil)),
		Log:       slog.New(slog.NewTextHandler(io.Discard, nil)),
		Heartbeat: 500 * time.Millisecond, Election: 500 * time.Millisecond, Lease: 400 * time.Millisecond,
		MinFreeBytes: 1 << 20,
	}
	cfg.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	for _, c := range change {
		c(&cfg)
	}
	n, err := Open(cfg)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	tn := &testNode{Node: n, cfg: cfg, ln: ln}
	t.Cleanup(func() { _ = tn.stop() })
	return tn, nil
}

func mustOpen(t testing.TB, dir, addr string, change ...func(*Config)) *testNode {
	t.Helper()
	n, err := openNode(t, dir, addr, change...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *testNode) stop() error {
	err := n.Close()
	_ = n.ln.Close()
	return err
}

// kill stops the node without a word to the others.
func (n *testNode) kill() {
	_ = n.ln.Close()
	_ = n.raftGate.Load().Close()
	_ = n.clusterGate.Load().Close()
	n.closeOnce.Do(func() {
		n.cancel()
		_ = n.svc.Close()
		_ = n.st.Close(true)
		_ = n.Node.cfg.Raft.Close()
		_ = n.Node.cfg.Cluster.Close()
		n.wg.Wait()
		n.release()
	})
}

// again opens a stopped node at its old address.
func (n *testNode) again(t testing.TB, change ...func(*Config)) *testNode {
	t.Helper()
	return mustOpen(t, n.cfg.Dir, n.cfg.Advertise, change...)
}

// againAs opens a stopped node at its old place under another name of it.
func (n *testNode) againAs(t testing.TB, advertise string) *testNode {
	t.Helper()
	return mustOpen(t, n.cfg.Dir, n.cfg.Advertise, func(c *Config) { c.Advertise = advertise })
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (n *testNode) ready(t testing.TB) *testNode {
	t.Helper()
	if err := n.WaitReady(soon(t)); err != nil {
		t.Fatal(err)
	}
	return n
}

// single is a cluster of one.
func single(t testing.TB, change ...func(*Config)) *testNode {
	t.Helper()
	n := mustOpen(t, t.TempDir(), "127.0.0.1:0", change...)
	if err := n.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	return n.ready(t)
}

// three is a cluster of three voters; the first leads.
func three(t testing.TB) []*testNode {
	t.Helper()
	nodes := []*testNode{single(t)}
	for range 2 {
		n := mustOpen(t, t.TempDir(), "127.0.0.1:0")
		if err := n.Join(soon(t), []string{nodes[0].Addr()}, true); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n.ready(t))
	}
	return nodes
}

// until waits for a state that is on its way.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	ctx := soon(t)
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("still waiting until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func leaderOf(t testing.TB, nodes []*testNode) *testNode {
	t.Helper()
	var leader *testNode
	until(t, "there is a leader that is ready", func() bool {
		for _, n := range nodes {
			if ready, _ := n.Ready(context.Background()); ready && n.IsLeader() {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

func write(t testing.TB, s db.Store, statements ...db.Statement) {
	t.Helper()
	if res, err := s.Write(soon(t), statements...); err != nil {
		t.Fatalf("write is %v: %v", res.Outcome, err)
	}
}

func number(t testing.TB, s db.Store, sql string, args ...any) int64 {
	t.Helper()
	rows, err := s.Query(soon(t), db.S(sql, args...))
	if err != nil {
		t.Fatal(err)
	}
	return rows.Values[0][0].(int64)
}

// lend gives the store to one case at a time and clears it of what the case before left.
func lend(t *testing.T, mu *sync.Mutex, s db.Store) db.Store {
	t.Helper()
	mu.Lock()
	t.Cleanup(mu.Unlock)
	for _, table := range []string{"entry", "account", "anything", "kept"} {
		write(t, s, db.S("DROP TABLE IF EXISTS "+table))
	}
	return s
}

// place is a store on whichever node is at a place now.
type place struct{ node atomic.Pointer[testNode] }

func (p *place) Write(ctx context.Context, s ...db.Statement) (db.Result, error) {
	return p.node.Load().Forwarding().Write(ctx, s...)
}

func (p *place) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	return p.node.Load().Forwarding().Query(ctx, s)
}

func (p *place) Close() error { return nil }
