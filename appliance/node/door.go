package node

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seikan/appliance/config"
	nodeport "seikan/appliance/port"
	"seikan/db/raft"
	"seikan/db/state"
	"seikan/engine/master"
	"seikan/web"
	"seikan/web/auth"
	"seikan/web/rest"
)

// A command line speaks to any node with POST doorPath+METHOD on the node's own port. The body is
// the question as JSON, the answer likewise; an error is a refusal.
const (
	doorPath      = "/seikan/v1/"
	clusterHeader = "Seikan-Cluster" // the cluster the caller means to speak to
	proofHeader   = "Seikan-Proof"   // of the cluster key
	proofWithin   = 5 * time.Minute
)

// refusal is the body of an answer that is an error.
type refusal struct {
	Code  string `json:"code"`
	Error string `json:"error"`
}

// refusals are the errors that a caller can tell apart, and their HTTP status.
var refusals = []struct {
	code   string
	err    error
	status int
}{
	{"not_found", state.ErrNotFound, http.StatusNotFound},
	{"no_node", errNoNode, http.StatusNotFound},
	{"exists", state.ErrExists, http.StatusConflict},
	{"no_checkpoint", state.ErrNoCheckpoint, http.StatusConflict},
	{"moved", state.ErrMoved, http.StatusConflict},
	{"config", ErrConfig, http.StatusBadRequest},
	{"question", errQuestion, http.StatusBadRequest},
	{"large", errTooLarge, http.StatusRequestEntityTooLarge},
	{"crowded", rest.ErrCrowded, http.StatusServiceUnavailable},
	{"cluster", ErrOtherCluster, http.StatusConflict},
	{"full", errStateFull, http.StatusInsufficientStorage},
	{"no_master", master.ErrNotMaster, http.StatusServiceUnavailable},
	{"unknown", state.ErrUnknown, http.StatusServiceUnavailable},
	{"not_ready", errNotReady, http.StatusServiceUnavailable},
	{"no_leader", raft.ErrNotLeader, http.StatusServiceUnavailable},
	{"store_not_ready", raft.ErrNotReady, http.StatusServiceUnavailable},
}

// ErrOtherCluster says that a node belongs to a cluster of another name.
var ErrOtherCluster = errors.New("this is another cluster")

var errNotReady = errors.New("the node is in no cluster with a master yet")

// door answers the questions of command lines.
func (s *Server) door(w http.ResponseWriter, r *http.Request) {
	answer, err := s.openDoor(r)
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		var text []byte
		if text, err = json.Marshal(answer); err == nil {
			_, _ = w.Write(text) // the caller may be gone, which is its own affair
			return
		}
	}
	out, code := refusal{"failed", err.Error()}, http.StatusInternalServerError
	if s, ok := status.FromError(errors.Unwrap(err)); ok && (s.Code() == codes.Unavailable || s.Code() == codes.DeadlineExceeded) {
		out.Code, code = "no_master", http.StatusServiceUnavailable
	}
	for _, known := range refusals {
		if errors.Is(err, known.err) {
			out.Code, code = known.code, known.status
			break
		}
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(out)
}

func (s *Server) openDoor(r *http.Request) (any, error) {
	if r.Method != http.MethodPost {
		return nil, fmt.Errorf("%w: expected POST", errQuestion)
	}
	if name := r.Header.Get(clusterHeader); name != "" && name != s.cfg.ClusterName {
		s.log.Warn("a client of another cluster is refused", "peer", r.RemoteAddr, "its_cluster", name, "cluster", s.cfg.ClusterName)
		return nil, fmt.Errorf("%w: the cluster at %s is called %q, not %q", ErrOtherCluster, s.advertised(), s.cfg.ClusterName, name)
	}
	body, release, err := s.readBody(r)
	defer release()
	if err != nil {
		return nil, err
	}
	method := strings.TrimPrefix(r.URL.Path, doorPath)
	if method != "about" && !strings.HasPrefix(method, "cluster.") && s.disk.cluster() == "" {
		return nil, errNotReady
	}
	return s.answer(r.Context(), method, body)
}

// readBody reads a question. What it holds must be released once.
func (s *Server) readBody(r *http.Request) (body []byte, release func(), err error) {
	if r.ContentLength > maxMessage {
		return nil, func() {}, errTooLarge
	}
	body, release, err = s.bodies.Read(io.LimitReader(r.Body, maxMessage+1), r.ContentLength)
	switch {
	case errors.Is(err, rest.ErrCrowded):
	case err != nil:
		err = fmt.Errorf("%w: %w", errQuestion, err)
	case len(body) > maxMessage:
		body, err = nil, errTooLarge
	}
	return body, release, err
}

var errTooLarge = fmt.Errorf("the question is larger than %d bytes", maxMessage)

