package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"

	"seikan/db"
)

// LeaderStore writes and reads on this node alone, and only while it is the leader: what the
// master uses, so that a deposed master cannot write at all. Every refusal for want of
// leadership is a NotLeaderError. Closing it does nothing.
func (n *Node) LeaderStore() db.Store { return &view{node: n} }

// Forwarding writes and reads through the leader, wherever it is. A write whose connection
// breaks is Unknown and never sent twice; one that reached no leader is tried again until
// Patience or its context ends. Closing it does nothing.
func (n *Node) Forwarding() db.Store { return &view{node: n, forward: true, patience: n.cfg.Patience} }

// view implements db.Store.
type view struct {
	node      *Node
	forward   bool
	patience  time.Duration // with want of a leader
	migrating bool          // do not wait for the schema, it is being made
}

// Close implements db.Store. The node is closed by whoever opened it.
func (v *view) Close() error { return nil }

// Write implements db.Store.
func (v *view) Write(ctx context.Context, statements ...db.Statement) (db.Result, error) {
	if err := db.Check(statements); err != nil {
		return db.Result{Outcome: db.Refused}, err
	}
	if err := ctx.Err(); err != nil {
		return db.Result{Outcome: db.Refused}, fmt.Errorf("write to the state store: %w", err)
	}
	var res db.Result
	err := v.patiently(ctx, func(ctx context.Context) (err error) {
		res, err = v.write(ctx, statements)
		if err != nil && res.Outcome != db.Refused {
			return final{err}
		}
		return err
	})
	if err != nil {
		return res, fmt.Errorf("write to the state store: %w", err)
	}
	return res, nil
}

func (v *view) write(ctx context.Context, statements []db.Statement) (db.Result, error) {
	type answer struct {
		all []*proto.ExecuteQueryResponse
		err error
	}
	got := make(chan answer, 1)
	go func() { // rqlite knows no contexts
		var a answer
		a.all, a.err = v.execute(executeRequest(statements))
		got <- a
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return db.Result{Outcome: outcomeOf(a.err)}, v.node.explain(a.err)
		}
		return judge(statements, a.all)
	case <-ctx.Done():
		return db.Result{Outcome: db.Unknown}, ctx.Err()
	}
}

// execute runs the request here or, if allowed, at the leader.
func (v *view) execute(er *proto.ExecuteRequest) ([]*proto.ExecuteQueryResponse, error) {
	n := v.node
	if v.forward && !n.IsLeader() {
		_, addr := n.Leader()
		if addr == "" {
			return nil, &NotLeaderError{}
		}
		return whileLeads(n, addr, func() ([]*proto.ExecuteQueryResponse, error) {
			// No retries: a write may have happened when its answer is lost.
			answers, _, err := n.client.Execute(er, addr, nil, n.cfg.CallTimeout, 0)
			return answers, err
		})
	}
	if v.forward {
		if err := n.refusesWork(); err != nil {
			return nil, err
		}
	}
	return n.execute(er, v.migrating)
}

// Query implements db.Store. With db.Stale it reads this node's copy.
func (v *view) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	if err := db.CheckQuery(s); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("query (%s) on the state store: %w", db.Brief(s.SQL), err)
	}
	var rows *db.Rows
	err := v.patiently(ctx, func(ctx context.Context) (err error) {
		rows, err = v.query(ctx, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("query (%s) on the state store: %w", db.Brief(s.SQL), err)
	}
	return rows, nil
}

func (v *view) query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	type answer struct {
		all []*proto.QueryRows
		err error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		a.all, a.err = v.ask(ctx, s)
		got <- a
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return nil, v.node.explain(a.err)
		}
		return rowsOf(a.all)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (v *view) ask(ctx context.Context, s db.Statement) ([]*proto.QueryRows, error) {
	n := v.node
	timeout := n.cfg.CallTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Millisecond, time.Until(deadline)))
	}
	if db.IsStale(ctx) {
		return n.query(queryRequest(s, levelHere, timeout))
	}
	if v.forward && !n.IsLeader() {
		_, addr := n.Leader()
		if addr == "" {
			return nil, &NotLeaderError{}
		}
		rows, err := whileLeads(n, addr, func() ([]*proto.QueryRows, error) {
			rows, _, err := n.client.Query(queryRequest(s, levelLatest, timeout), addr, nil, n.cfg.CallTimeout)
			return rows, err
		})
		if errors.Is(err, errReplaced) || isBroken(err) {
			return nil, &NotLeaderError{} // a query may be asked again
		}
		return rows, err
	}
	return n.query(queryRequest(s, levelLatest, timeout))
}

// isBroken says whether a call ended with its connection: the leader has died, perhaps.
func isBroken(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// final is an error after which nothing may be tried again.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// patiently repeats do while it finds no leader.
func (v *view) patiently(ctx context.Context, do func(context.Context) error) error {
	const pause = 20 * time.Millisecond
	var deadline time.Time
	for {
		err := do(ctx)
		var f final
		if err == nil || v.patience == 0 || errors.As(err, &f) || !isPassing(err) {
			return err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(v.patience)
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-v.node.ctx.Done():
			return errors.Join(ErrClosed, err)
		case <-time.After(pause):
		}
	}
}

func isPassing(err error) bool {
	for _, p := range passing {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

// explain turns an error of rqlite into one of this package.
func (n *Node) explain(err error) error {
	err = kindOf(err)
	var known *NotLeaderError
	if errors.Is(err, ErrNotLeader) && !errors.As(err, &known) {
		id, addr := n.Leader()
		if id == n.ID() { // the answer is older than the knowledge, or the other way round
			id, addr = "", ""
		}
		return &NotLeaderError{ID: id, Addr: addr}
	}
	return err
}
