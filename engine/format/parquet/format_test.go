package parquet

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"

	"seikan/engine/format/parquet/filetest"
	"seikan/engine/format/parquet/parquetfile"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func everyType(t testing.TB) *record.Schema {
	return filetest.Schema(t,
		"bool", "boolean", "i8", "tinyint", "i16", "smallint", "i32", "int", "i64", "bigint",
		"f32", "float", "f64", "double", "d9", "decimal(9,2)", "d18", "decimal(18,4)", "d38", "decimal(38,10)",
		"s", "string", "b", "bytes", "date", "date", "time", "time", "time9", "time(9)",
		"ts", "timestamp", "ts9", "timestamp(9)",
		"list", "array<int>", "texts", "array<string>", "map", "map<string, decimal(20,3)>",
		"row", "{a = int, b = string, c = array<bigint>, d = {e = double, f = map<int, array<string>>}}",
		"deep", "array<array<{x = bigint, y = boolean}>>")
}

func TestEveryTypeComesBack(t *testing.T) {
	t.Parallel()
	for _, distinct := range []int{1, 5, 300, 1 << 30} {
		for _, rows := range []int{1, 7, 3000} {
			schema := everyType(t)
			want := []*record.Batch{filetest.Random(schema, rows, distinct, 1), filetest.Random(schema, rows, distinct, 2)}
			got, err := filetest.Read(filetest.Reading(t, Format{}, nil), filetest.Write(t, Format{}, "compress_codec = snappy", want...), filetest.Whole, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			filetest.SameRows(t, want, got)
		}
	}
}

func TestSlicedBatchesComeBack(t *testing.T) {
	t.Parallel()
	schema := everyType(t)
	b := filetest.Random(schema, 1000, 1<<30, 3)
	want := []*record.Batch{b.Slice(13, 500), b.Slice(501, 502)}
	got, err := filetest.Read(filetest.Reading(t, Format{}, nil), filetest.Write(t, Format{}, "", want...), filetest.Whole, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	filetest.SameRows(t, want, got)
}

func TestEveryCodecComesBack(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "a", "int", "b", "string")
	for codec, suffix := range map[string]string{"none": ".parquet", "snappy": ".snappy.parquet", "lz4": ".lz4.parquet",
		"gzip": ".gz.parquet", "brotli": ".br.parquet", "zstd": ".zst.parquet"} {
		want := filetest.Random(schema, 5000, 1<<30, 1)
		block := "compress_codec = " + codec
		w, err := Format{}.Writing(filetest.Options(t, Format{}.WriteOptions(), block), schema)
		if err != nil {
			t.Fatal(err)
		}
		if w.Extension() != suffix {
			t.Errorf("%s: extension %s, want %s", codec, w.Extension(), suffix)
		}
		got, err := filetest.Read(filetest.Reading(t, Format{}, nil), filetest.Write(t, Format{}, block, want), filetest.Whole, 0, nil)
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		filetest.SameRows(t, []*record.Batch{want}, got)
	}
}

func TestWritingRefusesWhatParquetCannotHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ block, column, typ, want string }{
		{"compress_codec = lzo", "a", "int", "expected none, snappy"},
		{"compress_codec = zlib", "a", "int", "cannot be written with codec zlib"},
		{"", "a", "null", `column "a"`},
		{"parquet_avro_write_fixed_as_int96 = [x]", "a", "bytes", `no column "x"`},
		{"parquet_avro_write_fixed_as_int96 = [a]", "a", "int", "only BYTES"},
	} {
		_, err := Format{}.Writing(filetest.Options(t, Format{}.WriteOptions(), c.block), filetest.Schema(t, c.column, c.typ))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s %s: error %v, want one with %q", c.block, c.column, c.typ, err, c.want)
		}
	}
}

