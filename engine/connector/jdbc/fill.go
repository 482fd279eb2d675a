package jdbc

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// filler turns driver rows into batches.
type filler struct {
	s       *splitReader
	row     []driver.Value
	builder *array.RecordBuilder
	cells   []func(driver.Value) error
	rows    int
	bytes   int
	drop    []int // rows of the batch that are bad
	bad     []plugin.DirtyRow
	at      record.Position
	last    []driver.Value // order columns of the last row
	same    int64
}

func (s *splitReader) newFiller(columns int) (*filler, error) {
	f := &filler{s: s, row: make([]driver.Value, columns), at: s.split.At, last: make([]driver.Value, len(s.order))}
	f.builder = array.NewRecordBuilder(memory.DefaultAllocator, s.t.schema.Arrow())
	for i, c := range s.t.schema.Columns {
		cell, err := s.r.s.d.reader(c.Type, f.builder.Field(i))
		if err != nil {
			f.builder.Release()
			return nil, plugin.Permanent(fmt.Errorf("column %s: %w", c.Name, err))
		}
		f.cells = append(f.cells, cell)
	}
	var p place
	if len(s.split.At.Token) > 0 && json.Unmarshal(s.split.At.Token, &p) == nil && len(p.Key) == len(f.last) {
		for i, k := range p.Key {
			f.last[i] = k.v
		}
		f.same = p.Same
	}
	return f, nil
}

func (f *filler) key(i int) driver.Value { return f.row[f.s.order[i].index] }

func (f *filler) add() {
	var wrong error
	for i, cell := range f.cells {
		v := f.row[i]
		if err := cell(v); err != nil && wrong == nil {
			wrong = fmt.Errorf("table %s, column %s: %w", f.s.t.schema.Table(), f.s.t.schema.Columns[i].Name, err)
		}
		switch x := v.(type) {
		case string:
			f.bytes += len(x)
		case []byte:
			f.bytes += len(x)
		}
		f.bytes += 8
	}
	changed := f.same == 0
	for i := range f.last {
		v := f.key(i)
		if !equal(f.last[i], v) {
			changed = true
		}
		if b, ok := v.([]byte); ok {
			v = append([]byte{}, b...) // drivers reuse their buffers
		}
		f.last[i] = v
	}
	if changed {
		f.same = 0
	}
	f.same++
	f.rows++
	if wrong != nil {
		f.drop = append(f.drop, f.rows-1)
		f.bad = append(f.bad, plugin.DirtyRow{Raw: f.text(), Err: plugin.Permanent(wrong), Table: f.s.t.schema.Table(),
			Split: f.s.split.ID, At: record.Position{Rows: f.at.Rows + int64(f.rows)}})
	}
}

// text shows the row for a dead letter.
func (f *filler) text() []byte {
	var out []byte
	for i, c := range f.s.t.schema.Columns {
		if i > 0 {
			out = append(out, ", "...)
		}
		switch v := f.row[i].(type) {
		case string:
			out = fmt.Appendf(out, "%s = %q", c.Name, v)
		case []byte:
			out = fmt.Appendf(out, "%s = x'%x'", c.Name, v)
		case nil:
			out = fmt.Appendf(out, "%s = null", c.Name)
		default:
			out = fmt.Appendf(out, "%s = %v", c.Name, v)
		}
	}
	return out
}

// batch closes the batch that is being filled.
func (f *filler) batch(ctx context.Context) (*record.Batch, []plugin.DirtyRow, error) {
	b := record.NewBatch(f.s.t.schema, f.builder.NewRecordBatch())
	b.From = f.at
	b.To = record.Position{Rows: f.at.Rows + int64(f.rows)}
	if len(f.last) > 0 {
		p := place{Key: make([]stored, len(f.last)), Same: f.same}
		for i, v := range f.last {
			p.Key[i] = stored{v}
		}
		token, err := json.Marshal(p)
		if err != nil {
			b.Release()
			return nil, nil, err
		}
		b.To.Token = token
	}
	bad := f.bad
	if len(f.drop) > 0 {
		keep := make([]bool, f.rows)
		for i := range keep {
			keep[i] = true
		}
		for _, i := range f.drop {
			keep[i] = false
		}
		filtered, err := record.Filter(b, keep)
		b.Release()
		if err != nil {
			return nil, nil, err
		}
		b = filtered
	}
	f.at, f.rows, f.bytes, f.drop, f.bad = b.To, 0, 0, f.drop[:0], nil
	return b, bad, nil
}
