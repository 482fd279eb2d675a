package port

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Dialer opens streams of one kind to other nodes.
type Dialer struct {
	port *Port
	kind Kind
}

// Dialer is for a Kind of our own, not for HTTP.
func (p *Port) Dialer(kind Kind) *Dialer {
	if !kind.ours() {
		panic("port: no dialer for " + kind.String())
	}
	return &Dialer{port: p, kind: kind}
}

// Dial is DialContext with a timeout.
func (d *Dialer) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, addr)
}

// DialContext connects to the node at addr, host:port, and greets it. The error is a
// *RefusedError when one of the two does not want the other.
func (d *Dialer) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	return d.DialAs(ctx, addr, "")
}

// DialAs is DialContext with the name that the peer's certificate must have, for addresses that
// were resolved already; empty means the host of addr.
func (d *Dialer) DialAs(ctx context.Context, addr, serverName string) (net.Conn, error) {
	conn, _, err := d.port.call(ctx, addr, serverName, d.kind)
	return conn, err
}

// Ask asks the node at addr who it is. It answers whoever is a member, of whichever cluster id.
func (p *Port) Ask(ctx context.Context, addr string) (Identity, error) {
	conn, id, err := p.call(ctx, addr, "", who)
	if err != nil {
		return Identity{}, err
	}
	return id, conn.Close()
}

func (p *Port) call(ctx context.Context, addr, serverName string, kind Kind) (conn net.Conn, id Identity, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Patience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, id, fmt.Errorf("%s stream to %s: %w", kind, addr, err)
	}
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	conn = raw
	if cfg := p.clientTLS(addr, serverName); cfg != nil {
		secure := tls.Client(raw, cfg)
		if err = secure.HandshakeContext(ctx); err != nil {
			return nil, id, fmt.Errorf("%s stream to %s: TLS: %w (is seatunnel.seikan.tls set on both nodes?)", kind, addr, err)
		}
		conn = secure
	}
	id, err = p.ask(conn, kind)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	var refused *RefusedError
	switch {
	case err == nil:
		return conn, id, nil
	case errors.As(err, &refused):
		refused.Addr = addr
		return nil, id, refused
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, io.EOF):
		err = errors.New("it hung up during the greeting; its log may say why")
	}
	return nil, id, fmt.Errorf("%s stream to %s: %w", kind, addr, err)
}

func (p *Port) clientTLS(addr, serverName string) *tls.Config {
	if p.cfg.ClientTLS == nil {
		return nil
	}
	cfg := p.cfg.ClientTLS.Clone()
	if cfg.ServerName == "" {
		if serverName == "" {
			serverName, _, _ = net.SplitHostPort(addr)
		}
		cfg.ServerName = serverName
	}
	return cfg
}

// Layer is a kind's listener and dialer in one, as Raft wants it.
type Layer struct {
	net.Listener
	*Dialer
}

// Layer makes both halves of a kind.
func (p *Port) Layer(kind Kind) Layer { return Layer{p.Listener(kind), p.Dialer(kind)} }
