package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// heir is a node that might lead next.
type heir struct {
	id, addr  string
	voter     bool
	reachable bool
	draining  bool
	index     uint64 // how far its log goes
}

// farBehind is how many entries of the log a node may lack and still take over: it has to catch up
// before it leads, and nothing is decided meanwhile.
const farBehind = 1000

// unfit says why a node cannot take over from a leader whose log goes to index; "" means it can.
func (h heir) unfit(index uint64) string {
	switch {
	case !h.voter:
		return "has no vote"
	case !h.reachable:
		return "does not answer"
	case h.draining:
		return "is drained"
	case h.index+farBehind < index:
		return fmt.Sprintf("is %d entries of the log behind", index-h.index)
	}
	return ""
}

// successor chooses who leads after the node self: wanted, or if that is "" the one whose log goes
// furthest.
func successor(self, wanted string, all []heir) (string, error) {
	var index uint64
	for _, h := range all {
		if h.id == self {
			index = h.index
		}
	}
	best, why := heir{}, ""
	for _, h := range all {
		if wanted != "" && h.id != wanted || wanted == "" && h.id == self {
			continue
		}
		if reason := h.unfit(index); reason != "" {
			why += fmt.Sprintf("; node %s %s", h.addr, reason)
			continue
		}
		if best.id == "" || h.index > best.index {
			best = h
		}
	}
	if best.id == "" {
		return "", errors.New("no other node can lead" + why)
	}
	return best.id, nil
}

// handOver gives leadership to the named node, or to the one that is fit best. It does nothing
// on the named node itself.
func (s *Server) handOver(ctx context.Context, q NodeQuestion) (nothing, error) {
	peers, err := s.raft.Nodes(ctx, time.Second)
	if err != nil {
		return nothing{}, fmt.Errorf("list the nodes: %w", err)
	}
	all := make([]heir, len(peers))
	asking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var group errgroup.Group
	for i, p := range peers {
		all[i] = heir{id: p.ID, addr: p.Addr, voter: p.Voter, reachable: p.Reachable, index: p.CommitIndex}
		if !p.Reachable || p.ID == s.raft.ID() {
			continue
		}
		group.Go(func() error {
			var a About
			if err := s.askAt(asking, p.Addr, "about", nothing{}, &a); err != nil {
				all[i].reachable = false
			}
			all[i].draining = a.Draining
			return nil
		})
	}
	_ = group.Wait() // nothing fails
	id, err := successor(s.raft.ID(), q.Node, all)
	if err != nil || id == s.raft.ID() {
		return nothing{}, err
	}
	for range transferTries {
		if err = s.raft.Stepdown(id); err == nil {
			return nothing{}, nil
		}
		// A transfer that took too long may have come about all the same.
		for end := time.Now().Add(transferWithin); ctx.Err() == nil && time.Now().Before(end); pause(ctx, 20*time.Millisecond) {
			if leader, _ := s.raft.Leader(); leader != "" && leader != s.raft.ID() {
				if leader != id && q.Node != "" {
					return nothing{}, fmt.Errorf("leadership went to node %s instead: %w", leader, err)
				}
				return nothing{}, nil
			}
		}
	}
	return nothing{}, err
}

const (
	transferTries  = 2
	transferWithin = 2 * time.Second
)
