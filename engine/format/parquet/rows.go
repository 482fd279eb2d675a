package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"seikan/engine/format/parquet/columnar"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

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
	out     columnar.Assembler
	columns []column
	at      int64 // rows of the piece before the next batch
	total   int64
	step    int64
}

func newRows(ctx context.Context, task plugin.Task, split plugin.Split, in *input, piece plugin.Range, schema *record.Schema) (*rows, error) {
	match, err := columnar.Match(in.fields(), schema)
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
	r := &rows{in: in, at: split.At.Rows,
		out: columnar.Assembler{Schema: schema, File: in.source.Name, Task: task, Split: split}}
	var groups []int
	var size int64
	for g := int(piece.From); g < int(piece.To); g++ {
		meta := in.reader.MetaData().RowGroup(g)
		groups = append(groups, g)
		r.total += meta.NumRows()
		size += meta.TotalByteSize()
	}
	r.step = columnar.BatchRows(r.total, size)
	if r.at >= r.total {
		return r, nil
	}
	return r, columnar.Guard(func() error {
		for i, m := range match {
			c, convert, err := in.column(ctx, m, schema.Columns[i].Type, groups)
			if err != nil {
				return err
			}
			r.columns = append(r.columns, c)
			r.out.Convert = append(r.out.Convert, convert)
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
func (in *input) column(ctx context.Context, m columnar.Column, t record.Type, groups []int) (column, columnar.Converter, error) {
	field := &in.arrow.Manifest.Fields[m.Index]
	if in.int96(m.Index) && !t.Nanos() {
		convert, err := columnar.To(&arrow.TimestampType{Unit: arrow.Microsecond}, t)
		return newInt96(in, field, groups), convert, err
	}
	leaves := map[int]bool{}
	collect(field, leaves)
	if len(field.Children) > 0 {
		// GetFieldReader opens the parts of structs in goroutines, where a panic could not be
		// caught: what a damaged file can break there is tried here first.
		for leaf := range leaves {
			if _, err := in.reader.RowGroup(groups[0]).GetColumnPageReader(leaf); err != nil {
				return nil, nil, err
			}
		}
	}
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
	arrays := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	var b *record.Batch
	err := columnar.Guard(func() error {
		for i, c := range r.columns {
			a, err := c.next(n)
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return fmt.Errorf("column %q, rows from %d of the split on: %w", r.out.Schema.Columns[i].Name, r.at+1, err)
			}
			arrays = append(arrays, a)
		}
		var err error
		b, err = r.out.Batch(ctx, r.at, n, arrays)
		return err
	})
	if err != nil {
		return nil, r.in.source.Fail(err)
	}
	r.at += n
	return b, nil
}

// Close closes the file.
func (r *rows) Close() error {
	for _, c := range r.columns {
		c.release()
	}
	return r.in.close()
}
