package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/member"
	"seikan/engine/master"
	"seikan/engine/rpc"
	"seikan/web/rest"
)

// About is what a node says of itself and of its cluster.
type About struct {
	ClusterName string   `json:"cluster"`
	ClusterID   string   `json:"cluster_id"` // empty: it is in none yet
	Node        string   `json:"node"`
	Addr        string   `json:"addr"`
	Role        string   `json:"role"`
	Version     string   `json:"version"`
	Master      string   `json:"master"` // address; empty: there is none now
	Ready       bool     `json:"ready"`
	Draining    bool     `json:"draining,omitempty"`
	HTTP        string   `json:"http,omitempty"` // address of REST V2
	Members     []string `json:"members"`        // addresses of all nodes
}

func (s *Server) about(ctx context.Context) About {
	id := s.identity()
	a := About{ClusterName: id.ClusterName, ClusterID: id.ClusterID, Node: id.NodeID, Addr: id.Addr, Role: id.Role, Version: id.Version,
		Master: s.masterAddr(), Ready: s.Ready(ctx), Draining: s.draining.get(), HTTP: s.httpAddr}
	if members, err := s.raft.Members(); err == nil {
		for _, m := range members {
			a.Members = append(a.Members, m.Addr)
		}
	}
	return a
}

// NodeQuestion names a node, by its id or address, and what shall be done with it.
type NodeQuestion struct {
	Node string            `json:"node"`
	On   bool              `json:"on,omitempty"`
	Tags map[string]string `json:"tags,omitempty"`
}

// ClusterStatus is the cluster as an administrator sees it.
type ClusterStatus struct {
	Name     string        `json:"name"`
	ID       string        `json:"id"`
	Master   string        `json:"master"` // id; empty: there is none
	Nodes    []NodeStatus  `json:"nodes"`
	Backups  *BackupStatus `json:"backups,omitempty"` // of the state; nil: none are made
	Warnings []string      `json:"warnings,omitempty"`
}

