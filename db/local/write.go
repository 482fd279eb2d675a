package local

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"seikan/db"
)

// Write implements db.Store. All that can go wrong before COMMIT is Refused, for SQLite rolls
// back, except a failing disk; an error of COMMIT itself means Unknown.
func (s *Store) Write(ctx context.Context, statements ...db.Statement) (db.Result, error) {
	refused := db.Result{Outcome: db.Refused}
	if err := db.Check(statements); err != nil {
		return refused, err
	}
	if err := ctx.Err(); err != nil { // select picks at random when both are ready
		return refused, fmt.Errorf("write to %s: %w", s.path, err)
	}
	select {
	case _, open := <-s.turn:
		if !open {
			return refused, fmt.Errorf("write to %s: %w", s.path, errClosed)
		}
	case <-ctx.Done():
		return refused, fmt.Errorf("write to %s: %w", s.path, ctx.Err())
	}
	affected, err := s.run(ctx, statements)
	if err != nil {
		res := db.Result{Outcome: db.Refused}
		s.rollback()
		if isDisk(err) {
			res.Outcome = db.Unknown
		}
		s.turn <- struct{}{}
		return res, fmt.Errorf("write to %s: %w", s.path, hint(err))
	}
	return s.commit(ctx, affected)
}

// run begins the transaction and executes the statements.
func (s *Store) run(ctx context.Context, statements []db.Statement) ([]int64, error) {
	if s.conn == nil {
		conn, err := s.writer.Conn(ctx)
		if err != nil {
			return nil, err
		}
		s.conn, s.cached = conn, make(map[string]*sql.Stmt)
	}
	err := s.waitBusy(ctx, func() error {
		_, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		return err
	})
	if err != nil {
		return nil, err
	}
	affected := make([]int64, len(statements))
	for i, st := range statements {
		n, err := s.exec(ctx, st)
		if err != nil {
			if db.IsGuard(st.SQL) && code(err) == sqlite3.SQLITE_CONSTRAINT {
				err = db.ErrGuard
			}
			return nil, fmt.Errorf("statement %d of %d (%s): %w", i+1, len(statements), db.Brief(st.SQL), err)
		}
		affected[i] = n
	}
	return affected, nil
}

const maxCached = 128

// exec runs one statement, prepared once per connection.
func (s *Store) exec(ctx context.Context, st db.Statement) (int64, error) {
	stmt := s.cached[st.SQL]
	if stmt == nil {
		if len(s.cached) >= maxCached {
			for text, old := range s.cached {
				_ = old.Close()
				delete(s.cached, text)
			}
		}
		var err error
		if stmt, err = s.conn.PrepareContext(ctx, st.SQL); err != nil {
			return 0, err
		}
		s.cached[st.SQL] = stmt
	}
	res, err := stmt.ExecContext(ctx, st.Args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// commit ends the transaction and gives the turn back when that is over, which may be after
// the caller has stopped waiting.
func (s *Store) commit(ctx context.Context, affected []int64) (db.Result, error) {
	done := make(chan error, 1)
	go func() {
		_, err := s.conn.ExecContext(context.Background(), "COMMIT")
		if err != nil {
			s.rollback()
		}
		s.turn <- struct{}{}
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select { // prefer what is known
		case err = <-done:
		default:
			err = ctx.Err()
		}
	}
	if err != nil {
		res := db.Result{Outcome: db.Unknown}
		if code(err) == sqlite3.SQLITE_CONSTRAINT { // a deferred foreign key: nothing was written
			res.Outcome = db.Refused
		}
		return res, fmt.Errorf("commit to %s: %w", s.path, hint(err))
	}
	return db.Result{Outcome: db.Done, Affected: affected}, nil
}

// rollback leaves the connection outside of any transaction, if need be by closing it, which
// rolls back too.
func (s *Store) rollback() {
	if s.conn == nil {
		return
	}
	_, err := s.conn.ExecContext(context.Background(), "ROLLBACK")
	// SQLITE_ERROR says that no transaction is open: SQLite had rolled back by itself, or BEGIN
	// never succeeded.
	if err != nil && code(err) != sqlite3.SQLITE_ERROR {
		s.dropConn()
	}
}

func (s *Store) dropConn() {
	if s.conn == nil {
		return
	}
	for _, stmt := range s.cached {
		_ = stmt.Close()
	}
	// ErrBadConn makes database/sql close the connection instead of pooling it.
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
	s.conn, s.cached = nil, nil
}

// code is the primary result code of an SQLite error, 0 for any other error.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool {
	return code(err) == sqlite3.SQLITE_BUSY || code(err) == sqlite3.SQLITE_LOCKED
}

// isDisk says that the disk rather than the request is at fault.
func isDisk(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// hint adds what the user may do about an error of the file itself.
func hint(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: the disk is full; make room and try again", err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("%w: the disk failed; look at the system's log", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: the file is damaged; restore it from a backup", err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: this is not a state file; choose another path", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: the file and its folder must be writable by this user", err)
	}
	return err
}
