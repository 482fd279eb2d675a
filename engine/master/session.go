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
	n, session, push, err := r.enter(first)
	if err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	reports := make(chan error, 1)
	go func() {
		for {
			report, err := s.Recv()
			if err != nil {
				reports <- err
				return
			}
			if !r.heard(report, session) {
				reports <- errors.New("another session of this node took its place")
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

// enter takes in a node, in place of an earlier session of it.
func (r *reign) enter(report *rpc.Report) (n *node, session uint64, push chan struct{}, err error) {
	r.mu.Lock()
	n = r.nodes[report.Node.ID]
	if n == nil {
		n = &node{past: map[string]bool{}}
		r.nodes[report.Node.ID] = n
	}
	old := n.fact.Info.Incarnation
	if n.past[report.Node.Incarnation] { // a late word of a process that is no more
		r.mu.Unlock()
		return nil, 0, nil, fmt.Errorf("node %s has been started again since: it is %s now", report.Node.ID, old)
	}
	if old != "" && old != report.Node.Incarnation {
		n.past[old] = true
	}
	n.session++
	n.confirmed = 0
	n.push = make(chan struct{}, 1)
	session, push = n.session, n.push
	r.mu.Unlock()
	r.heard(report, session)
	r.poke()
	return n, session, push, nil
}

// heard takes in a report; false when the session is no longer the node's.
func (r *reign) heard(report *rpc.Report, session uint64) bool {
	r.mu.Lock()
	n := r.nodes[report.Node.ID]
	if n == nil || n.session != session {
		r.mu.Unlock()
		return false
	}
	tasks := make(map[rpc.TaskKey]rpc.TaskReport, len(report.Tasks))
	changed := n.fact.Info.Incarnation != report.Node.Incarnation || n.fact.Info.Draining != report.Node.Draining
	for _, t := range report.Tasks {
		tasks[t.TaskKey] = t
		old, known := n.fact.Tasks[t.TaskKey]
		changed = changed || !known || old.State != t.State
		if len(t.Counters) > 0 {
			r.count(t)
		}
	}
	changed = changed || len(tasks) != len(n.fact.Tasks)
	n.fact = NodeFact{Info: report.Node, Heard: r.now(), Tasks: tasks}
	if report.Epoch == r.epoch {
		n.fact.Obeyed = report.Obeyed
	}
	n.seq = report.Seq
	r.mu.Unlock()
	if changed {
		r.poke()
	}
	return true
}

// count keeps a task's counters; those of an earlier attempt of the task give way. r.mu is held.
func (r *reign) count(t rpc.TaskReport) {
	job := r.counts[t.JobID]
	if job == nil {
		job = map[string]map[string]int64{}
		r.counts[t.JobID] = job
	}
	job[fmt.Sprintf("%d/%s/%d", t.Pipeline, t.Role, t.Subtask)] = maps.Clone(t.Counters)
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
}

// Nodes lists the workers that have reported; ErrNotMaster elsewhere.
func (c *Cluster) Nodes() ([]NodeView, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []NodeView
	for _, n := range r.nodes {
		v := NodeView{Info: n.fact.Info, Heard: r.now() - n.fact.Heard}
		for _, t := range n.fact.Tasks {
			v.Tasks = append(v.Tasks, t)
		}
		out = append(out, v)
	}
	return out, nil
}

// Counters are the running sums of a job; ErrNotMaster elsewhere.
func (c *Cluster) Counters(jobID string) (map[string]int64, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	return r.Counters(jobID), nil
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
