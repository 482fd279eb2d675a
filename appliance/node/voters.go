package node

import (
	"context"
	"fmt"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/member"
	"seikan/db/raft"
)

// How often the master looks after the voters: soon while there is something to do, else seldom.
const (
	votersSoon   = 500 * time.Millisecond
	votersSeldom = 5 * time.Second
)

// closeBehind is how many log entries a node without a vote may lack to be given one: a voter that
// lags takes part in no majority until it has caught up.
const closeBehind = 500

// keepVoters brings the voters to what backup-count asks for, one step at a time.
func (s *Server) keepVoters(ctx context.Context) {
	absences, said := absences{}, ""
	for wait := votersSoon / 2; pause(ctx, wait); {
		wait = votersSoon
		peers, err := s.raft.Nodes(ctx, time.Second)
		if err != nil {
			continue
		}
		leader, _ := s.raft.Leader()
		nodes := candidates(peers, s.Members(), leader, absences.of(peers, time.Now()))
		step, ok := member.NextStep(nodes, s.cfg.BackupCount, s.cfg.VoterReplace)
		if !ok {
			if calm(nodes) {
				wait = votersSeldom
				if advice := member.Advice(nodes, s.cfg.BackupCount); advice != said && len(nodes) > 1 {
					said = advice
					s.log.Warn("fewer nodes may fail than is configured", "why", advice)
				}
			}
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
		if err == nil {
			wait = votersSoon / 10 // it may be the first of several
		} else if ctx.Err() == nil {
			s.log.Warn("a change of the voters did not succeed", "step", step.Kind, "node", step.ID, "error", err)
		}
	}
}

// absences are since when a member has not answered.
type absences map[string]time.Time

func (a absences) of(peers []raft.Peer, now time.Time) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, p := range peers {
		switch since, away := a[p.ID]; {
		case p.Reachable:
			delete(a, p.ID)
		case !away:
			a[p.ID] = now
		default:
			out[p.ID] = now.Sub(since)
		}
	}
	return out
}

// candidates are the members as the choice of voters sees them. A node that has no vote counts as
// alive only when it could take part at once: its log is close behind and its program can work on
// the store. The role of one that gossip has not met is not known, so it gets no vote; what a
// voter had it keeps.
func candidates(peers []raft.Peer, here []member.Member, leader string, absent map[string]time.Duration) []member.Node {
	roles := map[string]member.Role{}
	for _, m := range here {
		roles[m.NodeID] = m.Role
	}
	var head uint64
	for _, p := range peers {
		if p.ID == leader {
			head = p.CommitIndex
		}
	}
	var nodes []member.Node
	for _, p := range peers {
		role, met := roles[p.ID]
		n := member.Node{ID: p.ID, Role: role, Voter: p.Voter, Leader: p.ID == leader, Alive: p.Reachable, Absent: absent[p.ID]}
		if !met {
			n.Role = member.Hybrid
		}
		if !p.Voter {
			n.Alive = p.Reachable && met && p.Fit && p.CommitIndex+closeBehind >= head
		}
		nodes = append(nodes, n)
	}
	return nodes
}

func calm(nodes []member.Node) bool {
	for _, n := range nodes {
		if !n.Alive {
			return false
		}
	}
	return true
}

// formingPatience is how long a new cluster refuses work while planned voters are missing.
const formingPatience = 30 * time.Second

// holdWork makes a cluster that this node is about to form refuse work until as many nodes vote as
// are planned among those that answered: what one disk alone has is not safe. The returned
// function lets the waiting begin, or with an error of the formation drops it.
func (s *Server) holdWork(ctx context.Context, others []member.Answer) func(error) {
	able := 1
	for _, o := range others {
		if member.Role(o.Role).Votes() {
			able++
		}
	}
	planned := member.Seats(able, s.cfg.BackupCount)
	if planned < 2 {
		return func(error) {}
	}
	release := s.raft.Hold(fmt.Sprintf("the cluster has just been formed, and waits until %d nodes have a vote", planned))
	return func(err error) {
		if err != nil {
			release()
			return
		}
		s.wg.Go(func() {
			defer release()
			ending, cancel := context.WithTimeout(ctx, formingPatience)
			defer cancel()
			for pause(ending, 50*time.Millisecond) {
				if voters(s.raft) >= planned {
					s.log.Info("the planned voters have joined: work is accepted", "voters", planned)
					return
				}
			}
			if ctx.Err() == nil {
				s.log.Warn("work is accepted although not all planned voters have joined", "voters", voters(s.raft), "planned", planned)
			}
		})
	}
}

func voters(n *raft.Node) (count int) {
	members, _ := n.Members() // none when it closes
	for _, m := range members {
		if m.Voter {
			count++
		}
	}
	return count
}

// voteless says whether nodes of a role never vote.
func voteless(r config.Role) bool { return !member.Role(r).Votes() }
