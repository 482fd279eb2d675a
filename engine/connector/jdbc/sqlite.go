package jdbc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

func init() {
	dialects = append(dialects, sqliteDialect{})
	// The hash of text splits has to be the same on every node and in every version.
	err := sqlite.RegisterDeterministicScalarFunction("seikan_hash", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		parts, ok := args[1].(int64)
		if args[0] == nil || !ok || parts < 1 {
			return nil, nil
		}
		h := fnv.New64a()
		fmt.Fprint(h, args[0])
		return int64(h.Sum64() % uint64(parts)), nil
	})
	if err != nil {
		panic(err)
	}
}

// sqliteDialect speaks to SQLite files through modernc.org/sqlite.
type sqliteDialect struct{}

func (sqliteDialect) name() string   { return "SQLite" }
func (sqliteDialect) scheme() string { return "jdbc:sqlite:" }

// sqlitePragmas are the properties that are set on each connection, as sqlite-jdbc does.
var sqlitePragmas = []string{"application_id", "auto_vacuum", "busy_timeout", "cache_size", "case_sensitive_like", "defer_foreign_keys",
	"encoding", "foreign_keys", "journal_mode", "journal_size_limit", "locking_mode", "mmap_size", "page_size", "query_only",
	"read_uncommitted", "recursive_triggers", "secure_delete", "synchronous", "temp_store", "wal_autocheckpoint"}

var pragmaValue = regexp.MustCompile(`^-?[A-Za-z0-9_]+$`)

// sqliteFile is the file of a URL, "" for a database in memory.
func sqliteFile(c connection) string {
	path, _, _ := strings.Cut(c.url[len("jdbc:sqlite:"):], "?")
	path = strings.TrimPrefix(path, "file:")
	if path == ":memory:" {
		return ""
	}
	return path
}

func (sqliteDialect) nodeBound(c connection) string {
	if file := sqliteFile(c); file != "" {
		return "the SQLite file " + file + " is on that node"
	}
	return ""
}

func (sqliteDialect) open(c connection) (*sql.DB, error) {
	file := sqliteFile(c)
	pragmas := map[string]string{"busy_timeout": "60000"}
	if c.write {
		pragmas["cache_size"] = "-32768" // KiB: upserts by random keys touch many pages
	}
	uri, mode := "file::memory:", "memory"
	switch {
	case file == "" && c.write:
		return nil, plugin.Permanent(fmt.Errorf("%s is a database in memory: what is written there is gone when the writer closes; name a file, as in jdbc:sqlite:/data/shop.db", c.shown()))
	case file != "":
		info, err := os.Stat(file)
		if !c.write {
			if err != nil {
				return nil, plugin.Permanent(fmt.Errorf("opening the SQLite database %s: %w", c.shown(), err))
			}
			pragmas["query_only"] = "1"
		} else if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
			// A new file is ours: with a write-ahead log readers and writers do not wait for each other.
			pragmas["journal_mode"] = "WAL"
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		uri = "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(abs)
		if mode = "rw"; c.write {
			mode = "rwc"
		}
	}
	properties, err := c.parameters()
	if err != nil {
		return nil, plugin.Permanent(err)
	}
	for k, v := range properties {
		switch {
		case !slices.Contains(sqlitePragmas, k):
			if c.log != nil {
				c.log.Warn("a property of the SQLite connection is not used", "property", k, "known", sqlitePragmas)
			}
		case !pragmaValue.MatchString(v):
			return nil, plugin.Permanent(fmt.Errorf("property %s of %s: %q is not a word or a number", k, c.shown(), v))
		default:
			pragmas[k] = v
		}
	}
	query := url.Values{"mode": {mode}}
	for k, v := range pragmas {
		query.Add("_pragma", k+"("+v+")")
	}
	return sql.Open("sqlite", uri+"?"+query.Encode())
}

