package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"seikan/appliance/config"
)

// Health is how a node does, for people.
type Health struct {
	// Ready: it is in a cluster that has a master and a schema, and its HTTP port says so.
	Ready bool
	// Doing is what it does or waits for, on one line.
	Doing string
}

// Health says what this node is about.
func (s *Server) Health(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	switch {
	case s.draining.get():
		return Health{Doing: "draining: its tasks go on elsewhere"}
	case s.disk.cluster() == "":
		if why := s.waits.Load(); why != nil {
			return Health{Doing: *why}
		}
		return Health{Doing: "looking for the cluster " + s.cfg.ClusterName}
	}
	leader, addr := s.raft.Leader()
	ready, err := s.raft.Ready(ctx)
	switch {
	case err != nil:
		return Health{Doing: err.Error()}
	case leader == "":
		return Health{Doing: "waiting for a master: " + s.absent(ctx)}
	case !ready && leader == s.raft.ID():
		return Health{Doing: "bringing the state up to date as master"}
	case !ready:
		return Health{Doing: "restoring the state from the master at " + addr}
	}
	if err := s.answers(ctx); err != nil {
		return Health{Doing: "waiting for its own HTTP port: " + err.Error()}
	}
	return Health{Ready: true, Doing: s.serves(leader, addr)}
}

// serves is what a node that is ready says.
func (s *Server) serves(leader, addr string) string {
	members, err := s.raft.Members()
	of := ""
	if err == nil && len(members) > 1 {
		of = fmt.Sprintf(" of %d nodes", len(members))
	}
	tasks := 0
	for _, t := range s.worker.Tasks() {
		if !t.State.Ended() {
			tasks++
		}
	}
	switch {
	case leader == s.raft.ID():
		return fmt.Sprintf("ready, master%s, %d tasks run here", of, tasks)
	case s.cfg.Role == config.Master:
		return fmt.Sprintf("ready to be master; now it is %s%s", addr, of)
	}
	return fmt.Sprintf("ready, %d tasks run here; the master is %s%s", tasks, addr, of)
}

// absent names the nodes that do not answer.
func (s *Server) absent(ctx context.Context) string {
	peers, err := s.raft.Nodes(ctx, time.Second)
	if err != nil {
		return err.Error()
	}
	var silent []string
	for _, p := range peers {
		if !p.Reachable {
			silent = append(silent, p.Addr)
		}
	}
	if len(silent) == 0 {
		return "the nodes elect one"
	}
	return "no answer from " + strings.Join(silent, ", ")
}

// answers asks the node's own HTTP port whether it is ready, as a load balancer does.
func (s *Server) answers(ctx context.Context) error {
	if s.httpAddr == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(s.httpAddr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if s.tls != nil {
		scheme = "https"
		// It speaks to itself, under whatever name the certificate has.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, GetClientCertificate: s.own.toServer} //nolint:gosec // see above
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/-/ready", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 500)) // less says less
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(said)))
	}
	return nil
}

// How long each loop may take for one turn. A step of the master may end jobs and clear their
// checkpoints from a slow storage.
const (
	stepWithin  = 3 * time.Minute
	leaseWithin = 10 * time.Second
)

// Pulse looks whether what a node lives by still turns. It is for one caller at a time.
type Pulse struct {
	raft, master, worker sign
	leads                func() bool  // this node is the leader
	bytes                func() int64 // in its directory
	last                 int64
}

// sign is a question that a live node answers, and the one that is under way.
type sign struct {
	name  string
	ask   func() error
	given chan error // nil: none is under way
	since time.Time
}

// Pulse of this node.
func (s *Server) Pulse() *Pulse {
	p := &Pulse{leads: s.raft.IsLeader, bytes: s.raft.Bytes}
	p.raft = sign{name: "Raft", ask: func() error { s.raft.Turn(); return nil }}
	p.master = sign{name: "the master", ask: func() error {
		if ago, reigns := s.master.Turned(); reigns && ago > stepWithin {
			return fmt.Errorf("its step does not get on since %s", ago.Round(time.Second))
		}
		return nil
	}}
	p.worker = sign{name: "the worker", ask: func() error {
		s.worker.Tasks()
		if ago := s.worker.Turned(); s.cfg.Role != config.Master && ago > leaseWithin {
			return fmt.Errorf("it has not looked after its lease for %s", ago.Round(time.Second))
		}
		return nil
	}}
	return p
}

// Beat says whether everything turns; the error says what has not answered within the time given
// to each. Raft's loop may stand still while a copy of the state is taken over: the node's
// directory changes then.
func (p *Pulse) Beat(within time.Duration) error {
	for _, g := range []*sign{&p.raft, &p.master, &p.worker} {
		err := g.await(within)
		if err != nil && g == &p.raft && p.takesOver() {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Pulse) takesOver() bool {
	if p.leads() {
		return false
	}
	before := p.last
	p.last = p.bytes()
	return p.last != before
}

// await waits for the answer to a question; one that has none is not asked again.
func (g *sign) await(within time.Duration) error {
	if g.given == nil {
		g.given, g.since = make(chan error, 1), time.Now()
		go func(given chan<- error) { given <- g.ask() }(g.given)
	}
	select {
	case err := <-g.given:
		g.given = nil
		if err != nil {
			return fmt.Errorf("%s hangs: %w", g.name, err)
		}
		return nil
	case <-time.After(within):
		return fmt.Errorf("%s hangs: it gives no sign of life for %s", g.name, time.Since(g.since).Round(time.Second))
	}
}
