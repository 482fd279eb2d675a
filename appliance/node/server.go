package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"seikan/appliance/config"
	"seikan/appliance/member"
	"seikan/appliance/port"
	"seikan/db/raft"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/master"
	"seikan/engine/rpc"
	"seikan/engine/worker"
	"seikan/storage"
	"seikan/web/rest"
)

// Server is one node of a cluster: it starts the rooms in order and stops them in the reverse.
type Server struct {
	cfg         *config.Config
	log         *slog.Logger
	version     string
	commit      string
	incarnation string
	disk        *membership
	guard       *port.Guard
	port        *port.Port
	raft        *raft.Node
	listMu      sync.Mutex
	list        *member.List
	blobs       storage.Store
	jobs        *state.Jobs // forwarding to the leader
	ids         *state.JobIDs
	sealer      atomic.Pointer[job.Sealer] // nil without a cluster key
	worker      *worker.Worker
	master      *master.Cluster
	grpc        *grpc.Server
	peers       *peers
	tls         *tls.Config // nil: none
	bindHost    string      // of the node's port; "" means every address
	alone       bool        // the member list names this host only
	web         *http.Server
	httpAddr    string // of REST V2
	stopHTTP    context.CancelFunc
	asked       map[string]question
	meter       *rest.Meter
	logs        *Logs // nil: this node writes no log files
	started     time.Time

	tags     syncedTags
	draining syncedFlag
	forced   syncedFlag // an administrator said to form a cluster without the silent members

	stop    context.CancelFunc
	wg      sync.WaitGroup // what works
	serving sync.WaitGroup // what answers, until everything that works has stopped
}

// StartOptions of a Server.
type StartOptions struct {
	Config  *config.Config
	Blobs   storage.Store // checkpoint storage
	Version string
	Commit  string
	Log     *slog.Logger
	Logs    *Logs // what Log writes to; nil when that is not to files
	// Fatal ends the process when the node must not go on.
	Fatal func(error)
}

// Start opens the node's port and state and begins to look for its cluster. It returns when the
// node can be asked; Ready tells when it serves.
func Start(ctx context.Context, o StartOptions) (s *Server, err error) {
	s = &Server{cfg: o.Config, log: o.Log, version: o.Version, commit: o.Commit, incarnation: randomID(8), blobs: o.Blobs, started: time.Now(), meter: rest.NewMeter(), logs: o.Logs}
	s.asked = s.questions()
	explainOnce(o.Config, o.Log)
	s.tags.set(o.Config.Tags)
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := os.MkdirAll(o.Config.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w; seatunnel.seikan.state-dir or SEIKAN_STATE_DIR names another", err)
	}
	if s.disk, err = readMembership(o.Config.StateDir); err != nil {
		return nil, err
	}
	if err := s.openPort(ctx); err != nil {
		return nil, err
	}
	if err := s.openStore(o); err != nil {
		return nil, err
	}
	s.peers = newPeers(s.port)
	s.jobs = state.New(s.raft.Forwarding(), time.Now, state.RandomID)
	s.ids = state.NewJobIDs(time.Now, nodeNumber(s.raft.ID()))
	s.master = &master.Cluster{Jobs: state.New(s.raft.LeaderStore(), time.Now, state.RandomID), Blobs: s.blobs, Plan: s.plan,
		Node: s.raft.ID(), Lease: s.cfg.Lease, Wait: s.cfg.JobScheduleStrategy == "WAIT", Log: s.log}
	s.worker = worker.New(worker.Config{Info: s.info, Jobs: s.jobs, Blobs: s.blobs, Plan: s.plan, Dial: s.peers.dial, Master: s.masterAddr,
		JobLog: s.jobLog, Log: s.log, Interval: s.cfg.Checkpoint.Interval, Timeout: s.cfg.Checkpoint.Timeout, Retained: s.cfg.Checkpoint.MaxRetained})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.serveRPC()
	if err := s.serveHTTP(ctx); err != nil {
		return nil, err
	}
	s.wg.Go(func() { s.form(running) })
	s.wg.Go(func() { s.reign(running) })
	if s.cfg.Role != config.Master {
		s.wg.Go(func() {
			if err := s.worker.Run(running); err != nil {
				s.log.Warn("tasks did not stop in time", "error", err)
			}
		})
	}
	return s, nil
}

