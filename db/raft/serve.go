package raft

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"

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
	}
	if err, tooNew := n.newer.Load().(error); !migrating && tooNew {
		return nil, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	if !migrating && !n.schemaReady() {
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

// query runs a query on this node. A linearizable one waits until the copy has reached the index
// that was committed when it began. rqlite takes that index from raft and the copy's from the
// last entry that was a command: after a change of the members, which is none, the wait is in
// vain until something is written. Then the query goes through the log, which is one.
func (n *Node) query(qr *proto.QueryRequest) ([]*proto.QueryRows, error) {
	qr.LinearizableTimeout = int64(200 * time.Millisecond)
	rows, _, err := n.st.Query(qr)
	if errors.Is(err, store.ErrWaitForFSMTimeout) {
		qr.Level = proto.QueryRequest_QUERY_REQUEST_LEVEL_STRONG
		rows, _, err = n.st.Query(qr)
	}
	return rows, err
}

// nudge writes an empty command after a change of the members, so that no query must wait for one.
func (n *Node) nudge() {
	if f, err := n.st.Noop("members"); err == nil {
		_ = f.Error() // query does without it, only slower
	}
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
	if err := r.n.refusesWork(); err != nil && r.n.IsLeader() {
		return nil, 0, err
	}
	answers, err := r.n.execute(er, false)
	return answers, 0, err
}

// Hold makes this node, while it leads, refuse what Forwarding writes, here and from other nodes,
// as not ready; LeaderStore goes on writing. why is for people.
func (n *Node) Hold(why string) (release func()) {
	n.hold.Store(&why)
	return func() {
		n.hold.CompareAndSwap(&why, nil)
		n.tell()
	}
}

// Holds says why work is refused by Hold; "" when it is not.
func (n *Node) Holds() string {
	if why := n.hold.Load(); why != nil {
		return *why
	}
	return ""
}

func (n *Node) refusesWork() error {
	if why := n.Holds(); why != "" {
		return fmt.Errorf("%w: %s", ErrNotReady, why)
	}
	return nil
}

// Query implements cluster.Database.
func (r *remote) Query(qr *proto.QueryRequest) ([]*proto.QueryRows, uint64, error) {
	rows, err := r.n.query(qr)
	return rows, 0, err
}

// Request implements cluster.Database: it commits half of a transaction, and reads stale.
func (r *remote) Request(*proto.ExecuteQueryRequest) ([]*proto.ExecuteQueryResponse, uint64, error) {
	return nil, 0, errNotOffered
}

// Backup implements cluster.Database.
func (r *remote) Backup(*proto.BackupRequest, io.Writer) error { return errNotOffered }

// Load implements cluster.Database.
func (r *remote) Load(*proto.LoadRequest) error { return errNotOffered }
