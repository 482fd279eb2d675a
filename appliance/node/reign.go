package node

import (
	"context"
	"sync"
	"time"
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
	if err := s.settle(ctx); err != nil {
		if ctx.Err() == nil {
			s.log.Error("no job goes on yet", "error", err)
			pause(ctx, time.Second)
		}
		return
	}
	wg.Go(func() { s.backUp(ctx) })
	wg.Go(func() { s.keepStorages(ctx) })
	s.keepHistory(ctx, &wg)
	if s.cfg.EarlyDeathProof {
		wg.Go(func() { s.proveDeaths(ctx) })
	}
	if err := s.master.Reign(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the reign of this master ended", "error", err)
		pause(ctx, 200*time.Millisecond)
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
