package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// The save modes, in SeaTunnel's words.
const (
	recreateSchema     = "RECREATE_SCHEMA"
	createWhenNotExist = "CREATE_SCHEMA_WHEN_NOT_EXIST"
	errorWhenNotExist  = "ERROR_WHEN_SCHEMA_NOT_EXIST"
	ignoreSchema       = "IGNORE"

	dropData            = "DROP_DATA"
	appendData          = "APPEND_DATA"
	customProcessing    = "CUSTOM_PROCESSING"
	errorWhenDataExists = "ERROR_WHEN_DATA_EXISTS"
)

// saveModeSplit names the ledger row of the save modes. No split has an empty id.
const saveModeSplit = ""

// PrepareTable carries out the save modes. With a ledger they happen once a run, however often
// it is called, and never after a newer attempt has done them.
func (s *sink) PrepareTable(ctx context.Context, task plugin.Task) error {
	if s.own != nil {
		return nil
	}
	db, conn, err := connect(ctx, s.d, s.c)
	if err != nil {
		return err
	}
	defer db.Close()
	defer conn.Close()
	if s.ledger == "" {
		if !s.d.transactionalDDL() {
			return s.saveModes(ctx, conn)
		}
		return inTransaction(ctx, conn, s.d, func(ctx context.Context) error { return s.saveModes(ctx, conn) })
	}
	l := newLedger(s, task)
	if err := l.create(ctx, conn); err != nil {
		return err
	}
	if s.d.transactionalDDL() {
		return inTransaction(ctx, conn, s.d, func(ctx context.Context) error {
			return s.saveModesOnce(ctx, conn, l)
		})
	}
	return s.saveModesOnce(ctx, conn, l)
}

func (s *sink) saveModesOnce(ctx context.Context, conn *sql.Conn, l *ledger) error {
	at, err := l.take(ctx, conn, saveModeSplit)
	if err != nil || at.Done {
		return err
	}
	if err := s.saveModes(ctx, conn); err != nil {
		return err
	}
	return l.move(ctx, conn, saveModeSplit, record.Position{Done: true})
}

func (s *sink) saveModes(ctx context.Context, conn *sql.Conn) error {
	exec := func(statement string) error {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return failed(s.d, err, statement)
		}
		return nil
	}
	table := s.d.table(s.target)
	info, err := s.d.describe(ctx, conn, s.target)
	if err != nil {
		return err
	}
	exists := info != nil
	create := !exists
	switch s.schemaMode {
	case recreateSchema:
		if exists {
			if err := exec("DROP TABLE " + table); err != nil {
				return err
			}
		}
		create = true
	case errorWhenNotExist:
		if !exists {
			//lint:ignore ST1005 SeaTunnel's own words
			return plugin.Permanent(fmt.Errorf("The sink table not exist: %s; create it, or set schema_save_mode = %s", s.target, createWhenNotExist))
		}
	case ignoreSchema:
		create = false
	}
	switch {
	case create:
		statements, err := s.createTable()
		if err != nil {
			return err
		}
		for _, ddl := range statements {
			if err := exec(ddl); err != nil {
				return err
			}
		}
	case exists:
		if err := s.fits(info); err != nil {
			return plugin.Permanent(err)
		}
	}
	return s.saveData(ctx, conn, exec, exists || create)
}

func (s *sink) saveData(ctx context.Context, conn *sql.Conn, exec func(string) error, exists bool) error {
	table := s.d.table(s.target)
	switch {
	case s.dataMode == customProcessing:
		return exec(s.customSQL)
	case s.dataMode == dropData && exists:
		return exec(s.d.truncate(table))
	case s.dataMode == errorWhenDataExists && exists:
		var one int
		statement := "SELECT 1 FROM " + table
		switch err := conn.QueryRowContext(ctx, statement).Scan(&one); {
		case err == nil:
			//lint:ignore ST1005 SeaTunnel's own words
			return plugin.Permanent(fmt.Errorf("The target data source already has data: %s; empty it, or set data_save_mode = %s or %s", s.target, appendData, dropData))
		case !errors.Is(err, sql.ErrNoRows):
			return failed(s.d, err, statement)
		}
	}
	return nil
}

// createTable are the statements that make the target and its indexes.
func (s *sink) createTable() ([]string, error) {
	var lines []string
	for i, c := range s.input.Columns {
		typ, err := s.d.declare(c)
		if err != nil {
			return nil, plugin.Permanent(fmt.Errorf("table %s: %w", s.target, err))
		}
		line := s.d.quote(s.columns[i]) + " " + typ
		if c.NotNull || s.notNull && slices.Contains(s.keys, i) {
			line += " NOT NULL"
		}
		lines = append(lines, line)
	}
	keys := s.names(s.keys)
	if len(keys) > 0 {
		kind := "UNIQUE ("
		if s.notNull {
			kind = "PRIMARY KEY ("
		}
		lines = append(lines, kind+strings.Join(quoteAll(s.d, keys), ", ")+")")
	}
	out := []string{"CREATE TABLE " + s.d.table(s.target) + " (\n  " + strings.Join(lines, ",\n  ") + "\n)"}
	if !s.index {
		return out, nil
	}
	for n, k := range s.input.Constraints {
		var names, columns []string
		for _, c := range k.Columns {
			if i := s.input.Index(c.Name); i >= 0 {
				names = append(names, s.columns[i])
				columns = append(columns, s.d.quote(s.columns[i])+sorted(c.Sort))
			}
		}
		kind := "INDEX "
		if k.Kind == record.UniqueKey {
			kind = "UNIQUE INDEX "
		}
		if k.Kind != record.UniqueKey && k.Kind != record.IndexKey || len(columns) < len(k.Columns) || len(columns) == 0 || slices.Equal(names, keys) {
			continue
		}
		name := k.Name
		if name == "" {
			name = fmt.Sprintf("key%d", n)
		}
		// Index names are shared by all tables of a database.
		out = append(out, "CREATE "+kind+s.d.quote(s.target.Table+"_"+name)+" ON "+s.d.table(s.target)+" ("+strings.Join(columns, ", ")+")")
	}
	return out, nil
}

func sorted(sort string) string {
	if strings.EqualFold(sort, "DESC") {
		return " DESC"
	}
	return ""
}

// fits checks that a table that is there can take the rows.
func (s *sink) fits(info *tableInfo) error {
	var missing []string
	for _, name := range s.columns {
		if !slices.ContainsFunc(info.schema.Columns, func(c record.Column) bool { return strings.EqualFold(c.Name, name) }) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("table %s has no column %s; it has %s. Add it, or leave it out in a transform",
			s.target, strings.Join(missing, ", "), strings.Join(info.schema.Names(), ", "))
	}
	if len(s.keys) == 0 || !s.upsert || s.insertOne {
		return nil
	}
	keys := fold(s.names(s.keys))
	for _, k := range keysOf(info.schema) {
		if slices.Equal(fold(k), keys) {
			return nil
		}
	}
	return fmt.Errorf("table %s has no primary key or unique index on (%s), so rows cannot be upserted by it; create one, name another in primary_keys, or set enable_upsert = false",
		s.target, strings.Join(s.names(s.keys), ", "))
}

// fold makes column lists comparable: the order of key columns and the case of names do not matter.
func fold(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	slices.Sort(out)
	return out
}
