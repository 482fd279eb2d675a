// Package local is the state store in one SQLite file, for a program alone on its machine.
// Several processes may use one file at the same time.
package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"seikan/db"
	"seikan/migrations"
)

// Options of Open. The zero value is right for a program.
type Options struct {
	// BusyTimeout is how long a write waits for the writer of another process; 0 means 10 s.
	BusyTimeout time.Duration
	// Readers is the number of queries that run at once; 0 means 4.
	Readers int
	// Clock tells when migrations were applied; nil means time.Now.
	Clock func() time.Time
	// Migrations is the schema; nil means migrations.All().
	Migrations []migrations.Migration
}

// Store implements db.Store on one file.
type Store struct {
	path   string
	busy   time.Duration
	turn   chan struct{} // holds one token: whoever has it may use conn
	writer *sql.DB
	reader *sql.DB
	conn   *sql.Conn // the only writing connection; nil after it broke
	cached map[string]*sql.Stmt
	mu     sync.Mutex
	reads  map[string]*sql.Stmt // of reader
}

var errClosed = errors.New("state store is closed")

// Open opens or makes the file, which only its owner may read, since it holds job texts, and
// brings its schema up to date.
func Open(path string, o Options) (*Store, error) {
	s, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("open state file %s: %w", path, err)
	}
	return s, nil
}

func open(path string, o Options) (*Store, error) {
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Migrations == nil {
		o.Migrations = migrations.All()
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, busy: o.BusyTimeout, turn: make(chan struct{}, 1), reads: make(map[string]*sql.Stmt)}
	if s.writer, err = sql.Open("sqlite", dsn(path)); err != nil {
		return nil, err
	}
	if s.reader, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		_ = s.writer.Close()
		return nil, err
	}
	s.reader.SetMaxOpenConns(o.Readers)
	s.reader.SetMaxIdleConns(o.Readers)
	s.turn <- struct{}{}

	ctx := context.Background()
	if err = s.useWAL(ctx); err == nil {
		err = db.Migrate(ctx, s, o.Clock().UnixMilli(), o.Migrations)
	}
	if err != nil {
		_ = s.Close()
		return nil, hint(err)
	}
	return s, nil
}

// busyStep is how long SQLite itself waits for a lock before the store looks at the context.
const busyStep = 200 * time.Millisecond

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_defensive": {"1"}, "_dqs": {"0"}}
	for _, p := range append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyStep.Milliseconds()),
		"foreign_keys(1)", "synchronous(FULL)", "trusted_schema(0)", "cell_size_check(1)",
		"journal_size_limit(16777216)",
	}, pragmas...) {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// create makes the file with mode 0600 before SQLite would make it with the umask's. It goes
// by a link, so that no descriptor of the file itself is closed here: closing one would drop
// the locks that another Store of this process holds (POSIX advisory locks, fcntl(2)).
func create(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // CreateTemp uses 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// useWAL sets write-ahead logging, which the file remembers.
func (s *Store) useWAL(ctx context.Context) error {
	var mode string
	err := s.waitBusy(ctx, func() error {
		return s.writer.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
	})
	if err == nil && mode != "wal" {
		err = fmt.Errorf("the file system does not support write-ahead logging (journal mode stays %q); "+
			"use a local disk", mode)
	}
	return err
}

// waitBusy repeats do while another process holds the lock, until the store's patience or the
// context ends.
func (s *Store) waitBusy(ctx context.Context, do func() error) error {
	deadline := time.Now().Add(s.busy)
	for {
		err := do()
		if !isBusy(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: another process has been writing for %v: %w", db.ErrBusy, s.busy, err)
		}
	}
}

// Query implements db.Store. Its connections cannot write.
func (s *Store) Query(ctx context.Context, st db.Statement) (*db.Rows, error) {
	if err := db.CheckQuery(st); err != nil {
		return nil, err
	}
	var out *db.Rows
	err := s.waitBusy(ctx, func() (err error) {
		out, err = s.query(ctx, st)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("query (%s) on %s: %w", db.Brief(st.SQL), s.path, hint(err))
	}
	return out, nil
}

func (s *Store) query(ctx context.Context, st db.Statement) (*db.Rows, error) {
	stmt, err := s.prepare(ctx, st.SQL)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, st.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	out := &db.Rows{Columns: columns}
	ptrs := make([]any, len(columns))
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			ptrs[i] = &values[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		for i, v := range values {
			if t, ok := v.(time.Time); ok {
				return nil, fmt.Errorf("column %s is of a date type (it holds %v); store times as INTEGER milliseconds",
					columns[i], t)
			}
		}
		out.Values = append(out.Values, values)
	}
	return out, rows.Err()
}

// prepare keeps the first texts it sees, which are those of the program itself, prepared. It
// never throws one out, since another query may be using it.
func (s *Store) prepare(ctx context.Context, text string) (interface {
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
}, error) {
	s.mu.Lock()
	stmt, full := s.reads[text], len(s.reads) >= maxCached
	s.mu.Unlock()
	switch {
	case stmt != nil:
		return stmt, nil
	case full:
		return unprepared{s.reader, text}, nil
	}
	stmt, err := s.reader.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.reads[text]; other != nil { // prepared at the same time
		_ = stmt.Close()
		return other, nil
	}
	s.reads[text] = stmt
	return stmt, nil
}

// unprepared is a statement that is prepared for one use.
type unprepared struct {
	reader *sql.DB
	text   string
}

func (u unprepared) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return u.reader.QueryContext(ctx, u.text, args...)
}

// Close waits for the write in progress.
func (s *Store) Close() error {
	if _, ok := <-s.turn; !ok {
		return nil
	}
	s.dropConn()
	close(s.turn)
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// String is the file's path, for messages.
func (s *Store) String() string { return s.path }
