package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"seikan/engine/format/parquet/conform"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// input is an open file.
type input struct {
	name   string
	source *watched
	reader *pqfile.Reader
	arrow  *pqarrow.FileReader
	schema *arrow.Schema
}

// watched remembers that reading failed below, to tell a broken file from a broken connection.
type watched struct {
	plugin.ReaderAtCloser
	failed atomic.Bool
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.ReaderAtCloser.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failed.Store(true)
	}
	return n, err
}

// open reads a file's footer.
func open(ctx context.Context, f plugin.File) (*input, error) {
	at, err := f.OpenAt(ctx)
	if errors.Is(err, plugin.ErrNotSeekable) {
		return nil, plugin.Permanent(fmt.Errorf("parquet file %s: it lies in an archive or is compressed as a whole, and parquet needs random access; unpack it first", f.Name()))
	}
	if err != nil {
		return nil, err
	}
	in := &input{name: f.Name(), source: &watched{ReaderAtCloser: at}}
	err = in.guard(func() (err error) {
		props := pq.NewReaderProperties(memory.DefaultAllocator)
		props.BufferedStreamEnabled = true // a column chunk at a time may be gigabytes
		props.BufferSize = 256 << 10
		if in.reader, err = pqfile.NewParquetReader(io.NewSectionReader(in.source, 0, f.Size()), pqfile.WithReadProps(props)); err != nil {
			return err
		}
		// ARROW:schema is not needed, and arrow-go trusts what it says.
		in.reader.MetaData().FileMetaData.KeyValueMetadata = nil
		if in.arrow, err = pqarrow.NewFileReader(in.reader, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator); err != nil {
			return err
		}
		in.schema, err = in.arrow.Schema()
		return err
	})
	if err != nil {
		in.close()
		return nil, in.fail(err)
	}
	return in, nil
}

// guard runs f and turns a panic of the library, which broken files can cause, into an error.
func (in *input) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	return f()
}

// fail names the file. An error is permanent unless the storage caused it.
func (in *input) fail(err error) error {
	err = fmt.Errorf("parquet file %s: %w", in.name, err)
	if in.source.failed.Load() {
		return err
	}
	return plugin.Permanent(err)
}

func (in *input) close() error { return in.source.Close() }

func (in *input) fields() []arrow.Field { return in.schema.Fields() }

// groupSize is the compressed size of a row group in bytes.
func (in *input) groupSize(i int) int64 {
	g := in.reader.MetaData().RowGroup(i)
	if n := g.TotalCompressedSize(); n > 0 {
		return n
	}
	return g.TotalByteSize()
}

// columnType is the type of a column when the job declares none. Timestamps are taken as wall
// clock readings: files that say otherwise were mostly written so because older writers could
// not say anything else. int96 has microseconds, as its writers have, and any year.
func (in *input) columnType(i int) (record.Type, error) {
	t, err := conform.TypeOf(in.schema.Field(i).Type)
	if err != nil {
		return t, err
	}
	if in.int96(i) {
		return record.Of(record.Timestamp), nil
	}
	return local(t), nil
}

func local(t record.Type) record.Type {
	switch t.Kind {
	case record.TimestampTZ:
		t.Kind = record.Timestamp
	case record.Array, record.Map:
		elem := local(*t.Elem)
		t.Elem = &elem
	case record.Row:
		fields := make([]record.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = record.Field{Name: f.Name, Type: local(f.Type)}
		}
		t.Fields = fields
	}
	return t
}

// int96 reports whether column i is a plain int96 leaf.
func (in *input) int96(i int) bool {
	f := in.arrow.Manifest.Fields[i]
	return len(f.Children) == 0 && in.reader.MetaData().Schema.Column(f.ColIndex).PhysicalType() == pq.Types.Int96 &&
		in.reader.MetaData().Schema.Column(f.ColIndex).MaxRepetitionLevel() == 0
}
