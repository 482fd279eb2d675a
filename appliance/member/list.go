// Package member knows who is here: gossip, failure detection, how a cluster first forms, and
// who of its nodes votes.
package member

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"seikan/appliance/port"
)

// Config of Start.
type Config struct {
	// Port carries the gossip. Its guard's key, if it has one now, encrypts it.
	Port *port.Port
	// ClusterName must be the same on every node.
	ClusterName string
	// Self is what the others are told. Its ClusterID, if it has one, should be there from the
	// start: two clusters know each other by it.
	Self Member
	// Resolve looks names up; nil means the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Log; nil means slog.Default().
	Log *slog.Logger

	tune func(*memberlist.Config)     // of a test
	own  func() ([]netip.Addr, error) // of a test; nil means InterfaceAddrs
}

// List is the nodes that are here now, this one included.
type List struct {
	cfg   Config
	ml    *memberlist.Memberlist
	tr    *transport
	board *board
	meta  atomic.Pointer[[]byte]
	over  chan struct{}
	wg    sync.WaitGroup

	mu   sync.Mutex // UpdateMeta, Leave
	self Member
	gone bool
}

// Start begins to gossip, alone; Join finds the others.
func Start(cfg Config) (*List, error) {
	l, err := start(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the member list: %w", err)
	}
	return l, nil
}

func start(cfg Config) (*List, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Resolve == nil {
		cfg.Resolve = lookup
	}
	if cfg.own == nil {
		cfg.own = InterfaceAddrs
	}
	if cfg.Self.RPCAddr == "" {
		cfg.Self.RPCAddr = cfg.Self.RaftAddr
	}
	meta, err := encode(cfg.Self)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addrs, err := resolve(ctx, cfg.Resolve, cfg.Self.RaftAddr)
	if err != nil {
		return nil, fmt.Errorf("this node's own address: %w", err)
	}
	own, err := cfg.own()
	if err != nil {
		return nil, fmt.Errorf("this node's own addresses: %w", err)
	}
	host, _ := split(cfg.Self.RaftAddr, 0)
	l := &List{cfg: cfg, self: cfg.Self, over: make(chan struct{})}
	l.board = newBoard()
	l.meta.Store(&meta)
	key := cfg.Port.Guard().Key()
	l.tr = newTransport(cfg.Port, reachable(host, addrs, own), key != nil)
	mc := tuned()
	mc.Name = cfg.Self.NodeID
	mc.Label = label(cfg.ClusterName)
	mc.Transport = l.tr
	mc.Logger = newLogger(cfg.Log)
	mc.Delegate, mc.Events, mc.Alive, mc.Merge, mc.Conflict = tells{l}, hears{l}, admits{l}, admits{l}, hears{l}
	if cfg.tune != nil {
		cfg.tune(mc)
	}
	if key != nil {
		mc.SecretKey = gossipKey(key)
	}
	if l.ml, err = memberlist.Create(mc); err != nil {
		return nil, errors.Join(err, l.tr.Shutdown())
	}
	return l, nil
}

// tuned is the profile of a local network: a node that stops answering is suspected after one or
// two probes (1 to 3 s) and, if nobody hears from it, failed 3 s later, up to 6 s when few others
// confirm. It only tells: what may be placed elsewhere is decided by leases. Packets are small and
// rare, so that compressing them would cost more than it saves.
func tuned() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.ProbeInterval = time.Second
	c.ProbeTimeout = 300 * time.Millisecond
	c.GossipInterval = 500 * time.Millisecond
	c.EnableCompression = false
	c.SuspicionMult = 3
	c.SuspicionMaxTimeoutMult = 2
	c.TCPTimeout = 5 * time.Second
	c.PushPullInterval = 30 * time.Second
	c.DeadNodeReclaimTime = time.Second // a restarted container has another address
	return c
}

// label marks packets and streams of a cluster.
func label(name string) string {
	if len(name) > memberlist.LabelMaxSize {
		sum := sha256.Sum256([]byte(name))
		return hex.EncodeToString(sum[:])
	}
	return name
}

func gossipKey(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("seikan gossip 1"))
	return h.Sum(nil)
}

// Members are the nodes that are here, by id.
func (l *List) Members() []Member {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	return l.board.members()
}

// Self is this node.
func (l *List) Self() Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.self
}

// UpdateMeta changes what the others are told of this node. Its id cannot change. The error of a
// ctx that ended means that the news may be late, not that it is lost.
func (l *List) UpdateMeta(ctx context.Context, change func(*Member)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return errors.New("tell the members about a change: this node has left")
	}
	m := l.self
	change(&m)
	m.NodeID = l.self.NodeID
	meta, err := encode(m)
	if err != nil {
		return fmt.Errorf("tell the members about a change: %w", err)
	}
	l.self = m
	l.meta.Store(&meta)
	if err := l.ml.UpdateNode(left(ctx)); err != nil {
		return fmt.Errorf("tell the members about a change: %w", err)
	}
	return nil
}

// left is the time that ctx has, at most 5 s.
func left(ctx context.Context) time.Duration {
	const most = 5 * time.Second
	if end, ok := ctx.Deadline(); ok {
		return min(most, max(time.Until(end), time.Millisecond))
	}
	return most
}

// Events tells a new reader who is here, as Joined, and then what happens. The channel is closed
// when ctx ends or the list is left. A slow reader holds nobody up; what it missed of a node is
// then summed up in its newest event.
func (l *List) Events(ctx context.Context) <-chan Event {
	out := make(chan Event)
	s := l.board.join()
	go func() {
		defer l.board.quit(s)
		s.feed(ctx, l.over, out)
	}()
	return out
}

// Leave says goodbye, for as long as ctx allows, and stops. The port stays open.
func (l *List) Leave(ctx context.Context) error {
	return l.stop(func() error {
		l.sayGoodbye(ctx)
		return l.ml.Leave(left(ctx))
	})
}

// Close stops without a goodbye: to the others this node fails.
func (l *List) Close() error { return l.stop(func() error { return nil }) }

func (l *List) stop(first func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return nil
	}
	l.gone = true
	err := first()
	close(l.over)
	if err = errors.Join(err, l.ml.Shutdown()); err != nil {
		err = fmt.Errorf("leave the member list: %w", err)
	}
	l.wg.Wait()
	return err
}
