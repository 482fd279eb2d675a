package parquetfile

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"

	"seikan/engine/record"
)

func TestDictionaryIsKeptOnlyWhereItPays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		text func(i int) string
		want string
	}{
		{"few", func(i int) string { return fmt.Sprintf("value %d", i%100) }, "[RLE PLAIN RLE_DICTIONARY]"},
		{"all distinct", func(i int) string { return fmt.Sprintf("value %d", i) }, "[RLE PLAIN]"},
		{"few, then distinct", func(i int) string { return fmt.Sprintf("value %d", max(i-100_000, i%50)) }, "[RLE PLAIN RLE_DICTIONARY]"},
	} {
		schema := (&record.Schema{Columns: []record.Column{{Name: "c", Type: record.Of(record.String)}, {Name: "n", Type: record.Of(record.BigInt)}}}).Freeze()
		var out bytes.Buffer
		w, err := NewWriter(&out, schema, Options{Message: "m"})
		if err != nil {
			t.Fatal(err)
		}
		const rows = 400_000
		for from := 0; from < rows; from += 10_000 {
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
			for i := from; i < from+10_000; i++ {
				b.Field(0).(*array.StringBuilder).Append(c.text(i))
				b.Field(1).(*array.Int64Builder).Append(int64(len(c.text(i))))
			}
			if err := w.Write(b.NewRecordBatch()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := pqfile.NewParquetReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		chunk, _ := r.MetaData().RowGroup(0).ColumnChunk(0)
		if got := fmt.Sprint(chunk.Encodings()); got != c.want {
			t.Errorf("%s: encodings %s, want %s", c.name, got, c.want)
		}
		pages, err := r.RowGroup(0).Column(0)
		if err != nil {
			t.Fatal(err)
		}
		texts := pages.(*pqfile.ByteArrayColumnChunkReader)
		values := make([]parquet.ByteArray, 1000)
		def := make([]int16, 1000)
		for i := 0; i < rows; {
			n, _, err := texts.ReadBatch(1000, values, def, nil)
			if err != nil || n == 0 {
				t.Fatalf("%s: row %d: %d values, %v", c.name, i, n, err)
			}
			for k := range n {
				if got := string(values[k]); got != c.text(i) {
					t.Fatalf("%s: row %d is %q, want %q", c.name, i, got, c.text(i))
				}
				i++
			}
		}
	}
}

func TestHybridRunsAndPackedValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width int
		in    []uint32
		want  []byte
	}{
		{3, []uint32{0, 1, 2, 3, 4, 5, 6, 7}, []byte{3, 0x88, 0xc6, 0xfa}}, // the example of parquet-format's Encodings.md
		{1, slices.Repeat([]uint32{1}, 20), []byte{40, 1}},
		{9, slices.Repeat([]uint32{300}, 16), []byte{32, 0x2c, 0x01}},
		{1, []uint32{1, 0, 1}, []byte{3, 5}},
		{1, append([]uint32{1, 0, 1, 0, 1, 0, 1, 0}, slices.Repeat([]uint32{0}, 16)...), []byte{3, 0x55, 32, 0}},
	} {
		if got := appendHybrid(nil, c.in, c.width); !bytes.Equal(got, c.want) {
			t.Errorf("%v at %d bits: %x, want %x", c.in, c.width, got, c.want)
		}
	}
}