// prove is the proof that a caller knows the cluster key: made for one request, for a few minutes.
func prove(key []byte, method, path string, body []byte, at time.Time) string {
	m := hmac.New(sha256.New, key)
	seconds := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256(body)
	fmt.Fprintf(m, "seikan-door\n%s\n%s\n%s\n%x", method, path, seconds, sum)
	return seconds + ":" + hex.EncodeToString(m.Sum(nil))
}

// proven says whether a request proves the cluster key.
func (s *Server) proven(r *http.Request) bool {
	proof, key := r.Header.Get(proofHeader), bytes.TrimSpace(s.guard.Key())
	seconds, _, ok := strings.Cut(proof, ":")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || err != nil || len(key) == 0 {
		return false
	}
	at := time.Unix(n, 0)
	if age := time.Since(at); age > proofWithin || age < -proofWithin {
		return false
	}
	body, release, err := s.readBody(r)
	context.AfterFunc(r.Context(), release)
	if err != nil {
		return false
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return hmac.Equal([]byte(proof), []byte(prove(key, r.Method, r.URL.Path, body, at)))
}

// serveHTTP answers on the node's port: the door and REST V1; and on the HTTP port: REST V2.
func (s *Server) serveHTTP(ctx context.Context) error {
	h := s.cfg.HTTP
	var v2 net.Listener
	if h.Enabled {
		var err error
		if v2, err = s.listenHTTP(ctx); err != nil {
			return err
		}
		s.httpAddr = v2.Addr().String()
	}
	port := h.Port
	if v2 != nil {
		port = v2.Addr().(*net.TCPAddr).Port
	}
	s.handlers.port = port
	s.handle(s.cfg)
	callers := s.callers()
	callers.LoggedIn = s.proven
	door := callers.Wrap(http.HandlerFunc(s.door))
	s.web = s.port.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, doorPath) {
			door.ServeHTTP(w, r)
			return
		}
		s.handlers.v1.Load().ServeHTTP(w, r)
	}), nil)
	s.web.ConnState = s.figures.connection
	own := s.port.Listener(nodeport.HTTP)
	s.serving.Go(func() {
		if err := s.web.Serve(own); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Debug("http ended", "error", err)
		}
	})
	if v2 == nil {
		return nil
	}
	server := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handlers.v2.Load().ServeHTTP(w, r) }), s.log)
	server.ConnState = s.figures.connection
	closing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stopHTTP = cancel
	s.serving.Go(func() {
		if err := web.Serve(closing, server, v2, time.Second); err != nil {
			s.log.Warn("REST V2 ended", "error", err)
		}
	})
	return nil
}

// handlers answer REST; a reload replaces them.
type handlers struct {
	port   int // of REST V2
	v1, v2 atomic.Pointer[handler]
}

type handler struct{ http.Handler }

// handle answers from now on as cfg says.
func (s *Server) handle(c *config.Config) {
	api := rest.New(s.restBackend(), rest.Config{Log: s.log, HTTPPort: s.handlers.port, ContextPath: c.HTTP.ContextPath, MaxBody: c.HTTP.MaxBodyBytes, Bodies: s.bodies})
	cfg := web.Config{ContextPath: c.HTTP.ContextPath, V1: web.V1{Enabled: c.RESTV1.Enabled, Groups: c.RESTV1.Groups}, Log: s.log,
		Guard: s.callers()}
	s.handlers.v1.Store(&handler{web.V1Handler(cfg, api)})
	s.handlers.v2.Store(&handler{web.Handler(cfg, api)})
}

// callers knows who may use HTTP.
func (s *Server) callers() *auth.Guard {
	return &auth.Guard{AllowRemote: s.cfg.HTTP.AllowRemoteWithoutLogin, Member: s.isMember, OwnNames: s.guard.Hosts, Log: s.log}
}

// isMember says whether an address is on the member list.
func (s *Server) isMember(a netip.Addr) bool {
	return s.guard.Trusts(net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 1)), nil)
}

// listenHTTP opens the HTTP port, or with http.dynamic-port the first free one of its range.
func (s *Server) listenHTTP(ctx context.Context) (net.Listener, error) {
	h, tries := s.cfg.HTTP, 1
	if h.DynamicPort {
		tries = max(h.PortRange, 1)
	}
	host := h.BindAddress
	if host == "" {
		host = s.bindHost
	}
	var first error
	for i := range tries {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(h.Port+i)))
		if err != nil {
			if first == nil {
				first = fmt.Errorf("open the HTTP port: %w; choose another by seatunnel.engine.http.port, or switch it off by enable-http: false", err)
			}
			continue
		}
		return s.secured(l), nil
	}
	return nil, first
}
