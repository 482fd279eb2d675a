// Package port is a node's one TCP port: Raft, gossip, the nodes' RPC and HTTP share it and are
// told apart by the first bytes. It also decides who may speak to this node.
package port

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Config of Listen. Zero values are replaced by the defaults named here.
type Config struct {
	// Host to bind; empty means all addresses.
	Host string
	// Port to bind (5801 in SeaTunnel's files); 0 means any free one.
	Port int
	// AutoIncrement tries the ports after Port, Count (100) in all, when it is in use.
	AutoIncrement bool
	Count         int

	// Identity tells who this node is now. It is called for every greeting and must not block.
	Identity func() Identity
	// Guard decides who may speak.
	Guard *Guard

	// TLS makes peers use TLS, 1.2 or newer. ClientTLS is for calling them; its ServerName may be
	// empty. Set both or none.
	TLS, ClientTLS *tls.Config
	// AllowPlain lets peers without TLS in, too, while a cluster changes over.
	AllowPlain bool

	// Patience (10 s) bounds greetings, on both sides. A peer has half of it for its first bytes.
	Patience time.Duration
	// HalfOpen (256) connections may be undecided; the oldest gives way.
	HalfOpen int

	// Log; nil means slog.Default().
	Log *slog.Logger
}

// Port is a bound port. Use Listener, Layer and Packets, then Close.
type Port struct {
	cfg         Config
	guard       *Guard
	log         *slog.Logger
	tcp         net.Listener
	udp         net.PacketConn
	incremented bool
	pending     pending
	once        once

	ctx       context.Context // ends when the port closes
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	closeOnce sync.Once
	closeErr  error

	mu        sync.Mutex
	listeners map[Kind]*listener
}

// Listen binds TCP and UDP on the same number and begins to tell connections apart. ctx bounds
// the binding alone.
func Listen(ctx context.Context, cfg Config) (*Port, error) {
	switch {
	case cfg.Identity == nil || cfg.Guard == nil:
		return nil, errors.New("open the node's port: no identity or no guard given")
	case (cfg.TLS == nil) != (cfg.ClientTLS == nil):
		return nil, errors.New("open the node's port: TLS is set for one direction only")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Patience == 0 {
		cfg.Patience = 10 * time.Second
	}
	if cfg.HalfOpen == 0 {
		cfg.HalfOpen = 256
	}
	if cfg.Count == 0 {
		cfg.Count = 100
	}
	if cfg.TLS != nil {
		cfg.TLS = cfg.TLS.Clone()
		cfg.TLS.MinVersion = max(cfg.TLS.MinVersion, tls.VersionTLS12)
		if cfg.TLS.NextProtos == nil {
			cfg.TLS.NextProtos = []string{"h2", "http/1.1"} // after ALPN the first bytes still tell
		}
	}
	p := &Port{cfg: cfg, guard: cfg.Guard, log: cfg.Log, listeners: make(map[Kind]*listener)}
	p.pending.limit = cfg.HalfOpen
	p.once.now = time.Now
	if err := p.bind(ctx); err != nil {
		return nil, fmt.Errorf("open the node's port: %w", err)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.wg.Go(p.serve)
	return p, nil
}

// Addr is the bound address.
func (p *Port) Addr() *net.TCPAddr { return p.tcp.Addr().(*net.TCPAddr) }

// Incremented says whether the configured port was in use, so that a later one was taken.
func (p *Port) Incremented() bool { return p.incremented }

// Packets is UDP on the same number. It is closed with the port.
func (p *Port) Packets() net.PacketConn { return p.udp }

// Guard is the one given to Listen.
func (p *Port) Guard() *Guard { return p.guard }

// Listener gives out the connections of a kind. Before the first call, and after its Close, such
// connections are refused; another call opens it again.
func (p *Port) Listener(kind Kind) net.Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.listeners[kind]
	if l == nil || !l.serving() {
		l = newListener(p.tcp.Addr())
		p.listeners[kind] = l
		if p.ctx.Err() != nil {
			_ = l.Close()
		}
	}
	return l
}

func (p *Port) identity() Identity {
	id := p.cfg.Identity()
	id.Incremented = p.incremented
	return id
}

// serve accepts until the port is closed. What the peer says is read elsewhere, so nobody can
// hold up the others.
func (p *Port) serve() {
	var pause time.Duration
	for {
		c, err := p.tcp.Accept()
		if p.ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return
		}
		if err != nil { // out of file descriptors, most likely: net/http waits likewise
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			p.log.Error("the node's port cannot accept a connection; trying again", "error", err)
			select {
			case <-time.After(pause):
			case <-p.ctx.Done():
			}
			continue
		}
		pause = 0
		e, evicted := p.pending.add(c)
		if evicted != nil {
			if p.once.first("evicted") {
				p.log.Warn("too many connections that say nothing; the oldest are closed", "limit", p.cfg.HalfOpen, "peer", evicted.RemoteAddr())
			}
			_ = evicted.Close()
		}
		p.wg.Go(func() {
			t, kind, ok := p.sort(&conn{Conn: c})
			switch settled := p.pending.settle(e); {
			case !settled || !ok:
				_ = c.Close()
			case c.SetDeadline(time.Time{}) != nil:
				_ = c.Close()
			default:
				p.deliver(t, kind)
			}
		})
	}
}

func (p *Port) deliver(c net.Conn, kind Kind) {
	p.mu.Lock()
	l := p.listeners[kind]
	p.mu.Unlock()
	if l == nil || !l.offer(c) {
		_ = c.Close()
		p.note(c, "too many connections wait for this node's "+kind.String()+", or it is stopping; the connection is closed")
	}
}

// note logs why a peer was turned away, once in a while for each.
func (p *Port) note(c net.Conn, what string) {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		host = c.RemoteAddr().String()
	}
	if p.ctx.Err() == nil && p.once.first(host+" "+what) {
		p.log.Warn("a connection to the node's port is closed", "peer", c.RemoteAddr().String(), "why", what)
	}
}

// Close unbinds the port, ends its listeners and the connections that nobody has accepted yet.
// Those that were accepted belong to whoever accepted them.
func (p *Port) Close() error {
	p.closeOnce.Do(func() {
		p.cancel()
		p.closeErr = errors.Join(p.tcp.Close(), p.udp.Close())
		p.mu.Lock()
		for _, l := range p.listeners {
			_ = l.Close()
		}
		p.mu.Unlock()
		p.pending.closeAll()
		p.wg.Wait()
	})
	return p.closeErr
}