func TestInt96HoldsAnyYear(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "ts", "timestamp")
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	for _, v := range []string{"9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000001", "1969-12-31 23:59:59.5", "2020-02-29 12:00:00"} {
		ts, err := arrow.TimestampFromString(v, arrow.Microsecond)
		if err != nil {
			t.Fatal(err)
		}
		b.Field(0).(*array.TimestampBuilder).Append(ts)
		b.Field(0).AppendNull()
	}
	want := record.NewBatch(schema, b.NewRecordBatch())
	f := filetest.Write(t, Format{}, "parquet_avro_write_timestamp_as_int96 = true", want)
	for at := range int64(8) {
		got, err := filetest.Read(filetest.Reading(t, Format{}, nil), f, filetest.Whole, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		filetest.SameRows(t, []*record.Batch{want.Slice(int(at), 8)}, got)
	}
}

// small writes a file of row groups of 8192 rows.
func small(t *testing.T, b *record.Batch) filetest.File {
	t.Helper()
	var out bytes.Buffer
	w, err := parquetfile.NewWriter(&out, b.Schema, parquetfile.Options{Codec: parquetfile.Snappy, Message: message})
	if err != nil {
		t.Fatal(err)
	}
	w.GroupRows = 8192
	if err := w.Write(b.Data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadingGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	schema := everyType(t)
	const rows = 20_000
	want := filetest.Random(schema, rows, 1<<30, 1)
	f := small(t, want)
	for _, at := range []int64{1, 4095, 8191, 8192, 17_000, rows - 1} {
		got, err := filetest.Read(filetest.Reading(t, Format{}, nil), f, filetest.Whole, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		filetest.SameRows(t, []*record.Batch{want.Slice(int(at), rows)}, got)
	}
	if got, err := filetest.Read(filetest.Reading(t, Format{}, nil), f, filetest.Whole, rows, nil); err != nil || len(got) > 0 {
		t.Errorf("behind the end came %d batches, error %v", len(got), err)
	}
}

func TestReadingGoesOnAmongManyPagesOfLists(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "i", "int", "s", "string", "l", "array<array<bigint>>", "r", "{a = int, m = map<string, int>}", "p", "{a = int, b = string}")
	const rows = 60_000
	want := filetest.Random(schema, rows, 1<<30, 1)
	f := filetest.Write(t, Format{}, "", want)
	for _, at := range []int64{5, 33_333, rows - 2} {
		got, err := filetest.Read(filetest.Reading(t, Format{}, nil), f, filetest.Whole, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		filetest.SameRows(t, []*record.Batch{want.Slice(int(at), rows)}, got)
	}
}

func TestPiecesTogetherAreTheFile(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "a", "bigint", "s", "string")
	want := filetest.Random(schema, 50_000, 1000, 1)
	f := small(t, want)
	r := filetest.Reading(t, Format{}, nil)
	pieces, err := r.Cut(context.Background(), f, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(pieces) < 5 {
		t.Fatalf("50,000 rows make pieces %v", pieces)
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
	if whole, _ := r.Cut(context.Background(), f, 1<<40); len(whole) != 1 || whole[0] != (plugin.Range{From: 0, To: int64(len(pieces))}) {
		t.Errorf("a large target cuts into %v", whole)
	}
	if _, err := filetest.Read(r, f, plugin.Range{From: 0, To: 99}, 0, nil); err == nil || !strings.Contains(err.Error(), "changed while the job ran") {
		t.Errorf("a piece that is not there: error %v", err)
	}
}

func TestReadColumnsNeedNoSchema(t *testing.T) {
	t.Parallel()
	f := filetest.Write(t, Format{}, "", filetest.Random(everyType(t), 10, 5, 1))
	s, err := filetest.Reading(t, Format{}, nil, "row", "I32").Schema(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Names(), " "); got != "row i32" {
		t.Errorf("columns %s, want row i32", got)
	}
	if _, err = filetest.Reading(t, Format{}, nil, "nope").Schema(context.Background(), f); err == nil || !strings.Contains(err.Error(), `"nope"`) || !strings.Contains(err.Error(), "/data/test") {
		t.Errorf("a column that is not there: error %v", err)
	}
}

func TestDeclaredSchemaNarrowsAndBadRowsAreDirty(t *testing.T) {
	t.Parallel()
	wide := filetest.Schema(t, "n", "bigint", "d", "decimal(10,2)", "l", "array<bigint>", "u", "int")
	b := array.NewRecordBuilder(memory.DefaultAllocator, wide.Arrow())
	for _, v := range []int64{1, 1 << 40, 3, 4} {
		b.Field(0).(*array.Int64Builder).Append(v)
		b.Field(1).(*array.Decimal128Builder).AppendValueFromString("7.50")
		l := b.Field(2).(*array.ListBuilder)
		l.Append(true)
		l.ValueBuilder().(*array.Int64Builder).AppendValues([]int64{2, (v / 3) << 35}, nil)
		b.Field(3).AppendNull()
	}
	f := filetest.Write(t, Format{}, "", record.NewBatch(wide, b.NewRecordBatch()))
	declared := filetest.Schema(t, "l", "array<int>", "d", "double", "n", "int")
	var dirty []int64
	got, err := filetest.Read(filetest.Reading(t, Format{}, declared), f, filetest.Whole, 0, func(r plugin.DirtyRow) { dirty = append(dirty, r.At.Rows) })
	if err != nil {
		t.Fatal(err)
	}
	if len(dirty) != 3 || dirty[0] != 1 || dirty[1] != 2 || dirty[2] != 3 {
		t.Errorf("dirty rows %v, want 1 2 3", dirty)
	}
	if text := got[0].Data.Column(0).ValueStr(0) + got[0].Data.Column(1).ValueStr(0) + got[0].Data.Column(2).ValueStr(0); text != "[2,0]7.51" || got[0].Rows() != 1 {
		t.Errorf("rows %d: %s", got[0].Rows(), text)
	}
	if _, err := filetest.Read(filetest.Reading(t, Format{}, declared), f, filetest.Whole, 0, nil); err == nil || !strings.Contains(err.Error(), "row 2") {
		t.Errorf("no budget: error %v", err)
	}
	declared = filetest.Schema(t, "n", "date")
	if _, err := filetest.Read(filetest.Reading(t, Format{}, declared), f, filetest.Whole, 0, nil); err == nil || !strings.Contains(err.Error(), "cannot be read as DATE") {
		t.Errorf("a date of a number: error %v", err)
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

func TestSchemaIsWrittenAsSeaTunnelDoes(t *testing.T) {
	t.Parallel()
	schema := filetest.Schema(t, "a", "tinyint", "s", "string", "d", "decimal(10,2)", "ts", "timestamp", "l", "array<int>", "m", "map<string,int>", "b", "bytes")
	f := filetest.Write(t, Format{}, "parquet_avro_write_fixed_as_int96 = [b]", filetest.Random(schema, 0, 1, 1))
	r, err := pqfile.NewParquetReader(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	got := r.MetaData().Schema.String()
	for _, want := range []string{"SeaTunnelRecord {", "optional int32 field_id=-1 a (Int(bitWidth=8, isSigned=true))",
		"optional byte_array field_id=-1 s (String)", "fixed_len_byte_array field_id=-1 d (Decimal(precision=10, scale=2))",
		"ts (Timestamp(isAdjustedToUTC=false, timeUnit=microseconds", "array_element", "key_value", "optional int96 field_id=-1 b"} {
		if !strings.Contains(got, want) {
			t.Errorf("the schema lacks %q:\n%s", want, got)
		}
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

func FuzzParquetRead(f *testing.F) {
	schema := filetest.Schema(f, "a", "int", "s", "string", "d", "decimal(30,2)", "l", "array<{x = int, y = timestamp}>")
	for _, codec := range []string{"none", "snappy", "zstd"} {
		f.Add([]byte(filetest.Write(f, Format{}, "compress_codec = "+codec, filetest.Random(schema, 40, 5, 1))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = filetest.Read(filetest.Reading(t, Format{}, nil), filetest.File(data), filetest.Whole, 1, nil)
	})
}
