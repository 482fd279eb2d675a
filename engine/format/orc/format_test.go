package orc

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/orc/orcfile"
	"seikan/engine/format/parquet/filetest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func everyType(t testing.TB) *record.Schema {
	return filetest.Schema(t,
		"bool", "boolean", "i8", "tinyint", "i16", "smallint", "i32", "int", "i64", "bigint",
		"f32", "float", "f64", "double", "d9", "decimal(9,2)", "d18", "decimal(18,4)", "d38", "decimal(38,10)",
		"s", "string", "b", "bytes", "date", "date", "time", "time", "time9", "time(9)",
		"ts", "timestamp", "ts9", "timestamp(9)", "tz", "timestamp_tz",
		"list", "array<int>", "texts", "array<string>", "map", "map<string, decimal(20,3)>",
		"row", "{a = int, b = string, c = array<bigint>, d = {e = double, f = map<int, array<string>>}}",
		"deep", "array<array<{x = bigint, y = boolean}>>")
}

func TestEveryTypeComesBack(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"none", "zlib", "snappy", "lzo", "lz4", "zstd"} {
		for _, distinct := range []int{1, 5, 1 << 30} {
			for _, rows := range []int{1, 7, 2000} {
				schema := everyType(t)
				want := []*record.Batch{filetest.Random(schema, rows, distinct, 1), filetest.Random(schema, rows, distinct, 2)}
				f := filetest.Write(t, Format{}, "compress_codec = "+codec, want...)
				got, err := filetest.Read(filetest.Reading(t, Format{}, schema), f, filetest.Whole, 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				filetest.SameRows(t, want, got)
			}
		}
	}
}

