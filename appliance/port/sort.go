package port

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// sort finds out what a connection is for. If the answer is not ok, it has said why.
func (p *Port) sort(c *conn) (net.Conn, Kind, bool) {
	_ = c.SetDeadline(time.Now().Add(p.cfg.Patience / 2))
	s, err := c.look()
	secure := s == tlsHello && p.cfg.TLS != nil
	if secure {
		t := tls.Server(c, p.cfg.TLS)
		if err = t.HandshakeContext(p.ctx); err != nil {
			p.note(c, "the TLS handshake failed: "+err.Error())
			return nil, 0, false
		}
		c = &conn{Conn: t}
		s, err = c.look()
	}
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			p.note(c, "it did not say in time what it wants: "+err.Error())
		}
		return nil, 0, false
	}
	_ = c.SetDeadline(time.Now().Add(p.cfg.Patience))
	barred := p.cfg.TLS != nil && !p.cfg.AllowPlain && !secure
	switch s {
	case ours:
		return p.sortOurs(c, barred)
	case web:
		if barred {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks TLS only: use https://\n")
			p.note(c, "it speaks HTTP without TLS, and seatunnel.seikan.tls is set: use https")
			return nil, 0, false
		}
		return c, HTTP, p.served(c, HTTP)
	case tlsHello:
		p.note(c, "it speaks TLS, and seatunnel.seikan.tls is not set on this node")
	case javaClient:
		p.note(c, "it is SeaTunnel's Java client (Hazelcast's binary protocol), which this node does not speak: submit with this program's own seatunnel.sh or `seikan`, or over REST")
	case javaMember:
		p.note(c, "it is a Java SeaTunnel node (Hazelcast's member protocol): it cannot join a Seikan cluster; take it off the member list, or run seikan on that host")
	default:
		p.note(c, "it speaks a protocol that is not known here")
	}
	return nil, 0, false
}

func (p *Port) sortOurs(c *conn, barred bool) (net.Conn, Kind, bool) {
	kind := Kind(c.seen[0])
	c.seen = c.seen[1:]
	refusal := ""
	switch {
	case barred:
		refusal = "this node speaks TLS only: set seatunnel.seikan.tls on both"
	case kind != who && !p.served(c, kind):
		refusal = "this node does not serve " + kind.String() + " streams now: it is starting or stopping"
	}
	if refusal != "" {
		var h hello // read first: what is unread when a socket closes can eat what was sent
		if _, err := receive(c, &h); err == nil {
			_, _ = send(c, nil, challenge{V: greeting, Refuse: refusal})
		}
		if barred {
			p.note(c, "it calls without TLS, and seatunnel.seikan.tls is set on this node")
		}
		return nil, 0, false
	}
	refusal, err := p.answer(c, kind)
	switch {
	case refusal != "":
		p.note(c, "its "+kind.String()+" stream is refused: "+refusal)
	case err != nil:
		p.note(c, "its "+kind.String()+" stream did not begin: "+err.Error())
	}
	return c, kind, refusal == "" && err == nil && kind != who
}

func (p *Port) served(c net.Conn, kind Kind) bool {
	p.mu.Lock()
	l := p.listeners[kind]
	p.mu.Unlock()
	if l != nil && l.serving() {
		return true
	}
	p.note(c, "this node does not serve "+kind.String()+" now: it is starting or stopping")
	return false
}
