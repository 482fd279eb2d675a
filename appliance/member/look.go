package member

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"seikan/appliance/port"
)

// Looker finds out the Facts: it resolves the member list and asks everyone on it.
type Looker struct {
	// Self tells who this node is now.
	Self func() Answer
	// List is the member list: hosts, with or without ports.
	List []string
	// BasePort is the configured port, and that of entries without one.
	BasePort int
	// Extra ports after BasePort are asked, too, where an entry has no port (0 unless
	// auto-increment is configured; at most 9 are used).
	Extra int
	// Resolve looks names up; nil means the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Ask asks the node at host:port who it is: port.Port.Ask.
	Ask func(ctx context.Context, addr string) (Answer, error)
	// Timeout (3 s) is for one round of questions.
	Timeout time.Duration
	// Forced tells whether an administrator has said to form a cluster; nil means never.
	Forced func() bool
	// Waits hears what Await waits for, whenever that changes; nil: nobody does.
	Waits func(Decision)
	// Log; nil means slog.Default().
	Log *slog.Logger
}

const (
	mostExtra = 9
	mostAsked = 64 // questions under way
)

// Look asks everyone once.
func (l *Looker) Look(ctx context.Context) Facts {
	timeout := l.Timeout
	if timeout == 0 {
		timeout = 3 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	f := Facts{Self: l.Self(), List: make([]Entry, len(l.List))}
	f.Forced = l.Forced != nil && l.Forced()
	free := make(chan struct{}, mostAsked)
	var wg sync.WaitGroup
	for i, text := range l.List {
		wg.Go(func() {
			e := &f.List[i]
			*e = l.entry(ctx, text)
			for k := range e.Places {
				wg.Go(func() {
					free <- struct{}{}
					defer func() { <-free }()
					l.fill(ctx, e.Text, &e.Places[k], f.Self)
				})
			}
		})
	}
	wg.Wait()
	return f
}

// entry makes places of a line of the list.
func (l *Looker) entry(ctx context.Context, text string) Entry {
	e := Entry{Text: strings.TrimSpace(text)}
	host, number := split(e.Text, l.BasePort)
	hostPort, extra := net.JoinHostPort(host, number), 0
	if _, _, err := net.SplitHostPort(e.Text); err != nil {
		extra = min(l.Extra, mostExtra)
	}
	look := l.Resolve
	if look == nil {
		look = lookup
	}
	addrs, err := resolve(ctx, look, hostPort)
	if err != nil {
		e.Problem = err.Error()
		return e
	}
	for _, a := range addrs {
		for i := 0; i <= extra && int(a.Port())+i <= 65535; i++ {
			e.Places = append(e.Places, Place{Addr: netip.AddrPortFrom(a.Addr(), a.Port()+uint16(i)), Extra: i > 0})
		}
	}
	return e
}

// fill asks a place, unless this node is known to be there.
func (l *Looker) fill(ctx context.Context, text string, p *Place, self Answer) {
	if l.own(text, p.Addr, self) {
		p.Self, p.Answer = true, &self
		return
	}
	a, err := l.Ask(ctx, p.Addr.String())
	if err != nil {
		var refused *port.RefusedError
		p.Problem, p.Refused = err.Error(), errors.As(err, &refused)
		return
	}
	p.Answer, p.Self = &a, a.NodeID == self.NodeID
}

// own says whether an entry names this node the way it calls itself: then it need not be able to
// call itself. (Debian gives the host's name 127.0.1.1, where nothing listens.)
func (l *Looker) own(text string, at netip.AddrPort, self Answer) bool {
	host, number, err := net.SplitHostPort(self.Addr)
	if err != nil || number != strconv.Itoa(int(at.Port())) {
		return false
	}
	if at.String() == self.Addr {
		return true
	}
	listed, _ := split(text, 0)
	name, err := os.Hostname()
	return strings.EqualFold(listed, host) || err == nil && strings.EqualFold(listed, name)
}

// Await looks until there is something to do, every second or so. What it waits for is logged
// whenever that changes.
func (l *Looker) Await(ctx context.Context, every time.Duration) (Decision, error) {
	log := l.Log
	if log == nil {
		log = slog.Default()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for {
		d := Form(l.Look(ctx))
		if err := ctx.Err(); err != nil {
			return d, err
		}
		if d.Do != Wait && d.Do != Refuse {
			return d, nil
		}
		if d.Reason != said {
			said = d.Reason
			if l.Waits != nil {
				l.Waits(d)
			}
			level := slog.LevelInfo
			if d.Do == Refuse {
				level = slog.LevelError
			}
			log.Log(ctx, level, "not in a cluster yet", "action", string(d.Do), "why", d.Reason)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}
