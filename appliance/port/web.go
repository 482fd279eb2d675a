package port

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// loginKey is the option that opens HTTP to strangers.
const loginKey = "seatunnel.seikan.http.allow-remote-without-login"

// HTTP lets requests through to next that come from this host or a member, and those that open
// (which may be nil) lets through: health, and users who are logged in. Others get a 403.
func (g *Guard) HTTP(next http.Handler, open func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.cfg.AllowRemote || open != nil && open(r) || g.trustsRequest(r) {
			next.ServeHTTP(w, r)
			return
		}
		if host := hostOf(r.RemoteAddr); g.once.first("http " + host) {
			g.cfg.Log.Warn("an HTTP request from outside the cluster is refused", "peer", r.RemoteAddr, "path", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "fail", "message": fmt.Sprintf(
			"%s is neither this host nor a member of the cluster, and not logged in. Log in, or add it to member-list in hazelcast.yaml, "+
				"or let everyone in who reaches this port: %s: true in seatunnel.yaml", hostOf(r.RemoteAddr), loginKey)})
	})
}

// trustsRequest is Trusts for a request. Where a request comes from says nothing when a proxy
// or a browser made it on behalf of someone else.
func (g *Guard) trustsRequest(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	if http.NewCrossOriginProtection().Check(r) != nil { // another site's page, in a browser here
		return false
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	from := remote.Addr().Unmap().WithZone("")
	if onThisHost(from, addrOf(local)) {
		return g.ownName(hostOf(r.Host))
	}
	return g.listed(from)
}

// ownName says whether a Host header may name this host. A name of somebody else's that resolves
// to a loopback address is a web page's way around the same-origin policy (DNS rebinding).
func (g *Guard) ownName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	name, err := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	if err == nil && (strings.EqualFold(host, name) || strings.EqualFold(host, short)) {
		return true
	}
	for _, h := range *g.hosts.Load() {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

type tlsState struct{}

// Server makes the server for Listener(HTTP): HTTP/1.1 and HTTP/2, with and without TLS. It is
// the caller's to Serve and to Shutdown. Requests for gRPC go to grpc (a *grpc.Server, or nil),
// so that tools can use it; the nodes themselves use Listener(RPC).
func (p *Port) Server(rest, grpc http.Handler) *http.Server {
	route := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(tlsState{}).(*tls.ConnectionState); ok {
			r.TLS = state
		}
		if grpc != nil && r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			grpc.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
	s := &http.Server{Handler: route, Protocols: new(http.Protocols), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true) // TLS ended in the port
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		told, ok := c.(*conn)
		if !ok {
			return ctx
		}
		secure, ok := told.Conn.(*tls.Conn)
		if !ok {
			return ctx
		}
		state := secure.ConnectionState()
		return context.WithValue(ctx, tlsState{}, &state)
	}
	return s
}
