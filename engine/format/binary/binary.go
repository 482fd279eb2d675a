// Package binary is the file format binary: files of any kind, copied in parts of 1024 bytes.
// Each part is a row that says which file it belongs to and where in it.
package binary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// PartSize is the number of bytes of a part; only the last one of a file is shorter.
const PartSize = 1024

// The columns of the rows, in order.
const (
	Data         = "data"
	RelativePath = "relativePath"
	PartIndex    = "partIndex"
)

// Format is the plugin.Format.
type Format struct{}

// Name implements plugin.Format.
func (Format) Name() string { return "binary" }

// Suffix implements plugin.Format: files keep their names.
func (Format) Suffix() string { return "" }

// ReadOptions implements plugin.Format.
func (Format) ReadOptions() []option.Option { return nil }

// WriteOptions implements plugin.Format.
func (Format) WriteOptions() []option.Option { return nil }

// rows is the schema of every binary file.
func rows() *record.Schema {
	return (&record.Schema{Columns: []record.Column{
		{Name: Data, Type: record.Of(record.Bytes)},
		{Name: RelativePath, Type: record.Of(record.String)},
		{Name: PartIndex, Type: record.Of(record.BigInt)},
	}}).Freeze()
}

// Reading implements plugin.Format. A declared schema gives the table its name only: the
// columns are fixed, and all of them are needed to write the files again.
func (Format) Reading(opts *option.Values, declared *record.Schema, columns []string) (plugin.FileReading, error) {
	schema := rows()
	if len(columns) > 0 && !slices.Equal(columns, schema.Names()) {
		return nil, plugin.Permanent(fmt.Errorf("%s: binary files have the columns %v, all of which are read; remove read_columns", opts.Owner(), schema.Names()))
	}
	if declared != nil {
		schema.Path = declared.Path
	}
	return reading{schema}, nil
}

type reading struct{ schema *record.Schema }

// Schema implements plugin.FileReading.
func (r reading) Schema(context.Context, plugin.File) (*record.Schema, error) { return r.schema, nil }

// Cut implements plugin.FileReading: the parts of a file have to come in order.
func (reading) Cut(context.Context, plugin.File, int64) ([]plugin.Range, error) {
	return []plugin.Range{{From: 0, To: -1}}, nil
}

// Open implements plugin.FileReading. The number of a part is its position.
func (reading) Open(ctx context.Context, _ plugin.Task, split plugin.Split, f plugin.File, _ plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	r := &reader{name: f.Name(), relative: path.Base(f.Name()), schema: schema, next: split.At.Rows}
	if known, ok := f.(interface{ Relative() string }); ok {
		r.relative = known.Relative()
	}
	if split.At.Done {
		r.ended = true
		return r, nil
	}
	switch at, err := f.OpenAt(ctx); {
	case err == nil:
		const end = 1<<63 - 1
		r.closer, r.in = at, io.NewSectionReader(at, r.next*PartSize, end-r.next*PartSize)
		return r, nil
	case !errors.Is(err, plugin.ErrNotSeekable):
		return nil, err
	}
	in, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	r.closer, r.in = in, in
	if _, err := io.CopyN(io.Discard, in, r.next*PartSize); err != nil && err != io.EOF {
		return nil, errors.Join(fmt.Errorf("going on in %s at byte %d: %w", r.name, r.next*PartSize, err), r.Close())
	}
	return r, nil
}

type reader struct {
	name, relative string
	schema         *record.Schema
	in             io.Reader
	closer         io.Closer
	next           int64 // part
	buf            []byte
	ended          bool
}

// Next implements plugin.SplitReader.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.ended {
		return nil, plugin.ErrEnd
	}
	if r.buf == nil {
		r.buf = make([]byte, plugin.BatchBytes)
	}
	n, err := io.ReadFull(r.in, r.buf)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		r.ended = true
	case err != nil:
		return nil, fmt.Errorf("reading %s at byte %d: %w", r.name, r.next*PartSize+int64(n), err)
	}
	if n == 0 {
		return nil, plugin.ErrEnd
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, r.schema.Arrow())
	defer b.Release()
	data, names, index := b.Field(0).(*array.BinaryBuilder), b.Field(1).(*array.StringBuilder), b.Field(2).(*array.Int64Builder)
	parts := (n + PartSize - 1) / PartSize
	b.Reserve(parts)
	data.ReserveData(n)
	names.ReserveData(parts * len(r.relative))
	from := record.Position{Rows: r.next}
	for at := 0; at < n; at += PartSize {
		data.Append(r.buf[at:min(at+PartSize, n)])
		names.Append(r.relative)
		index.Append(r.next)
		r.next++
	}
	out := record.NewBatch(r.schema, b.NewRecordBatch())
	out.From, out.To = from, record.Position{Rows: r.next}
	return out, nil
}

// Close implements plugin.SplitReader.
func (r *reader) Close() error {
	if r.closer == nil {
		return nil
	}
	err := r.closer.Close()
	r.closer = nil
	return err
}

// Writing implements plugin.Format.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	if !schema.SameRow(rows()) {
		return nil, plugin.Permanent(fmt.Errorf("%s: binary files are written from the rows of a source with file_format_type = binary, whose columns are %v; the input has %v",
			opts.Owner(), rows().Names(), schema.Names()))
	}
	return writing{}, nil
}

type writing struct{}

// Extension implements plugin.FileWriting.
func (writing) Extension() string { return "" }

// Create implements plugin.FileWriting.
func (writing) Create(w io.Writer) (plugin.FileEncoder, error) { return &encoder{w: w}, nil }

// encoder joins the parts of one file.
type encoder struct {
	w    io.Writer
	next int64
}

// Write implements plugin.FileEncoder.
func (e *encoder) Write(b *record.Batch) error {
	data, names, index := b.Data.Column(0).(*array.Binary), b.Data.Column(1).(*array.String), b.Data.Column(2).(*array.Int64)
	for i := range b.Rows() {
		switch {
		case data.IsNull(i) || index.IsNull(i):
			return plugin.Permanent(fmt.Errorf("binary file %s: part %d is null", names.ValueStr(i), e.next))
		case index.Value(i) != e.next:
			return plugin.Permanent(fmt.Errorf("binary file %s: part %d comes where part %d was expected. The parts of a file have to reach one writer in order; "+
				"let no transform drop or reorder them", names.ValueStr(i), index.Value(i), e.next))
		}
		if _, err := e.w.Write(data.Value(i)); err != nil {
			return fmt.Errorf("writing part %d of binary file %s: %w", e.next, names.ValueStr(i), err)
		}
		e.next++
	}
	return nil
}

// Close implements plugin.FileEncoder.
func (e *encoder) Close() error { return nil }
