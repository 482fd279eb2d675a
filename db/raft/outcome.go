package raft

import (
	"errors"
	"fmt"
	"strings"

	hraft "github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"

	"seikan/db"
)

var (
	// ErrNotLeader is inside the error of what only the leader can do; see NotLeaderError.
	ErrNotLeader = errors.New("this node is not the leader of the state store")
	// ErrDiskLow is inside the error of a write that is refused because too little disk is free.
	ErrDiskLow = errors.New("too little disk is free for the state store")
	// ErrNotReady is inside the error of a write that came before the store was ready.
	ErrNotReady = errors.New("the state store is not ready")
	// ErrClosed is inside the error of everything after Close.
	ErrClosed = errors.New("the state store is closed")
)

// NotLeaderError says who leads instead: "" for nobody, as far as this node knows.
type NotLeaderError struct{ ID, Addr string }

func (e *NotLeaderError) Error() string {
	if e.Addr == "" {
		return ErrNotLeader.Error() + " and knows of none; wait for an election, or look whether a majority of the voters is up"
	}
	return fmt.Sprintf("%v; that is %s at %s", ErrNotLeader, e.ID, e.Addr)
}

// Is makes errors.Is(err, ErrNotLeader) true.
func (e *NotLeaderError) Is(target error) bool { return target == ErrNotLeader }

// Errors come from rqlite as values here and as text from another node, so both are compared
// as text.

// refusals are the errors after which nothing took effect and nothing will.
var refusals = []string{
	store.ErrNotLeader.Error(),
	store.ErrNotReady.Error(),
	store.ErrNotOpen.Error(),
	hraft.ErrNotLeader.Error(), // a log entry that was not appended
	hraft.ErrEnqueueTimeout.Error(),
	hraft.ErrLeadershipTransferInProgress.Error(),
	ErrNotLeader.Error(),
	ErrDiskLow.Error(),
	ErrNotReady.Error(),
	ErrClosed.Error(),
}

// unsent are the beginnings of errors of rqlite's client before a request has left this node.
var unsent = []string{"pool get:", "write length:"}

// passing are the refusals that a short wait and another leader may heal.
var passing = []error{ErrNotLeader, ErrNotReady}

// outcomeOf says what is known of a request that failed as a whole.
func outcomeOf(err error) db.Outcome {
	text := err.Error()
	for _, r := range refusals {
		if text == r || strings.HasPrefix(text, r) {
			return db.Refused
		}
	}
	for _, u := range unsent {
		if strings.HasPrefix(text, u) {
			return db.Refused
		}
	}
	// SQLite undoes the transaction when a deferred key is broken at its end.
	if strings.Contains(text, "constraint failed") {
		return db.Refused
	}
	return db.Unknown
}

// kindOf gives the error of rqlite's text a value that errors.Is finds.
func kindOf(err error) error {
	text := err.Error()
	starts := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(text, p) {
				return true
			}
		}
		return false
	}
	for _, own := range []error{ErrNotLeader, ErrDiskLow, ErrNotReady, ErrClosed} {
		if errors.Is(err, own) {
			return err
		}
		if starts(own.Error()) {
			return fmt.Errorf("%w%s", own, strings.TrimPrefix(text, own.Error()))
		}
	}
	switch {
	case starts(store.ErrNotLeader.Error(), hraft.ErrNotLeader.Error(), hraft.ErrLeadershipTransferInProgress.Error()):
		return fmt.Errorf("%w (%w)", ErrNotLeader, err)
	case starts(unsent...): // the leader that this node knows is gone
		return fmt.Errorf("%w (%w)", ErrNotLeader, err)
	case starts(store.ErrNotReady.Error(), hraft.ErrEnqueueTimeout.Error(), store.ErrStaleRead.Error()),
		strings.Contains(text, store.ErrWaitForFSMTimeout.Error()):
		return fmt.Errorf("%w (%w)", ErrNotReady, err)
	case starts(store.ErrNotOpen.Error(), hraft.ErrRaftShutdown.Error()):
		return fmt.Errorf("%w (%w)", ErrClosed, err)
	}
	return err
}

// diskFault says whether text is SQLite's or the log's complaint about the disk: after it this
// node's copy may differ from the others'.
func diskFault(text string) bool {
	for _, s := range []string{
		"database or disk is full",         // SQLITE_FULL
		"disk I/O error",                   // SQLITE_IOERR
		"database disk image is malformed", // SQLITE_CORRUPT
		"file is not a database",           // SQLITE_NOTADB
		"no space left on device",          // ENOSPC
		"input/output error",               // EIO
		"read-only file system",            // EROFS
		"disk quota exceeded",              // EDQUOT
	} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// judge turns the answers of one Execute into a result. Errors of statements stand in their
// answers, while the request as a whole succeeds; the transaction was undone then.
func judge(statements []db.Statement, answers []*proto.ExecuteQueryResponse) (db.Result, error) {
	affected := make([]int64, 0, len(statements))
	for i, a := range answers {
		if text := a.GetError(); text != "" {
			err := errors.New(text)
			outcome := db.Refused
			switch {
			case diskFault(text):
				outcome = db.Unknown // it is in the log, and takes effect when the log is read again
			case i < len(statements) && db.IsGuard(statements[i].SQL) && strings.Contains(text, "constraint failed"):
				err = db.ErrGuard
			}
			sql := "?"
			if i < len(statements) {
				sql = db.Brief(statements[i].SQL)
			}
			return db.Result{Outcome: outcome}, fmt.Errorf("statement %d of %d (%s): %w", i+1, len(statements), sql, err)
		}
		if a.GetE() == nil {
			return db.Result{}, fmt.Errorf("statement %d of %d: the answer is of an unexpected kind", i+1, len(statements))
		}
		affected = append(affected, a.GetE().RowsAffected)
	}
	if len(affected) != len(statements) {
		return db.Result{}, fmt.Errorf("%d answers to %d statements", len(affected), len(statements))
	}
	return db.Result{Outcome: db.Done, Affected: affected}, nil
}
