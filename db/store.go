// Package db is the small interface to the state store: SQL rows changed by one
// deterministic batch at a time. Backends: local (one file), raft (the cluster's).
package db

import (
	"context"
	"errors"
)

// Statement is one SQL statement with its positional arguments: nil, bool, int64, float64,
// string or []byte.
type Statement struct {
	SQL  string
	Args []any
}

// S builds a Statement.
func S(sql string, args ...any) Statement { return Statement{SQL: sql, Args: args} }

// Outcome is what is known of a write.
type Outcome uint8

const (
	// Unknown: the write may or may not have happened, now or later. Re-read and look
	// for the operation id before deciding anything.
	Unknown Outcome = iota
	// Done: all statements took effect, durably.
	Done
	// Refused: nothing took effect, and nothing will: a guard failed, a constraint was
	// broken or the text was not allowed.
	Refused
)

func (o Outcome) String() string { return [...]string{"unknown", "done", "refused"}[o] }

// ErrGuard is inside the error of a Write refused by a Guard.
var ErrGuard = errors.New("guard does not hold")

// Result of a Write.
type Result struct {
	Outcome  Outcome
	Affected []int64 // rows changed by each statement, when Done
}

// Store runs statements. One Write is one transaction: all of its statements or none. There
// are no interactive transactions. Statements must be deterministic, since every replica
// runs them: no clock, no random, no RETURNING, no BEGIN/COMMIT/SAVEPOINT/ATTACH/PRAGMA;
// ids and times are bound by the caller. Such text is Refused before it runs.
type Store interface {
	// Write returns a non-nil error exactly when the outcome is not Done.
	Write(ctx context.Context, statements ...Statement) (Result, error)
	// Query reads at least everything whose Write was Done before the call.
	Query(ctx context.Context, s Statement) (*Rows, error)
	Close() error
}

// Rows is a whole result; values are nil, int64, float64, string or []byte. A BLOB of a column
// that is declared BLOB or ANY is []byte; one that an expression makes may come back as string.
type Rows struct {
	Columns []string
	Values  [][]any
}

// Guard makes the rest of the Write conditional: condition is an SQL expression that must be
// true. Put guards first; a false one refuses the whole Write with ErrGuard inside the error.
// It needs the table guard(ok INTEGER NOT NULL CHECK(ok = 1)) of the first migration, which
// stays empty.
func Guard(condition string, args ...any) []Statement {
	return []Statement{
		{SQL: "INSERT INTO guard(ok) SELECT COALESCE((" + condition + "), 0)", Args: args},
		{SQL: "DELETE FROM guard"},
	}
}
