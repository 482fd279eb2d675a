package member

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func addrs(text string) (out []netip.Addr) {
	for f := range strings.FieldsSeq(text) {
		out = append(out, netip.MustParseAddr(f))
	}
	return out
}

func names(table map[string]string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		if text, ok := table[host]; ok {
			return addrs(text), nil
		}
		return nil, errors.New("no such host")
	}
}

func TestAdvertisedIsHowTheListNamesThisHost(t *testing.T) {
	t.Parallel()
	look := names(map[string]string{"node1": "10.0.0.1", "node2": "10.0.0.2", "dual": "10.0.0.2 2001:db8::2", "all": "10.0.0.1 10.0.0.2 10.0.0.3", "box": "127.0.1.1"})
	h := Host{Name: "box", Addrs: addrs("10.0.0.2 2001:db8::2")}
	for list, want := range map[string]string{
		"localhost":                      "127.0.0.1:5801",
		"127.0.0.1:5801":                 "127.0.0.1:5801",
		"localhost:5802,localhost:5801":  "127.0.0.1:5801",
		"node1,node2":                    "node2:5801",
		"node1:5801,node2:5801":          "node2:5801",
		"node1:5801,node2:5800":          "node2:5801", // auto-incremented
		"node2:5800,10.0.0.2:5801":       "10.0.0.2:5801",
		"10.0.0.1,10.0.0.2":              "10.0.0.2:5801",
		"dual":                           "dual:5801",
		"[2001:db8::1]:5801,2001:db8::2": "[2001:db8::2]:5801",
		"all":                            "10.0.0.2:5801",
		"node1,BOX":                      "BOX:5801",
		"node1":                          "10.0.0.2:5801", // not listed
		"gone":                           "10.0.0.2:5801",
		"":                               "10.0.0.2:5801",
	} {
		if got := Advertised(t.Context(), strings.Split(list, ","), 5801, h, look); got != want {
			t.Errorf("%s: %s, want %s", list, got, want)
		}
	}
	if got := Advertised(t.Context(), []string{"node1"}, 5801, Host{}, look); got != "127.0.0.1:5801" {
		t.Error(got)
	}
}

func TestOnlyLoopbackNamesMeanOnlyThisHost(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{
		"localhost": true, "localhost:5801,127.0.0.1:5802,[::1]:5803,::1": true, "LocalHost": true,
		"localhost,node2": false, "10.0.0.1": false, "node1:5801": false, "localhost.example.com": false,
	} {
		if got := OnlyLoopback(strings.Split(list, ",")); got != want {
			t.Errorf("%s: %v", list, got)
		}
	}
}

func TestGossipGoesToAnAddressThatOthersReach(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ host, addrs, own, want string }{
		{"box", "127.0.1.1", "10.0.0.2", "10.0.0.2:5801"},
		{"box", "127.0.1.1 10.0.0.9", "10.0.0.2", "10.0.0.9:5801"},
		{"box", "127.0.1.1", "", "127.0.1.1:5801"},
		{"localhost", "127.0.0.1", "10.0.0.2", "127.0.0.1:5801"},
		{"127.0.0.1", "127.0.0.1", "10.0.0.2", "127.0.0.1:5801"},
		{"10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.2:5801"},
	} {
		var at []netip.AddrPort
		for _, a := range addrs(c.addrs) {
			at = append(at, netip.AddrPortFrom(a, 5801))
		}
		if got := reachable(c.host, at, addrs(c.own)); got.String() != c.want {
			t.Errorf("%s %s: %s, want %s", c.host, c.addrs, got, c.want)
		}
	}
}
