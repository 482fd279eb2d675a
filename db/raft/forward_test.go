package raft

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seikan/db"
)

// cable is a node's network, which can be cut: nothing that is sent arrives, and nobody is told.
type cable struct {
	cut   atomic.Bool
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cable) lay(conn net.Conn) net.Conn {
	if conn == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return cabledConn{conn, c}
}

// mend connects the node again. Connections that were cut are not whole any more.
func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.cut.Store(false)
}

func (c *cable) plug(cfg *Config) {
	cfg.Raft, cfg.Cluster = cabled{cfg.Raft, c}, cabled{cfg.Cluster, c}
}

type cabled struct {
	Layer
	cable *cable
}

func (l cabled) Accept() (net.Conn, error) {
	conn, err := l.Layer.Accept()
	return l.cable.lay(conn), err
}

func (l cabled) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	if l.cable.cut.Load() {
		return nil, errors.New("no route")
	}
	conn, err := l.Layer.Dial(addr, timeout)
	return l.cable.lay(conn), err
}

type cabledConn struct {
	net.Conn
	cable *cable
}

func (c cabledConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.cable.cut.Load() {
			return n, err
		}
	}
}

func (c cabledConn) Write(p []byte) (int, error) {
	if c.cable.cut.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Calls to a leader that is cut off end when another one is known: a write as unknown, a query
// with the answer of the new leader.
func TestCallsToACutOffLeaderEndWhenItIsReplaced(t *testing.T) {
	t.Parallel()
	var wire cable
	long := func(c *Config) { c.CallTimeout = time.Hour }
	nodes := []*testNode{single(t, wire.plug)}
	for range 2 {
		n := mustOpen(t, t.TempDir(), "127.0.0.1:0", long)
		if err := n.Join(soon(t), []string{nodes[0].Addr()}, true); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n.ready(t))
	}
	write(t, nodes[1].Forwarding(), op("before"))
	wire.cut.Store(true)
	type end struct {
		res db.Result
		err error
	}
	wrote, asked := make(chan end, 1), make(chan error, 1)
	go func() {
		res, err := nodes[1].Forwarding().Write(soon(t), op("meanwhile"))
		wrote <- end{res, err}
	}()
	go func() {
		rows, err := nodes[2].Forwarding().Query(soon(t), db.S("SELECT count(*) FROM op"))
		if err == nil && rows.Values[0][0] != int64(1) {
			err = errors.New("a wrong count")
		}
		asked <- err
	}()
	if e := <-wrote; e.res.Outcome != db.Unknown || !errors.Is(e.err, errReplaced) {
		t.Errorf("the write is %v: %v", e.res.Outcome, e.err)
	}
	if err := <-asked; err != nil {
		t.Errorf("the query: %v", err)
	}
	write(t, nodes[2].Forwarding(), op("after"))
	wire.mend()
}

// brittle is a network whose next answers from the store of another node are resets.
type brittle struct {
	Layer
	left *atomic.Int32
}

func (l brittle) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	conn, err := l.Layer.Dial(addr, timeout)
	return brittleConn{conn, l.left}, err
}

type brittleConn struct {
	net.Conn
	left *atomic.Int32
}

func (c brittleConn) Read(p []byte) (int, error) {
	if c.left.Add(-1) < 0 {
		return c.Conn.Read(p)
	}
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// A query whose connection ends with the leader is asked again: nothing can have come of it.
func TestAQueryWhoseConnectionBreaksIsAskedAgain(t *testing.T) {
	t.Parallel()
	leader := single(t)
	var left atomic.Int32
	follower := mustOpen(t, t.TempDir(), "127.0.0.1:0", func(c *Config) { c.Cluster = brittle{c.Cluster, &left} })
	if err := follower.Join(soon(t), []string{leader.Addr()}, false); err != nil {
		t.Fatal(err)
	}
	follower.ready(t)
	write(t, leader.Forwarding(), op("one"))
	left.Store(30) // more than the client tries by itself
	rows, err := follower.Forwarding().Query(soon(t), db.S("SELECT count(*) FROM op"))
	if err != nil || rows.Values[0][0] != int64(1) {
		t.Errorf("%v %v", rows, err)
	}
	if left.Load() > 0 {
		t.Errorf("%d resets are left", left.Load())
	}
}
