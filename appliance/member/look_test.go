package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seikan/appliance/port"
)

// door is a node that only says who it is.
type door struct {
	*port.Port
	cluster atomic.Pointer[string]
	self    func() Answer
}

func opened(t testing.TB, id string, cfg port.Config) *door {
	t.Helper()
	d := &door{}
	none := ""
	d.cluster.Store(&none)
	ready := make(chan struct{})
	d.self = func() Answer {
		<-ready
		return Answer{ClusterName: "seatunnel", ClusterID: *d.cluster.Load(), NodeID: id, Addr: d.Addr().String(), Role: string(Hybrid), Incremented: d.Incremented()}
	}
	cfg.Host, cfg.Identity, cfg.Log = "127.0.0.1", d.self, slog.New(slog.DiscardHandler)
	cfg.Guard = port.NewGuard(port.GuardConfig{Log: cfg.Log})
	var err error
	if d.Port, err = port.Listen(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	close(ready)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestNodesOnRealPortsFormOneCluster(t *testing.T) {
	t.Parallel()
	var doors []*door
	var list []string
	for i := range 3 {
		d := opened(t, fmt.Sprint("n", i), port.Config{})
		doors = append(doors, d)
		list = append(list, strings.Replace(d.Addr().String(), "127.0.0.1", "localhost", 1))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wg sync.WaitGroup
	var formed atomic.Int32
	for _, d := range doors {
		wg.Go(func() {
			l := &Looker{Self: d.self, List: list, BasePort: 5801, Ask: d.Ask, Log: slog.New(slog.DiscardHandler)}
			got, err := l.Await(ctx, 10*time.Millisecond)
			switch {
			case err != nil:
				t.Error(err)
			case got.Do == Bootstrap:
				formed.Add(1)
				id := "c-" + d.self().NodeID
				d.cluster.Store(&id)
			case got.Do == Join:
				d.cluster.Store(&got.ClusterID)
			default:
				t.Errorf("%+v", got)
			}
		})
	}
	wg.Wait()
	for _, d := range doors {
		if id := *d.cluster.Load(); id == "" || id != *doors[0].cluster.Load() || formed.Load() != 1 {
			t.Errorf("cluster %q, %d formed one", id, formed.Load())
		}
	}
}

func TestEntryWithoutPortFindsAClusterOnALaterPort(t *testing.T) {
	t.Parallel()
	first := opened(t, "n1", port.Config{})
	base := first.Addr().Port
	second := opened(t, "n2", port.Config{Port: base, AutoIncrement: true})
	if second.Addr().Port > base+mostExtra {
		t.Skip("the next ports are all taken")
	}
	id := "c1"
	second.cluster.Store(&id)
	l := &Looker{Self: first.self, List: []string{"127.0.0.1"}, BasePort: base, Extra: 100, Ask: first.Ask}
	if d := Form(l.Look(t.Context())); d.Do != Join || d.ClusterID != "c1" {
		t.Errorf("%+v", d)
	}
	l.Extra = 0
	if d := Form(l.Look(t.Context())); d.Do != Bootstrap {
		t.Errorf("without auto-increment: %+v", d)
	}
	second.cluster.Store(new(string))
	l = &Looker{Self: second.self, List: []string{"127.0.0.1"}, BasePort: base, Extra: 100, Ask: second.Ask}
	if d := Form(l.Look(t.Context())); d.Do != Wait || !strings.Contains(d.Reason, "configured port was in use") {
		t.Errorf("the later one: %+v", d)
	}
}

func TestWaitingIsLoggedWhenItsReasonChanges(t *testing.T) {
	t.Parallel()
	d := opened(t, "n1", port.Config{})
	log := &logs{more: make(chan struct{})}
	other := atomic.Bool{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rounds := 0
	l := &Looker{Self: d.self, List: []string{d.Addr().String(), "10.9.9.9:5801"}, Log: slog.New(slog.NewTextHandler(log, nil)),
		Ask: func(context.Context, string) (Answer, error) {
			if rounds++; rounds == 5 {
				other.Store(true)
			}
			if rounds == 10 {
				cancel()
			}
			if !other.Load() {
				return Answer{}, errors.New("connection refused")
			}
			return *answer("n0", "10.0.0.1:5801"), nil
		}}
	if _, err := l.Await(ctx, time.Millisecond); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	log.wait(t, "10.9.9.9:5801", "connection refused")
	log.wait(t, "lowest address")
	if n := strings.Count(log.text.String(), "not in a cluster yet"); n != 2 {
		t.Errorf("said %d times:\n%s", n, log.text.String())
	}
}

func TestNodeKnowsItsOwnEntryWithoutCallingIt(t *testing.T) {
	t.Parallel()
	name, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	me := *answer("n1", "10.0.0.1:5801")
	l := &Looker{Self: func() Answer { return me }, BasePort: 5801,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.1.1")}, nil
		},
		Ask: func(context.Context, string) (Answer, error) { return Answer{}, errors.New("nothing listens there") }}
	for list, want := range map[string]Action{name: Bootstrap, name + ":5801": Bootstrap, "10.0.0.1": Bootstrap, name + ":5802": Wait, "10.0.0.2": Wait} {
		l.List = []string{list}
		if d := Form(l.Look(t.Context())); d.Do != want {
			t.Errorf("%s: %+v", list, d)
		}
	}
}

func TestEntriesThatAreNoAddressesAreNamed(t *testing.T) {
	t.Parallel()
	me := *answer("n1", "10.0.0.1:5801")
	l := &Looker{Self: func() Answer { return me }, List: []string{"10.0.0.1", "node:http", "", "a b"}, BasePort: 5801,
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			return nil, fmt.Errorf("lookup %q: no such host", host)
		},
		Ask: func(context.Context, string) (Answer, error) { return me, nil }}
	d := Form(l.Look(t.Context()))
	if d.Do != Wait || len(d.Missing) != 3 || !strings.Contains(d.Reason, "node:http") {
		t.Errorf("%+v", d)
	}
}
