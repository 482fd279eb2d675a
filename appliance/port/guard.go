package port

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Guard knows who may speak to this node: its own host, the members by address, and whoever
// proves the cluster key.
type Guard struct {
	cfg  GuardConfig
	key  atomic.Pointer[[]byte]
	once once
	now  func() time.Time

	hosts  atomic.Pointer[[]string]
	known  atomic.Pointer[places]
	lookMu sync.Mutex // held while names are looked up
}

// places are the addresses of the member list, as of a moment.
type places struct {
	addrs map[netip.Addr]bool
	at    time.Time
}

// GuardConfig of NewGuard.
type GuardConfig struct {
	// Members is the member list, entries with or without ports.
	Members []string
	// Key is the cluster key; nil if there is none yet.
	Key []byte
	// Resolve looks names up; nil means the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Log; nil means slog.Default().
	Log *slog.Logger
}

const (
	minLookAgain = 5 * time.Second  // names are not looked up more often than this,
	maxLookAgain = 60 * time.Second // nor believed longer
	lookPatience = 2 * time.Second
)

// NewGuard makes a guard.
func NewGuard(cfg GuardConfig) *Guard {
	if cfg.Resolve == nil {
		cfg.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	g := &Guard{cfg: cfg, now: time.Now}
	g.once.now = time.Now
	g.SetKey(cfg.Key)
	g.SetMembers(cfg.Members)
	return g
}

// SetKey replaces the cluster key, for greetings from now on.
func (g *Guard) SetKey(key []byte) {
	if len(key) == 0 {
		g.key.Store(nil)
		return
	}
	key = slices.Clone(key)
	g.key.Store(&key)
}

// Key is the cluster key, or nil. It must not be changed.
func (g *Guard) Key() []byte {
	if k := g.key.Load(); k != nil {
		return *k
	}
	return nil
}

// SetMembers replaces the member list.
func (g *Guard) SetMembers(entries []string) {
	hosts := make([]string, len(entries))
	for i, entry := range entries {
		hosts[i] = hostOf(entry)
	}
	g.lookMu.Lock()
	defer g.lookMu.Unlock()
	g.hosts.Store(&hosts)
	g.known.Store(&places{})
}

// Hosts are the names and addresses of the member list, without ports.
func (g *Guard) Hosts() []string { return slices.Clone(*g.hosts.Load()) }

// hostOf takes the port off, if there is one.
func hostOf(entry string) string {
	entry = strings.TrimSpace(entry)
	if host, _, err := net.SplitHostPort(entry); err == nil {
		return host
	}
	return strings.Trim(entry, "[]")
}

// Trusts says whether a peer may speak because of where it is: on this host (a loopback address,
// or the one it called), or at an address of the member list. It may look names up, for 2 s.
func (g *Guard) Trusts(remote, local net.Addr) bool {
	r, l := addrOf(remote), addrOf(local)
	return r.IsValid() && (onThisHost(r, l) || g.listed(r))
}

// TrustsNow is Trusts without waiting: names are looked up meanwhile, for the next time.
func (g *Guard) TrustsNow(remote, local net.Addr) bool {
	r, l := addrOf(remote), addrOf(local)
	if !r.IsValid() || onThisHost(r, l) {
		return r.IsValid()
	}
	known := g.known.Load()
	yes, stale := known.judge(r, g.now())
	if stale && g.lookMu.TryLock() {
		go func() {
			defer g.lookMu.Unlock()
			g.look()
		}()
	}
	return yes
}

func onThisHost(remote, local netip.Addr) bool { return remote.IsLoopback() || remote == local }

func addrOf(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// judge says whether addr is in, and whether to look again to be sure.
func (p *places) judge(addr netip.Addr, now time.Time) (yes, stale bool) {
	age := now.Sub(p.at)
	if p.addrs[addr] && age < maxLookAgain {
		return true, false
	}
	return p.addrs[addr], age >= minLookAgain
}

func (g *Guard) listed(addr netip.Addr) bool {
	yes, stale := g.known.Load().judge(addr, g.now())
	if !stale {
		return yes
	}
	g.lookMu.Lock()
	defer g.lookMu.Unlock()
	if yes, stale = g.known.Load().judge(addr, g.now()); stale { // nobody looked meanwhile
		g.look()
		yes, _ = g.known.Load().judge(addr, g.now())
	}
	return yes
}

// look resolves the list; a name that cannot be resolved now is asked for again later. The
// caller holds lookMu.
func (g *Guard) look() {
	hosts := *g.hosts.Load()
	ctx, cancel := context.WithTimeout(context.Background(), lookPatience)
	defer cancel()
	found := make([][]netip.Addr, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		if a, err := netip.ParseAddr(host); err == nil {
			found[i] = []netip.Addr{a}
			continue
		}
		wg.Go(func() {
			addrs, err := g.cfg.Resolve(ctx, host)
			if err != nil && g.once.first(host) {
				g.cfg.Log.Warn("a name of the member list cannot be resolved; the node there is not let in until it can", "name", host, "error", err)
			}
			found[i] = addrs
		})
	}
	wg.Wait()
	known := &places{addrs: make(map[netip.Addr]bool), at: g.now()}
	for _, addrs := range found {
		for _, a := range addrs {
			known.addrs[a.Unmap().WithZone("")] = true
		}
	}
	g.known.Store(known)
}
