package parquet

import (
	"bytes"
	"context"
	"testing"

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
