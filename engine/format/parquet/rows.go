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

// column gives the values of one column of a row group.
type column interface {
	// next returns n values, fewer at the end.
	next(n int64) (arrow.Array, error)
	// seek makes row the next one. It is called before next.
	seek(row int64) error
	release()
}

// rows reads one piece of a file, row group after row group.
type rows struct {
	in      *input
	out     columnar.Assembler
	match   []columnar.Column
	groups  []int // of the piece, not yet opened
	columns []column
	at      int64 // rows of the piece before the next batch
	left    int64 // rows of the open group
	skip    int64 // rows of the next group to pass over
	step    int64
}

func newRows(task plugin.Task, split plugin.Split, in *input, piece plugin.Range, schema *record.Schema) (*rows, error) {
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
	r := &rows{in: in, match: match, at: split.At.Rows, skip: split.At.Rows,
		out: columnar.Assembler{Schema: schema, File: in.source.Name, Task: task, Split: split}}
	var total, size int64
	for g := int(piece.From); g < int(piece.To); g++ {
		meta := in.reader.MetaData().RowGroup(g)
		total += meta.NumRows()
		size += meta.TotalByteSize()
		if len(r.groups) == 0 && r.skip >= meta.NumRows() {
			r.skip -= meta.NumRows() // behind the position already
			continue
		}
		r.groups = append(r.groups, g)
	}
	r.step = columnar.BatchRows(total, size, task)
	return r, nil
}

// open begins the next row group.
func (r *rows) open(ctx context.Context) error {
	r.release()
	g := r.groups[0]
	r.groups = r.groups[1:]
	r.left = r.in.reader.MetaData().RowGroup(g).NumRows() - r.skip
	for i, m := range r.match {
		c, convert, err := r.in.column(ctx, m, r.out.Schema.Columns[i].Type, g)
		if err != nil {
			return fmt.Errorf("column %q, row group %d: %w", r.out.Schema.Columns[i].Name, g, err)
		}
		r.columns, r.out.Convert = append(r.columns, c), append(r.out.Convert, convert)
		if r.skip > 0 {
			if err := c.seek(r.skip); err != nil {
				return fmt.Errorf("column %q, row group %d, going to row %d: %w", r.out.Schema.Columns[i].Name, g, r.skip+1, err)
			}
		}
	}
	r.skip = 0
	return nil
}

func (r *rows) release() {
	for _, c := range r.columns {
		c.release()
	}
	r.columns, r.out.Convert = nil, nil
}

// column opens column m.Index of a row group.
func (in *input) column(ctx context.Context, m columnar.Column, t record.Type, group int) (column, columnar.Converter, error) {
	field := &in.arrow.Manifest.Fields[m.Index]
	if in.int96(m.Index) && !t.Nanos() {
		convert, err := columnar.To(&arrow.TimestampType{Unit: arrow.Microsecond}, t)
		return newInt96(in, field, group), convert, err
	}
	leaves := map[int]bool{}
	collect(field, leaves)
	if len(field.Children) > 0 {
		// GetFieldReader opens the parts of structs in goroutines, where a panic could not be
		// caught: what a damaged file can break there is tried here first.
		for leaf := range leaves {
			if _, err := in.reader.RowGroup(group).GetColumnPageReader(leaf); err != nil {
				return nil, nil, err
			}
		}
	}
	c, err := in.arrow.GetFieldReader(ctx, m.Index, leaves, []int{group})
	if err != nil {
		return nil, nil, err
	}
	if c == nil {
		return nil, nil, errors.New("the column has no values in the file")
	}
	repeated := false
	for leaf := range leaves {
		repeated = repeated || in.reader.MetaData().Schema.Column(leaf).MaxRepetitionLevel() > 0
	}
	return arrowColumn{c, repeated}, m.Convert, nil
}

func collect(f *pqarrow.SchemaField, leaves map[int]bool) {
	if len(f.Children) == 0 {
		leaves[f.ColIndex] = true
	}
	for i := range f.Children {
		collect(&f.Children[i], leaves)
	}
}

type arrowColumn struct {
	reader   *pqarrow.ColumnReader
	repeated bool // holds lists or maps
}

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

// seek lets the library skip pages, except where lists are: it takes their values for rows.
func (c arrowColumn) seek(row int64) error {
	if !c.repeated {
		return c.reader.SeekToRow(row)
	}
	return pass(c, row)
}

// pass reads rows for nothing.
func pass(c column, rows int64) error {
	for rows > 0 {
		a, err := c.next(min(rows, plugin.BatchRows))
		if err != nil {
			return err
		}
		n := int64(a.Len())
		if a.Release(); n == 0 {
			return fmt.Errorf("the column ends %d rows before the position to go on from", rows)
		}
		rows -= n
	}
	return nil
}

func (c arrowColumn) release() { c.reader.Release() }

// Next returns the next rows. Rows with a value that does not fit the schema go to task.Dirty.
func (r *rows) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var b *record.Batch
	err := columnar.Guard(func() (err error) {
		for r.left == 0 {
			if len(r.groups) == 0 {
				return plugin.ErrEnd
			}
			if err := r.open(ctx); err != nil {
				return err
			}
		}
		b, err = r.next(ctx, min(r.step, r.left))
		return err
	})
	if err == plugin.ErrEnd {
		return nil, err
	}
	if err != nil {
		return nil, r.in.source.Fail(err)
	}
	return b, nil
}

func (r *rows) next(ctx context.Context, n int64) (*record.Batch, error) {
	arrays := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	for i, c := range r.columns {
		a, err := c.next(n)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("column %q, rows from %d of the split on: %w", r.out.Schema.Columns[i].Name, r.at+1, err)
		}
		arrays = append(arrays, a)
	}
	b, err := r.out.Batch(ctx, r.at, n, arrays)
	if err != nil {
		return nil, err
	}
	r.at, r.left = r.at+n, r.left-n
	return b, nil
}

// Close closes the file.
func (r *rows) Close() error {
	r.release()
	return r.in.close()
}
