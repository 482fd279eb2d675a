package node

import (
	"context"
	"sync"
	"time"

	"seikan/appliance/member"
)

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
