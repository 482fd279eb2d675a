package port

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func tcp(addr string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr)) }

func TestGuardTrustsThisHostAndTheMemberList(t *testing.T) {
	t.Parallel()
	g := NewGuard(GuardConfig{Log: slog.New(slog.DiscardHandler),
		Members: []string{"10.0.0.1", "10.0.0.2:5801", "[2001:db8::5]:5801", "2001:db8::6", " node3 ", "gone"},
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "node3" {
				return []netip.Addr{netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.4")}, nil
			}
			return nil, errors.New("no such host")
		},
	})
	for remote, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"10.0.0.1:9": true, "[::ffff:10.0.0.1]:9": true, "10.0.0.2:9": true, "10.0.0.3:9": true, "10.0.0.4:9": true,
		"[2001:db8::5]:9": true, "[2001:db8::6]:9": true, "192.168.1.1:9": true, // the address it called
		"10.0.0.5:9": false, "[2001:db8::7]:9": false, "203.0.113.9:1": false,
	} {
		if got := g.Trusts(tcp(remote), tcp("192.168.1.1:5801")); got != want {
			t.Errorf("%s: %v", remote, got)
		}
	}
	if g.Trusts(nil, nil) || g.Trusts(&net.UnixAddr{Name: "x"}, nil) {
		t.Error("an address that is none is trusted")
	}
}

func TestGuardLooksNamesUpAgainButNotForEveryStranger(t *testing.T) {
	t.Parallel()
	now, looks, at := time.Unix(1e9, 0), 0, "10.0.0.1"
	g := NewGuard(GuardConfig{Log: slog.New(slog.DiscardHandler), Members: []string{"node"}, Resolve: func(context.Context, string) ([]netip.Addr, error) {
		looks++
		return []netip.Addr{netip.MustParseAddr(at)}, nil
	}})
	g.now = func() time.Time { return now }
	check := func(remote string, want bool, wantLooks int) {
		t.Helper()
		if got := g.Trusts(tcp(remote+":1"), nil); got != want || looks != wantLooks {
			t.Errorf("%s: %v after %d look-ups, want %v after %d", remote, got, looks, want, wantLooks)
		}
	}
	check("10.0.0.1", true, 1)
	check("10.0.0.9", false, 1)
	at = "10.0.0.9"
	now = now.Add(minLookAgain)
	check("10.0.0.1", true, 1) // believed a while longer
	check("10.0.0.9", true, 2)
	check("10.0.0.1", false, 2)
	now = now.Add(maxLookAgain)
	at = "10.0.0.7"
	check("10.0.0.9", false, 3)
}

// from is a connection that seems to come from elsewhere.
type from struct {
	net.Conn
	remote net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.remote }

func TestStrangerNeedsTheKey(t *testing.T) {
	t.Parallel()
	a := open(t, key("secret"))
	for name, c := range map[string]struct {
		dialer  func(*setup)
		refused string
	}{
		"with the key":    {key("secret"), ""},
		"with another":    {key("guess"), "different cluster keys"},
		"without":         {func(*setup) {}, "does not prove the cluster key"},
		"with another id": {func(s *setup) { key("secret")(s); named("other")(s) }, `to "seatunnel"`},
		"a name's guess":  {named("other"), "this one to another"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, c.dialer)
			near, far := net.Pipe()
			asked := make(chan error, 1)
			go func() {
				_, err := b.ask(from{near, tcp("127.0.0.1:5801")}, Raft)
				asked <- err
			}()
			in := &conn{Conn: from{far, tcp("203.0.113.9:1")}}
			if s, err := in.look(); s != ours || err != nil {
				t.Fatal(s, err)
			}
			in.seen = in.seen[1:]
			refusal, err := a.answer(in, Raft)
			if err != nil {
				t.Fatal(err)
			}
			told := <-asked
			if c.refused == "" {
				if refusal != "" || told != nil {
					t.Errorf("refused: %q, %v", refusal, told)
				}
				return
			}
			if !strings.Contains(refusal, c.refused) || told == nil || !strings.Contains(told.Error(), refusal) {
				t.Errorf("acceptor says %q, dialer hears %v", refusal, told)
			}
			if strings.HasPrefix(name, "a name") && strings.Contains(told.Error(), "seatunnel\"") {
				t.Errorf("a stranger learns the name: %v", told)
			}
		})
	}
}

func TestProofIsOfOneGreetingSideAndKind(t *testing.T) {
	t.Parallel()
	k, h, c := []byte("key"), []byte("hello"), []byte("challenge")
	one := string(mac(k, dialing, Raft, h, c))
	for name, other := range map[string][]byte{
		"side": mac(k, accepting, Raft, h, c), "kind": mac(k, dialing, RPC, h, c), "key": mac([]byte("kez"), dialing, Raft, h, c),
		"hello": mac(k, dialing, Raft, []byte("hellp"), c), "challenge": mac(k, dialing, Raft, h, []byte("challengf")),
	} {
		if string(other) == one {
			t.Errorf("another %s has the same proof", name)
		}
	}
	if one != string(mac(k, dialing, Raft, h, c)) || len(one) != 32 {
		t.Error("it is no HMAC-SHA256")
	}
}

func FuzzGreetingNeverPanics(f *testing.F) {
	f.Add([]byte("\x00\x02{}"))
	f.Add([]byte("\x00\x40{\"v\":1,\"nonce\":\"AAAA\"}"))
	f.Add([]byte("\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &Port{guard: NewGuard(GuardConfig{Log: slog.New(slog.DiscardHandler), Key: []byte("k")}), cfg: Config{Identity: func() Identity { return Identity{} }}}
		near, far := net.Pipe()
		go func() {
			_, _ = near.Write(b)
			_ = near.Close()
		}()
		if refusal, err := a.answer(&conn{Conn: far}, Raft); refusal == "" && err == nil {
			t.Errorf("%q is let in", b)
		}
		_ = far.Close()
	})
}
