package raft

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seikan/db"
)

// member waits until a node of the cluster knows another one as wanted says.
func awaitMember(t *testing.T, at *testNode, id string, wanted func(Member) bool) {
	t.Helper()
	until(t, "the members of "+at.ID()+" are as they should be", func() bool {
		members, err := at.Members()
		if err != nil {
			return false
		}
		for _, m := range members {
			if m.ID == id {
				return wanted(m)
			}
		}
		return false
	})
}

// A lost voter is removed while it is away. When it is back it joins by itself, without a vote.
func TestARemovedVoterThatReturnsJoinsAgain(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	lost := nodes[2]
	lost.kill()
	if err := nodes[0].Remove(soon(t), lost.ID()); err != nil {
		t.Fatal(err)
	}
	write(t, nodes[0].LeaderStore(), op("a"))
	lost = lost.again(t)
	awaitMember(t, nodes[0], lost.ID(), func(m Member) bool { return !m.Voter })
	lost.ready(t)
	if got := number(t, lost.Forwarding(), "SELECT count(*) FROM op"); got != 1 {
		t.Errorf("the node that is back sees %d rows", got)
	}
}

// What a node that heard of no leader asks changes nothing for one that is a member.
func TestAskingToBeBackChangesNothingForAMember(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	before, err := nodes[0].Members()
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[1].ask(nodes[2].Addr(), backPrefix+nodes[1].ID(), nodes[1].Addr(), false); err != nil {
		t.Fatal(err)
	}
	after, err := nodes[0].Members()
	if err != nil || len(after) != 3 || len(before) != 3 || before[0] != after[0] || before[1] != after[1] || before[2] != after[2] {
		t.Errorf("members were %v and are %v (%v)", before, after, err)
	}
}

func TestAWorkerIsGivenNoVote(t *testing.T) {
	t.Parallel()
	first := single(t)
	worker := mustOpen(t, t.TempDir(), "127.0.0.1:0", func(c *Config) { c.Voteless = true })
	if err := worker.Join(soon(t), []string{first.Addr()}, true); err == nil || !strings.Contains(err.Error(), "never votes") {
		t.Errorf("a worker joins with a vote: %v", err)
	}
	if err := worker.Join(soon(t), []string{first.Addr()}, false); err != nil {
		t.Fatal(err)
	}
	worker.ready(t)
	if err := first.SetVoter(soon(t), worker.ID(), true); err == nil || !strings.Contains(err.Error(), "never votes") {
		t.Errorf("a worker is given a vote: %v", err)
	}
	if members, err := first.Members(); err != nil || len(members) != 2 {
		t.Errorf("members are %v (%v)", members, err)
	}
}

// Its address may have been another member's before: its own id tells more.
func TestANodeThatReturnsHasTheVoteOfItsID(t *testing.T) {
	t.Parallel()
	members := []Member{{ID: "a", Addr: "1:1", Voter: true}, {ID: "b", Addr: "2:2"}, {ID: "c", Addr: "3:3", Voter: true}}
	for _, c := range []struct {
		id, addr string
		voter    bool
		others   string
	}{
		{"a", "1:1", true, "2:2 3:3"},
		{"a", "2:2", true, "3:3"},
		{"b", "3:3", false, "1:1"},
		{"b", "1:1", false, "3:3"},
		{"new", "3:3", true, "1:1 2:2"},
		{"new", "2:2", false, "1:1 3:3"},
		{"new", "4:4", false, "1:1 2:2 3:3"},
	} {
		if others, voter := formerly(members, c.id, c.addr); voter != c.voter || strings.Join(others, " ") != c.others {
			t.Errorf("%s at %s: vote %v, others %v", c.id, c.addr, voter, others)
		}
	}
}

// A voter that is started again as a worker does not lead.
func TestAVoterThatBecameAWorkerHandsLeadershipOver(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	if err := nodes[0].stop(); err != nil {
		t.Fatal(err)
	}
	nodes[0] = nodes[0].again(t, func(c *Config) { c.Voteless = true })
	leader := leaderOf(t, nodes)
	if leader == nodes[0] {
		t.Fatal("a worker leads")
	}
	_ = leader.Stepdown(nodes[0].ID()) // an error says that it has gone again already
	until(t, "another node leads", func() bool {
		id, _ := nodes[0].Leader()
		return id != "" && id != nodes[0].ID()
	})
}