func (s *Server) openPort(ctx context.Context) error {
	members := make([]string, len(s.cfg.Network.Members))
	for i, m := range s.cfg.Network.Members {
		members[i] = m.String()
	}
	key, err := readKey(s.cfg.ClusterKeyFile)
	if err != nil {
		return fmt.Errorf("read the cluster key: %w", err)
	}
	s.guard = port.NewGuard(port.GuardConfig{Members: members, AllowRemote: s.cfg.HTTP.AllowRemoteWithoutLogin, Log: s.log})
	if err := s.useKey(key); err != nil {
		return err
	}
	peers := config.Resolve(ctx, net.DefaultResolver, s.cfg.Network.Members)
	s.alone = config.OnlyThisHost(peers, localAddresses())
	host, err := s.cfg.Network.Listen(localAddresses(), s.alone)
	if err != nil {
		return err
	}
	s.bindHost = host
	serve, call, err := certificates(s.cfg.TLS)
	if err != nil {
		return err
	}
	s.tls = serve
	s.port, err = port.Listen(ctx, port.Config{Host: host, TLS: serve, ClientTLS: call, Port: s.cfg.Network.Port, AutoIncrement: s.cfg.Network.AutoIncrement,
		Count: s.cfg.Network.PortCount, Identity: s.identity, Guard: s.guard, Log: s.log})
	return err
}

func localAddresses() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out
}

func (s *Server) openStore(o StartOptions) error {
	var err error
	s.raft, err = raft.Open(raft.Config{Dir: filepath.Join(s.cfg.StateDir, "raft"), Advertise: s.advertised(), Raft: s.port.Layer(port.Raft),
		Cluster: s.port.Layer(port.Store), Log: s.log, MinFreeBytes: uint64(max(s.cfg.MinFreeBytes, 0)), Fatal: o.Fatal})
	return err
}

// advertised is the host:port under which the others reach this node.
func (s *Server) advertised() string {
	bound := s.port.Addr()
	if public := s.cfg.Network.PublicAddress; public != "" {
		if _, _, err := net.SplitHostPort(public); err == nil {
			return public
		}
		return net.JoinHostPort(public, strconv.Itoa(bound.Port))
	}
	if !bound.IP.IsUnspecified() {
		return bound.String()
	}
	host := "127.0.0.1"
	for _, a := range localAddresses() {
		if a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			host = a.String()
			break
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(bound.Port))
}

func (s *Server) identity() port.Identity {
	id := port.Identity{ClusterName: s.cfg.ClusterName, ClusterID: s.disk.cluster(), Role: string(s.cfg.Role), Version: s.version}
	if s.raft != nil {
		id.NodeID = s.raft.ID()
	}
	if s.port != nil {
		id.Addr, id.Incremented = s.advertised(), s.port.Incremented()
	}
	return id
}

func (s *Server) info() rpc.NodeInfo {
	slots := s.cfg.Slots.Num
	if s.cfg.Slots.Dynamic {
		slots = 0
	}
	return rpc.NodeInfo{ID: s.raft.ID(), Incarnation: s.incarnation, Addr: s.advertised(), Role: string(s.cfg.Role), Version: s.version,
		Tags: s.tags.get(), Slots: slots, MemoryBytes: memoryLimit(s.cfg), Draining: s.draining.get()}
}

// masterAddr is where the master answers: the Raft leader's port.
func (s *Server) masterAddr() string {
	_, addr := s.raft.Leader()
	return addr
}

