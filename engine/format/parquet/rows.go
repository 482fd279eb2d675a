package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"seikan/engine/format/parquet/conform"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// batchRows is the most rows of a batch; large rows make it fewer.
const batchRows = 2 * plugin.BatchRows

// column gives the values of one column of a run of row groups.
type column interface {
	// next returns n values, fewer at the end.
	next(n int64) (arrow.Array, error)
	// seek makes row the next one.
	seek(row int64) error
	release()
}

// rows reads one piece of a file.
type rows struct {
	in      *input
	task    plugin.Task
	split   plugin.Split
	schema  *record.Schema
	columns []column
	convert []conform.Converter
	at      int64 // rows of the piece before the next batch
	total   int64
	step    int64
}

func newRows(ctx context.Context, task plugin.Task, split plugin.Split, in *input, piece plugin.Range, schema *record.Schema) (*rows, error) {
	match, err := conform.Match(in.fields(), schema)
	if err != nil {
		return nil, err
	}
	n := int64(in.reader.NumRowGroups())
	if piece.To < 0 {
		piece.To = n
	}
	if piece.From < 0 || piece.From > piece.To || piece.To > n {
		return nil, fmt.Errorf("row groups %d to %d were planned and the file has %d; it was changed while the job ran", piece.From, piece.To, n)
	}
	r := &rows{in: in, task: task, split: split, schema: schema, at: split.At.Rows}
	var groups []int
	var size int64
	for g := int(piece.From); g < int(piece.To); g++ {
		meta := in.reader.MetaData().RowGroup(g)
		groups = append(groups, g)
		r.total += meta.NumRows()
		size += meta.TotalByteSize()
	}
	r.step = max(1, min(batchRows, r.total, r.total*plugin.BatchBytes/max(1, size)))
	if r.at >= r.total {
		return r, nil
	}
	return r, in.guard(func() error {
		for i, m := range match {
			c, convert, err := in.column(ctx, m, schema.Columns[i].Type, groups)
			if err != nil {
				return err
			}
			r.columns = append(r.columns, c)
			r.convert = append(r.convert, convert)
			if r.at > 0 {
				if err := c.seek(r.at); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// column opens column m.Index over some row groups.
func (in *input) column(ctx context.Context, m conform.Column, t record.Type, groups []int) (column, conform.Converter, error) {
	field := &in.arrow.Manifest.Fields[m.Index]
	if in.int96(m.Index) && !t.Nanos() {
		convert, err := conform.To(&arrow.TimestampType{Unit: arrow.Microsecond}, t)
		return newInt96(in, field, groups), convert, err
	}
	leaves := map[int]bool{}
	collect(field, leaves)
	c, err := in.arrow.GetFieldReader(ctx, m.Index, leaves, groups)
	if err != nil {
		return nil, nil, err
	}
	if c == nil {
		return nil, nil, errors.New("the column has no values in the file")
	}
	return arrowColumn{c}, m.Convert, nil
}

func collect(f *pqarrow.SchemaField, leaves map[int]bool) {
	if len(f.Children) == 0 {
		leaves[f.ColIndex] = true
	}
	for i := range f.Children {
		collect(&f.Children[i], leaves)
	}
}

type arrowColumn struct{ reader *pqarrow.ColumnReader }

func (c arrowColumn) next(n int64) (arrow.Array, error) {
	chunks, err := c.reader.NextBatch(n)
	if err != nil {
		return nil, err
	}
	defer chunks.Release()
	switch parts := chunks.Chunks(); len(parts) {
	case 0:
		return array.MakeArrayOfNull(memory.DefaultAllocator, chunks.DataType(), 0), nil
	case 1:
		parts[0].Retain()
		return parts[0], nil
	default:
		return array.Concatenate(parts, memory.DefaultAllocator)
	}
}

func (c arrowColumn) seek(row int64) error { return c.reader.SeekToRow(row) }
func (c arrowColumn) release()             { c.reader.Release() }

// Next returns the next rows. Rows with a value that does not fit the schema go to task.Dirty.
func (r *rows) Next(ctx context.Context) (*record.Batch, error) {
	if r.at >= r.total {
		return nil, plugin.ErrEnd
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := min(r.step, r.total-r.at)
	wrong := map[int]error{}
	columns := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	err := r.in.guard(func() error {
		for i := range r.columns {
			c, err := r.read(i, n, wrong)
			if err != nil {
				return fmt.Errorf("column %q, rows from %d on: %w", r.schema.Columns[i].Name, r.at+1, err)
			}
			columns = append(columns, c)
		}
		return nil
	})
	if err != nil {
		return nil, r.in.fail(err)
	}
	b := record.NewBatch(r.schema, array.NewRecordBatch(r.schema.Arrow(), columns, n))
	b.From = record.Position{Rows: r.at}
	r.at += n
	b.To = record.Position{Rows: r.at}
	if len(wrong) == 0 {
		return b, nil
	}
	defer b.Release()
	return r.without(ctx, b, wrong)
}

func (r *rows) read(i int, n int64, wrong map[int]error) (arrow.Array, error) {
	c, err := r.columns[i].next(n)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	defer c.Release()
	if int64(c.Len()) != n {
		return nil, fmt.Errorf("the file is damaged: it ends after %d of %d values", c.Len(), n)
	}
	out, err := r.convert[i](c, func(row int, err error) {
		wrong[row] = fmt.Errorf("parquet file %s, row %d, column %q: %w", r.in.name, r.at+int64(row)+1, r.schema.Columns[i].Name, err)
	})
	if err != nil {
		return nil, err
	}
	if !arrow.TypeEqual(out.DataType(), r.schema.Arrow().Field(i).Type) {
		out.Release()
		return nil, fmt.Errorf("it came as %s instead of %s", out.DataType(), r.schema.Arrow().Field(i).Type)
	}
	return out, nil
}

// without reports the wrong rows and leaves them out.
func (r *rows) without(ctx context.Context, b *record.Batch, wrong map[int]error) (*record.Batch, error) {
	keep := make([]bool, b.Rows())
	for i := range keep {
		keep[i] = wrong[i] == nil
	}
	for _, i := range slices.Sorted(maps.Keys(wrong)) {
		err := r.task.Dirty(ctx, plugin.DirtyRow{Err: wrong[i], Table: r.schema.Table(), Split: r.split.ID,
			At: record.Position{Rows: b.Ordinal(i) - 1}})
		if err != nil {
			return nil, err
		}
	}
	return record.Filter(ctx, b, keep)
}

// Close closes the file.
func (r *rows) Close() error {
	for _, c := range r.columns {
		c.release()
	}
	return r.in.close()
}
