package member

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"seikan/appliance/port"
)

// patience is how long anything may take before a test gives up.
const patience = 30 * time.Second

type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	close(l.more)
	l.more = make(chan struct{})
	return len(p), nil
}

func (l *logs) wait(t testing.TB, parts ...string) {
	t.Helper()
	end := time.After(patience)
	for {
		l.mu.Lock()
		text, more := l.text.String(), l.more
		l.mu.Unlock()
		for line := range strings.Lines(text) {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(line, part)
			}
			if all {
				return
			}
		}
		select {
		case <-more:
		case <-end:
			t.Fatalf("the log has no line with %q:\n%s", parts, text)
		}
	}
}

type node struct {
	*List
	port *port.Port
	log  *logs
}

type setup struct {
	id, name, cluster, key string
	server, client         *tls.Config
	resolve                func(context.Context, string) ([]netip.Addr, error)
	host                   string // advertised
	at                     int    // port
	change                 func(*Member)
	slow                   bool // as tuned
}

func begin(t testing.TB, s setup) *node {
	t.Helper()
	if s.name == "" {
		s.name = "seatunnel"
	}
	if s.host == "" {
		s.host = "127.0.0.1"
	}
	n := &node{log: &logs{more: make(chan struct{})}}
	log := slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	self := Member{NodeID: s.id, Role: Hybrid, Version: "1", Incarnation: "i1", ClusterID: s.cluster}
	identity := func() port.Identity {
		return port.Identity{ClusterName: s.name, ClusterID: s.cluster, NodeID: s.id, Addr: self.RaftAddr, Role: string(self.Role)}
	}
	var err error
	n.port, err = port.Listen(context.Background(), port.Config{Host: "127.0.0.1", Port: s.at, Identity: identity, TLS: s.server, ClientTLS: s.client,
		Guard: port.NewGuard(port.GuardConfig{Key: []byte(s.key), Log: log}), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	self.RaftAddr = net.JoinHostPort(s.host, fmt.Sprint(n.port.Addr().Port))
	if s.change != nil {
		s.change(&self)
	}
	nowhere := func() ([]netip.Addr, error) { return nil, nil }
	cfg := Config{own: nowhere, Port: n.port, ClusterName: s.name, Self: self, Resolve: s.resolve, Log: log, tune: quick}
	if s.slow {
		cfg.tune = nil
	}
	n.List, err = Start(cfg)
	if err != nil {
		_ = n.port.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.List.Close()
		_ = n.port.Close()
	})
	return n
}

// quick makes failures known sooner than tuned does.
func quick(c *memberlist.Config) {
	c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult = 100*time.Millisecond, 80*time.Millisecond, 2
	c.GossipInterval, c.PushPullInterval = 20*time.Millisecond, 500*time.Millisecond
}

func (n *node) meet(t testing.TB, others ...*node) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var addrs []string
	for _, o := range others {
		addrs = append(addrs, o.Self().RaftAddr)
	}
	return n.Join(ctx, addrs)
}

// await reads events until one is as wanted.
func await(t testing.TB, events <-chan Event, wanted func(Event) bool) Event {
	t.Helper()
	end := time.After(patience)
	var seen []Event
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the events end after %+v", seen)
			}
			if seen = append(seen, e); wanted(e) {
				return e
			}
		case <-end:
			t.Fatalf("only saw %+v", seen)
		}
	}
}

func is(kind EventKind, id string) func(Event) bool {
	return func(e Event) bool { return e.Kind == kind && e.Member.NodeID == id }
}

func ids(ms []Member) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.NodeID)
	}
	return strings.Join(out, " ")
}

