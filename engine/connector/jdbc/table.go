package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// orderColumn is a column of the order in which a split is read.
type orderColumn struct {
	name  string
	typ   record.Type
	index int // in the schema, or -1 for a hidden column
}

// table is one table or query to read.
type table struct {
	schema *record.Schema
	from   string // what stands behind FROM; its alias is tmp
	// key are columns that are never null and, when unique, tell all rows apart.
	key    []orderColumn
	unique bool

	column       *orderColumn // the one that is split on, nil for none
	nullable     bool         // column may be null
	fixed        bool         // split into parts ranges
	parts        int
	lower, upper string // bounds given by the job
	counted      bool   // count rows instead of asking for statistics
	hasOwnQuery  bool
	path         record.TablePath
}

// splittable are the types of columns that ranges can be made of.
func splittable(t record.Type) bool {
	return t.Kind.Numeric() || t.Kind == record.String || t.Kind == record.Date
}

// tablesOf finds the tables a source block names.
func tablesOf(ctx context.Context, conn *sql.Conn, d dialect, opts *option.Values) ([]*table, error) {
	condition := strings.TrimSpace(opts.String("where_condition"))
	if condition != "" && !strings.HasPrefix(strings.ToLower(condition), "where") {
		return nil, opts.Problem("where_condition", "where id > 100", "must start with where")
	}
	blocks := opts.Objects("table_list")
	single := opts.Given("table_path") || opts.Given("query")
	switch {
	case len(blocks) > 0 && single:
		return nil, opts.Problem("table_list", "", "Please configure either `table_list` or `table_path`/`query`, not both")
	case len(blocks) == 0 && !single:
		return nil, opts.Problem("table_path", "", "one of query, table_path and table_list must be given")
	case len(blocks) == 0:
		blocks = []*option.Values{opts}
	}
	var out []*table
	seen := map[string]bool{}
	for _, block := range blocks {
		t, err := tableOf(ctx, conn, d, block, condition)
		if err != nil {
			return nil, err
		}
		t.fixed = single && block.Given("query") && block.Given("partition_column")
		t.counted = opts.Bool("use_select_count") || t.hasOwnQuery
		if seen[t.schema.Table()] {
			return nil, opts.Problem("table_list", "each table_path once", "table %s is listed twice", t.schema.Table())
		}
		seen[t.schema.Table()] = true
		out = append(out, t)
	}
	return out, nil
}

func tableOf(ctx context.Context, conn *sql.Conn, d dialect, block *option.Values, condition string) (*table, error) {
	path, err := record.ParseTablePath(strings.TrimSpace(block.String("table_path")), false)
	if err != nil {
		return nil, block.Problem("table_path", "", "%v", err)
	}
	query := strings.TrimRight(strings.TrimSpace(block.String("query")), "; \t\r\n")
	t := &table{path: path, hasOwnQuery: query != "" || condition != "",
		parts: int(block.Int("partition_num")), lower: block.String("partition_lower_bound"), upper: block.String("partition_upper_bound")}
	if t.parts == 0 {
		t.parts = 10
	}
	if query == "" {
		if path.Table == "" {
			return nil, block.Problem("table_path", "", "each table needs a table_path or a query")
		}
		err = t.fromCatalog(ctx, conn, d)
	} else {
		err = t.fromQuery(ctx, conn, d, query)
	}
	if err != nil {
		return nil, err
	}
	if condition != "" {
		t.from = "(SELECT * FROM " + t.from + " tmp " + condition + "\n)"
		if t.hidden() { // a hidden column does not show through
			t.key, t.unique = nil, false
		}
		if _, err := d.describeQuery(ctx, conn, "SELECT * FROM "+t.from+" tmp"); err != nil {
			return nil, fmt.Errorf("where_condition: %w", err)
		}
	}
	t.from += " tmp"
	t.schema.Freeze()
	return t, t.splitOn(block)
}

func (t *table) hidden() bool { return len(t.key) == 1 && t.key[0].index < 0 }

func (t *table) fromCatalog(ctx context.Context, conn *sql.Conn, d dialect) error {
	info, err := d.describe(ctx, conn, t.path)
	if err != nil {
		return err
	}
	if info == nil {
		return plugin.Permanent(fmt.Errorf("there is no table %s in the %s database; check table_path", t.path, d.name()))
	}
	t.schema, t.from = info.schema, d.table(t.path)
	t.key = notNullKey(info.schema)
	if t.unique = len(t.key) > 0; !t.unique && info.rowID != "" {
		t.key, t.unique = []orderColumn{{name: info.rowID, typ: record.Of(record.BigInt), index: -1}}, true
	}
	return nil
}

