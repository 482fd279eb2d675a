package node

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/member"
	"seikan/db/raft"
)

// Only a node that could take part at once is given a vote.
func TestANodeThatLagsIsNoCandidate(t *testing.T) {
	t.Parallel()
	peer := func(id string, voter bool, index uint64) raft.Peer {
		return raft.Peer{Member: raft.Member{ID: id, Voter: voter}, Reachable: true, Fit: true, CommitIndex: index}
	}
	silent, unfit := peer("silent", false, 10000), peer("unfit", false, 10000)
	silent.Reachable, unfit.Fit = false, false
	peers := []raft.Peer{peer("leader", true, 10000), peer("voter", true, 5000), peer("near", false, 10000-closeBehind), peer("far", false, 10000-closeBehind-1),
		silent, unfit, peer("stranger", false, 10000), peer("worker", false, 10000)}
	var here []member.Member
	for _, p := range peers {
		if p.ID != "stranger" {
			here = append(here, member.Member{NodeID: p.ID, Role: member.Hybrid})
		}
	}
	here[len(here)-1].Role = member.Worker
	alive := map[string]bool{}
	for _, n := range candidates(peers, here, "leader", nil) {
		alive[n.ID] = n.Alive && n.Role.Votes()
	}
	want := map[string]bool{"leader": true, "voter": true, "near": true, "far": false, "silent": false, "unfit": false, "stranger": false, "worker": false}
	if !reflect.DeepEqual(alive, want) {
		t.Errorf("candidates are %v, want %v", alive, want)
	}
}

func TestAbsenceIsCountedFromTheFirstSilence(t *testing.T) {
	t.Parallel()
	a, start := absences{}, time.Unix(1000, 0)
	look := func(at time.Duration, there bool) time.Duration {
		return a.of([]raft.Peer{{Member: raft.Member{ID: "n"}, Reachable: there}}, start.Add(at))["n"]
	}
	for _, c := range []struct {
		at    time.Duration
		there bool
		want  time.Duration
	}{{0, false, 0}, {time.Second, false, time.Second}, {9 * time.Second, false, 9 * time.Second}, {10 * time.Second, true, 0}, {11 * time.Second, false, 0}, {12 * time.Second, false, time.Second}} {
		if got := look(c.at, c.there); got != c.want {
			t.Errorf("after %v: absent for %v, want %v", c.at, got, c.want)
		}
	}
}

func (c *cluster) voters() (ids []string) {
	for _, s := range c.nodes {
		if s == nil {
			continue
		}
		members, err := s.raft.Members()
		if err != nil {
			continue
		}
		for _, m := range members {
			if m.Voter {
				ids = append(ids, m.ID)
			}
		}
		return ids
	}
	return nil
}

// What a new cluster accepts is on the disks of all planned voters' majority, not of the one that
// formed it.
func TestANewClusterAcceptsWorkOnlyWhenItsVotersHaveJoined(t *testing.T) {
	c := startCluster(t, 3)
	if ids := c.voters(); len(ids) != 3 {
		t.Errorf("the cluster is ready with the voters %v", ids)
	}
}

func TestTwoNodesAreToldThatOneHoldsTheVote(t *testing.T) {
	c := startCluster(t, 2)
	if ids := c.voters(); len(ids) != 1 {
		t.Fatalf("two nodes have the voters %v", ids)
	}
	status, err := c.nodes[1].Status(t.Context())
	if err != nil || !strings.Contains(strings.Join(status.Warnings, "\n"), "`seikan cluster recover`") {
		t.Errorf("warnings are %q (%v)", status.Warnings, err)
	}
}

// A lost voter is replaced after the configured delay, and joins again by itself when it is back.
func TestALostVoterIsReplacedAndJoinsAgain(t *testing.T) {
	c := startCluster(t, 4, func(cfg *config.Config) { cfg.VoterReplace = time.Second })
	voting := c.voters()
	lost := -1
	for i, s := range c.nodes {
		if !s.raft.IsLeader() && strings.Contains(fmt.Sprint(voting), s.raft.ID()) {
			lost = i
		}
	}
	id := c.nodes[lost].raft.ID()
	c.nodes[lost].close() // without draining
	c.nodes[lost] = nil
	c.wait("the fourth node votes in its place", 30*time.Second, func() bool {
		ids := c.voters()
		return len(ids) == 3 && !strings.Contains(fmt.Sprint(ids), id)
	})
	c.start(lost)
	c.wait("the lost node is a member again", 30*time.Second, func() bool {
		members, err := c.nodes[(lost+1)%4].raft.Members()
		if err != nil {
			return false
		}
		for _, m := range members {
			if m.ID == id {
				return !m.Voter && c.nodes[lost].Ready(t.Context())
			}
		}
		return false
	})
}
