package member

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// Packets carry nothing that can be read without the key, and none that was made without it counts.
func TestPacketsAreSealedWithTheKey(t *testing.T) {
	t.Parallel()
	const said = `{"bye":"a","i":"i1"} and some more that would be seen`
	for key, open := range map[string]bool{"": true, "k": false} {
		ear, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer ear.Close()
		n := begin(t, setup{id: "a", key: key})
		if err := n.ml.SendToAddress(memberlist.Address{Addr: ear.LocalAddr().String()}, []byte(said)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64<<10)
		if err := ear.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		size, err := ear.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(buf[:size], []byte("bye")); got != open {
			t.Errorf("with the key %q the text can be read: %v", key, got)
		}
	}
}

func TestPacketsWithoutTheKeyDoNotCount(t *testing.T) {
	t.Parallel()
	a, stranger := begin(t, setup{id: "a", key: "k"}), begin(t, setup{id: "b"})
	to := memberlist.Address{Addr: a.port.Addr().String(), Name: "a"}
	if err := stranger.ml.SendToAddress(to, []byte(`{"bye":"a","i":"i1"}`)); err != nil {
		t.Fatal(err)
	}
	a.log.wait(t, "Decrypt packet failed")
	a.board.mu.Lock()
	defer a.board.mu.Unlock()
	if len(a.board.byes) > 0 {
		t.Error("a stranger's word counts")
	}
}

// Without a key only packets from members' addresses are looked at.
func TestPacketsOfStrangersAreDroppedWithoutAKey(t *testing.T) {
	t.Parallel()
	a := begin(t, setup{id: "a"})
	if a.tr.keyed {
		t.Fatal("it has a key")
	}
	for addr, yes := range map[string]bool{"127.0.0.1:9": true, "192.0.2.1:9": false} {
		if got := a.port.Guard().TrustsNow(net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)), nil); got != yes {
			t.Errorf("packets from %s count: %v", addr, got)
		}
	}
}
