package node

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"seikan/appliance/config"
)

// command asks a node what a command line would.
func command(t *testing.T, s *Server, method, node string) {
	t.Helper()
	body, err := json.Marshal(NodeQuestion{Node: node})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.answer(t.Context(), method, body); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func (s *Server) sees(nodes int) bool {
	members, err := s.raft.Members()
	return err == nil && len(members) == nodes
}

// A node waits for a listed one that is silent until it is told not to. The silent one joins when
// it comes, and does not form another cluster. Removed while it is stopped, it joins again.
func TestBootstrapRemoveAndReturn(t *testing.T) {
	ports := freePorts(t, 2)
	members := []string{loopback(ports[0]), loopback(ports[1])}
	a, log, err := startNode(t, ports[0], members, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "not in a cluster yet", loopback(ports[1]), "seikan cluster bootstrap")
	command(t, a, "cluster.bootstrap", "")
	eventually(t, "it forms a cluster", func() bool { return a.Ready(t.Context()) })

	b, _, err := startNode(t, ports[1], members, nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one joins", func() bool { return b.Ready(t.Context()) && a.sees(2) })
	if a.disk.cluster() != b.disk.cluster() {
		t.Fatal("there are two clusters")
	}

	id, cfg := b.raft.ID(), b.cfg
	b.Stop(context.Background())
	command(t, a, "cluster.remove", id)
	if !a.sees(1) {
		t.Fatal("it was not removed")
	}
	b, _, err = startNode(t, ports[1], members, func(c *config.Config) { c.StateDir, c.ClusterKeyFile = cfg.StateDir, cfg.ClusterKeyFile })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return a.sees(2) && b.Ready(t.Context()) })
	if b.raft.ID() != id {
		t.Error("it came back under another id")
	}
}

// A node that stands in nobody's list is taken into a cluster by a command.
func TestANodeIsToldWhichClusterToJoin(t *testing.T) {
	ports := freePorts(t, 2)
	a, _, err := startNode(t, ports[0], []string{loopback(ports[0])}, nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a cluster of one is there", func() bool { return a.Ready(t.Context()) })
	b, log, err := startNode(t, ports[1], []string{"127.0.0.1:1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "not in a cluster yet", "its own member list")
	command(t, b, "cluster.join", loopback(ports[0]))
	eventually(t, "it has joined", func() bool { return b.Ready(t.Context()) && a.sees(2) })
	if a.disk.cluster() != b.disk.cluster() {
		t.Error("there are two clusters")
	}
	eventually(t, "they gossip", func() bool { return len(a.Members()) == 2 && len(b.Members()) == 2 })
}

// A worker follows and never votes, even where a third voter is wanted.
func TestAWorkerNeverVotes(t *testing.T) {
	ports := freePorts(t, 3)
	var members []string
	for _, p := range ports {
		members = append(members, loopback(p))
	}
	var all []*Server
	for i, p := range ports {
		s, _, err := startNode(t, p, members, func(c *config.Config) {
			if i == 2 {
				c.Role = config.Worker
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	for _, s := range all {
		eventually(t, "it is ready", func() bool { return s.Ready(t.Context()) && s.sees(3) && len(s.Members()) == 3 })
	}
	if n := voters(all[0].raft); n != 1 {
		t.Errorf("%d nodes vote", n)
	}
	if err := all[0].raft.SetVoter(t.Context(), all[2].raft.ID(), true); err == nil {
		t.Error("a worker was given a vote")
	}
	if n := voters(all[0].raft); n != 1 {
		t.Errorf("%d nodes vote after that", n)
	}
}
