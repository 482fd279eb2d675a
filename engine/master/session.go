package master

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seikan/engine/rpc"
)

// Session serves a worker: every report renews its lease and is answered with all it shall run.
// (rpc.Handler)
func (c *Cluster) Session(s rpc.Stream[rpc.Order, rpc.Report]) error {
	r := c.current()
	if r == nil {
		return status.Error(codes.Unavailable, ErrNotMaster.Error())
	}
	first, err := s.Recv()
	if err != nil {
		return err
	}
	seat := Seat{first.Node.ID, first.Node.Incarnation}
	n, session := r.arrive(seat)
	for first.Epoch < r.epoch {
		if err := r.greet(s, seat); err != nil {
			return err
		}
		if first, err = s.Recv(); err != nil {
			return err
		}
	}
	if first.Epoch > r.epoch {
		return status.Error(codes.Unavailable, ErrNotMaster.Error())
	}
	push, ok := r.enter(n, session, first)
	if !ok {
		return status.Error(codes.FailedPrecondition, fmt.Sprintf("incarnation %s of node %s is past", seat.Incarnation, seat.Node))
	}
	defer r.leave(n, session)
	reports := make(chan error, 1)
	go func() {
		for {
			report, err := s.Recv()
			if err != nil {
				reports <- err
				return
			}
			if !r.heard(report, session) {
				reports <- errors.New("another session of this node, or another master, took over")
				return
			}
		}
	}()
	for {
		select {
		case err := <-reports:
			return err
		case <-s.Context().Done():
			return s.Context().Err()
		case <-r.over:
			return status.Error(codes.Unavailable, ErrNotMaster.Error())
		case <-push:
		}
		order, ready := r.orderFor(first.Node.ID, n)
		if !ready {
			continue
		}
		if err := s.Send(order); err != nil {
			return err
		}
	}
}

// arrive numbers a session of a node.
func (r *reign) arrive(seat Seat) (n *node, session uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = r.nodes[seat.Node]
	if n == nil {
		n = &node{first: map[string]uint64{}}
		r.nodes[seat.Node] = n
	}
	n.arrivals++
	if n.first[seat.Incarnation] == 0 {
		n.first[seat.Incarnation] = n.arrivals
	}
	return n, n.arrivals
}

// greet sends a worker its orders without a lease. A report counts only when it shows that its
// worker has heard of this master: it may be the late word of a process that is no more.
func (r *reign) greet(s rpc.Stream[rpc.Order, rpc.Report], seat Seat) error {
	select {
	case <-r.decided:
	case <-r.over:
		return status.Error(codes.Unavailable, ErrNotMaster.Error())
	case <-s.Context().Done():
		return s.Context().Err()
	}
	r.mu.Lock()
	o := &rpc.Order{Epoch: r.epoch, Number: r.number, Tasks: r.orders[seat]}
	r.mu.Unlock()
	return s.Send(o)
}

// enter takes in a node, in place of an earlier session of it; false when a later one, or a
// later process, is in.
func (r *reign) enter(n *node, session uint64, report *rpc.Report) (push chan struct{}, ok bool) {
	r.mu.Lock()
	first := n.first[report.Node.Incarnation]
	if session < n.session || first < n.proven {
		r.mu.Unlock()
		return nil, false
	}
	n.proven = max(n.proven, first)
	n.session, n.seq, n.confirmed = session, 0, 0
	push = make(chan struct{}, 1)
	n.push, n.left = push, false
	r.mu.Unlock()
	r.heard(report, session)
	r.poke()
	select {
	case r.entered <- struct{}{}:
	default:
	}
	return push, true
}

// heard takes in a report; false when the session is no longer the node's.
func (r *reign) heard(report *rpc.Report, session uint64) bool {
	r.mu.Lock()
	n := r.nodes[report.Node.ID]
	if n == nil || n.session != session || report.Epoch > r.epoch {
		r.mu.Unlock()
		return false
	}
	for _, t := range report.Tasks {
		if len(t.Counters) > 0 {
			r.count(t)
		}
	}
	fact, changed := n.fact.next(report, r.now())
	changed = changed || fact.Obeyed != n.fact.Obeyed && r.live > 0
	n.fact = fact
	n.seq = report.Seq
	r.mu.Unlock()
	if changed {
		r.poke()
	}
	return true
}

