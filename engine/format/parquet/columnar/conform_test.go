package columnar

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/record"
)

func typeOf(t *testing.T, text string) record.Type {
	t.Helper()
	out, err := record.ParseType(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func fromJSON(t *testing.T, dt arrow.DataType, text string) arrow.Array {
	t.Helper()
	a, _, err := array.FromJSON(memory.DefaultAllocator, dt, strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s of %s: %v", text, dt, err)
	}
	return a
}

func TestConversions(t *testing.T) {
	t.Parallel()
	ms, ns, sec := &arrow.TimestampType{Unit: arrow.Millisecond}, &arrow.TimestampType{Unit: arrow.Nanosecond}, &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}
	d92 := &arrow.Decimal128Type{Precision: 9, Scale: 2}
	for _, c := range []struct {
		from    arrow.DataType
		in      string
		to      string
		want    string
		badRows string
	}{
		{from: arrow.PrimitiveTypes.Int64, in: `[1, null, 300, -128]`, to: "tinyint", want: "[1 (null) 0 -128]", badRows: "2"},
		{from: arrow.PrimitiveTypes.Int8, in: `[1, null]`, to: "bigint", want: "[1 (null)]"},
		{from: arrow.PrimitiveTypes.Uint64, in: `[18446744073709551615, 7]`, to: "bigint", want: "[0 7]", badRows: "0"},
		{from: arrow.PrimitiveTypes.Uint64, in: `[18446744073709551615, null]`, to: "decimal(20,0)", want: "[18446744073709551615 (null)]"},
		{from: arrow.PrimitiveTypes.Uint32, in: `[4294967295]`, to: "int", want: "[0]", badRows: "0"},
		{from: arrow.PrimitiveTypes.Int32, in: `[5, -5]`, to: "decimal(10,2)", want: "[5 -5]"},
		{from: arrow.PrimitiveTypes.Int32, in: `[5, null]`, to: "double", want: "[5 (null)]"},
		{from: arrow.PrimitiveTypes.Int32, in: `[5, null]`, to: "string", want: "[5 (null)]"},
		{from: d92, in: `["1.50", "2.00", null]`, to: "int", want: "[0 2 (null)]", badRows: "0"},
		{from: d92, in: `["1.50", "1234567.25"]`, to: "decimal(7,1)", want: "[1.5 0]", badRows: "1"},
		{from: d92, in: `["-1.25"]`, to: "double", want: "[-1.25]"},
		{from: d92, in: `["1.50"]`, to: "decimal(38,10)", want: "[1.5]"},
		{from: &arrow.Decimal256Type{Precision: 40, Scale: 0}, in: `["1234567890123456789012345678901234567890", "7"]`, to: "decimal(38,0)", want: "[0 7]", badRows: "0"},
		{from: arrow.PrimitiveTypes.Float64, in: `[1e300, 0.5, null]`, to: "float", want: "[0 0.5 (null)]", badRows: "0"},
		{from: arrow.FixedWidthTypes.Float16, in: `[0.5]`, to: "float", want: "[0.5]"},
		{from: arrow.FixedWidthTypes.Boolean, in: `[true, null]`, to: "string", want: "[true (null)]"},
		{from: arrow.BinaryTypes.LargeString, in: `["ä", null]`, to: "string", want: "[ä (null)]"},
		{from: arrow.BinaryTypes.String, in: `["abc"]`, to: "bytes", want: "[YWJj]"},
		{from: arrow.BinaryTypes.Binary, in: `["YWJj", "/w=="]`, to: "string", want: "[abc \xff]", badRows: "1"},
		{from: &arrow.FixedSizeBinaryType{ByteWidth: 3}, in: `["YWJj", null]`, to: "bytes", want: "[YWJj (null)]"},
		{from: ms, in: `["2020-01-02 03:04:05.678", null]`, to: "timestamp", want: "[2020-01-02T03:04:05.678 (null)]"},
		{from: ns, in: `["1969-12-31 23:59:59.999999999"]`, to: "timestamp", want: "[1969-12-31T23:59:59.999999]"},
		{from: sec, in: `["2020-01-02 03:04:05Z"]`, to: "timestamp_tz", want: "[2020-01-02T03:04:05Z]"},
		{from: sec, in: `["9999-01-01 00:00:00Z"]`, to: "timestamp(9)", want: "[1970-01-01T00:00:00]", badRows: "0"},
		{from: ms, in: `["1969-12-31 23:00:00"]`, to: "date", want: "[1969-12-31]"},
		{from: ms, in: `["1969-12-31 23:00:00.5"]`, to: "time", want: "[23:00:00.500000]"},
		{from: arrow.FixedWidthTypes.Date32, in: `["2020-02-29"]`, to: "timestamp", want: "[2020-02-29T00:00:00]"},
		{from: arrow.FixedWidthTypes.Date64, in: `["2020-02-29"]`, to: "date", want: "[2020-02-29]"},
		{from: arrow.FixedWidthTypes.Time32s, in: `["01:02:03"]`, to: "time(9)", want: "[01:02:03.000000000]"},
		{from: arrow.Null, in: `[null, null]`, to: "int", want: "[(null) (null)]"},
		{from: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, in: `["a", null, "b", "a"]`, to: "string", want: "[a (null) b a]"},
		{from: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.PrimitiveTypes.Int64}, in: `[1, 1000, 1]`, to: "tinyint", want: "[1 (null) 1]", badRows: "1"},
		{from: arrow.LargeListOf(arrow.PrimitiveTypes.Int64), in: `[[1, 2], null, [], [3, 70000], [4]]`, to: "array<smallint>", want: "[[1,2] (null) [] [3,0] [4]]", badRows: "3"},
		{from: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int64), in: `[[1, 2], null, [3, 4]]`, to: "array<int>", want: "[[1,2] (null) [3,4]]"},
		{from: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), in: `[[{"key": "k", "value": 1}], null]`, to: "map<string, int>", want: `[[{"key":"k","value":1}] (null)]`},
		{from: arrow.StructOf(arrow.Field{Name: "A", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true}),
			in: `[{"A": 1, "b": "x"}, null, {"A": null, "b": "y"}]`, to: "{b = string, a = int}", want: `[{"a":1,"b":"x"} (null) {"a":null,"b":"y"}]`},
	} {
		name := fmt.Sprintf("%s as %s", c.from, c.to)
		convert, err := To(c.from, typeOf(t, c.to))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// The same with rows cut off on both sides.
		in := fromJSON(t, c.from, c.in)
		for _, cut := range []int{0, 1} {
			if in.Len() <= 2*cut {
				continue
			}
			part := array.NewSlice(in, int64(cut), int64(in.Len()-cut))
			var bad []int
			got, err := convert(part, func(row int, err error) { bad = append(bad, row+cut) })
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if want := typeOf(t, c.to).Arrow(); !arrow.TypeEqual(got.DataType(), want) {
				t.Errorf("%s: the result is %s", name, got.DataType())
			}
			var text []string
			for i := range got.Len() {
				text = append(text, got.ValueStr(i))
			}
			if cut == 0 {
				if s := fmt.Sprint(text); s != c.want {
					t.Errorf("%s: %s, want %s", name, s, c.want)
				}
				if s := strings.Trim(fmt.Sprint(bad), "[]"); s != c.badRows {
					t.Errorf("%s: bad rows %s, want %s", name, s, c.badRows)
				}
				continue
			}
			whole, _ := convert(in, func(int, error) {})
			for i := range text {
				if w := whole.ValueStr(i + cut); text[i] != w {
					t.Errorf("%s: row %d of a slice is %s, want %s", name, i, text[i], w)
				}
			}
		}
	}
}

func TestConversionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from arrow.DataType
		to   string
	}{
		{arrow.BinaryTypes.String, "int"}, {arrow.PrimitiveTypes.Float64, "int"}, {arrow.PrimitiveTypes.Int32, "date"},
		{arrow.FixedWidthTypes.Date32, "time"}, {arrow.FixedWidthTypes.Time64us, "timestamp"}, {arrow.FixedWidthTypes.Boolean, "int"},
		{arrow.PrimitiveTypes.Int32, "array<int>"}, {arrow.ListOf(arrow.BinaryTypes.String), "array<int>"}, {arrow.PrimitiveTypes.Int32, "bytes"},
	} {
		if _, err := To(c.from, typeOf(t, c.to)); err == nil || !strings.Contains(err.Error(), "cannot be read as") {
			t.Errorf("%s as %s: error %v", c.from, c.to, err)
		}
	}
}

func TestColumnsAreFoundByName(t *testing.T) {
	t.Parallel()
	fields := []arrow.Field{{Name: "a"}, {Name: "Id"}, {Name: "ID"}, {Name: "Name"}}
	for name, want := range map[string]int{"a": 0, "A": 0, "ID": 2, "Id": 1, "name": 3, "id": -1, "x": -1} {
		got, err := Find(fields, name)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%s is column %d, want %d", name, got, want)
		}
	}
}

func TestWishChoosesColumns(t *testing.T) {
	t.Parallel()
	fields := []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.BinaryTypes.String}, {Name: "odd", Type: arrow.FixedWidthTypes.Duration_s}}
	declared := (&record.Schema{Path: record.TablePath{Table: "t"}, Columns: []record.Column{{Name: "b", Type: record.Of(record.String)}, {Name: "a", Type: record.Of(record.Int)}}}).Freeze()
	for _, c := range []struct {
		wish Wish
		want []string
		err  string
	}{
		{Wish{Columns: []string{"B", "a"}}, []string{"b STRING", "a BIGINT"}, ""},
		{Wish{Columns: []string{}}, nil, `column "odd"`},
		{Wish{Declared: declared}, []string{"b STRING", "a INT"}, ""},
		{Wish{Declared: declared, Columns: []string{"a"}}, []string{"a INT"}, ""},
		{Wish{Declared: declared, Columns: []string{"odd"}}, nil, `no column "odd"`},
		{Wish{Declared: declared.WithColumns([]record.Column{{Name: "c", Type: record.Of(record.Int)}})}, nil, `no column "c"; the file has a, b, odd`},
		{Wish{Declared: declared.WithColumns([]record.Column{{Name: "b", Type: record.Of(record.Int)}})}, nil, `column "b": the file holds utf8, which cannot be read as INT`},
	} {
		s, err := c.wish.Schema(fields, func(i int) (record.Type, error) { return TypeOf(fields[i].Type) })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v: error %v, want one with %q", c.wish, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.wish, err)
			continue
		}
		var got []string
		for _, col := range s.Columns {
			got = append(got, col.Name+" "+col.Type.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: columns %q, want %q", c.wish, got, c.want)
		}
	}
}
