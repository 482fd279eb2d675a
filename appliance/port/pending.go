package port

import (
	"container/list"
	"net"
	"sync"
)

// pending holds the connections that have not yet said what they are. When there are too many,
// the oldest is closed: an honest peer is through within a few round trips, a slow or idle one
// is the oldest.
type pending struct {
	mu    sync.Mutex
	conns list.List // of net.Conn, oldest first
	limit int
}

// add returns the connection that had to go, if any.
func (p *pending) add(c net.Conn) (e *list.Element, evicted net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e = p.conns.PushBack(c)
	if p.conns.Len() > p.limit {
		evicted = p.drop(p.conns.Front())
	}
	return e, evicted
}

// settle takes a connection out, and says whether it was still in.
func (p *pending) settle(e *list.Element) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drop(e) != nil
}

// drop removes e; its Value becomes nil, which marks it as gone.
func (p *pending) drop(e *list.Element) net.Conn {
	c, _ := e.Value.(net.Conn)
	if c != nil {
		p.conns.Remove(e)
		e.Value = nil
	}
	return c
}

// closeAll closes every connection that has not settled.
func (p *pending) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.conns.Front(); e != nil; e = p.conns.Front() {
		_ = p.drop(e).Close()
	}
}
