package parquet

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"seikan/engine/format/parquet/columnar"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// input is an open file.
type input struct {
	source *columnar.Source
	reader *pqfile.Reader
	arrow  *pqarrow.FileReader
	schema *arrow.Schema
}

// open reads a file's footer.
func open(ctx context.Context, f plugin.File) (*input, error) {
	source, err := columnar.OpenSource(ctx, "parquet", f)
	if err != nil {
		return nil, err
	}
	in := &input{source: source}
	err = columnar.Guard(func() (err error) {
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
		if in.schema, err = in.arrow.Schema(); err != nil {
			return err
		}
		return in.check(f.Size())
	})
	if err != nil {
		in.close()
		return nil, source.Fail(err)
	}
	return in, nil
}

// check reports column chunks that do not lie in the file of size bytes, which arrow-go would
// take on trust.
func (in *input) check(size int64) error {
	leaves := in.reader.MetaData().Schema.NumColumns()
	for g := range in.reader.NumRowGroups() {
		meta := in.reader.MetaData().RowGroup(g)
		if meta.NumColumns() != leaves || meta.NumRows() < 0 {
			return fmt.Errorf("the file is damaged: row group %d has %d columns, not %d, and %d rows", g, meta.NumColumns(), leaves, meta.NumRows())
		}
		for i := range leaves {
			c, err := meta.ColumnChunk(i)
			if err != nil {
				return fmt.Errorf("row group %d, column %d: %w", g, i, err)
			}
			from := c.DataPageOffset()
			if d := c.DictionaryPageOffset(); c.HasDictionaryPage() && d > 0 {
				from = min(from, d)
			}
			if n := c.TotalCompressedSize(); from < 0 || n < 0 || from > size || n > size-from {
				return fmt.Errorf("the file is damaged: row group %d, column %d lies outside of it", g, i)
			}
		}
	}
	return nil
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
	t, err := columnar.TypeOf(in.schema.Field(i).Type)
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
