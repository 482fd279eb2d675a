package jdbc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// dialect is what one database does in its own way. A dialect is one file that adds itself to
// dialects.
type dialect interface {
	name() string
	// scheme is the start of the URLs it speaks: "jdbc:sqlite:".
	scheme() string
	// open makes a pool for reading or writing; nothing needs to be connected yet.
	open(c connection) (*sql.DB, error)
	// nodeBound says why the data can only be reached from one node; "" for servers.
	nodeBound(c connection) string

	quote(name string) string
	// table is a table's quoted name in a statement.
	table(path record.TablePath) string
	// parameter is the placeholder of argument n, counted from 1.
	parameter(n int) string
	// maxParameters is how many arguments a statement may have.
	maxParameters() int
	// selected is how a column is read so that its value comes as stored.
	selected(expr string, t record.Type) string
	// ascending is an ORDER BY term, nulls first; exact tells apart all texts that differ.
	ascending(expr string, exact bool) string
	// hash is an expression that maps a text to 0 … parts-1, and null to null.
	hash(expr string, parts int) string
	// begin starts a transaction that will write.
	begin() string

	// describe finds a table; nil when there is none.
	describe(ctx context.Context, conn *sql.Conn, path record.TablePath) (*tableInfo, error)
	// describeQuery finds the columns of a query.
	describeQuery(ctx context.Context, conn *sql.Conn, query string) ([]queryColumn, error)
	// estimate is the number of rows by the database's statistics; false when it has none.
	estimate(ctx context.Context, conn *sql.Conn, path record.TablePath) (int64, bool, error)

	// declare is a column's type in CREATE TABLE.
	declare(c record.Column) (string, error)
	// alter is the statement that makes a change to a table, "" when the database needs none.
	// The names in it are those of the target.
	alter(table string, change record.ColumnChange) (string, error)
	// upsert ends an INSERT of columns so that rows with a known key replace the old ones.
	upsert(keys, others []string) string
	// transactionalDDL reports whether CREATE and DROP can be rolled back.
	transactionalDDL() bool
	// truncate empties a table.
	truncate(table string) string
	ledgerDDL(table string) string
	// session names the writing session, so that an operator or a later attempt can end it.
	session(ctx context.Context, conn *sql.Conn) (string, error)

	// reader makes the function that appends values of the database to b.
	reader(t record.Type, b array.Builder) (func(v driver.Value) error, error)
	// binder makes the function that gives values of a column to the database.
	binder(t record.Type) (func(column arrow.Array) cell, error)

	// running is the context of one statement of a transaction that is under way.
	running(ctx context.Context) context.Context
	// classify tells what a failed statement means.
	classify(err error) failure
	// lockedHint tells what to do about locks that are not given up.
	lockedHint() string
}

// cell gives one row's value of a column.
type cell func(row int) (driver.Value, error)

// failure is the meaning of a database error.
type failure uint8

const (
	transient failure = iota // trying again may help
	lasting                  // trying again cannot help: wrong SQL, missing table
	badRow                   // the rows of the statement break a rule of the table
	locked                   // somebody else holds the lock
)

// tableInfo is a table as the catalog knows it.
type tableInfo struct {
	schema *record.Schema
	// rowID is a hidden column that is unique and never null, or "".
	rowID string
}

// queryColumn is a column of a query. table and column name the stored column it comes from,
// where that is known.
type queryColumn struct {
	record.Column
	table, column string
}

var dialects []dialect

// connection is where to connect and how.
type connection struct {
	url, user, password string
	properties          map[string]string
	timeout             time.Duration
	write               bool
	log                 *slog.Logger // told of properties that are not used; may be nil
}

func connectionOf(opts *option.Values, write bool) (connection, dialect, error) {
	c := connection{
		url: strings.TrimSpace(opts.String("url")), user: opts.String("user"), password: opts.String("password"),
		timeout: time.Duration(opts.Int("connection_check_timeout_sec")) * time.Second, write: write,
	}
	for _, p := range opts.Map("properties") {
		if c.properties == nil {
			c.properties = map[string]string{}
		}
		c.properties[p.Key] = p.Value
	}
	var known []string
	for _, d := range dialects {
		if strings.HasPrefix(strings.ToLower(c.url), d.scheme()) {
			return c, d, nil
		}
		known = append(known, d.scheme())
	}
	return c, nil, opts.Problem("url", "this build speaks "+strings.Join(known, ", "), "no dialect for %q", c.shown())
}

// shown is the URL without what may hold a password.
func (c connection) shown() string {
	base, _, _ := strings.Cut(c.url, "?")
	if scheme, rest, ok := strings.Cut(base, "://"); ok {
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			base = scheme + "://" + rest[at+1:]
		}
	}
	return base
}

// parameters are the URL's own parameters and the properties, which win.
func (c connection) parameters() (map[string]string, error) {
	out := map[string]string{}
	if _, query, ok := strings.Cut(c.url, "?"); ok {
		values, err := url.ParseQuery(query)
		if err != nil {
			return nil, fmt.Errorf("parameters of %s: %w", c.shown(), err)
		}
		for k := range values {
			out[k] = values.Get(k)
		}
	}
	for k, v := range c.properties {
		out[k] = v
	}
	return out, nil
}

// connect opens a pool with one working connection.
func connect(ctx context.Context, d dialect, c connection) (*sql.DB, *sql.Conn, error) {
	db, err := d.open(c)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err == nil {
		err = conn.PingContext(ctx)
	}
	if err != nil {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		err = errors.Join(err, db.Close())
		return nil, nil, mark(d, err, "connecting to %s", c.shown())
	}
	return db, conn, nil
}

// maxShown bounds the SQL text in a message.
const maxShown = 2000

// failed wraps a database error with the statement that caused it.
func failed(d dialect, err error, statement string) error {
	if len(statement) > maxShown {
		statement = statement[:maxShown] + "…"
	}
	return mark(d, err, "%s statement failed: %s", d.name(), statement)
}

func mark(d dialect, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf(format+": %w", append(args, err)...)
	switch d.classify(err) {
	case lasting, badRow:
		return plugin.Permanent(wrapped)
	case locked:
		return fmt.Errorf("%w; %s", wrapped, d.lockedHint())
	}
	return wrapped
}

func quoteAll(d dialect, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = d.quote(n)
	}
	return out
}