// NodeStatus is one node of it.
type NodeStatus struct {
	ID        string            `json:"id"`
	Addr      string            `json:"addr"`
	Role      string            `json:"role"`
	Version   string            `json:"version,omitempty"`
	Voter     bool              `json:"voter"`
	Master    bool              `json:"master"`
	Reachable bool              `json:"reachable"`
	Draining  bool              `json:"draining,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	Slots     int               `json:"slots"` // 0: as many as memory allows
	SlotsUsed int               `json:"slots_used"`
	Tasks     []rpc.TaskReport  `json:"tasks,omitempty"`
	Heard     time.Duration     `json:"heard_ns,omitempty"` // how long ago the master heard of it
}

// Status collects what is known of every node.
func (s *Server) Status(ctx context.Context) (ClusterStatus, error) {
	leader, _ := s.raft.Leader()
	out := ClusterStatus{Name: s.cfg.ClusterName, ID: s.disk.cluster(), Master: leader}
	peers, err := s.raft.Nodes(ctx, time.Second)
	if err != nil {
		return out, fmt.Errorf("list the nodes: %w", err)
	}
	here := map[string]member.Member{}
	for _, m := range s.Members() {
		here[m.NodeID] = m
	}
	workers := map[string]master.NodeView{}
	views, err := s.Nodes(ctx)
	if err != nil {
		out.Warnings = append(out.Warnings, "the master does not answer: "+err.Error())
	}
	for _, v := range views {
		workers[v.Info.ID] = v
	}
	if s.backups != nil {
		if err := s.askMaster(ctx, "backups", nothing{}, &out.Backups); err != nil {
			out.Warnings = append(out.Warnings, "the master does not say how old the newest backup is: "+err.Error())
		} else if w := out.Backups.warning(); w != "" {
			out.Warnings = append(out.Warnings, w)
		}
	}
	for _, p := range peers {
		n := NodeStatus{ID: p.ID, Addr: p.Addr, Voter: p.Voter, Master: p.ID == leader, Reachable: p.Reachable}
		if m, ok := here[p.ID]; ok {
			n.Role, n.Version = string(m.Role), m.Version
		}
		if v, ok := workers[p.ID]; ok {
			n.Role, n.Version, n.Tags, n.Slots, n.Draining, n.Heard = v.Info.Role, v.Info.Version, v.Info.Tags, v.Info.Slots, v.Info.Draining, v.Heard
			n.Tasks, n.SlotsUsed = v.Tasks, v.Slots
		}
		out.Nodes = append(out.Nodes, n)
	}
	slices.SortFunc(out.Nodes, func(a, b NodeStatus) int { return cmp.Compare(a.Addr, b.Addr) })
	if advice := member.Advice(candidates(peers, s.Members(), leader, nil), s.cfg.BackupCount); advice != "" && len(peers) > 1 {
		out.Warnings = append(out.Warnings, advice)
	}
	return out, nil
}

// find gives the id and address of a node that is named by either.
func (s *Server) find(name string) (id, addr string, err error) {
	members, err := s.raft.Members()
	if err != nil {
		return "", "", fmt.Errorf("list the nodes: %w", err)
	}
	for _, m := range members {
		if m.ID == name || m.Addr == name {
			return m.ID, m.Addr, nil
		}
	}
	return "", "", fmt.Errorf("%w: there is no node %q; `seikan node list` shows them", errNoNode, name)
}

var errNoNode = errors.New("not found")

// pass asks the node that a question names.
func (s *Server) pass(ctx context.Context, method string, q NodeQuestion) error {
	_, addr, err := s.find(q.Node)
	if err != nil {
		return err
	}
	return s.askAt(ctx, addr, method, q, nil)
}

func (s *Server) askAt(ctx context.Context, addr, method string, question, answer any) error {
	conn, err := s.peers.dial(addr)
	if err != nil {
		return err
	}
	return rpc.Ask(ctx, conn, method, question, answer)
}

func (s *Server) drainNode(ctx context.Context, q NodeQuestion) (nothing, error) {
	return nothing{}, s.pass(ctx, "draining", q)
}

func (s *Server) setDraining(_ context.Context, q NodeQuestion) (nothing, error) {
	s.draining.set(q.On)
	if q.On {
		s.wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(s.cfg.Drain, drainWithin))
			defer cancel()
			s.drain(ctx)
		})
	} else {
		s.worker.Resume()
	}
	s.log.Info("an administrator changed whether this node takes tasks", "draining", q.On)
	return nothing{}, nil
}

func (s *Server) tagNode(ctx context.Context, q NodeQuestion) (nothing, error) {
	return nothing{}, s.pass(ctx, "tagging", q)
}

func (s *Server) setTags(_ context.Context, q NodeQuestion) (nothing, error) {
	s.tags.set(q.Tags)
	return nothing{}, nil
}

// transfer hands leadership to a node, or to any other.
func (s *Server) transfer(ctx context.Context, q NodeQuestion) (nothing, error) {
	if q.Node != "" {
		id, _, err := s.find(q.Node)
		if err != nil {
			return nothing{}, err
		}
		q.Node = id
	}
	return nothing{}, s.askMaster(ctx, "stepdown", q, nil)
}

// forceBootstrap says that this node shall form a cluster without those that are silent.
func (s *Server) forceBootstrap(context.Context, nothing) (nothing, error) {
	if id := s.disk.cluster(); id != "" {
		return nothing{}, fmt.Errorf("this node is in cluster %s already", id)
	}
	s.forced.set(true)
	s.log.Warn("an administrator said to form a cluster without the nodes that do not answer")
	return nothing{}, nil
}

// joinAt takes this node, which is in no cluster yet, into the one that answers at an address.
func (s *Server) joinAt(ctx context.Context, q NodeQuestion) (nothing, error) {
	if id := s.disk.cluster(); id != "" {
		return nothing{}, fmt.Errorf("this node is in cluster %s already; to move it, stop it and remove its state directory %s", id, s.cfg.StateDir)
	}
	m, err := config.ParseMember(q.Node)
	if err != nil {
		return nothing{}, err
	}
	addr := memberAddr(m)
	other, err := s.port.Ask(ctx, addr)
	if err != nil {
		return nothing{}, fmt.Errorf("ask %s: %w", addr, err)
	}
	if other.ClusterID == "" {
		return nothing{}, fmt.Errorf("the node at %s is in no cluster itself", addr)
	}
	return nothing{}, s.follow(ctx, member.Decision{Do: member.Join, ClusterID: other.ClusterID, Addrs: []string{addr}})
}

func (s *Server) vitalsHere(ctx context.Context, _ nothing) (rest.Vitals, error) {
	v := s.meter.Read()
	v.Connections, v.Clients = s.peers.count(), int(s.figures.clients.Load())
	return v, ctx.Err()
}

// explainOnce logs what was configured and has no meaning here: how much, since files brought from
// elsewhere have many such settings.
func explainOnce(cfg *config.Config, log *slog.Logger) {
	for _, note := range cfg.Notes {
		log.Info(note)
	}
	if n := len(cfg.Ignored); n > 0 {
		log.Info("some settings have no meaning here; seikan config check shows them", "settings", n, "first", cfg.Ignored[0].Key)
	}
}
