package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/expr"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// transform is a compiled statement.
type transform struct {
	input   *record.Schema
	schema  *record.Schema
	outputs []output
	where   *expr.Condition
	// With a WHERE, kept are the input columns that the select list reads and filtered is
	// their schema, which outputs are compiled for.
	kept     []int
	filtered *record.Schema
	bound    bool // to the task's clock
}

// output is one column: a bare one when column >= 0, else computed.
type output struct {
	name    string
	column  int
	program *expr.Program
}

func (t *transform) Schema() *record.Schema { return t.schema }

func (t *transform) Close() error { return nil }

// bind makes expressions ask the task's clock.
func (t *transform) bind(task plugin.Task) {
	if t.bound {
		return
	}
	t.bound = true
	env := expr.Env{Now: task.Now}
	if t.where != nil {
		t.where = t.where.WithEnv(env)
	}
	for i := range t.outputs {
		if p := t.outputs[i].program; p != nil {
			t.outputs[i].program = p.WithEnv(env)
		}
	}
}

func (t *transform) Apply(ctx context.Context, task plugin.Task, in *record.Batch) (*record.Batch, error) {
	t.bind(task)
	if in.Data == nil {
		return in.With(t.schema, nil), nil
	}
	rows := &badRows{task: task, in: in}
	b, err := t.filter(ctx, in, rows)
	if err != nil {
		return nil, err
	}
	defer b.Release()
	columns := make([]arrow.Array, len(t.outputs))
	defer func() {
		for i, c := range columns {
			if c != nil && t.outputs[i].column < 0 {
				c.Release()
			}
		}
	}()
	for i, o := range t.outputs {
		if o.column >= 0 {
			columns[i] = b.Data.Column(o.column)
			continue
		}
		columns[i], err = o.program.Eval(ctx, b)
		var bad expr.RowErrors
		switch {
		case errors.As(err, &bad):
			rows.add(bad, fmt.Sprintf("column %q", o.name))
		case err != nil:
			return nil, fmt.Errorf("transform Sql, column %q: %w", o.name, err)
		}
	}
	out := b.With(t.schema, array.NewRecordBatch(t.schema.Arrow(), columns, int64(b.Rows())))
	if len(rows.found) == 0 {
		return out, nil
	}
	defer out.Release()
	keep, err := rows.report(ctx, b)
	if err != nil {
		return nil, err
	}
	return record.Filter(out, keep)
}

// filter applies WHERE; the result is the caller's.
func (t *transform) filter(ctx context.Context, in *record.Batch, rows *badRows) (*record.Batch, error) {
	if t.where == nil {
		in.Retain()
		return in, nil
	}
	keep, err := t.where.Keep(ctx, in, nil)
	var bad expr.RowErrors
	switch {
	case errors.As(err, &bad):
		for _, r := range bad {
			if err := rows.dirty(ctx, r.Row, fmt.Errorf("WHERE: %w", r.Err)); err != nil {
				return nil, err
			}
		}
	case err != nil:
		return nil, fmt.Errorf("transform Sql, WHERE: %w", err)
	}
	rows.keep = keep
	return record.Pick(in, t.filtered, t.kept, keep)
}

// badRows collects the rows of a batch that could not be computed.
type badRows struct {
	task  plugin.Task
	in    *record.Batch
	keep  []bool // what WHERE kept of in, nil for all
	found []expr.RowError
}

func (r *badRows) add(rows expr.RowErrors, where string) {
	for _, e := range rows {
		r.found = append(r.found, expr.RowError{Row: e.Row, Err: fmt.Errorf("%s: %w", where, e.Err)})
	}
}

// report hands the rows to the task, one by one in order, each with its first error, and tells
// which rows of b are left.
func (r *badRows) report(ctx context.Context, b *record.Batch) ([]bool, error) {
	left := make([]bool, b.Rows())
	for i := range left {
		left[i] = true
	}
	slices.SortStableFunc(r.found, func(x, y expr.RowError) int { return x.Row - y.Row })
	origin := r.origins(b.Rows())
	for _, e := range r.found {
		if !left[e.Row] {
			continue
		}
		left[e.Row] = false
		if err := r.dirty(ctx, origin[e.Row], e.Err); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// origins maps the rows that WHERE kept to those of the input.
func (r *badRows) origins(n int) []int {
	out := make([]int, 0, n)
	for i := range r.in.Rows() {
		if r.keep == nil || r.keep[i] {
			out = append(out, i)
		}
	}
	return out
}

// dirty hands row i of the input to the task.
func (r *badRows) dirty(ctx context.Context, i int, err error) error {
	err = plugin.Permanent(fmt.Errorf("transform Sql: %w", err))
	if r.task.Dirty == nil {
		return err
	}
	return r.task.Dirty(ctx, plugin.DirtyRow{
		Raw: rowJSON(r.in.Data, i), Err: err, Table: r.in.Schema.Table(), Split: r.in.Split,
		At: record.Position{Rows: r.in.Ordinal(i) - 1},
	})
}

// rowJSON is row i as a JSON object, members in column order.
func rowJSON(data arrow.RecordBatch, i int) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for k, c := range data.Columns() {
		if k > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(data.ColumnName(k))
		b.Write(name)
		b.WriteByte(':')
		value, err := json.Marshal(c.GetOneForMarshal(i))
		if err != nil { // NaN and the like have no JSON
			value, _ = json.Marshal(c.ValueStr(i))
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes()
}
