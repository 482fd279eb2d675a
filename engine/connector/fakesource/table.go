package fakesource

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// maxBatch is the most rows of a batch.
const maxBatch = plugin.BatchRows

// table is one table's part of the options.
type table struct {
	opts     *option.Values
	schema   *record.Schema
	columnar bool // the schema uses columns, not fields
	rows     int64
	splits   int64
	interval time.Duration
	seed     *int64
	written  []written // rows of the job file, nil without them
}

func newTable(opts *option.Values, name string) (*table, error) {
	schema, err := job.ParseSchema(opts.Tree("schema"))
	if err != nil {
		return nil, err
	}
	named := *schema
	if named.Catalog == "" {
		named.Catalog = spec.Name
	}
	if named.Path == (record.TablePath{}) {
		named.Path.Table = name
	}
	schema = named.WithColumns(schema.Columns)
	t := &table{
		opts: opts, schema: schema, columnar: opts.Tree("schema").Get("columns") != nil,
		rows: opts.Int("row.num"), splits: opts.Int("split.num"),
		interval: time.Duration(opts.Int("split.read-interval")) * time.Millisecond,
	}
	if opts.Given("seed") {
		seed := opts.Int("seed")
		t.seed = &seed
	}
	if opts.Given("rows") {
		if t.written, err = parseRows(opts, schema); err != nil {
			return nil, err
		}
		_, err = t.open(bounds{Rows: -1})
		return t, err
	}
	_, err = t.open(bounds{})
	return t, err
}

// rows makes the rows of one split.
type rows struct {
	schema   *record.Schema
	interval time.Duration
	count    int64
	key      uint64
	columns  []generator
	chunk    int64 // rows a batch

	fixed arrow.RecordBatch // the job file's rows; columns is nil
	kinds []record.RowKind  // nil when all are inserts
}

// open prepares the rows of a split.
func (t *table) open(b bounds) (*rows, error) {
	r := &rows{schema: t.schema, interval: t.interval, count: b.Rows, key: b.Seed}
	if b.Rows < 0 {
		return r, t.fix(r, b.Now)
	}
	m := &maker{opts: t.opts, year: max(b.Now.Year(), 1)}
	var width int64
	for i, c := range t.schema.Columns {
		if c.Default != nil {
			g, err := t.defaulted(i, c)
			if err != nil {
				return nil, err
			}
			r.columns, width = append(r.columns, g), width+16
			continue
		}
		length := t.opts.Int("string.length")
		if t.columnar {
			if length = 0; c.Length != nil {
				length = *c.Length
			}
		}
		if length > maxSize {
			return nil, t.opts.Problem("schema", fmt.Sprintf("at most %d", maxSize), "column %q is %d letters long", c.Name, length)
		}
		g, w, err := m.column(c.Type, int(length))
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		r.columns, width = append(r.columns, g), width+w
	}
	if width > maxRow {
		return nil, t.opts.Problem("schema", fmt.Sprintf("at most %d MiB a row", maxRow>>20), "a row of table %s would take %d MiB", t.schema.Table(), width>>20)
	}
	r.chunk = min(max(plugin.BatchBytes/max(width, 1), 1), maxBatch)
	return r, nil
}

func (t *table) defaulted(i int, c record.Column) (generator, error) {
	v := &hocon.Value{Kind: hocon.String, Text: fmt.Sprint(c.Default), Pos: t.opts.ValuePos("schema")}
	if f, ok := c.Default.(string); ok {
		v.Text = f
	}
	b := array.NewBuilder(allocator, t.schema.Arrow().Field(i).Type)
	defer b.Release()
	if err := literal(b, c.Type, v, time.Time{}); err != nil {
		return nil, t.opts.Problem("schema", "a "+c.Type.String(), "defaultValue of column %q: %v", c.Name, err)
	}
	return constant(b.NewArray())
}

// batch returns at most most rows after the first from rows; none when there are no more.
func (r *rows) batch(from, most int64) (*record.Batch, error) {
	if r.columns == nil {
		from := min(from, r.count)
		to := min(from+min(most, maxBatch), r.count)
		b := record.NewBatch(r.schema, r.fixed.NewSlice(from, to))
		if r.kinds != nil {
			b.Kinds = r.kinds[from:to]
		}
		return b, nil
	}
	n := max(min(r.chunk, most, r.count-from), 0)
	columns := make([]arrow.Array, len(r.columns))
	for i, g := range r.columns {
		columns[i] = g(branch(r.key, i), from, int(n))
		defer columns[i].Release()
	}
	return record.NewBatch(r.schema, array.NewRecordBatch(r.schema.Arrow(), columns, n)), nil
}
