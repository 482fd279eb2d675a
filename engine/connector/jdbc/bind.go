package jdbc

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// lastOfEach leaves of rows with the same key only the last, in the place of the first.
func (w *writer) lastOfEach(b *record.Batch, rows []int) ([]int, error) {
	if len(rows) < 2 {
		return rows, nil
	}
	keys, err := w.cells(b, w.s.keys)
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, len(rows))
	out := rows[:0]
	var key []byte
next:
	for _, row := range rows {
		key = key[:0]
		for i, cell := range keys {
			v, err := cell(row)
			if err != nil || b.Data.Column(w.s.keys[i]).IsNull(row) { // no other row is its like
				out = append(out, row)
				continue next
			}
			text := fmt.Append(nil, v)
			key = fmt.Appendf(key, "%d:%s", len(text), text)
		}
		if at, seen := place[string(key)]; seen {
			out[at] = row
			continue
		}
		place[string(key)] = len(out)
		out = append(out, row)
	}
	return out, nil
}

// cells makes the functions that give the values of some columns.
func (w *writer) cells(b *record.Batch, columns []int) ([]cell, error) {
	out := make([]cell, len(columns))
	for i, c := range columns {
		bind, err := w.s.d.binder(b.Schema.Columns[c].Type)
		if err != nil {
			return nil, plugin.Permanent(fmt.Errorf("column %s: %w", b.Schema.Columns[c].Name, err))
		}
		out[i] = bind(b.Data.Column(c))
	}
	return out, nil
}

// binding gives the rows of one batch to statements of one verb.
type binding struct {
	w       *writer
	b       *record.Batch
	columns []int
	data    []arrow.Array
	cells   []cell
	used    []int
}

func (w *writer) bind(b *record.Batch, v verb) (*binding, error) {
	out := &binding{w: w, b: b, columns: w.s.arguments(v)}
	var err error
	if out.cells, err = w.cells(b, out.columns); err != nil {
		return nil, err
	}
	for _, c := range out.columns {
		out.data = append(out.data, b.Data.Column(c))
	}
	return out, nil
}

// fill sets the arguments of n rows, taken from the front of rows; bad ones are set aside. It
// returns the rows that were taken, fewer than n when there are no more.
func (k *binding) fill(p *prepared, n int, rows *[]int) ([]int, error) {
	k.used = k.used[:0]
	for len(k.used) < n && len(*rows) > 0 {
		row := (*rows)[0]
		*rows = (*rows)[1:]
		if err := k.row(p, len(k.used), row); err != nil {
			k.refuse(row, err)
			continue
		}
		k.used = append(k.used, row)
	}
	return k.used, nil
}

var errNullKey = errors.New("the key is null")

func (k *binding) row(p *prepared, at, row int) error {
	if k.w.s.notNull {
		for _, c := range k.w.s.keys {
			if k.b.Data.Column(c).IsNull(row) {
				return fmt.Errorf("column %s: %w", k.w.s.columns[c], errNullKey)
			}
		}
	}
	args := p.args[at*len(k.cells):]
	for i, cell := range k.cells {
		if k.data[i].IsNull(row) {
			args[i].Value = nil
			continue
		}
		v, err := cell(row)
		if err != nil {
			return fmt.Errorf("column %s: %w", k.w.s.columns[k.columns[i]], err)
		}
		args[i].Value = v
	}
	return nil
}

// oneByOne writes rows that failed together, to find the bad ones.
func (k *binding) oneByOne(ctx context.Context, v verb, rows []int) error {
	p, err := k.w.prepare(ctx, v, 1)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := k.row(p, 0, row); err != nil {
			k.refuse(row, err)
			continue
		}
		if _, err := p.run(ctx, k.w.s.d); err != nil {
			if err := k.refused(ctx, row, p, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// refused sets a row aside that the database did not take; other failures are returned.
func (k *binding) refused(ctx context.Context, row int, p *prepared, err error) error {
	cause := failed(k.w.s.d, err, p.text)
	if k.w.s.d.classify(err) != badRow {
		return cause
	}
	k.refuse(row, cause)
	return k.w.goesOn(ctx, cause)
}

func (k *binding) refuse(row int, err error) {
	var raw []byte
	for i, c := range k.b.Schema.Columns {
		if i > 0 {
			raw = append(raw, ", "...)
		}
		raw = fmt.Appendf(raw, "%s = %s", c.Name, k.b.Data.Column(i).ValueStr(row))
	}
	k.w.bad = append(k.w.bad, plugin.DirtyRow{Raw: raw, Err: plugin.Permanent(fmt.Errorf("table %s: %w", k.w.s.table(), err)),
		Table: k.w.s.input.Table(), Split: k.b.Split, At: record.Position{Rows: k.b.Ordinal(row)}})
}
