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
	HTTP        string   `json:"http,omitempty"` // address of REST V2
	Members     []string `json:"members"`        // addresses of all nodes
}

func (s *Server) about(ctx context.Context) About {
	id := s.identity()
	a := About{ClusterName: id.ClusterName, ClusterID: id.ClusterID, Node: id.NodeID, Addr: id.Addr, Role: id.Role, Version: id.Version,
		Master: s.masterAddr(), Ready: s.Ready(ctx), HTTP: s.httpAddr}
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
	Name     string       `json:"name"`
	ID       string       `json:"id"`
	Master   string       `json:"master"` // id; empty: there is none
	Nodes    []NodeStatus `json:"nodes"`
	Warnings []string     `json:"warnings,omitempty"`
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
	voters := 0
	for _, p := range peers {
		n := NodeStatus{ID: p.ID, Addr: p.Addr, Voter: p.Voter, Master: p.ID == leader, Reachable: p.Reachable}
		if m, ok := here[p.ID]; ok {
			n.Role, n.Version = string(m.Role), m.Version
		}
		if v, ok := workers[p.ID]; ok {
			n.Role, n.Version, n.Tags, n.Slots, n.Draining, n.Heard = v.Info.Role, v.Info.Version, v.Info.Tags, v.Info.Slots, v.Info.Draining, v.Heard
			n.Tasks, n.SlotsUsed = v.Tasks, slotsUsed(v)
		}
		if p.Voter {
			voters++
		}
		out.Nodes = append(out.Nodes, n)
	}
	slices.SortFunc(out.Nodes, func(a, b NodeStatus) int { return cmp.Compare(a.Addr, b.Addr) })
	if len(peers) > 1 && voters == 1 {
		out.Warnings = append(out.Warnings, "only one node has a vote: without it the cluster stops until `seikan cluster recover`; "+
			"a third node, which may be a small one started with -r master, changes that")
	}
	return out, nil
}

// slotsUsed counts a head as one: how many committers it has only its plan tells.
func slotsUsed(v master.NodeView) int {
	n := 0
	for _, t := range v.Tasks {
		if !t.State.Ended() {
			n++
		}
	}
	return n
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
			ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
			defer cancel()
			if err := s.worker.Drain(ctx); err != nil {
				s.log.Warn("tasks of this node that is drained have not all stopped", "error", err)
			}
		})
	} else {
		s.worker.Resume()
	}
	s.log.Info("an administrator changed whether this node takes tasks", "draining", q.On)
	if q.On && s.raft.IsLeader() {
		if err := s.raft.Stepdown(""); err != nil {
			s.log.Warn("leadership was not handed over", "error", err)
		}
	}
	return nothing{}, nil
}

// drainWithin is how long tasks may take to stop.
const drainWithin = 30 * time.Second

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
	return s.meter.Read(), ctx.Err()
}

// explainOnce logs what was configured and has no meaning here.
func explainOnce(cfg *config.Config, log *slog.Logger) {
	for _, note := range cfg.Notes {
		log.Info(note)
	}
	for _, i := range cfg.Ignored {
		log.Info("a setting has no meaning here", "key", i.Key, "from", i.From, "reason", i.Reason)
	}
}
