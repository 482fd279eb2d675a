package orc

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/format/orc/orcfile"
	"seikan/engine/format/parquet/columnar"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type reading struct{ wish columnar.Wish }

// input is an open file.
type input struct {
	source *columnar.Source
	reader *orcfile.Reader
}

func open(ctx context.Context, f plugin.File) (*input, error) {
	source, err := columnar.OpenSource(ctx, "orc", f)
	if err != nil {
		return nil, err
	}
	r, err := orcfile.NewReader(source, f.Size())
	if err != nil {
		source.Close()
		return nil, source.Fail(err)
	}
	return &input{source, r}, nil
}

// Schema takes the columns of the first file, unless the job declares them; those of the file
// must then be readable as declared.
func (r *reading) Schema(ctx context.Context, first plugin.File) (*record.Schema, error) {
	if first == nil {
		return r.wish.Schema(nil, nil)
	}
	in, err := open(ctx, first)
	if err != nil {
		return nil, err
	}
	defer in.source.Close()
	fields := in.reader.Fields()
	schema, err := r.wish.Schema(fields, func(i int) (record.Type, error) {
		if err := in.reader.Supported(i); err != nil {
			return record.Type{}, err
		}
		return columnar.TypeOf(fields[i].Type)
	})
	if err != nil {
		return nil, in.source.Fail(err)
	}
	return schema, nil
}

// Cut makes pieces of whole stripes.
func (r *reading) Cut(ctx context.Context, f plugin.File, target int64) ([]plugin.Range, error) {
	in, err := open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer in.source.Close()
	var out []plugin.Range
	var size int64
	for i, s := range in.reader.Stripes() {
		if size == 0 {
			out = append(out, plugin.Range{From: int64(i)})
		}
		size += max(1, s.Bytes())
		out[len(out)-1].To = int64(i) + 1
		if target > 0 && size >= target {
			size = 0
		}
	}
	if len(out) == 0 {
		out = []plugin.Range{{}}
	}
	return out, nil
}

// Open reads the stripes of one piece.
func (r *reading) Open(ctx context.Context, task plugin.Task, split plugin.Split, f plugin.File, piece plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	in, err := open(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, err := newRows(task, split, in, piece, schema)
	if err != nil {
		in.source.Close()
		return nil, in.source.Fail(err)
	}
	return rows, nil
}

// rows reads one piece of a file.
type rows struct {
	in      *input
	out     columnar.Assembler
	columns []orcfile.Column
	stripes []int // of the piece, not yet opened
	stripe  *orcfile.Rows
	at      int64 // rows of the piece before the next batch
	skip    int64 // rows to pass over first
	step    int64
}

func newRows(task plugin.Task, split plugin.Split, in *input, piece plugin.Range, schema *record.Schema) (*rows, error) {
	match, err := columnar.Match(in.reader.Fields(), schema)
	if err != nil {
		return nil, err
	}
	all := in.reader.Stripes()
	n := int64(len(all))
	if piece.To < 0 {
		piece.To = n
	}
	if piece.From < 0 || piece.From > piece.To || piece.To > n {
		return nil, fmt.Errorf("stripes %d to %d were planned and the file has %d; it was changed while the job ran", piece.From, piece.To, n)
	}
	r := &rows{in: in, at: split.At.Rows, skip: split.At.Rows,
		out: columnar.Assembler{Schema: schema, File: in.source.Name, Task: task, Split: split}}
	var total, size int64
	for i := piece.From; i < piece.To; i++ {
		total += all[i].Rows
		size += all[i].Bytes()
		// Whole stripes before the position are not opened.
		if s := all[i].Rows; len(r.stripes) == 0 && r.skip >= s {
			r.skip -= s
			continue
		}
		r.stripes = append(r.stripes, int(i))
	}
	r.step = columnar.BatchRows(total, size, task)
	for i, m := range match {
		t := schema.Columns[i].Type
		c := orcfile.Column{Index: m.Index, Nanos: nanos(t)}
		r.columns = append(r.columns, c)
		convert := m.Convert
		if c.Nanos {
			if convert, err = columnar.To(in.reader.Type(c), t); err != nil {
				return nil, fmt.Errorf("column %q: %w", schema.Columns[i].Name, err)
			}
		}
		r.out.Convert = append(r.out.Convert, convert)
	}
	return r, nil
}

// nanos reports whether a type holds nanoseconds anywhere.
func nanos(t record.Type) bool {
	for _, f := range t.Fields {
		if nanos(f.Type) {
			return true
		}
	}
	return t.Nanos() || t.Key != nil && nanos(*t.Key) || t.Elem != nil && nanos(*t.Elem)
}

// Next returns the next rows. Rows with a value that does not fit the schema go to task.Dirty.
func (r *rows) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := r.next(ctx)
	if err != nil && err != plugin.ErrEnd {
		return nil, r.in.source.Fail(err)
	}
	return b, err
}

func (r *rows) next(ctx context.Context) (*record.Batch, error) {
	for r.stripe == nil || r.stripe.Left() == 0 {
		if len(r.stripes) == 0 {
			return nil, plugin.ErrEnd
		}
		stripe, err := r.in.reader.Open(r.stripes[0], r.columns)
		if err != nil {
			return nil, err
		}
		r.stripe, r.stripes = stripe, r.stripes[1:]
		if err := stripe.Skip(ctx, r.skip); err != nil {
			return nil, err
		}
		r.skip = 0
	}
	n := min(r.step, r.stripe.Left())
	arrays, err := r.stripe.Next(ctx, int(n))
	if err != nil {
		return nil, err
	}
	defer release(arrays)
	b, err := r.out.Batch(ctx, r.at, n, arrays)
	if err == nil {
		r.at += n
	}
	return b, err
}

func release(arrays []arrow.Array) {
	for _, a := range arrays {
		a.Release()
	}
}

// Close closes the file.
func (r *rows) Close() error { return r.in.source.Close() }
