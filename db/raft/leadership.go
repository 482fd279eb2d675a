package raft

import (
	"context"
	"errors"
	"fmt"
	"time"

	hraft "github.com/hashicorp/raft"
)

// Leader is the node that leads, as far as this one knows: "" for nobody.
func (n *Node) Leader() (id, addr string) {
	addr, id = n.st.LeaderWithID()
	return id, addr
}

// IsLeader says whether this node leads or does not yet know better. Only a Done write or a
// query that is not stale proves it.
func (n *Node) IsLeader() bool { return n.st.IsLeader() }

// LeaderChanges gives a channel that holds something whenever leadership may have changed since
// the last receive. Changes are merged: look at IsLeader and Leader each time. cancel ends it.
func (n *Node) LeaderChanges() (changes <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	n.subsMu.Lock()
	defer n.subsMu.Unlock()
	n.subs[c] = struct{}{}
	c <- struct{}{} // the state at the start is news too
	return c, func() {
		n.subsMu.Lock()
		defer n.subsMu.Unlock()
		delete(n.subs, c)
	}
}

func (n *Node) tell() {
	n.subsMu.Lock()
	defer n.subsMu.Unlock()
	for c := range n.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Stepdown hands leadership to another voter: the one with the id target, or any if it is "".
func (n *Node) Stepdown(target string) error {
	if n.IsLeader() && n.otherVoters() == 0 {
		return errors.New("step down: there is no other voter to take over; give another node a vote first")
	}
	if err := n.st.Stepdown(true, target); err != nil {
		return fmt.Errorf("step down: %w", n.explain(err))
	}
	return nil
}

// follow passes on changes of leadership and brings the schema up to date on gaining it. rqlite
// drops what does not fit into changes and says false for "unknown", too, so the state is read
// again each time, and now and then without being told.
func (n *Node) follow(changes <-chan bool) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	type seen struct {
		id     string
		leader bool
		term   uint64 // of this node's reign
	}
	var last seen
	end := func() {} // of this node's reign
	defer func() { end() }()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-changes:
		case <-tick.C:
		}
		id, _ := n.Leader()
		now := seen{id: id, leader: n.IsLeader()}
		if now.leader {
			now.term = n.inner.CurrentTerm()
		}
		if now.leader && n.cfg.Voteless && n.otherVoters() > 0 { // it had another role before
			_ = n.st.Stepdown(false, "") // is tried again
		}
		if now == last {
			continue
		}
		if now.leader != last.leader || now.term != last.term {
			end()
			if now.leader {
				end = n.reign()
			}
		}
		n.cfg.Log.Info("leadership of the state store", "leader", id, "here", now.leader)
		last = now
		n.tell()
	}
}

// reign starts what a new leader does.
func (n *Node) reign() (end func()) {
	ctx, cancel := context.WithCancel(n.ctx)
	n.wg.Go(n.tellAddress)
	n.wg.Go(func() { n.migrate(ctx) })
	return cancel
}

// tellAddress corrects the address under which the cluster knows this leader: of the only voter
// nobody else can.
func (n *Node) tellAddress() {
	members, err := n.Members()
	if err != nil {
		return
	}
	for _, m := range members {
		if m.ID == n.id && m.Addr != n.cfg.Advertise {
			n.cfg.Log.Info("this node has another address than before", "was", m.Addr, "is", n.cfg.Advertise)
			m.Addr = n.cfg.Advertise
			if err := n.seat(m, members); err != nil {
				n.cfg.Log.Warn("the members were not told this node's address", "error", err)
			}
			n.nudge()
		}
	}
}

// WaitReady waits until Ready.
func (n *Node) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ready, err := n.Ready(ctx)
		if ready || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			id, addr := n.Leader()
			if id == "" {
				return fmt.Errorf("wait for the state store: %w: %w", ctx.Err(), &NotLeaderError{})
			}
			return fmt.Errorf("wait for the state store, led by %s at %s: %w", id, addr, ctx.Err())
		}
	}
}

// hurry lets the only voter of a cluster stand for election at once: there is nobody whose
// heartbeat it could wait for. It sends itself what a leader that steps down sends (Raft
// dissertation, 3.10, TimeoutNow). If that fails the election comes by itself, later.
func (n *Node) hurry(members []Member) {
	for _, m := range members {
		if m.Voter != (m.ID == n.id) {
			return
		}
	}
	if len(members) == 0 {
		return
	}
	transport := hraft.NewNetworkTransport(outgoing{n.raftGate.Load(), make(chan struct{})}, 0, n.cfg.Heartbeat, n.capture.writer())
	defer func() { _ = transport.Close() }()
	request := &hraft.TimeoutNowRequest{RPCHeader: hraft.RPCHeader{
		ProtocolVersion: hraft.ProtocolVersionMax, ID: []byte(n.id), Addr: []byte(n.cfg.Advertise)}}
	err := transport.TimeoutNow(hraft.ServerID(n.id), hraft.ServerAddress(n.cfg.Advertise), request, &hraft.TimeoutNowResponse{})
	if err != nil {
		n.cfg.Log.Debug("the election is waited for", "error", err)
	}
}
