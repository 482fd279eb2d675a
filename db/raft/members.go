package raft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	hraft "github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"
)

// Member is a node of the cluster.
type Member struct {
	ID    string `json:"id"`
	Addr  string `json:"addr"`
	Voter bool   `json:"voter"`
}

// Peer is a member and what is known of it now.
type Peer struct {
	Member
	Leader bool
	// Reachable: it answered, under this id, within the time given.
	Reachable bool
	// CommitIndex is how far its log goes, 0 if unknown.
	CommitIndex uint64
	// Schema is the newest one that its program knows, 0 if it does not answer.
	Schema int
	// Fit: its program can work on the store as it is.
	Fit bool
}

// Bootstrap makes this empty node the first of a new cluster.
func (n *Node) Bootstrap() error {
	if err := n.bootstrap(); err != nil {
		return fmt.Errorf("form a cluster: %w", err)
	}
	return nil
}

func (n *Node) bootstrap() error {
	n.raftGate.Load().open()
	if err := n.st.Bootstrap(store.NewServer(n.id, n.cfg.Advertise, true)); err != nil {
		return err
	}
	n.hurry([]Member{{ID: n.id, Addr: n.cfg.Advertise, Voter: true}})
	return nil
}

// clearPrefix before an id in a join request asks only that other ids at its address be removed.
const clearPrefix = "clear:"

// backPrefix before an id in a join request asks that a node be a member again, without a vote, if
// it was removed. An older leader finds no node of such an id and does nothing.
const backPrefix = "back:"

// Join asks the nodes at addrs, one after another, to take this one into their cluster, and
// returns when one has. It does nothing for a node that is a member already. Another id that the
// cluster knows at this node's address is removed first, before this node takes part in any
// vote: it is what was here before, and what it promised is forgotten.
func (n *Node) Join(ctx context.Context, addrs []string, voter bool) error {
	var errs []error
	for _, addr := range addrs {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		err := n.call(ctx, func() error {
			if err := n.ask(addr, clearPrefix+n.id, n.cfg.Advertise, voter); err != nil {
				return err
			}
			was := n.raftGate.Load().open()
			err := n.ask(addr, n.id, n.cfg.Advertise, voter)
			if err != nil && was {
				n.raftGate.Load().close()
			}
			return err
		})
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("by way of %s: %w", addr, err))
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("no address given"))
	}
	return fmt.Errorf("join the cluster as %s (%s): %w", n.id, n.cfg.Advertise, errors.Join(errs...))
}

func (n *Node) ask(addr, id, advertise string, voter bool) error {
	return n.client.Join(&proto.JoinRequest{Id: id, Address: advertise, Voter: voter}, addr, nil, n.cfg.CallTimeout)
}

// call runs do, which knows no context.
func (n *Node) call(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ctx.Done():
		return ErrClosed
	}
}

// SetVoter gives a member a vote, or takes it away. The leader cannot lose its own: Stepdown
// first. Any node may be asked.
func (n *Node) SetVoter(ctx context.Context, id string, voter bool) error {
	members, err := n.Members()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return fmt.Errorf("change the vote of %s: no such member", id)
	}
	_, leader := n.Leader()
	if leader == "" {
		return &NotLeaderError{}
	}
	if err := n.call(ctx, func() error { return n.ask(leader, id, members[i].Addr, voter) }); err != nil {
		return fmt.Errorf("change the vote of %s: %w", id, err)
	}
	return nil
}

// Remove takes a node out of the cluster. Any node may be asked.
func (n *Node) Remove(ctx context.Context, id string) error {
	_, leader := n.Leader()
	if leader == "" {
		return &NotLeaderError{}
	}
	rn := &proto.RemoveNodeRequest{Id: id}
	err := n.call(ctx, func() error {
		if n.IsLeader() {
			return (&manager{n}).Remove(rn)
		}
		return n.client.RemoveNode(rn, leader, nil, n.cfg.CallTimeout)
	})
	if err != nil {
		return fmt.Errorf("remove node %s: %w", id, err)
	}
	return nil
}

// Members are the nodes of the cluster as this node knows them, by id; none before it is in one.
func (n *Node) Members() ([]Member, error) {
	servers, err := n.st.Nodes()
	if err != nil {
		return nil, fmt.Errorf("list the members: %w", kindOf(err))
	}
	out := make([]Member, len(servers))
	for i, s := range servers {
		out[i] = Member{ID: s.ID, Addr: s.Addr, Voter: s.Suffrage == "Voter"}
	}
	return out, nil
}

func membersOf(st *store.Store) []Member {
	members, _ := (&Node{st: st}).Members()
	return members
}

// otherVoters counts the voters that are not this node.
func (n *Node) otherVoters() (count int) {
	members, _ := n.Members()
	for _, m := range members {
		if m.Voter && m.ID != n.id {
			count++
		}
	}
	return count
}

// Nodes asks every member whether it is there, for at most timeout.
func (n *Node) Nodes(ctx context.Context, timeout time.Duration) ([]Peer, error) {
	members, err := n.Members()
	if err != nil {
		return nil, err
	}
	leader, _ := n.Leader()
	peers := make([]Peer, len(members))
	var wg sync.WaitGroup
	for i, m := range members {
		peers[i] = Peer{Member: m, Leader: m.ID == leader}
		if m.ID == n.id {
			peers[i].Reachable = true
			peers[i].CommitIndex, _ = n.st.CommitIndex()
			peers[i].Schema = len(n.cfg.Migrations)
			continue
		}
		wg.Go(func() {
			a, err := n.whoIsAt(ctx, m.Addr, m.ID, timeout)
			peers[i].Reachable, peers[i].CommitIndex, peers[i].Schema = err == nil, a.index, a.schema
		})
	}
	wg.Wait()
	for i := range peers {
		peers[i].Fit = peers[i].Schema >= int(n.readers.Load())
	}
	return peers, nil
}

// about is what a node tells of itself.
type about struct {
	index    uint64 // how far its log goes
	schema   int    // the newest that its program knows
	voteless bool   // its role does not vote
	process  string // which process it is
}

// What a node tells beside its id and index stands where rqlite tells the URL of its API:
// "schema=7,process=1f…", and "voteless" for a worker.
func (n *Node) told() string {
	text := fmt.Sprintf("schema=%d,process=%s", len(n.cfg.Migrations), n.process)
	if n.cfg.Voteless {
		text += ",voteless"
	}
	return text
}

func (a *about) read(url string) {
	a.schema = silentSchema
	_, text, _ := strings.Cut(url, "://")
	for part := range strings.SplitSeq(text, ",") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "schema":
			if v, err := strconv.Atoi(value); err == nil {
				a.schema = v
			}
		case "process":
			a.process = value
		case "voteless":
			a.voteless = true
		}
	}
}

// whoIsAt asks the node at addr about itself, if its id is the expected one.
func (n *Node) whoIsAt(ctx context.Context, addr, id string, timeout time.Duration) (about, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got := make(chan about, 1)
	err := n.call(ctx, func() error {
		meta, err := n.client.GetNodeMeta(addr, 1, timeout)
		if err != nil {
			return err
		}
		if meta.Version != id {
			return fmt.Errorf("the node at %s is %s, not %s", addr, meta.Version, id)
		}
		a := about{index: meta.CommitIndex}
		a.read(meta.Url)
		got <- a
		return nil
	})
	if err != nil {
		return about{}, err
	}
	return <-got, nil
}

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