func (sqliteDialect) quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// table leaves the database's name out: a SQLite file is one database.
func (d sqliteDialect) table(path record.TablePath) string { return d.quote(path.Table) }

func (sqliteDialect) parameter(int) string { return "?" }

// maxParameters is SQLITE_MAX_VARIABLE_NUMBER.
func (sqliteDialect) maxParameters() int { return 32766 }

// selected hides declared date types from the driver, which would turn texts into time.Time.
func (sqliteDialect) selected(expr string, t record.Type) string {
	if t.Kind.Temporal() {
		return "+" + expr
	}
	return expr
}

func (sqliteDialect) ascending(expr string, exact bool) string {
	if exact {
		return expr + " COLLATE BINARY"
	}
	return expr
}

func (sqliteDialect) hash(expr string, parts int) string {
	return fmt.Sprintf("seikan_hash(%s, %d)", expr, parts)
}

func (sqliteDialect) begin() string { return "BEGIN IMMEDIATE" }

// running cannot be cancelled: the driver would start a goroutine for each statement, which takes
// longer than the statement. Waiting for locks is done by BEGIN IMMEDIATE, which can be.
func (sqliteDialect) running(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func (sqliteDialect) transactionalDDL() bool { return true }

// estimate has nothing better than counting: SQLite keeps no row counts.
func (sqliteDialect) estimate(context.Context, *sql.Conn, record.TablePath) (int64, bool, error) {
	return 0, false, nil
}

func (d sqliteDialect) upsert(keys, others []string) string {
	if len(others) == 0 {
		return " ON CONFLICT (" + strings.Join(quoteAll(d, keys), ", ") + ") DO NOTHING"
	}
	sets := make([]string, len(others))
	for i, c := range others {
		sets[i] = d.quote(c) + " = excluded." + d.quote(c)
	}
	return " ON CONFLICT (" + strings.Join(quoteAll(d, keys), ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// alter leaves NOT NULL out: SQLite adds no such column without a default. A changed type needs
// no statement, since any column holds any value.
func (d sqliteDialect) alter(table string, change record.ColumnChange) (string, error) {
	switch change.Kind {
	case record.AddColumn:
		typ, err := d.declare(change.Column)
		return "ALTER TABLE " + table + " ADD COLUMN " + d.quote(change.Column.Name) + " " + typ, err
	case record.DropColumn:
		return "ALTER TABLE " + table + " DROP COLUMN " + d.quote(change.OldName), nil
	case record.RenameColumn:
		return "ALTER TABLE " + table + " RENAME COLUMN " + d.quote(change.OldName) + " TO " + d.quote(change.Column.Name), nil
	}
	return "", nil
}

func (sqliteDialect) truncate(table string) string { return "DELETE FROM " + table }

// session is the process: it is what holds the locks on a SQLite file.
func (sqliteDialect) session(context.Context, *sql.Conn) (string, error) {
	host, err := os.Hostname()
	return fmt.Sprintf("%s:%d", host, os.Getpid()), err
}

func (d sqliteDialect) ledgerDDL(table string) string {
	return "CREATE TABLE IF NOT EXISTS " + d.quote(table) + ` (
  run_id TEXT NOT NULL,
  pipeline INTEGER NOT NULL,
  sink TEXT NOT NULL,
  table_name TEXT NOT NULL,
  replica INTEGER NOT NULL,
  split_id TEXT NOT NULL,
  position_rows INTEGER NOT NULL,
  token BLOB,
  done INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  session TEXT,
  PRIMARY KEY (run_id, pipeline, sink, table_name, replica, split_id)
)`
}

func (sqliteDialect) lockedHint() string {
	return "another connection held the file for all of busy_timeout: a reader blocks writers unless the file has a write-ahead log; set properties { journal_mode = WAL } in the sink"
}

// classify reads SQLite's result codes; see https://sqlite.org/rescode.html.
func (sqliteDialect) classify(err error) failure {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return transient
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return locked
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return badRow
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
		return transient
	}
	return lasting
}