// form finds or makes the cluster this node is in, then gossips with it.
func (s *Server) form(ctx context.Context) {
	look := &member.Looker{Self: s.identity, BasePort: s.cfg.Network.Port, Ask: s.port.Ask, Forced: s.forced.get, Log: s.log}
	for _, m := range s.cfg.Network.Members {
		if s.alone && s.bindHost != "" {
			m.Host = s.bindHost // whatever the list calls this host, its nodes listen there
		}
		look.List = append(look.List, m.String())
	}
	if s.cfg.Network.AutoIncrement {
		look.Extra = max(s.cfg.Network.PortTries, 0)
	}
	for ctx.Err() == nil {
		d, err := look.Await(ctx, 300*time.Millisecond)
		if err == nil {
			if err = s.follow(ctx, d); err == nil {
				s.gossip(ctx, d)
				return
			}
		}
		if ctx.Err() == nil {
			s.log.Warn("not in a cluster yet", "error", err)
			pause(ctx, time.Second)
		}
	}
}

// follow carries out a decision about the cluster. The id is noted before anyone is told that
// this node is in it.
func (s *Server) follow(ctx context.Context, d member.Decision) error {
	switch d.Do {
	case member.Bootstrap:
		if err := s.makeKey(); err != nil {
			return err
		}
		if err := s.raft.Bootstrap(); err != nil {
			return fmt.Errorf("form a cluster: %w", err)
		}
		id := randomID(16)
		s.log.Info("formed a new cluster", "cluster", s.cfg.ClusterName, "id", id, "why", d.Reason)
		return s.disk.set(id)
	case member.Join:
		if err := s.takeKey(ctx, d.Addrs); err != nil {
			return err
		}
		if err := s.raft.Join(ctx, d.Addrs, false); err != nil {
			return err
		}
		s.log.Info("joined the cluster", "cluster", s.cfg.ClusterName, "id", d.ClusterID)
		return s.disk.set(d.ClusterID)
	}
	return nil // Resume: the store goes on by itself
}

// gossip starts the member list and keeps trying to find the others.
func (s *Server) gossip(ctx context.Context, d member.Decision) {
	self := member.Member{NodeID: s.raft.ID(), Role: member.Role(s.cfg.Role), RaftAddr: s.advertised(), Version: s.version,
		Incarnation: s.incarnation, ClusterID: s.disk.cluster()}
	list, err := member.Start(member.Config{Port: s.port, ClusterName: s.cfg.ClusterName, Self: self, Log: s.log})
	if err != nil {
		s.log.Error("the member list does not start", "error", err)
		return
	}
	s.setList(list)
	for ctx.Err() == nil {
		var addrs []string
		if members, err := s.raft.Members(); err == nil {
			for _, m := range members {
				if m.ID != s.raft.ID() {
					addrs = append(addrs, m.Addr)
				}
			}
		}
		for _, o := range d.Others {
			addrs = append(addrs, o.Addr)
		}
		if len(addrs) == 0 || len(list.Members()) > 1 {
			pause(ctx, 5*time.Second)
			continue
		}
		if err := list.Join(ctx, addrs); err != nil && ctx.Err() == nil {
			s.log.Debug("no other member found yet", "error", err)
		}
		pause(ctx, time.Second)
	}
}

func (s *Server) setList(l *member.List) {
	s.listMu.Lock()
	defer s.listMu.Unlock()
	s.list = l
}

// Members are the nodes that gossip says are here; only this one before the list is up.
func (s *Server) Members() []member.Member {
	s.listMu.Lock()
	l := s.list
	s.listMu.Unlock()
	if l == nil {
		return nil
	}
	return l.Members()
}

// reign is master while this node is the Raft leader.
func (s *Server) reign(ctx context.Context) {
	changes, cancel := s.raft.LeaderChanges()
	defer cancel()
	for ctx.Err() == nil {
		if !s.raft.IsLeader() {
			select {
			case <-ctx.Done():
			case <-changes:
			}
			continue
		}
		s.lead(ctx, changes)
	}
}

