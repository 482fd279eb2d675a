// Package port is a node's one TCP port: Raft, gossip, the nodes' RPC and HTTP share it and are
// told apart by the first bytes. It also decides who may speak to this node.
package port

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
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

func (p *Port) bind(ctx context.Context) error {
	last := p.cfg.Port
	if p.cfg.AutoIncrement && p.cfg.Port != 0 {
		last = min(p.cfg.Port+p.cfg.Count-1, 65535)
	}
	var err error
	for number := p.cfg.Port; number <= last; number++ {
		if err = p.bindTo(ctx, number); err == nil {
			p.incremented = number != p.cfg.Port
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	if last != p.cfg.Port {
		return fmt.Errorf("ports %d to %d are all in use: %w; set network.port.port in hazelcast.yaml to a free one", p.cfg.Port, last, err)
	}
	return fmt.Errorf("%w; stop the program that uses it, or set network.port.port or network.port.auto-increment: true in hazelcast.yaml", err)
}

func (p *Port) bindTo(ctx context.Context, number int) error {
	const attempts = 10 // a free TCP port may be taken in UDP
	var lc net.ListenConfig
	for try := 1; ; try++ {
		tcp, err := lc.Listen(ctx, "tcp", net.JoinHostPort(p.cfg.Host, strconv.Itoa(number)))
		if err != nil {
			return err
		}
		got := tcp.Addr().(*net.TCPAddr).Port
		udp, err := lc.ListenPacket(ctx, "udp", net.JoinHostPort(p.cfg.Host, strconv.Itoa(got)))
		if err == nil {
			p.tcp, p.udp = tcp, udp
			return nil
		}
		_ = tcp.Close()
		if number != 0 || try == attempts || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
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
