package raft

import (
	"slices"
	"time"
)

// hasMoved says whether the node's cluster knows it under another address: its own has changed,
// or its directory is a copy of another node's, which the leader finds out. The only voter is not
// told by anybody.
func (n *Node) hasMoved(members []Member) bool {
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID == n.id })
	if i < 0 || members[i].Addr == n.cfg.Advertise {
		return false
	}
	return slices.ContainsFunc(members, func(m Member) bool { return m.Voter && m.ID != n.id })
}

// isStillAt says whether the address under which the cluster knows this node leads to this very
// process: two names of one place, and no copied directory.
func (n *Node) isStillAt(members []Member) bool {
	const patience = time.Second
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID == n.id })
	if i < 0 {
		return false
	}
	a, err := n.whoIsAt(n.ctx, members[i].Addr, n.id, patience)
	return err == nil && a.process == n.process
}

// rejoin brings a node that has lost its state or has another address than its cluster knows back,
// with the vote it had, however long that takes. Until then it takes part in no vote.
func (n *Node) rejoin(members []Member) {
	addrs, voter := formerly(members, n.id, n.cfg.Advertise)
	voter = voter && !n.cfg.Voteless
	pause := 100 * time.Millisecond
	for {
		if n.isStillAt(members) {
			// The others reach it as before. Whoever leads is told the new address; to find one,
			// its vote may be needed.
			n.raftGate.Load().open()
		}
		err := n.Join(n.ctx, addrs, voter)
		if err == nil {
			n.rejoining.Store(false)
			n.cfg.Log.Warn("this node is back in the cluster", "id", n.id, "addr", n.cfg.Advertise, "voter", voter)
			return
		}
		if n.ctx.Err() != nil {
			return
		}
		n.cfg.Log.Warn("this node cannot join its cluster again yet", "error", err, "next_try_in", pause)
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// formerly is whether a node had a vote, by its id or, since a new one is given to a node that has
// lost its state, by its address; others are where the other members are.
func formerly(members []Member, id, addr string) (others []string, voter bool) {
	known := false
	for _, m := range members {
		switch {
		case m.ID == id:
			known, voter = true, m.Voter
		case m.Addr != addr:
			others = append(others, m.Addr)
		case !known:
			voter = m.Voter
		}
	}
	return others, voter
}

// comeBack asks the others to take this node in again when it has heard of no leader for a while:
// a lost voter is removed while it is away, and nobody can tell it.
func (n *Node) comeBack() {
	patience := max(3*time.Second, 4*n.cfg.Heartbeat)
	var since time.Time
	for ; n.ctx.Err() == nil; wait(n.ctx, time.Second) {
		members, err := n.Members()
		if id, _ := n.Leader(); err != nil || id != "" || len(members) == 0 || n.rejoining.Load() {
			since = time.Time{}
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) < patience {
			continue
		}
		since = time.Time{}
		for _, m := range members {
			if m.ID == n.id || n.ctx.Err() != nil {
				continue
			}
			if err := n.call(n.ctx, func() error { return n.ask(m.Addr, backPrefix+n.id, n.cfg.Advertise, false) }); err == nil {
				break
			}
		}
	}
}
