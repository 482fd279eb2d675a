package port

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// logs is a log that can be waited for.
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

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait waits until the log has all parts in one line.
func (l *logs) wait(t testing.TB, parts ...string) {
	t.Helper()
	end := time.After(20 * time.Second)
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
	*Port
	log *logs
	id  Identity
}

type setup struct {
	cfg   Config
	guard GuardConfig
	id    Identity
}

func open(t testing.TB, change ...func(*setup)) *node {
	t.Helper()
	n := &node{log: &logs{more: make(chan struct{})}}
	s := setup{
		cfg:   Config{Host: "127.0.0.1", Patience: 8 * time.Second},
		id:    Identity{ClusterName: "seatunnel", NodeID: t.Name(), Addr: "127.0.0.1:0", Role: "master_and_worker", Version: "1"},
		guard: GuardConfig{},
	}
	for _, c := range change {
		c(&s)
	}
	s.cfg.Log = slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.guard.Log = s.cfg.Log
	s.cfg.Guard = NewGuard(s.guard)
	n.id = s.id
	s.cfg.Identity = func() Identity { return s.id }
	var err error
	if n.Port, err = Listen(context.Background(), s.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func key(text string) func(*setup) { return func(s *setup) { s.guard.Key = []byte(text) } }

func named(name string) func(*setup) { return func(s *setup) { s.id.ClusterName = name } }

func inCluster(id string) func(*setup) { return func(s *setup) { s.id.ClusterID = id } }

// echo serves a kind: what is sent comes back behind the kind's name.
func echo(t testing.TB, p *Port, kind Kind) {
	ln := p.Listener(kind)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, kind.String())
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

func tryEcho(from *Port, to string, kind Kind, payload string) error {
	c, err := from.Dialer(kind).Dial(to, 8*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, payload); err != nil {
		return err
	}
	got := make([]byte, len(kind.String())+len(payload))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != kind.String()+payload {
		return errors.New("got " + string(got))
	}
	return nil
}

func TestFirstBytesTell(t *testing.T) {
	t.Parallel()
	for first, want := range map[string]speech{
		"": unclear, "G": unclear, "GE": unclear, "GET": web, "PRI * HTTP/2.0": web, "POST /": web, "OPTIONS": web,
		"C": unclear, "CP": unclear, "CP2": javaClient, "CON": web, "HZC": javaMember, "HEA": web, "HZX": web,
		"\x01": ours, "\x03abc": ours, "\x05": ours, "\x00": unknown, "\x06": unknown, "\x16\x03\x01": tlsHello,
		"get": unknown, "G E": unknown, "2": unclear, "222": unknown, "A2": unclear, "SSH-2.0": web, "\xff": unknown,
	} {
		if got := tell([]byte(first)); got != want {
			t.Errorf("%q: %d, want %d", first, got, want)
		}
	}
}

func FuzzFirstBytesAreToldSoon(f *testing.F) {
	for _, s := range []string{"", "GET / HTTP/1.1", "CP2", "HZC", "\x01\x00", "\x16\x03", "2A2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := tell(b)
		if len(b) >= longestTold && s == unclear {
			t.Fatalf("%q stays unclear", b)
		}
		if s != unclear && len(b) > longestTold && tell(b[:longestTold]) != s {
			t.Fatalf("%q changes its mind", b)
		}
	})
}

func TestStreamsReachTheListenerOfTheirKind(t *testing.T) {
	t.Parallel()
	a, b := open(t, key("k")), open(t, key("k"))
	for _, kind := range []Kind{Raft, Store, Gossip, RPC} {
		echo(t, a.Port, kind)
		if err := tryEcho(b.Port, a.Addr().String(), kind, "hello"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestLayerIsWhatRaftWants(t *testing.T) {
	t.Parallel()
	a := open(t)
	var layer interface {
		net.Listener
		Dial(addr string, timeout time.Duration) (net.Conn, error)
	} = a.Layer(Raft)
	go func() {
		if c, err := layer.Accept(); err == nil {
			_ = c.Close()
		}
	}()
	c, err := layer.Dial(layer.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	if _, ok := c.(syscall.Conn); !ok {
		t.Errorf("%T hides its socket from raft, which looks whether a pooled connection is dead", c)
	}
	if err := layer.Close(); err != nil {
		t.Error(err)
	}
	if _, err := layer.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := tryEcho(a.Port, a.Addr().String(), Raft, "x"); err == nil || !strings.Contains(err.Error(), "starting or stopping") {
		t.Errorf("a closed kind answers: %v", err)
	}
	echo(t, a.Port, Raft) // opened again, as after a restart of the store
	if err := tryEcho(a.Port, a.Addr().String(), Raft, "x"); err != nil {
		t.Error(err)
	}
}

func TestPortInUseSaysWhatToDo(t *testing.T) {
	t.Parallel()
	a := open(t)
	_, err := Listen(context.Background(), Config{Host: "127.0.0.1", Port: a.Addr().Port, Identity: a.identity, Guard: a.Guard()})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "auto-increment") {
		t.Error(err)
	}
}

func TestAutoIncrementTakesALaterPortForBothProtocols(t *testing.T) {
	t.Parallel()
	a := open(t)
	first := a.Addr().Port
	b := open(t, func(s *setup) { s.cfg.Port, s.cfg.AutoIncrement = first, true })
	if got := b.Addr().Port; got <= first || got >= first+100 {
		t.Errorf("port %d after %d", got, first)
	}
	if !b.Incremented() || a.Incremented() {
		t.Error("Incremented is wrong")
	}
	if udp := b.Packets().LocalAddr().(*net.UDPAddr).Port; udp != b.Addr().Port {
		t.Errorf("udp %d, tcp %d", udp, b.Addr().Port)
	}
	if id, err := a.Ask(context.Background(), b.Addr().String()); err != nil || !id.Incremented {
		t.Errorf("%+v, %v", id, err)
	}
	_, err := Listen(context.Background(), Config{Host: "127.0.0.1", Port: first, AutoIncrement: true, Count: 1, Identity: a.identity, Guard: a.Guard()})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("with a count of 1: %v", err)
	}
}

func TestUDPInUseCountsAsPortInUse(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	taken := udp.LocalAddr().(*net.UDPAddr).Port
	b := open(t, func(s *setup) { s.cfg.Port, s.cfg.AutoIncrement = taken, true })
	if b.Addr().Port == taken {
		t.Error("the port is half bound")
	}
}

func TestAskTellsWhoIsThere(t *testing.T) {
	t.Parallel()
	a, b := open(t, inCluster("c1")), open(t, inCluster("c2"))
	id, err := b.Ask(context.Background(), a.Addr().String())
	if err != nil || id != a.id {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestOtherClusterNameIsRefusedOnBothSides(t *testing.T) {
	t.Parallel()
	a, b := open(t, named("blue"), key("one")), open(t, named("green"), key("two")) // as a rule, the keys differ, too
	echo(t, a.Port, Gossip)
	err := tryEcho(b.Port, a.Addr().String(), Gossip, "x")
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.ByUs || !strings.Contains(err.Error(), `"blue"`) || !strings.Contains(err.Error(), `"green"`) {
		t.Errorf("dialer: %v", err)
	}
	a.log.wait(t, "gossip", "blue", "green", "cluster-name")
}

func TestTwoClustersOfOneNameRefuseEachOther(t *testing.T) {
	t.Parallel()
	a, b := open(t, inCluster("c1")), open(t, inCluster("c2"))
	echo(t, a.Port, Raft)
	if err := tryEcho(b.Port, a.Addr().String(), Raft, "x"); err == nil || !strings.Contains(err.Error(), "do not merge") {
		t.Error(err)
	}
	a.log.wait(t, "raft", "c1", "c2", "do not merge")
}

func TestOtherKeyIsRefusedEvenFromThisHost(t *testing.T) {
	t.Parallel()
	a, b := open(t, key("one")), open(t, key("two"))
	echo(t, a.Port, RPC)
	if err := tryEcho(b.Port, a.Addr().String(), RPC, "x"); err == nil || !strings.Contains(err.Error(), "different cluster keys") {
		t.Error(err)
	}
	a.log.wait(t, "different cluster keys")
	b.Guard().SetKey([]byte("one"))
	if err := tryEcho(b.Port, a.Addr().String(), RPC, "x"); err != nil {
		t.Errorf("after the key was handed over: %v", err)
	}
}

func TestNodeWithoutKeyIsLetInByAddress(t *testing.T) {
	t.Parallel()
	a, b := open(t, key("one")), open(t)
	echo(t, a.Port, RPC)
	if err := tryEcho(b.Port, a.Addr().String(), RPC, "x"); err != nil {
		t.Error(err)
	}
}

func TestAcceptorThatDoesNotProveTheKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := open(t, key("one"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.ReadFull(c, make([]byte, 1))
		_, _ = receive(c, &hello{})
		_, _ = send(c, nil, challenge{V: 1, Nonce: nonce(), Keyed: true})
		_, _ = receive(c, &proof{})
		_, _ = send(c, nil, verdict{MAC: make([]byte, 32)})
	}()
	var refused *RefusedError
	if _, err := b.Dialer(Raft).Dial(ln.Addr().String(), 5*time.Second); !errors.As(err, &refused) || !refused.ByUs {
		t.Error(err)
	}
}

func TestJavaPeersAreToldWhatToUseOnce(t *testing.T) {
	t.Parallel()
	a := open(t)
	for _, preface := range []string{"CP2", "HZC", "CP2"} {
		c, err := net.Dial("tcp", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, preface)
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("it was answered")
		}
		_ = c.Close()
	}
	a.log.wait(t, "Java client", "REST")
	a.log.wait(t, "Java SeaTunnel node")
	if n := strings.Count(a.log.String(), "Java client"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

func TestSilentPeersDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	const limit = 8
	a := open(t, func(s *setup) { s.cfg.HalfOpen, s.cfg.Patience = limit, time.Hour })
	echo(t, a.Port, Raft)
	var silent []net.Conn
	for i := range 4 * limit { // some say nothing, some a byte of HTTP, some half a greeting
		c, err := net.Dial("tcp", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, []string{"", "G", "\x01\x00"}[i%3])
		silent = append(silent, c)
	}
	b := open(t)
	if err := tryEcho(b.Port, a.Addr().String(), Raft, "x"); err != nil {
		t.Error(err)
	}
	// The first ones had to go, without any clock.
	if _, err := silent[0].Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("the oldest silent connection lives: %v", err)
	}
	a.log.wait(t, "say nothing")
	a.pending.mu.Lock()
	defer a.pending.mu.Unlock()
	if n := a.pending.conns.Len(); n > limit {
		t.Errorf("%d half-open connections", n)
	}
}

func TestSilentPeerIsClosedAfterItsTime(t *testing.T) {
	t.Parallel()
	a := open(t, func(s *setup) { s.cfg.Patience = 200 * time.Millisecond })
	c, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	a.log.wait(t, "did not say in time")
}

func TestCloseEndsEverythingThatWaits(t *testing.T) {
	t.Parallel()
	a := open(t, func(s *setup) { s.cfg.Patience = time.Hour })
	ln := a.Listener(HTTP)
	c, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a half-open connection survives")
	}
	if err := a.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestDialerGivesUpOnASilentAcceptor(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b := open(t)
	if _, err := b.Dialer(Raft).Dial(ln.Addr().String(), 100*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// authority makes certificates of one CA: a server's configuration and a client's.
func authority(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, _ = x509.ParseCertificate(caDER)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	nodeKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &nodeKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: nodeKey}
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool}, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}
}

func secured(server, client *tls.Config) func(*setup) {
	return func(s *setup) { s.cfg.TLS, s.cfg.ClientTLS = server, client }
}

func TestTLSCarriesEveryKind(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	server.ClientAuth = tls.RequireAndVerifyClientCert
	a, b := open(t, key("k"), secured(server, client)), open(t, key("k"), secured(server, client))
	for _, kind := range []Kind{Raft, Store, Gossip, RPC} {
		echo(t, a.Port, kind)
		if err := tryEcho(b.Port, a.Addr().String(), kind, strings.Repeat("x", 100_000)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := b.Ask(context.Background(), a.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestMutualTLSRefusesAPeerWithoutCertificate(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	server.ClientAuth = tls.RequireAndVerifyClientCert
	a := open(t, secured(server, client))
	echo(t, a.Port, Raft)
	bare := client.Clone()
	bare.Certificates = nil
	b := open(t, secured(server, bare))
	if err := tryEcho(b.Port, a.Addr().String(), Raft, "x"); err == nil {
		t.Error("let in")
	}
	a.log.wait(t, "TLS handshake failed")
}

func TestPlainPeerOfATLSNodeIsToldSo(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	a, b := open(t, secured(server, client)), open(t)
	echo(t, a.Port, Raft)
	if err := tryEcho(b.Port, a.Addr().String(), Raft, "x"); err == nil || !strings.Contains(err.Error(), "TLS only") {
		t.Error(err)
	}
	a.log.wait(t, "without TLS")
	resp, err := http.Get("http://" + a.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "https://") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestTLSPeerOfAPlainNodeIsToldSo(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	a, b := open(t), open(t, secured(server, client))
	if err := tryEcho(b.Port, a.Addr().String(), Raft, "x"); err == nil || !strings.Contains(err.Error(), "seatunnel.seikan.tls") {
		t.Error(err)
	}
	a.log.wait(t, "speaks TLS", "seatunnel.seikan.tls")
}

func TestPlainPeersMayBeAllowedDuringAChangeOver(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	a := open(t, secured(server, client), func(s *setup) { s.cfg.AllowPlain = true })
	echo(t, a.Port, Raft)
	for _, b := range []*node{open(t), open(t, secured(server, client))} {
		if err := tryEcho(b.Port, a.Addr().String(), Raft, "x"); err != nil {
			t.Error(err)
		}
	}
}
