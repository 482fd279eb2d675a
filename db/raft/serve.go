package raft

import (
	"errors"
	"fmt"
	"io"

	"github.com/rqlite/rqlite/v8/command/proto"

	"seikan/db"
)

// execute runs a write on this node, which must be the leader.
func (n *Node) execute(er *proto.ExecuteRequest, migrating bool) ([]*proto.ExecuteQueryResponse, error) {
	switch {
	case !n.IsLeader():
		id, addr := n.Leader()
		return nil, &NotLeaderError{ID: id, Addr: addr}
	case n.broken.Load():
		return nil, fmt.Errorf("%w: its disk has failed", ErrClosed)
	case n.low.Load():
		return nil, n.diskLow()
	case !migrating && !n.schemaReady.Load():
		if err, ok := n.newer.Load().(error); ok {
			return nil, fmt.Errorf("%w: %w", ErrNotReady, err)
		}
		return nil, fmt.Errorf("%w: its schema is being brought up to date", ErrNotReady)
	}
	answers, _, err := n.st.Execute(er)
	if err != nil && diskFault(err.Error()) {
		n.fatal(err)
	}
	for _, a := range answers {
		if text := a.GetError(); diskFault(text) {
			n.fatal(errors.New(text))
		}
	}
	return answers, err
}

// fatal ends this node: what it failed to write is in the log, so its copy lacks what the
// others have. Opening it again rebuilds the copy from the log.
func (n *Node) fatal(err error) {
	n.broken.Store(true)
	n.fatalOnce.Do(func() {
		n.cfg.Fatal(fmt.Errorf("the disk of %s is full or failing, so this node stops: %w; make room or replace the disk, then start it again",
			n.cfg.Dir, err))
	})
}

var errNotOffered = errors.New("not offered to other nodes")

// remote is what other nodes may ask of this one's database.
type remote struct{ n *Node }

// Execute implements cluster.Database. The texts were screened where they came from; they are
// screened again, since that may be another version.
func (r *remote) Execute(er *proto.ExecuteRequest) ([]*proto.ExecuteQueryResponse, uint64, error) {
	if !er.GetRequest().GetTransaction() || len(er.Request.Statements) == 0 {
		return nil, 0, fmt.Errorf("%w: a write that is not a transaction", ErrNotReady)
	}
	for _, s := range er.Request.Statements {
		if err := db.Screen(s.Sql); err != nil || s.ForceQuery {
			return nil, 0, fmt.Errorf("%w: the leader does not allow %s: %w", ErrNotReady, db.Brief(s.Sql), err)
		}
	}
	answers, err := r.n.execute(er, false)
	return answers, 0, err
}

// Query implements cluster.Database.
func (r *remote) Query(qr *proto.QueryRequest) ([]*proto.QueryRows, uint64, error) {
	return r.n.st.Query(qr)
}

// Request implements cluster.Database: it commits half of a transaction, and reads stale.
func (r *remote) Request(*proto.ExecuteQueryRequest) ([]*proto.ExecuteQueryResponse, uint64, error) {
	return nil, 0, errNotOffered
}

// Backup implements cluster.Database.
func (r *remote) Backup(*proto.BackupRequest, io.Writer) error { return errNotOffered }

// Load implements cluster.Database.
func (r *remote) Load(*proto.LoadRequest) error { return errNotOffered }