func TestMembersSeeEachOtherComeChangeAndGo(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "cluster key"} {
		t.Run("key="+key, func(t *testing.T) {
			t.Parallel()
			a, b, c := begin(t, setup{id: "a", key: key}), begin(t, setup{id: "b", key: key}), begin(t, setup{id: "c", key: key})
			events := a.Events(t.Context())
			await(t, events, is(Joined, "a"))
			if err := b.meet(t, a); err != nil {
				t.Fatal(err)
			}
			if err := c.meet(t, b); err != nil {
				t.Fatal(err)
			}
			await(t, events, is(Joined, "c"))
			if got := ids(a.Members()); got != "a b c" {
				t.Error(got)
			}
			if m := a.Members()[2]; m != c.Self() {
				t.Errorf("a knows %+v, c is %+v", m, c.Self())
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := c.UpdateMeta(ctx, func(m *Member) { m.Role, m.ClusterID, m.NodeID = Worker, "c9", "x" }); err != nil {
				t.Fatal(err)
			}
			e := await(t, events, is(Updated, "c"))
			if e.Member.Role != Worker || e.Member.ClusterID != "c9" {
				t.Errorf("%+v", e)
			}
			if err := c.Leave(ctx); err != nil {
				t.Fatal(err)
			}
			await(t, events, is(Left, "c"))
			if err := b.List.Close(); err != nil { // as if killed
				t.Fatal(err)
			}
			_ = b.port.Close()
			await(t, events, is(Failed, "b"))
			if got := ids(a.Members()); got != "a" {
				t.Error(got)
			}
			if err := a.Leave(ctx); err != nil {
				t.Fatal(err)
			}
			for range events { // ends
			}
			if err := a.Leave(ctx); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

func TestRestartedNodeIsANewIncarnation(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a"}), begin(t, setup{id: "b"})
	if err := b.meet(t, a); err != nil {
		t.Fatal(err)
	}
	events := a.Events(t.Context())
	await(t, events, is(Joined, "b"))
	at := b.port.Addr().Port
	if err := b.List.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.port.Close(); err != nil {
		t.Fatal(err)
	}
	b = begin(t, setup{id: "b", at: at, change: func(m *Member) { m.Incarnation = "i2" }})
	if err := b.meet(t, a); err != nil {
		t.Fatal(err)
	}
	await(t, events, func(e Event) bool {
		return e.Kind != Failed && e.Member.NodeID == "b" && e.Member.Incarnation == "i2"
	})
}

func TestListStartsAgainOnTheSamePort(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a"}), begin(t, setup{id: "b"})
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := Start(Config{Port: a.port, ClusterName: "seatunnel", Self: a.Self(), tune: quick, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := b.meet(t, &node{List: l}); err != nil {
		t.Error(err)
	}
	events := l.Events(t.Context())
	await(t, events, is(Joined, "b"))
}

func TestOtherNameIsRefusedOnBothSides(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a", name: "blue"}), begin(t, setup{id: "b", name: "green"})
	err := b.meet(t, a)
	if err == nil || !strings.Contains(err.Error(), `"blue"`) || !strings.Contains(err.Error(), `"green"`) || !strings.Contains(err.Error(), "cluster-name") {
		t.Errorf("the one who joins hears: %v", err)
	}
	a.log.wait(t, "refused", `\"blue\"`, `\"green\"`)
	if ids(a.Members()) != "a" || ids(b.Members()) != "b" {
		t.Error("they met")
	}
}

func TestPacketsOfAnotherNameAreDropped(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a", name: "blue"}), begin(t, setup{id: "b", name: "green"})
	if _, err := b.tr.WriteTo([]byte("\xf4\x05green\x00"), a.port.Addr().String()); err != nil {
		t.Fatal(err)
	}
	a.log.wait(t, "unacceptable label", "green")
}

func TestOtherKeyIsRefused(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a", key: "one"}), begin(t, setup{id: "b", key: "two"})
	if err := b.meet(t, a); err == nil || !strings.Contains(err.Error(), "different cluster keys") {
		t.Error(err)
	}
	a.log.wait(t, "different cluster keys")
}

func TestClustersOfOneNameDoNotGossip(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a", cluster: "c1"}), begin(t, setup{id: "b", cluster: "c2"})
	if err := b.meet(t, a); err == nil || !strings.Contains(err.Error(), "do not merge") {
		t.Error(err)
	}
	a.log.wait(t, "do not merge")
	// Nor by way of a node that has learned of both before it was in either.
	c := begin(t, setup{id: "c"})
	if err := c.meet(t, a); err != nil {
		t.Fatal(err)
	}
	_ = c.meet(t, b) // hears of a or not
	await(t, c.Events(t.Context()), is(Joined, "a"))
	if strings.Contains(ids(a.Members()), "b") || strings.Contains(ids(b.Members()), "a") {
		t.Errorf("a sees %s, b sees %s", ids(a.Members()), ids(b.Members()))
	}
}

func TestTwoNodesOfOneIDAreNamed(t *testing.T) {
	t.Parallel()
	a, b := begin(t, setup{id: "a"}), begin(t, setup{id: "a"})
	_ = b.meet(t, a)
	a.log.wait(t, "two nodes use one id")
}

func TestTooMuchToTellIsRefused(t *testing.T) {
	t.Parallel()
	a := begin(t, setup{id: "a"})
	err := a.UpdateMeta(t.Context(), func(m *Member) { m.HTTPAddr = strings.Repeat("h", 500) + ":8080" })
	if err == nil || !strings.Contains(err.Error(), "512") {
		t.Error(err)
	}
	if a.Self().HTTPAddr != "" {
		t.Error("it was changed all the same")
	}
}

func TestAUsualNodeFitsIntoItsPacket(t *testing.T) {
	t.Parallel()
	host := strings.Repeat("h", 60) + ".example.com"
	text, err := encode(Member{NodeID: strings.Repeat("n", 36), Role: Hybrid, RaftAddr: host + ":5801", RPCAddr: host + ":5801", HTTPAddr: host + ":8080",
		Version: "10.11.12-rc.13", Incarnation: strings.Repeat("i", 36), ClusterID: strings.Repeat("c", 36)})
	if err != nil {
		t.Errorf("%v: %s", err, text)
	}
}

// TestStreamsVerifyTheNameOfTheMember: memberlist knows addresses only, certificates are for names.
func TestStreamsVerifyTheNameOfTheMember(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"node.example"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	s := setup{host: "node.example", server: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, client: &tls.Config{RootCAs: pool},
		resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}}
	s.id = "a"
	a := begin(t, s)
	s.id = "b"
	b := begin(t, s)
	if err := b.meet(t, a); err != nil {
		t.Fatal(err)
	}
	await(t, a.Events(t.Context()), is(Joined, "b"))
	conn, err := a.tr.DialTimeout(b.port.Addr().String(), patience) // a has never resolved b
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestSlowReaderKeepsTheNewestOfEachNode(t *testing.T) {
	t.Parallel()
	b := newBoard()
	s := b.join()
	const nodes = 10
	for i := range 100 * nodes {
		kind := []EventKind{Joined, Updated, Failed}[i/nodes%3]
		b.post(Event{kind, Member{NodeID: fmt.Sprint(i % nodes), Version: fmt.Sprint(i)}})
		if len(s.waiting) > maxWaiting {
			t.Fatalf("%d events wait", len(s.waiting))
		}
	}
	last := make(map[string]string)
	for _, e := range s.take() {
		last[e.Member.NodeID] = e.Member.Version
	}
	for i := range nodes {
		if want := fmt.Sprint(99*nodes + i); last[fmt.Sprint(i)] != want {
			t.Errorf("node %d: %s, want %s", i, last[fmt.Sprint(i)], want)
		}
	}
}