// keysOf lists the columns of the primary key and of the unique keys of s.
func keysOf(s *record.Schema) [][]string {
	var keys [][]string
	if s.PrimaryKey != nil {
		keys = append(keys, s.PrimaryKey.Columns)
	}
	for _, k := range s.Constraints {
		if k.Kind == record.UniqueKey {
			var names []string
			for _, c := range k.Columns {
				names = append(names, c.Name)
			}
			keys = append(keys, names)
		}
	}
	return keys
}

// notNullKey are the columns of the first key of s that is never null.
func notNullKey(s *record.Schema) []orderColumn {
next:
	for _, names := range keysOf(s) {
		var out []orderColumn
		for _, n := range names {
			i := s.Index(n)
			if i < 0 || !s.Columns[i].NotNull {
				continue next
			}
			out = append(out, orderColumn{name: n, typ: s.Columns[i].Type, index: i})
		}
		return out
	}
	return nil
}

func (t *table) fromQuery(ctx context.Context, conn *sql.Conn, d dialect, query string) error {
	t.from = "(" + query + "\n)" // the query may end in a comment
	columns, err := d.describeQuery(ctx, conn, "SELECT * FROM "+t.from+" tmp")
	if err != nil {
		return fmt.Errorf("looking at the columns of query: %w", err)
	}
	origin := map[string]bool{}
	t.schema = &record.Schema{Catalog: d.name(), Path: t.path}
	for _, c := range columns {
		if t.schema.Index(c.Name) >= 0 {
			return plugin.Permanent(fmt.Errorf("query has two columns called %s; give one of them another name with AS: %s", c.Name, query))
		}
		t.schema.Columns = append(t.schema.Columns, c.Column)
		origin[c.table] = true
	}
	for name := range origin {
		if name == "" {
			continue
		}
		info, err := d.describe(ctx, conn, record.TablePath{Table: name})
		if err != nil {
			return err
		}
		if len(origin) == 1 && t.path.Table == "" {
			t.schema.Path.Table = name
		}
		if info != nil && len(origin) == 1 {
			t.inheritKey(info.schema, columns)
		}
	}
	if t.schema.Path.Table == "" {
		t.schema.Path.Table = "default"
	}
	return nil
}

// inheritKey orders a query by the key of its only table. The query may still repeat rows, so
// the key is not taken for unique.
func (t *table) inheritKey(of *record.Schema, columns []queryColumn) {
	wanted := notNullKey(of)
	var key []orderColumn
	for _, k := range wanted {
		for i, c := range columns {
			if c.column == k.name {
				key = append(key, orderColumn{name: c.Name, typ: c.Type, index: i})
				break
			}
		}
	}
	if len(key) == len(wanted) {
		t.key = key
	}
}

// splitOn chooses the column that is split on.
func (t *table) splitOn(block *option.Values) error {
	if name := block.String("partition_column"); name != "" {
		i := t.schema.Index(name)
		if i < 0 {
			return block.Problem("partition_column", "one of "+strings.Join(t.schema.Names(), ", "), "%s has no column %q", t.schema.Table(), name)
		}
		c := t.schema.Columns[i]
		if !splittable(c.Type) {
			return block.Problem("partition_column", "a number, text or date", "column %q is a %s, of which no ranges can be made", name, c.Type)
		}
		t.column, t.nullable = &orderColumn{name: name, typ: c.Type, index: i}, !c.NotNull
		return nil
	}
	if t.lower != "" || t.upper != "" {
		key := "partition_lower_bound"
		if t.lower == "" {
			key = "partition_upper_bound"
		}
		return block.Problem(key, "", "needs partition_column")
	}
	candidates := t.key
	for _, names := range keysOf(t.schema) {
		for _, n := range names {
			if i := t.schema.Index(n); i >= 0 {
				candidates = append(candidates, orderColumn{name: n, typ: t.schema.Columns[i].Type, index: i})
			}
		}
	}
	for i := range candidates {
		if c := candidates[i]; splittable(c.typ) {
			t.column = &c
			t.nullable = c.index >= 0 && !t.schema.Columns[c.index].NotNull
			return nil
		}
	}
	return nil
}

// order is the order in which the table's rows are read, and whether it is total: the same rows
// come in the same order each time, but for rows that are equal.
func (t *table) order() (columns []orderColumn, total bool) {
	if t.column != nil {
		columns = append(columns, *t.column)
	}
	for _, k := range t.key {
		if t.column == nil || k.name != t.column.name {
			columns = append(columns, k)
		}
	}
	return columns, len(columns) > 0
}
