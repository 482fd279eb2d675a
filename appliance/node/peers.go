package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"seikan/appliance/port"
)

// peers keeps one connection to each node's rpc. The port below greets, proves the cluster key
// and encrypts.
type peers struct {
	dialer *port.Dialer
	mu     sync.Mutex
	conns  map[string]*grpc.ClientConn
}

func newPeers(p *port.Port) *peers {
	return &peers{dialer: p.Dialer(port.RPC), conns: map[string]*grpc.ClientConn{}}
}

func (p *peers) dial(addr string) (grpc.ClientConnInterface, error) {
	if addr == "" {
		return nil, errors.New("the address of the node is not known")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.conns[addr]; c != nil {
		return c, nil
	}
	c, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(reconnect), grpc.WithKeepaliveParams(alive),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return p.dialer.DialContext(ctx, addr) }))
	if err != nil {
		return nil, fmt.Errorf("connect to node %s: %w", addr, err)
	}
	p.conns[addr] = c
	return c, nil
}

// count is how many nodes this one has connections to.
func (p *peers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// A node that was away may be master a second after it is back, and leases are short: neither the
// pauses between attempts to connect nor a connection that the network has swallowed may last.
var (
	reconnect = grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
		MinConnectTimeout: 3 * time.Second}
	alive = keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}
)

// maxMessage is the most bytes of one message: states of many splits ride in an answer.
const maxMessage = 64 << 20

// roomForBodies is the most bytes that the bodies of all HTTP requests hold together.
const roomForBodies = 4 * maxMessage

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range maps.Values(p.conns) {
		_ = c.Close() // nothing is buffered in it
	}
	p.conns = nil
}

// syncedFlag is a flag that several goroutines use.
type syncedFlag struct {
	mu sync.Mutex
	on bool
}

func (f *syncedFlag) get() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.on }

func (f *syncedFlag) set(on bool) { f.mu.Lock(); defer f.mu.Unlock(); f.on = on }

// syncedTags are the node's tags, which REST may replace.
type syncedTags struct {
	mu   sync.Mutex
	tags map[string]string
}

func (t *syncedTags) get() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.tags)
}

func (t *syncedTags) set(tags map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tags = maps.Clone(tags)
}
