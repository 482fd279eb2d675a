package port

import (
	"net"
	"sync"
)

// backlog is how many told-apart connections wait for one Accept, as in a kernel's queue.
const backlog = 128

// listener hands out the connections of one kind.
type listener struct {
	addr  net.Addr
	queue chan net.Conn

	mu     sync.Mutex
	closed bool
	done   chan struct{}
}

func newListener(addr net.Addr) *listener {
	return &listener{addr: addr, queue: make(chan net.Conn, backlog), done: make(chan struct{})}
}

// offer queues a connection; false if the listener is closed or its owner does not keep up.
func (l *listener) offer(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	select {
	case l.queue <- c:
		return true
	default:
		return false
	}
}

func (l *listener) serving() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
}

// Close implements net.Listener: connections that wait are closed, the port goes on.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.done)
	for {
		select {
		case c := <-l.queue:
			_ = c.Close()
		default:
			return nil
		}
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }
