package jdbc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// guarantee is what the options alone can promise: a key that comes from the input table is
// not known yet.
func guarantee(opts *option.Values) plugin.Guarantee {
	switch {
	case opts.Bool("is_exactly_once"):
		return plugin.Ledger
	case opts.Bool("generate_sink_sql") && len(opts.List("primary_keys")) > 0 && !placeholder(opts.List("primary_keys")) && opts.Bool("enable_upsert") && !opts.Bool("support_upsert_by_insert_only"):
		return plugin.Idempotent
	}
	return plugin.Repeats
}

// placeholder reports whether a key is still to be filled in from the input table.
func placeholder(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "${") })
}

// freshRows is how many rows a transaction has when the job does not say.
const freshRows = 16384

// sink writes one table.
type sink struct {
	d     dialect
	c     connection
	input *record.Schema

	ide       string // case of names
	target    record.TablePath
	columns   []string // names in the target, by input column
	keys      []int    // input columns of the key
	notNull   bool     // null keys are bad rows
	own       *ownStatement
	upsert    bool // else INSERT and UPDATE
	insertOne bool // +U is an INSERT too

	batchRows int
	retries   int
	ledger    string // table, "" without exactly-once

	schemaMode, dataMode, customSQL string
	index                           bool
}

func newSink(_ context.Context, job plugin.Job, input *record.Schema, opts *option.Values) (plugin.Sink, error) {
	c, d, err := connectionOf(opts, true)
	if err != nil {
		return nil, err
	}
	c.log = job.Log
	db, err := d.open(c) // connects to nothing, but checks what it is given
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	c.log = nil
	s := &sink{d: d, c: c, input: input, upsert: opts.Bool("enable_upsert"), insertOne: opts.Bool("support_upsert_by_insert_only"),
		batchRows: freshRows, retries: int(opts.Int("max_retries")), index: opts.Bool("create_index"),
		schemaMode: opts.String("schema_save_mode"), dataMode: opts.String("data_save_mode"), customSQL: opts.String("custom_sql")}
	if opts.Given("batch_size") {
		s.batchRows = int(opts.Int("batch_size"))
	}
	if opts.Bool("is_exactly_once") {
		if s.retries > 0 {
			return nil, opts.Problem("max_retries", "0", "must be 0 with is_exactly_once")
		}
		s.ledger = opts.String("ledger_table")
	}
	return s, s.choose(opts)
}

// choose finds the target, its key and the statement.
func (s *sink) choose(opts *option.Values) error {
	s.ide = opts.String("field_ide")
	for _, name := range s.input.Names() {
		s.columns = append(s.columns, cased(name, s.ide))
	}
	if err := s.path(opts); err != nil {
		return err
	}
	query := strings.TrimRight(strings.TrimSpace(opts.String("query")), "; \t\r\n")
	switch generated := opts.Bool("generate_sink_sql"); {
	case generated && query != "":
		return opts.Problem("query", "", "excludes generate_sink_sql")
	case generated:
		return s.chooseKey(opts)
	case query == "":
		return opts.Problem("generate_sink_sql", "true, or a query", "either query or generate_sink_sql = true is needed")
	}
	var err error
	if s.own, err = parseOwn(query, s.input); err != nil {
		return opts.Problem("query", "", "%v", err)
	}
	return s.supports(s.own.columns)
}

func (s *sink) path(opts *option.Values) error {
	name := opts.String("table")
	if name == "" || strings.HasPrefix(name, "${table_name") {
		name = s.input.Path.Table
	}
	database := opts.String("database")
	if strings.HasPrefix(database, "${database_name") {
		database = s.input.Path.Database
	}
	schema, table, two := strings.Cut(name, ".")
	if !two {
		schema, table = "", name
	}
	if table == "" && opts.Bool("generate_sink_sql") {
		return opts.Problem("table", "", "no table is named, and the input has no name either")
	}
	table = opts.String("tablePrefix") + table + opts.String("tableSuffix")
	s.target = record.TablePath{Database: database, Schema: schema, Table: cased(table, s.ide)}
	return nil
}

func cased(name, ide string) string {
	switch ide {
	case "UPPERCASE":
		return strings.ToUpper(name)
	case "LOWERCASE":
		return strings.ToLower(name)
	}
	return name
}

func (s *sink) chooseKey(opts *option.Values) error {
	names := opts.List("primary_keys")
	switch {
	case len(names) > 0 && !placeholder(names):
		s.notNull = true
	case s.input.PrimaryKey != nil:
		names, s.notNull = s.input.PrimaryKey.Columns, true
	default:
		names = nil
		if keys := keysOf(s.input); len(keys) > 0 {
			names = keys[0]
		}
	}
	for _, n := range names {
		i := slices.IndexFunc(s.input.Columns, func(c record.Column) bool { return strings.EqualFold(c.Name, n) })
		if exact := s.input.Index(n); exact >= 0 {
			i = exact
		}
		if i < 0 {
			return opts.Problem("primary_keys", "one of "+strings.Join(s.input.Names(), ", "), "table %s has no column %q", s.input.Table(), n)
		}
		s.keys = append(s.keys, i)
	}
	all := make([]int, len(s.input.Columns))
	for i := range all {
		all[i] = i
	}
	return s.supports(all)
}

// supports checks that the database can hold the columns.
func (s *sink) supports(columns []int) error {
	for _, i := range columns {
		if _, err := s.d.declare(s.input.Columns[i]); err != nil {
			return plugin.Permanent(fmt.Errorf("table %s: %w", s.input.Table(), err))
		}
	}
	if s.own == nil && len(columns) > s.d.maxParameters() {
		return plugin.Permanent(fmt.Errorf("table %s has %d columns; %s takes at most %d a statement", s.input.Table(), len(columns), s.d.name(), s.d.maxParameters()))
	}
	return nil
}

// table is the target as messages name it.
func (s *sink) table() string {
	if s.own != nil {
		return "the query's table"
	}
	return s.target.String()
}

func (s *sink) Writer(ctx context.Context, task plugin.Task, _ []plugin.State) (plugin.Writer, error) {
	db, conn, err := connect(ctx, s.d, s.c)
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, task: task, db: db, conn: conn, statements: map[string]*prepared{}}
	if s.ledger == "" {
		return w, nil
	}
	l := &ledgerWriter{writer: w, ledger: newLedger(s, task)}
	w.record, w.settled = l.record, l.settled
	if err := l.ledger.create(ctx, conn); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return l, nil
}

// NodeBound implements plugin.NodeBound.
func (s *sink) NodeBound() string { return s.d.nodeBound(s.c) }

// Committer is nil: transactions are committed as they are written.
func (s *sink) Committer(context.Context, plugin.Task) (plugin.Committer, error) { return nil, nil }