// A node with another address than its cluster knows is taken in at the new one, unless the old
// one answers under the same id.
func TestAnIDMovesToAnotherAddressButIsNotDoubled(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	moving := nodes[2]
	if err := moving.stop(); err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(moving.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(copied, lockFile)); err != nil {
		t.Fatal(err)
	}
	moved := mustOpen(t, moving.cfg.Dir, "127.0.0.1:0")
	awaitMember(t, nodes[0], moved.ID(), func(m Member) bool { return m.Addr == moved.Addr() && m.Voter })
	moved.ready(t)

	double := mustOpen(t, copied, "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(soon(t), 10*time.Second)
	defer cancel()
	err := double.Join(ctx, []string{nodes[0].Addr()}, true)
	if err == nil || !strings.Contains(err.Error(), "two nodes have the id "+moved.ID()) {
		t.Errorf("a copy of a node joins: %v", err)
	}
	if _, err := double.raftGate.Load().Dial(nodes[0].Addr(), time.Second); err == nil {
		t.Error("a copy of a node takes part in votes")
	}
	awaitMember(t, nodes[0], moved.ID(), func(m Member) bool { return m.Addr == moved.Addr() })
}

func TestAnAddressIsNotTakenFromANodeThatAnswers(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	other := mustOpen(t, t.TempDir(), "127.0.0.1:0", func(c *Config) { c.Advertise = nodes[1].Addr() })
	if err := other.Join(soon(t), []string{nodes[0].Addr()}, false); err == nil || !strings.Contains(err.Error(), "public-address") {
		t.Errorf("a node takes another one's address: %v", err)
	}
	awaitMember(t, nodes[0], nodes[1].ID(), func(m Member) bool { return m.Voter })
}

// The only voter of a cluster has a new address; whoever joins later must find it there.
func TestTheOnlyVoterTellsItsNewAddress(t *testing.T) {
	t.Parallel()
	first := single(t)
	write(t, first.LeaderStore(), op("a"))
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	first = mustOpen(t, first.cfg.Dir, "127.0.0.1:0").ready(t)
	awaitMember(t, first, first.ID(), func(m Member) bool { return m.Addr == first.Addr() && m.Voter })
	other := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if err := other.Join(soon(t), []string{first.Addr()}, true); err != nil {
		t.Fatal(err)
	}
	other.ready(t)
	write(t, other.Forwarding(), op("b"))
}

func TestAVoteIsGivenAndTakenInPlace(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	for _, voter := range []bool{false, true} {
		if err := nodes[1].SetVoter(soon(t), nodes[2].ID(), voter); err != nil {
			t.Fatal(err)
		}
		members, err := nodes[0].Members()
		if err != nil || len(members) != 3 {
			t.Fatalf("members are %v (%v)", members, err)
		}
		awaitMember(t, nodes[0], nodes[2].ID(), func(m Member) bool { return m.Voter == voter })
		write(t, nodes[2].Forwarding(), op("voter "+map[bool]string{true: "yes", false: "no"}[voter]))
	}
}

func TestHeldWorkIsRefusedUntilReleased(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	release := nodes[0].Hold("two more nodes")
	for _, n := range nodes[:2] {
		s := &view{node: n.Node, forward: true}
		if res, err := s.Write(soon(t), op("early")); res.Outcome != db.Refused || !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "two more nodes") {
			t.Errorf("a write is %v: %v", res.Outcome, err)
		}
	}
	write(t, nodes[0].LeaderStore(), op("of the master"))
	release()
	write(t, nodes[1].Forwarding(), op("late"))
}

// All nodes are started again under other names of their old places: nobody leads until some of
// them vote under the old ones.
func TestNodesThatCallThemselvesOtherwiseGoOn(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	for _, n := range nodes {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range nodes {
		nodes[i] = n.againAs(t, strings.Replace(n.cfg.Advertise, "127.0.0.1", "localhost", 1))
	}
	leader := leaderOf(t, nodes)
	write(t, leader.Forwarding(), op("a"))
	for _, n := range nodes {
		awaitMember(t, leader, n.ID(), func(m Member) bool { return m.Addr == n.Addr() && m.Voter })
	}
}
