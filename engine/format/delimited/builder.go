package delimited

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// builder makes batches out of grids.
type builder struct {
	schema  *record.Schema
	charset *Charset
	grid    *Grid
	columns []column
	cells   []int // which cell each column comes from
	rows    int   // so far, bad ones included, without those of the grid
	dropped []int // the bad ones
}

func (s *Source) builder(schema *record.Schema) (*builder, error) {
	b := &builder{schema: schema, charset: s.Charset, grid: newGrid(len(s.Cells))}
	for _, c := range schema.Columns {
		i := slices.Index(s.Cells, c.Name)
		if i < 0 {
			return nil, fmt.Errorf("no column %q among those of the rows: %q", c.Name, s.Cells)
		}
		b.columns = append(b.columns, newColumn(c.Name, c.Type, &s.Rules, s.Values))
		b.cells = append(b.cells, i)
	}
	return b, nil
}

// add converts the rows of the grid, which stand in data, and returns the numbers of the bad
// ones in order. The grid's rows count with next.
func (b *builder) add(data []byte) []int {
	k := &block{Grid: b.grid, data: data, valid: true}
	if b.charset.recodes() {
		b.refuseDamaged(data)
	} else {
		k.valid = utf8.Valid(data)
	}
	for i, c := range b.columns {
		c.add(k, b.cells[i])
	}
	if len(b.grid.failed) == 0 {
		return nil
	}
	return b.grid.bad()
}

func (b *builder) refuseDamaged(data []byte) {
	mark := []byte(string(utf8.RuneError))
	if !bytes.Contains(data, mark) {
		return
	}
	for row, span := range b.grid.Spans[:b.grid.Rows] {
		if bytes.Contains(data[span.From:span.From+span.N], mark) {
			b.grid.Fail(row, "", b.charset.damaged())
		}
	}
}

// drop leaves row number row of the grid out of the batch.
func (b *builder) drop(row int) { b.dropped = append(b.dropped, b.rows+row) }

// next makes room for the next grid.
func (b *builder) next() {
	b.rows += b.grid.Rows
	b.grid.reset()
}

// batch returns the rows collected and starts anew.
func (b *builder) batch(ctx context.Context, split string, from, to record.Position) (*record.Batch, error) {
	columns := make([]arrow.Array, len(b.columns))
	for i, c := range b.columns {
		columns[i] = c.build()
		defer columns[i].Release()
	}
	out := record.NewBatch(b.schema, array.NewRecordBatch(b.schema.Arrow(), columns, int64(b.rows)))
	out.Split, out.From, out.To = split, from, to
	keep := make([]bool, b.rows)
	dropped := b.dropped
	b.rows, b.dropped = 0, b.dropped[:0]
	if len(dropped) == 0 {
		return out, nil
	}
	for i := range keep {
		keep[i] = true
	}
	for _, row := range dropped {
		keep[row] = false
	}
	defer out.Release()
	return record.Filter(out, keep)
}