func (s *Server) lead(ctx context.Context, changes <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for s.raft.IsLeader() && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-changes:
			case <-time.After(500 * time.Millisecond):
			}
		}
		cancel()
	})
	if err := s.raft.WaitReady(ctx); err != nil {
		if ctx.Err() == nil {
			s.log.Error("the state store is not ready", "error", err)
			pause(ctx, time.Second)
		}
		return
	}
	wg.Go(func() { s.keepVoters(ctx) })
	if s.cfg.EarlyDeathProof {
		wg.Go(func() { s.proveDeaths(ctx) })
	}
	if err := s.master.Reign(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the reign of this master ended", "error", err)
		pause(ctx, 200*time.Millisecond)
	}
}

// keepVoters brings the voters to what backup-count asks for, one step at a time.
func (s *Server) keepVoters(ctx context.Context) {
	absent := map[string]time.Time{}
	for pause(ctx, time.Second) {
		peers, err := s.raft.Nodes(ctx, time.Second)
		if err != nil {
			continue
		}
		here := map[string]member.Member{}
		for _, m := range s.Members() {
			here[m.NodeID] = m
		}
		leader, _ := s.raft.Leader()
		var nodes []member.Node
		for _, p := range peers {
			m, known := here[p.ID]
			n := member.Node{ID: p.ID, Role: m.Role, Voter: p.Voter, Leader: p.ID == leader, Alive: p.Reachable}
			if !known {
				n.Role = member.Hybrid
			}
			if p.Reachable {
				delete(absent, p.ID)
			} else if absent[p.ID].IsZero() {
				absent[p.ID] = time.Now()
			}
			if since := absent[p.ID]; !since.IsZero() {
				n.Absent = time.Since(since)
			}
			nodes = append(nodes, n)
		}
		step, ok := member.NextStep(nodes, s.cfg.BackupCount, s.cfg.VoterReplace)
		if !ok {
			continue
		}
		s.log.Info("the voters change", "step", step.Kind, "node", step.ID, "why", step.Reason)
		switch step.Kind {
		case member.Promote:
			err = s.raft.SetVoter(ctx, step.ID, true)
		case member.Demote:
			err = s.raft.SetVoter(ctx, step.ID, false)
		case member.Remove:
			err = s.raft.Remove(ctx, step.ID)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("a change of the voters did not succeed", "step", step.Kind, "node", step.ID, "error", err)
		}
	}
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Ready says whether the node serves: it is in a cluster that has a master and a schema.
func (s *Server) Ready(ctx context.Context) bool {
	ok, err := s.raft.Ready(ctx)
	return ok && err == nil && s.disk.cluster() != ""
}

// Addr is where the others reach this node.
func (s *Server) Addr() string { return s.advertised() }

// Stop drains and closes the node: it takes no more tasks, hands leadership over, stops what it
// runs, and leaves.
func (s *Server) Stop(ctx context.Context) {
	s.draining.set(true)
	s.drain(ctx)
	s.close()
}

func (s *Server) close() {
	if s.stop != nil {
		s.stop()
	}
	s.wg.Wait()
	var err error
	if s.web != nil {
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		if s.web.Shutdown(ending) != nil {
			err = s.web.Close()
		}
		cancel()
	}
	if s.stopHTTP != nil {
		s.stopHTTP()
	}
	if s.grpc != nil {
		s.grpc.Stop()
	}
	s.serving.Wait()
	s.listMu.Lock()
	list := s.list
	s.listMu.Unlock()
	if list != nil {
		leaving, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err = errors.Join(err, list.Leave(leaving))
		cancel()
	}
	if s.raft != nil {
		err = errors.Join(err, s.raft.Close())
	}
	if s.peers != nil {
		s.peers.close()
	}
	if s.port != nil {
		err = errors.Join(err, s.port.Close())
	}
	if err != nil {
		s.log.Warn("the node did not close cleanly", "error", err)
	}
}
