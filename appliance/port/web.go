package port

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"time"
)

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
