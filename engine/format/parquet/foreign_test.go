package parquet

import (
	"bytes"
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	pqcompress "github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/pierrec/lz4/v4"

	"seikan/engine/format/parquet/filetest"
	"seikan/engine/record"
)

func TestHadoopLZ4IsRead(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "a", "bigint", "s", "string")
	want := filetest.Random(schema, 5000, 100, 1)
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema.Arrow(), &out, pq.NewWriterProperties(pq.WithCompression(pqcompress.Codecs.Lz4)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(want.Data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f := filetest.File(out.Bytes())
	got, err := filetest.Read(filetest.Reading(t, Format{}, nil), f, filetest.Whole, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	filetest.SameRows(t, []*record.Batch{want}, got)
	if s, err := filetest.Reading(t, Format{}, nil).Schema(context.Background(), f); err != nil || len(s.Columns) != 2 {
		t.Errorf("schema %v, error %v", s, err)
	}
}

func TestLZ4PagesWithAndWithoutFrames(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("lz4 pages "), 500)
	half := len(plain) / 2
	block := make([]byte, lz4.CompressBlockBound(len(plain)))
	n, err := lz4.CompressBlock(plain, block, nil)
	if err != nil {
		t.Fatal(err)
	}
	frames := append(hadoopLZ4{}.Encode(nil, plain[:half]), hadoopLZ4{}.Encode(nil, plain[half:])...)
	for name, src := range map[string][]byte{"a raw block": block[:n], "one frame": hadoopLZ4{}.Encode(nil, plain), "two frames": frames} {
		got, err := hadoopLZ4{}.DecodeWithError(make([]byte, len(plain)), src)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes, error %v", name, len(got), err)
		}
	}
	if _, err := (hadoopLZ4{}).DecodeWithError(make([]byte, len(plain)), frames[:len(frames)-3]); err == nil {
		t.Error("a cut frame was decoded")
	}
}

func TestInstantsAreReadAsWallClockUnlessDeclared(t *testing.T) {
	t.Parallel()
	millis := arrow.NewSchema([]arrow.Field{{Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, millis)
	b.Field(0).(*array.TimestampBuilder).Append(1_577_934_245_678)
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(millis, &out, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		declared *record.Schema
		typ      string
		want     string
	}{
		{nil, "TIMESTAMP", "2020-01-02T03:04:05.678"},
		{filetest.Schema(t, "ts", "timestamp_tz"), "TIMESTAMP_TZ", "2020-01-02T03:04:05.678Z"},
		{filetest.Schema(t, "ts", "date"), "DATE", "2020-01-02"},
		{filetest.Schema(t, "ts", "timestamp(9)"), "TIMESTAMP(9)", "2020-01-02T03:04:05.678"},
	} {
		got, err := filetest.Read(filetest.Reading(t, Format{}, c.declared), filetest.File(out.Bytes()), filetest.Whole, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if typ, v := got[0].Schema.Columns[0].Type.String(), got[0].Data.Column(0).ValueStr(0); typ != c.typ || v != c.want {
			t.Errorf("%s %s, want %s %s", typ, v, c.typ, c.want)
		}
	}
}
