package raft

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
