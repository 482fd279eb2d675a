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
	"net"
	"net/netip"
	"strconv"
	"strings"
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

	tune func(*memberlist.Config) // of a test
}

// List is the nodes that are here now, this one included.
type List struct {
	cfg   Config
	ml    *memberlist.Memberlist
	tr    *transport
	board board
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
	l := &List{cfg: cfg, self: cfg.Self, over: make(chan struct{})}
	l.board.subs, l.board.here = make(map[*subscriber]struct{}), make(map[string]Member)
	l.meta.Store(&meta)
	key := cfg.Port.Guard().Key()
	l.tr = newTransport(cfg.Port, addrs[0], key != nil)
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

// tuned is the profile of a local network, made quicker: a node that stops answering is suspected
// after one or two probes (0.5 to 1.5 s) and, if nobody hears from it, failed 2 s later, up to 4 s
// when few others confirm. It only tells: what may be placed elsewhere is decided by leases.
func tuned() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.ProbeInterval = 500 * time.Millisecond
	c.ProbeTimeout = 200 * time.Millisecond
	c.SuspicionMult = 4
	c.SuspicionMaxTimeoutMult = 2
	c.TCPTimeout = 5 * time.Second
	c.PushPullInterval = 15 * time.Second
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

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// resolve makes addresses of a host:port.
func resolve(ctx context.Context, look func(context.Context, string) ([]netip.Addr, error), hostPort string) ([]netip.AddrPort, error) {
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w; it must be host:port", hostPort, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address %q: the port must be a number from 1 to 65535", hostPort)
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = look(ctx, host); err != nil {
		return nil, fmt.Errorf("address %q: %w", hostPort, err)
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("address %q: the name has no address", hostPort)
	}
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a.Unmap(), uint16(number))
	}
	return out, nil
}

// Join meets the nodes at addrs, host:port, and through them all others. It succeeds if it met
// one; otherwise the error says of each why not.
func (l *List) Join(ctx context.Context, addrs []string) error {
	met, errs := 0, []error(nil)
	for _, addr := range addrs {
		places, err := resolve(ctx, l.cfg.Resolve, addr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, place := range places {
			if err := ctx.Err(); err != nil {
				errs = append(errs, err)
				break
			}
			l.tr.call(place.String(), addr)
			n, err := l.join(ctx, place.String())
			if met += n; err != nil {
				errs = append(errs, err)
			}
		}
	}
	if met > 0 {
		return nil
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("no address given"))
	}
	return fmt.Errorf("join the members of %q: %w", l.cfg.ClusterName, errors.Join(errs...))
}

// join is memberlist's, which knows no context. A call that is given up ends by its own timeout.
func (l *List) join(ctx context.Context, addr string) (met int, err error) {
	type result struct {
		n   int
		err error
	}
	got := make(chan result, 1)
	l.wg.Go(func() {
		n, err := l.ml.Join([]string{addr})
		got <- result{n, err}
	})
	select {
	case r := <-got:
		return r.n, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("%s: %w", addr, ctx.Err())
	}
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
	return l.stop(func() error { return l.ml.Leave(left(ctx)) })
}

// Close stops without a goodbye: to the others this node fails.
func (l *List) Close() error { return l.stop(func() error { return nil }) }

func (l *List) stop(goodbye func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return nil
	}
	l.gone = true
	err := goodbye()
	close(l.over)
	if err = errors.Join(err, l.ml.Shutdown()); err != nil {
		err = fmt.Errorf("leave the member list: %w", err)
	}
	l.wg.Wait()
	return err
}

// tells implements memberlist.Delegate: what this node says.
type tells struct{ l *List }

func (t tells) NodeMeta(int) []byte             { return *t.l.meta.Load() }
func (tells) NotifyMsg([]byte)                  {}
func (tells) GetBroadcasts(int, int) [][]byte   { return nil }
func (tells) LocalState(bool) []byte            { return nil }
func (tells) MergeRemoteState(_ []byte, _ bool) {}

// admits implements memberlist.AliveDelegate and MergeDelegate: whom this node takes for a member.
type admits struct{ l *List }

func (a admits) NotifyAlive(n *memberlist.Node) error {
	m, err := decode(n)
	if err != nil {
		return err
	}
	own := own(a.l)
	if m.ClusterID != "" && own != "" && m.ClusterID != own {
		return fmt.Errorf("node %s (%s) is of cluster %s and this one of %s: two clusters named %q exist, and they do not merge",
			m.NodeID, m.RaftAddr, m.ClusterID, own, a.l.cfg.ClusterName)
	}
	return nil
}

func (a admits) NotifyMerge(peers []*memberlist.Node) error {
	for _, n := range peers {
		if err := a.NotifyAlive(n); err != nil {
			return err
		}
	}
	return nil
}

// own is this node's cluster id as the others are told; Self would wait for UpdateMeta, which
// ends up here.
func own(l *List) string {
	m, err := decode(&memberlist.Node{Name: l.cfg.Self.NodeID, Meta: *l.meta.Load()})
	if err != nil {
		return ""
	}
	return m.ClusterID
}

// hears implements memberlist.EventDelegate and ConflictDelegate: what happens to the others. It
// is called with memberlist's locks held.
type hears struct{ l *List }

func (h hears) post(kind EventKind, n *memberlist.Node) {
	m, err := decode(n)
	if err != nil {
		return // admits has kept it out, and said so
	}
	addr := net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
	if kind == Left || kind == Failed {
		h.l.tr.forget(addr)
	} else {
		h.l.tr.call(addr, m.RaftAddr)
	}
	h.l.board.post(Event{kind, m})
	if m.NodeID != h.l.cfg.Self.NodeID && kind != Updated {
		h.l.cfg.Log.Info("member "+string(kind), "node", m.NodeID, "addr", m.RaftAddr, "role", string(m.Role), "version", m.Version)
	}
}

func (h hears) NotifyJoin(n *memberlist.Node)   { h.post(Joined, n) }
func (h hears) NotifyUpdate(n *memberlist.Node) { h.post(Updated, n) }
func (h hears) NotifyLeave(n *memberlist.Node) {
	if n.State == memberlist.StateLeft {
		h.post(Left, n)
		return
	}
	h.post(Failed, n)
}

func (h hears) NotifyConflict(existing, other *memberlist.Node) {
	h.l.cfg.Log.Error("two nodes use one id: was a state directory copied? Empty it on one of them, and it takes a new id",
		"node", existing.Name, "addrs", strings.Join([]string{existing.Address(), other.Address()}, ", "))
}
