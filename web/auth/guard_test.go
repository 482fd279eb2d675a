package auth

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestOnlyThisHostMembersAndUsersPass(t *testing.T) {
	t.Parallel()
	member := netip.MustParseAddr("192.0.2.7")
	closed := &Guard{Member: func(a netip.Addr) bool { return a == member }, OwnNames: func() []string { return []string{"node-1.example.com"} },
		LoggedIn: func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer right" },
		Open:     func(r *http.Request) bool { return r.URL.Path == "/-/live" }}
	open := &Guard{AllowRemote: true}
	for _, c := range []struct {
		name, from, host, path string
		header                 [2]string
		guard                  *Guard
		want                   bool
	}{
		{name: "loopback", from: "127.0.0.1:5", guard: closed, want: true},
		{name: "loopback v6", from: "[::1]:5", host: "[::1]:8080", guard: closed, want: true},
		{name: "loopback mapped", from: "[::ffff:127.0.0.1]:5", guard: closed, want: true},
		{name: "loopback by own name", from: "127.0.0.1:5", host: "node-1.example.com:8080", guard: closed, want: true},
		{name: "rebound name", from: "127.0.0.1:5", host: "evil.example.net", guard: closed},
		{name: "rebound name for nobody", from: "127.0.0.1:5", host: "evil.example.net", guard: &Guard{}},
		{name: "member", from: "192.0.2.7:5", guard: closed, want: true},
		{name: "stranger", from: "192.0.2.8:5", guard: closed},
		{name: "stranger with a login", from: "192.0.2.8:5", header: [2]string{"Authorization", "Bearer right"}, guard: closed, want: true},
		{name: "stranger with a wrong login", from: "192.0.2.8:5", header: [2]string{"Authorization", "Bearer wrong"}, guard: closed},
		{name: "stranger asks for health", from: "192.0.2.8:5", path: "/-/live", guard: closed, want: true},
		{name: "stranger when open", from: "192.0.2.8:5", guard: open, want: true},
		{name: "zero guard", from: "192.0.2.7:5", guard: &Guard{}},
		{name: "proxy on this host", from: "127.0.0.1:5", header: [2]string{"X-Forwarded-For", "192.0.2.8"}, guard: closed},
		{name: "standard proxy", from: "192.0.2.7:5", header: [2]string{"Forwarded", "for=192.0.2.8"}, guard: closed},
		{name: "another site's page", from: "127.0.0.1:5", header: [2]string{"Sec-Fetch-Site", "cross-site"}, guard: closed},
		{name: "real address of a proxy", from: "127.0.0.1:5", header: [2]string{"X-Real-Ip", "192.0.2.8"}, guard: closed},
		{name: "another origin's page", from: "127.0.0.1:5", host: "localhost:5801", header: [2]string{"Origin", "http://evil.example.net"}, guard: closed},
		{name: "its own page", from: "127.0.0.1:5", host: "localhost:5801", header: [2]string{"Origin", "http://localhost:5801"}, guard: closed, want: true},
		{name: "a full name", from: "127.0.0.1:5", host: "localhost.:5801", guard: closed, want: true},
		{name: "looks like an address", from: "127.0.0.1:5", host: "127.0.0.1.evil.example.net", guard: closed},
		{name: "stranger mapped", from: "[::ffff:192.0.2.8]:5", guard: closed},
		{name: "stranger on the link", from: "[fe80::1%25e]:5", guard: closed},
		{name: "no address", from: "@", guard: closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := c.path
			if path == "" {
				path = "/submit-job"
			}
			r := httptest.NewRequest(http.MethodPost, path, nil)
			r.RemoteAddr, r.Host = c.from, c.host
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			w := httptest.NewRecorder()
			c.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })).ServeHTTP(w, r)
			switch {
			case c.want && w.Code != http.StatusTeapot:
				t.Errorf("refused: %d %s", w.Code, w.Body)
			case !c.want && (w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"status":"fail"`) || !strings.Contains(w.Body.String(), allowKey+": true")):
				t.Errorf("answer is %d %s", w.Code, w.Body)
			}
		})
	}
}