// next is what is known of a worker behind a report of it, and whether anything but time has gone on.
func (n NodeFact) next(report *rpc.Report, now time.Duration) (out NodeFact, changed bool) {
	out = NodeFact{Info: report.Node, Heard: now, Obeyed: report.Obeyed, Tasks: make(map[rpc.TaskKey]rpc.TaskReport, len(report.Tasks))}
	changed = n.Info.Incarnation != out.Info.Incarnation || n.Info.Draining != out.Info.Draining
	if out.Info.Draining {
		out.Draining = now
		if n.Info.Draining && n.Info.Incarnation == out.Info.Incarnation {
			out.Draining = n.Draining
		}
	}
	for _, t := range report.Tasks {
		old, known := n.Tasks[t.TaskKey]
		changed = changed || !known || old.State != t.State
		if t.State.Ended() {
			t.Ended = now
			if known && old.State.Ended() {
				t.Ended = old.Ended
			}
		}
		out.Tasks[t.TaskKey] = t
	}
	return out, changed || len(out.Tasks) != len(n.Tasks)
}

func (r *reign) orderFor(id string, n *node) (*rpc.Order, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.orders == nil {
		return nil, false
	}
	return &rpc.Order{Epoch: r.epoch, Number: r.number, Seq: n.confirmed, Lease: r.c.Lease.Milliseconds(),
		Tasks: r.orders[Seat{id, n.fact.Info.Incarnation}]}, true
}

// NodeView is a node as the master sees it.
type NodeView struct {
	Info  rpc.NodeInfo
	Heard time.Duration // ago
	Tasks []rpc.TaskReport
	Slots int // that are taken
}

// Nodes lists the workers that have reported; ErrNotMaster elsewhere.
func (c *Cluster) Nodes() ([]NodeView, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	used := newDecider(r.last).slots()
	var out []NodeView
	for _, n := range r.nodes {
		if n.fact.Tasks == nil { // it has not reported yet
			continue
		}
		v := NodeView{Info: n.fact.Info, Heard: r.now() - n.fact.Heard, Slots: used[n.fact.Info.ID]}
		for _, t := range n.fact.Tasks {
			v.Tasks = append(v.Tasks, t)
		}
		out = append(out, v)
	}
	return out, nil
}

// leave notes that a node's present session has ended: its process may have.
func (r *reign) leave(n *node, session uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.session == session {
		n.left = true
	}
}

// Left are the nodes that have, or shall have, tasks and whose session has ended or not begun:
// their processes may have ended. ErrNotMaster elsewhere.
func (c *Cluster) Left() ([]Seat, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Seat
	for id, n := range r.nodes {
		if n.left && !n.fact.Dead {
			out = append(out, Seat{id, n.fact.Info.Incarnation})
		}
	}
	for seat := range r.orders {
		if r.nodes[seat.Node] == nil {
			out = append(out, seat)
		}
	}
	return out, nil
}

// Died says that the process of a node has surely ended: its tasks need not be waited for until
// its lease runs out.
func (c *Cluster) Died(seat Seat) {
	r := c.current()
	if r == nil {
		return
	}
	r.mu.Lock()
	n := r.nodes[seat.Node]
	switch {
	case n == nil:
		r.nodes[seat.Node] = &node{first: map[string]uint64{}, left: true, fact: NodeFact{Dead: true, Heard: r.now(),
			Info: rpc.NodeInfo{ID: seat.Node, Incarnation: seat.Incarnation}, Tasks: map[rpc.TaskKey]rpc.TaskReport{}}}
	case n.left && n.fact.Info.Incarnation == seat.Incarnation:
		n.fact.Dead = true
	}
	r.mu.Unlock()
	r.poke()
}

// Waiting says why jobs wait, by job id; ErrNotMaster elsewhere.
func (c *Cluster) Waiting() (map[string]string, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.holds), nil
}
