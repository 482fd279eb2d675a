package raft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

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
}

// Bootstrap makes this empty node the first of a new cluster.
func (n *Node) Bootstrap() error {
	n.raftGate.Load().open()
	if err := n.st.Bootstrap(store.NewServer(n.id, n.cfg.Advertise, true)); err != nil {
		return fmt.Errorf("form a cluster: %w", err)
	}
	n.hurry([]Member{{ID: n.id, Addr: n.cfg.Advertise, Voter: true}})
	return nil
}

// clearPrefix before an id in a join request asks only that other ids at its address be removed.
const clearPrefix = "clear:"

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
			n.raftGate.Load().open()
			return n.ask(addr, n.id, n.cfg.Advertise, voter)
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
			continue
		}
		wg.Go(func() {
			index, err := n.whoIsAt(ctx, m.Addr, m.ID, timeout)
			peers[i].Reachable, peers[i].CommitIndex = err == nil, index
		})
	}
	wg.Wait()
	return peers, nil
}

// whoIsAt asks the node at addr how far its log goes, if its id is the expected one.
func (n *Node) whoIsAt(ctx context.Context, addr, id string, timeout time.Duration) (index uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got := make(chan uint64, 1)
	err = n.call(ctx, func() error {
		meta, err := n.client.GetNodeMeta(addr, 1, timeout)
		if err != nil {
			return err
		}
		if meta.Version != id {
			return fmt.Errorf("the node at %s is %s, not %s", addr, meta.Version, id)
		}
		got <- meta.CommitIndex
		return nil
	})
	if err != nil {
		return 0, err
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
	members, err := n.Members()
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(members, func(m Member) bool { return m.ID == id && m.Addr == jr.Address && m.Voter == jr.Voter })
	if id == n.id && !known {
		return errors.New("that is the leader itself; let it step down first")
	}
	if !known && !clearing {
		const patience = 3 * time.Second
		if _, err := n.whoIsAt(n.ctx, jr.Address, id, patience); err != nil {
			return fmt.Errorf("the leader (%s) does not reach the node at the address that it advertises: %w", n.cfg.Advertise, err)
		}
	}
	for _, old := range members {
		replaced := old.Addr == jr.Address && old.ID != id
		changed := !clearing && old.ID == id && (old.Addr != jr.Address || old.Voter != jr.Voter)
		if !replaced && !changed {
			continue
		}
		if old.ID == n.id {
			return fmt.Errorf("%s is the leader's own address; each node needs one of its own", jr.Address)
		}
		n.cfg.Log.Info("a member is taken out so that it can be taken in anew", "id", old.ID, "addr", old.Addr, "new_id", id)
		if err := m.Remove(&proto.RemoveNodeRequest{Id: old.ID}); err != nil {
			return err
		}
	}
	if clearing || known {
		return nil
	}
	err = n.st.Join(jr)
	n.nudge()
	return err
}