func TestSlicedBatchesComeBack(t *testing.T) {
	t.Parallel()
	schema := everyType(t)
	b := filetest.Random(schema, 1000, 1<<30, 3)
	want := []*record.Batch{b.Slice(13, 500), b.Slice(501, 502)}
	got, err := filetest.Read(filetest.Reading(t, Format{}, schema), filetest.Write(t, Format{}, "", want...), filetest.Whole, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	filetest.SameRows(t, want, got)
}

func TestReadingGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	schema := everyType(t)
	const rows = 30_000
	want := filetest.Random(schema, rows, 1<<30, 1)
	f, stripes := small(t, want)
	if stripes < 3 {
		t.Fatalf("the file has %d stripes, too few to test with", stripes)
	}
	r := filetest.Reading(t, Format{}, schema)
	for _, at := range []int64{1, 4096, 8191, 8192, 20_000, rows - 1} {
		got, err := filetest.Read(r, f, filetest.Whole, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		filetest.SameRows(t, []*record.Batch{want.Slice(int(at), rows)}, got)
	}
	if got, err := filetest.Read(r, f, filetest.Whole, rows, nil); err != nil || len(got) > 0 {
		t.Errorf("behind the end came %d batches, error %v", len(got), err)
	}
}

// small writes a file of many stripes.
func small(t *testing.T, b *record.Batch) (filetest.File, int) {
	t.Helper()
	var out bytes.Buffer
	w, err := orcfile.NewWriter(&out, b.Schema, orcfile.Snappy)
	if err != nil {
		t.Fatal(err)
	}
	w.StripeBytes = 1 << 20
	if err := w.Write(b.Data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := orcfile.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), len(r.Stripes())
}

func TestPiecesTogetherAreTheFile(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "a", "bigint", "s", "string")
	want := filetest.Random(schema, 200_000, 1<<30, 1)
	f, stripes := small(t, want)
	r := filetest.Reading(t, Format{}, nil)
	pieces, err := r.Cut(context.Background(), f, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(pieces) != stripes || stripes < 2 {
		t.Fatalf("%d stripes make pieces %v", stripes, pieces)
	}
	var got []*record.Batch
	for _, p := range pieces {
		b, err := filetest.Read(r, f, p, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b...)
	}
	filetest.SameRows(t, []*record.Batch{want}, got)
	if whole, _ := r.Cut(context.Background(), f, 1<<40); len(whole) != 1 || whole[0] != (plugin.Range{From: 0, To: int64(stripes)}) {
		t.Errorf("a large target cuts into %v", whole)
	}
}

func TestTextsAreNumberedWhileThatPays(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "s", "string", "n", "int")
	var want []*record.Batch
	for i := range 30 {
		distinct := 50
		if i >= 3 {
			distinct = 1 << 30 // more than a dictionary holds: the stripe ends
		}
		want = append(want, filetest.Random(schema, 4000, distinct, uint64(i)))
	}
	f := filetest.Write(t, Format{}, "", want...)
	r := filetest.Reading(t, Format{}, nil)
	pieces, err := r.Cut(context.Background(), f, 1)
	if err != nil || len(pieces) != 2 {
		t.Errorf("stripes %v, want 2; error %v", pieces, err)
	}
	got, err := filetest.Read(r, f, filetest.Whole, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	filetest.SameRows(t, want, got)
	few := filetest.Write(t, Format{}, "", want[:3]...)
	if len(few) > 12_000*6 {
		t.Errorf("12000 rows with 50 different texts take %d bytes", len(few))
	}
}

func TestSchemaComesFromTheFile(t *testing.T) {
	t.Parallel()
	f := filetest.Write(t, Format{}, "", filetest.Random(everyType(t), 10, 5, 1))
	s, err := filetest.Reading(t, Format{}, nil).Schema(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"time": "TIMESTAMP", "ts9": "TIMESTAMP", "tz": "TIMESTAMP_TZ", "d18": "Decimal(18, 4)", "b": "BYTES",
		"map": "MAP<STRING, Decimal(20, 3)>", "row": "ROW<a INT, b STRING, c ARRAY<BIGINT>, d ROW<e DOUBLE, f MAP<INT, ARRAY<STRING>>>>"} {
		if got := s.Columns[s.Index(name)].Type.String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	s, err = filetest.Reading(t, Format{}, nil, "row", "I32").Schema(context.Background(), f)
	if err != nil || strings.Join(s.Names(), " ") != "row i32" {
		t.Errorf("read_columns: %v, error %v", s, err)
	}
}

// The files in testdata were written by Apache ORC's C++ writer, see testdata/README.
func TestFilesOfAnotherWriterAreRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"v2_zlib", "v2_lz4", "v1_snappy", "v2_zstd", "v2_none"} {
		data, err := os.ReadFile("testdata/" + name + ".orc")
		if err != nil {
			t.Fatal(err)
		}
		got, err := filetest.Read(filetest.Reading(t, Format{}, nil), filetest.File(data), filetest.Whole, 0, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The first column numbers the rows; the others follow from it as testdata/make.py has it.
		rows := int64(0)
		for _, b := range got {
			for i := range b.Rows() {
				r := rows + int64(i)
				for c, want := range expected(r) {
					if text := b.Data.Column(c).ValueStr(i); text != want {
						t.Fatalf("%s: row %d, column %s: %s, want %s", name, r, b.Schema.Columns[c].Name, text, want)
					}
				}
			}
			rows += int64(b.Rows())
		}
		if rows != 350 {
			t.Errorf("%s: %d rows, want 350", name, rows)
		}
	}
}

func TestDeclaredSchemaNarrowsAndBadRowsAreDirty(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "n", "bigint", "s", "string")
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{1, 1 << 40, 3}, nil)
	b.Field(1).(*array.StringBuilder).AppendValues([]string{"a", "b", "c"}, nil)
	f := filetest.Write(t, Format{}, "", record.NewBatch(schema, b.NewRecordBatch()))
	var dirty []string
	got, err := filetest.Read(filetest.Reading(t, Format{}, filetest.Schema(t, "n", "int")), f, filetest.Whole, 0,
		func(r plugin.DirtyRow) { dirty = append(dirty, r.Err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	if len(dirty) != 1 || !strings.Contains(dirty[0], `/data/test, row 2 of the split, column "n": 1099511627776 is not a value of INT`) {
		t.Errorf("dirty rows: %q", dirty)
	}
	if n := filetest.Column(t, got, 0); n.Len() != 2 || n.ValueStr(1) != "3" {
		t.Errorf("rows left: %s", n)
	}
}

func TestWritingRefusesWhatOrcCannotHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ block, typ, want string }{
		{"compress_codec = brotli", "int", "expected none, zlib"},
		{"compress_codec = gzip", "int", "cannot be written with codec gzip"},
		{"", "null", `column "a": orc cannot hold type NULL`},
	} {
		_, err := Format{}.Writing(filetest.Options(t, Format{}.WriteOptions(), c.block), filetest.Schema(t, "a", c.typ))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: error %v, want one with %q", c.block, c.typ, err, c.want)
		}
	}
}

