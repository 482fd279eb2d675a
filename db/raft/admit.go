package raft

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	hraft "github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"
)

// manager is what other nodes may ask of this one about the cluster.
type manager struct{ n *Node }

// LeaderAddr implements cluster.Manager.
func (m *manager) LeaderAddr() (string, error) { return m.n.st.LeaderAddr() }

// CommitIndex implements cluster.Manager.
func (m *manager) CommitIndex() (uint64, error) { return m.n.st.CommitIndex() }

// Remove implements cluster.Manager.
func (m *manager) Remove(rn *proto.RemoveNodeRequest) error {
	err := m.n.st.Remove(rn)
	m.n.nudge()
	return err
}

// Notify implements cluster.Manager.
func (m *manager) Notify(*proto.NotifyRequest) error { return errNotOffered }

// Stepdown implements cluster.Manager.
func (m *manager) Stepdown(wait bool, id string) error { return m.n.st.Stepdown(wait, id) }

// Join implements cluster.Manager. rqlite alone fails for a new id at an old address, and takes
// in a voter that nobody can reach, which would cost a cluster of one its majority.
func (m *manager) Join(jr *proto.JoinRequest) error {
	n := m.n
	if !n.IsLeader() {
		return store.ErrNotLeader // by its text, rqlite's service adds who leads
	}
	id, clearing := strings.CutPrefix(jr.Id, clearPrefix)
	id, back := strings.CutPrefix(id, backPrefix)
	jr.Id = id
	members, err := n.Members()
	if err != nil {
		return err
	}
	if back {
		if i := slices.IndexFunc(members, func(m Member) bool { return m.ID == id }); i >= 0 {
			jr.Voter = members[i].Voter // it is a member still
		}
	}
	known := slices.ContainsFunc(members, func(m Member) bool { return m.ID == id && m.Addr == jr.Address && m.Voter == jr.Voter })
	if id == n.id && !known {
		return errors.New("that is the leader itself; let it step down first")
	}
	var out []Member // of the cluster: others at this address
	moved := false
	for _, old := range members {
		switch {
		case old.ID == id:
			moved = old.Addr != jr.Address
		case old.Addr == jr.Address && old.ID == n.id:
			return fmt.Errorf("%s is the leader's own address; each node needs one of its own (public-address in hazelcast.yaml)", jr.Address)
		case old.Addr == jr.Address:
			out = append(out, old)
		}
	}
	if !known && (!clearing || moved) || len(out) > 0 {
		if err := m.vet(jr, members); err != nil {
			return err
		}
	}
	for _, old := range out {
		n.cfg.Log.Info("a member gives its address to another one", "id", old.ID, "addr", old.Addr, "new_id", id)
		if err := m.Remove(&proto.RemoveNodeRequest{Id: old.ID}); err != nil {
			return err
		}
	}
	if clearing || known {
		return nil
	}
	err = n.seat(Member{ID: id, Addr: jr.Address, Voter: jr.Voter}, members)
	n.nudge()
	return err
}

// seat makes m a member, or changes the address or the vote that it has. (rqlite would take it out
// and in again.)
func (n *Node) seat(m Member, now []Member) error {
	id, addr := hraft.ServerID(m.ID), hraft.ServerAddress(m.Addr)
	if m.Voter {
		return n.inner.AddVoter(id, addr, 0, n.cfg.CallTimeout).Error()
	}
	if slices.ContainsFunc(now, func(old Member) bool { return old.ID == m.ID && old.Voter }) {
		if err := n.inner.DemoteVoter(id, 0, n.cfg.CallTimeout).Error(); err != nil {
			return err
		}
	}
	return n.inner.AddNonvoter(id, addr, 0, n.cfg.CallTimeout).Error()
}

// vet says why a node is not taken in as it asks.
func (m *manager) vet(jr *proto.JoinRequest, members []Member) error {
	const patience = 3 * time.Second
	n := m.n
	a, err := n.whoIsAt(n.ctx, jr.Address, jr.Id, patience)
	if err != nil {
		err = fmt.Errorf("the leader (%s) does not reach the node %s at the address that it advertises: %w; "+
			"if another node is there, give each its own address (public-address in hazelcast.yaml)", n.cfg.Advertise, jr.Id, err)
		n.cfg.Log.Warn("a node is not taken in", "error", err)
		return err
	}
	for _, old := range members {
		if old.ID != jr.Id || old.Addr == jr.Address {
			continue
		}
		if there, err := n.whoIsAt(n.ctx, old.Addr, jr.Id, patience); err == nil && there.process != a.process {
			err := fmt.Errorf("two nodes have the id %s: one answers at %s, another one asks to be taken in at %s; "+
				"was a state directory copied? Empty it on one of the two", jr.Id, old.Addr, jr.Address)
			n.cfg.Log.Error("a node is not taken in", "error", err)
			return err
		}
	}
	switch {
	case a.schema < int(n.readers.Load()):
		err = fmt.Errorf("node %s at %s runs a program that knows schema %d of the state store, and this cluster's is for %d or later: start it with the cluster's version",
			jr.Id, jr.Address, a.schema, n.readers.Load())
		n.cfg.Log.Warn("a node is not taken in", "error", err)
		return err
	case jr.Voter && a.voteless:
		return fmt.Errorf("node %s at %s is a worker (-r worker) and never votes; start it in another role first", jr.Id, jr.Address)
	}
	return nil
}
