package raft

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	hraft "github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/tcp"
)

// gate is what one opening of the store gets of a Layer: it can be shut and given up while the
// layer lives on. rqlite never closes the connections it accepted, nor its client the ones it
// pooled; the gate does.
type gate struct {
	layer Layer
	addr  net.Addr
	peek  bool // look whether a pooled connection is dead before a request goes out on it

	mu        sync.Mutex
	shut      bool // connections that come in are turned away
	closed    bool
	conns     map[net.Conn]struct{}
	accepted  chan net.Conn
	done      chan struct{}
	abandoned bool
}

func newGate(layer Layer, advertise string, shut, peek bool) *gate {
	g := &gate{layer: layer, addr: tcp.NameAddress{Address: advertise}, shut: shut, peek: peek,
		conns: make(map[net.Conn]struct{}), accepted: make(chan net.Conn), done: make(chan struct{})}
	return g
}

// pump hands the connections of a layer to whichever gate is the present one, until the layer
// is closed, which some layers do later than Close says.
func pump(layer Layer, present func() *gate) {
	for {
		conn, err := layer.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var temporary net.Error
			if errors.As(err, &temporary) && temporary.Timeout() {
				continue
			}
			return
		}
		present().take(conn)
	}
}

func (g *gate) take(conn net.Conn) {
	g.mu.Lock()
	shut := g.shut || g.closed
	g.mu.Unlock()
	if shut {
		_ = conn.Close()
		return
	}
	select {
	case g.accepted <- g.track(conn):
	case <-g.done:
		_ = conn.Close()
	}
}

// open lets connections in and out, and says whether it did not before.
func (g *gate) open() (was bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, g.shut = g.shut, false
	return was
}

// close lets no more in or out; those there are go on.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// Accept implements net.Listener. Of an abandoned gate it never returns, since raft's transport
// would call it again and again.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case conn := <-g.accepted:
		return conn, nil
	case <-g.done:
		g.mu.Lock()
		abandoned := g.abandoned
		g.mu.Unlock()
		if abandoned {
			select {}
		}
		return nil, net.ErrClosed
	}
}

// Dial implements store.Layer and cluster.Dialer. Who lets nobody in takes part in nothing.
func (g *gate) Dial(address string, timeout time.Duration) (net.Conn, error) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut {
		return nil, errShut
	}
	conn, err := g.layer.Dial(address, timeout)
	if err != nil {
		return nil, err
	}
	t := g.track(conn)
	t.peek = g.peek
	return t, nil
}

// Addr implements net.Listener: the advertised address, which raft gives out as its own.
func (g *gate) Addr() net.Addr { return g.addr }

// Close ends all connections and Accept, and leaves the layer open.
func (g *gate) Close() error { return g.end(false) }

// abandon is Close for a store that failed to open.
func (g *gate) abandon() { _ = g.end(true) }

func (g *gate) end(abandoned bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed, g.abandoned = true, abandoned
	close(g.done)
	for conn := range g.conns {
		_ = conn.Close()
	}
	g.conns = nil
	return nil
}

func (g *gate) track(conn net.Conn) *tracked {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &tracked{Conn: conn, gate: g}
	if g.closed {
		_ = conn.Close()
		return t
	}
	g.conns[conn] = struct{}{}
	return t
}

// tracked is a connection of a gate.
type tracked struct {
	net.Conn
	gate     *gate
	peek     bool // only of connections that one request uses at a time
	answered bool // the last thing that happened was reading
}

func (t *tracked) Read(p []byte) (int, error) {
	if t.peek {
		t.answered = true
	}
	return t.Conn.Read(p)
}

// Write fails before it sends the first byte of a request on a connection that the other side
// has closed while it was idle, so that the caller knows that nothing happened.
func (t *tracked) Write(p []byte) (int, error) {
	if t.peek && t.answered {
		if err := alive(t.Conn); err != nil {
			return 0, err
		}
		t.answered = false
	}
	return t.Conn.Write(p)
}

func (t *tracked) Close() error {
	t.gate.mu.Lock()
	delete(t.gate.conns, t.Conn)
	t.gate.mu.Unlock()
	return t.Conn.Close()
}

var errShut = errors.New("this node does not take part in its cluster yet")

var errUnasked = errors.New("the other side has sent something without being asked")

// alive looks, without waiting, whether the other side has closed an idle connection. A
// connection that is not a socket passes.
func alive(conn net.Conn) error {
	for {
		inner, ok := conn.(interface{ NetConn() net.Conn }) // crypto/tls.Conn
		if !ok {
			break
		}
		conn = inner.NetConn()
	}
	sock, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	var state error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case n == 0 && err == nil:
			state = io.EOF
		case n > 0: // nobody was asked anything: TLS's notice of the end, or confusion
			state = errUnasked
		case err != nil && err != syscall.EAGAIN && err != syscall.EWOULDBLOCK:
			state = err
		}
		return true
	})
	return errors.Join(err, state)
}

// outgoing is the dialing half of a gate, as the stream of a transport of its own.
type outgoing struct {
	gate *gate
	done chan struct{}
}

// Dial implements hraft.StreamLayer.
func (o outgoing) Dial(address hraft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return o.gate.Dial(string(address), timeout)
}

// Accept implements net.Listener: nothing comes in.
func (o outgoing) Accept() (net.Conn, error) {
	<-o.done
	return nil, net.ErrClosed
}

// Addr implements net.Listener.
func (o outgoing) Addr() net.Addr { return o.gate.Addr() }

// Close implements net.Listener and leaves the gate open.
func (o outgoing) Close() error {
	close(o.done)
	return nil
}