func TestTheSecondBefore1970IsRefusedAndNotShifted(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "ts", "timestamp")
	for v, fits := range map[arrow.Timestamp]bool{-1: false, -999_000: false, -999_001: true, -1_000_000: true, -1_000_001: true, 0: true, -500_000_000_001: true} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
		b.Field(0).(*array.TimestampBuilder).Append(v)
		batch := record.NewBatch(schema, b.NewRecordBatch())
		if !fits {
			w, err := Format{}.Writing(filetest.Options(t, Format{}.WriteOptions(), ""), schema)
			if err != nil {
				t.Fatal(err)
			}
			var sink strings.Builder
			f, _ := w.Create(&sink)
			if err := f.Write(batch); err == nil {
				t.Errorf("%d µs was written", v)
			}
			continue
		}
		got, err := filetest.Read(filetest.Reading(t, Format{}, schema), filetest.Write(t, Format{}, "", batch), filetest.Whole, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		filetest.SameRows(t, []*record.Batch{batch}, got)
	}
}

func TestDamagedFilesAreErrorsThatNameTheFile(t *testing.T) {
	t.Parallel()
	f := filetest.Write(t, Format{}, "compress_codec = snappy", filetest.Random(everyType(t), 500, 100, 1))
	for _, n := range []int{0, 4, 11, len(f) / 2, len(f) - 1} {
		_, err := filetest.Read(filetest.Reading(t, Format{}, nil), f[:n], filetest.Whole, 0, nil)
		if err == nil || !strings.Contains(err.Error(), "/data/test") || !plugin.IsPermanent(err) {
			t.Errorf("cut at %d: error %v", n, err)
		}
	}
}

func TestEmptyFileHasASchema(t *testing.T) {
	t.Parallel()
	f := filetest.Write(t, Format{}, "", filetest.Random(everyType(t), 0, 1, 1))
	r := filetest.Reading(t, Format{}, nil)
	pieces, err := r.Cut(context.Background(), f, 1)
	if err != nil || len(pieces) != 1 {
		t.Fatal(pieces, err)
	}
	if got, err := filetest.Read(r, f, pieces[0], 0, nil); err != nil || len(got) > 0 {
		t.Errorf("%d batches, error %v", len(got), err)
	}
}

func TestBatchOfAnotherTypeIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schema, batch string }{
		{"int", "string"}, {"string", "int"}, {"array<int>", "int"}, {"{a = int}", "{a = string}"}, {"decimal(10,2)", "bigint"},
		{"timestamp", "boolean"}, {"boolean", "tinyint"}, {"map<string,int>", "array<int>"}, {"double", "date"}, {"array<int>", "array<double>"},
	} {
		w, err := Format{}.Writing(filetest.Options(t, Format{}.WriteOptions(), ""), filetest.Schema(t, "a", c.schema))
		if err != nil {
			t.Fatal(err)
		}
		f, err := w.Create(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Write(filetest.Random(filetest.Schema(t, "a", c.batch), 20, 9, 1)); err == nil || !strings.Contains(err.Error(), "which is not what the schema says") {
			t.Errorf("%s written as %s: error %v", c.batch, c.schema, err)
		}
		if err := f.Close(); err == nil {
			t.Errorf("%s written as %s: the error did not stick", c.batch, c.schema)
		}
	}
}

func FuzzORCRead(f *testing.F) {
	schema := filetest.Schema(f, "a", "int", "s", "string", "d", "decimal(30,2)", "t", "timestamp", "l", "array<{x = int, y = boolean}>")
	for _, codec := range []string{"none", "zlib", "snappy", "lzo", "lz4", "zstd"} {
		f.Add([]byte(filetest.Write(f, Format{}, "compress_codec = "+codec, filetest.Random(schema, 40, 5, 1))))
	}
	data, err := os.ReadFile("testdata/v2_none.orc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = filetest.Read(filetest.Reading(t, Format{}, nil), filetest.File(data), filetest.Whole, 1, nil)
	})
}
