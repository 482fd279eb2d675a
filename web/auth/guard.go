// Package auth decides who may use the program over HTTP.
package auth

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// allowKey is the option that lets everyone in.
const allowKey = "seatunnel.seikan.http.allow-remote-without-login"

// Guard lets requests through that come from this host, from a member, or from somebody who is
// logged in. The zero Guard trusts this host alone.
type Guard struct {
	// AllowRemote lets everyone in, as SeaTunnel does.
	AllowRemote bool
	// Member says whether an address is that of a member of the cluster; nil: none is.
	Member func(netip.Addr) bool
	// OwnNames are names of this host and of members, besides localhost and the host's own; nil: none.
	OwnNames func() []string
	// LoggedIn says whether a request proves who sends it; nil: none does.
	LoggedIn func(*http.Request) bool
	// Open are the requests that everyone may send, such as health checks; nil: none.
	Open func(*http.Request) bool
	// Log hears of refused requests at debug level; nil: slog.Default().
	Log *slog.Logger
}

// Wrap puts the guard before next. A refused request is answered with 403 and how to change it.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	log := g.Log
	if log == nil {
		log = slog.Default()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Allows(r) {
			next.ServeHTTP(w, r)
			return
		}
		log.Debug("a request is refused", "peer", r.RemoteAddr, "path", r.URL.Path)
		body, err := json.Marshal(struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		}{"fail", fmt.Sprintf("%s is neither this host nor a member of the cluster, and is not logged in. Add it to member-list in "+
			"hazelcast.yaml, or let everyone in who reaches this port with %s: true in seatunnel.yaml", peer(r), allowKey)})
		if err != nil { // cannot happen: it is two texts
			body = nil
		}
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body) // the client may be gone, which is its own affair
	})
}

func peer(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// Allows says whether a request may pass.
func (g *Guard) Allows(r *http.Request) bool {
	switch {
	case g.AllowRemote:
	case g.Open != nil && g.Open(r):
	case g.LoggedIn != nil && g.LoggedIn(r):
	default:
		return g.trusts(r)
	}
	return true
}

// forwarding are headers of proxies: the address a request comes from then says nothing.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"}

// trusts judges where a request comes from. What a proxy forwards, or what another site's page
// makes a browser here send, does not come from here.
func (g *Guard) trusts(r *http.Request) bool {
	for _, name := range forwarding {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	if http.NewCrossOriginProtection().Check(r) != nil {
		return false
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	from := remote.Addr().Unmap().WithZone("")
	if from.IsLoopback() || from == localAddr(r) {
		return g.ownName(r.Host)
	}
	return g.Member != nil && g.Member(from)
}

// localAddr is the address the client called, invalid if unknown. Who calls from it is this host.
func localAddr(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// ownName says whether a Host header may name this host: a foreign name that resolves to a
// loopback address is a web page's way around the browser's same-origin policy (DNS rebinding).
func (g *Guard) ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	name, err := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	if err == nil && (strings.EqualFold(host, name) || strings.EqualFold(host, short)) {
		return true
	}
	if g.OwnNames == nil {
		return false
	}
	for _, n := range g.OwnNames() {
		if strings.EqualFold(host, n) {
			return true
		}
	}
	return false
}
