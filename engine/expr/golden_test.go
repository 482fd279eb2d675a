package expr

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

var update = flag.Bool("update", false, "rewrite the results in testdata")

// sample is a batch of two equal rows with a column of every type, and nulls beside them.
func sample(t testing.TB) *record.Batch {
	t.Helper()
	nested := record.RowOf(record.Field{Name: "x", Type: record.Of(record.Int)},
		record.Field{Name: "y", Type: record.RowOf(record.Field{Name: "z", Type: record.Of(record.String)})})
	cols := []record.Column{
		{Name: "ti", Type: record.Of(record.TinyInt)}, {Name: "si", Type: record.Of(record.SmallInt)},
		{Name: "i", Type: record.Of(record.Int)}, {Name: "l", Type: record.Of(record.BigInt)},
		{Name: "f", Type: record.Of(record.Float)}, {Name: "d", Type: record.Of(record.Double)},
		{Name: "dec", Type: record.DecimalOf(10, 2)}, {Name: "s", Type: record.Of(record.String)},
		{Name: "b", Type: record.Of(record.Boolean)}, {Name: "dt", Type: record.Of(record.Date)},
		{Name: "tm", Type: record.Of(record.Time)}, {Name: "ts", Type: record.Of(record.Timestamp)},
		{Name: "ns", Type: record.Type{Kind: record.Timestamp, Scale: 9}}, {Name: "tz", Type: record.Of(record.TimestampTZ)},
		{Name: "by", Type: record.Of(record.Bytes)}, {Name: "r", Type: nested},
		{Name: "m", Type: record.MapOf(record.Of(record.String), record.Of(record.Int))},
		{Name: "arr", Type: record.ArrayOf(record.Of(record.Int))}, {Name: "im", Type: record.MapOf(record.Of(record.Int), record.Of(record.Int))},
		{Name: "ni", Type: record.Of(record.Int)}, {Name: "nl", Type: record.Of(record.BigInt)}, {Name: "nd", Type: record.Of(record.Double)},
		{Name: "ndec", Type: record.DecimalOf(10, 2)}, {Name: "nstr", Type: record.Of(record.String)}, {Name: "nb", Type: record.Of(record.Boolean)},
		{Name: "ndt", Type: record.Of(record.Date)}, {Name: "nts", Type: record.Of(record.Timestamp)},
		{Name: "nr", Type: nested}, {Name: "zero", Type: record.Of(record.Int)}, {Name: "uni", Type: record.Of(record.String)},
		{Name: "wide", Type: record.DecimalOf(38, 2)}, {Name: "by ref", Type: record.Of(record.Int)},
	}
	schema := (&record.Schema{Path: record.TablePath{Table: "t"}, Columns: cols}).Freeze()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	moment := time.Date(2024, 2, 29, 13, 14, 15, 123456789, time.UTC)
	for range 2 {
		for k, c := range cols {
			switch f := b.Field(k).(type) {
			case *array.Int8Builder:
				f.Append(7)
			case *array.Int16Builder:
				f.Append(-300)
			case *array.Int32Builder:
				switch {
				case c.Name == "ni":
					f.AppendNull()
				case c.Name == "zero":
					f.Append(0)
				default:
					f.Append(42)
				}
			case *array.Int64Builder:
				if c.Name == "nl" {
					f.AppendNull()
				} else {
					f.Append(9007199254740993)
				}
			case *array.Float32Builder:
				f.Append(1.1)
			case *array.Float64Builder:
				if c.Name == "nd" {
					f.AppendNull()
				} else {
					f.Append(2.5)
				}
			case *array.Decimal128Builder:
				switch c.Name {
				case "ndec":
					f.AppendNull()
				case "wide":
					n, _ := decimal128.FromString("123456789012345678901234567890.12", 38, 2)
					f.Append(n)
				default:
					f.Append(decimal128.FromI64(1234))
				}
			case *array.StringBuilder:
				switch c.Name {
				case "nstr":
					f.AppendNull()
				case "uni":
					f.Append("äß😀x")
				default:
					f.Append("Hello")
				}
			case *array.BooleanBuilder:
				if c.Name == "nb" {
					f.AppendNull()
				} else {
					f.Append(true)
				}
			case *array.Date32Builder:
				if c.Name == "ndt" {
					f.AppendNull()
				} else {
					f.Append(arrow.Date32FromTime(moment))
				}
			case *array.Time64Builder:
				f.Append(arrow.Time64((13*3600+14*60+15)*1e6 + 123456))
			case *array.TimestampBuilder:
				switch c.Name {
				case "nts":
					f.AppendNull()
				case "ns":
					f.Append(arrow.Timestamp(moment.UnixNano()))
				default:
					f.Append(arrow.Timestamp(moment.UnixMicro()))
				}
			case *array.BinaryBuilder:
				f.Append([]byte{0xca, 0xfe})
			case *array.StructBuilder:
				if c.Name == "nr" {
					f.AppendNull()
					continue
				}
				f.Append(true)
				f.FieldBuilder(0).(*array.Int32Builder).Append(5)
				y := f.FieldBuilder(1).(*array.StructBuilder)
				y.Append(true)
				y.FieldBuilder(0).(*array.StringBuilder).Append("deep")
			case *array.MapBuilder:
				f.Append(true)
				if kb, ok := f.KeyBuilder().(*array.StringBuilder); ok {
					kb.Append("k")
				} else {
					f.KeyBuilder().(*array.Int32Builder).Append(1)
				}
				f.ItemBuilder().(*array.Int32Builder).Append(9)
			case *array.ListBuilder:
				f.Append(true)
				f.ValueBuilder().(*array.Int32Builder).Append(1)
			default:
				t.Fatalf("no sample for %s", c.Type)
			}
		}
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

// testEnv is a world that stands still: 2024-05-06 07:08:09.010 in UTC+8.
func testEnv() Env {
	n := uint64(0)
	return Env{
		Now:    func() time.Time { return time.Date(2024, 5, 5, 23, 8, 9, 10e6, time.UTC) },
		Zone:   time.FixedZone("UTC+8", 8*3600),
		Random: func() uint64 { n += 0x9e3779b97f4a7c15; return n },
	}
}

// result evaluates text and writes type and value, or the error.
func result(t *testing.T, text string, b *record.Batch, mode Mode, unfolded bool) string {
	t.Helper()
	e, err := syntax.ParseExpr(text)
	if err != nil {
		return "error: " + err.Error()
	}
	c := &compiler{schema: b.Schema, mode: mode, columns: map[int]*node{}, unfolded: unfolded}
	n, err := c.expr(e)
	if err != nil {
		var se *syntax.Error
		if errors.As(err, &se) {
			return "error: " + se.Message
		}
		return "error: " + err.Error()
	}
	p := (&Program{root: n, slots: c.slots, mode: mode}).WithEnv(testEnv())
	a, err := p.Eval(context.Background(), b)
	var rows RowErrors
	if errors.As(err, &rows) {
		if len(rows) != b.Rows() || !a.IsNull(0) {
			t.Errorf("%s: %d of %d equal rows failed, value %s", text, len(rows), b.Rows(), a.ValueStr(0))
		}
		return p.Type().String() + " row error: " + rows[0].Err.Error()
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if !arrow.TypeEqual(a.DataType(), p.Type().Arrow()) {
		t.Errorf("%s: Arrow type %s, declared %s", text, a.DataType(), p.Type())
	}
	if d, ok := a.(interface{ ValidateFull() error }); ok {
		if err := d.ValidateFull(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if a.ValueStr(0) != a.ValueStr(1) && !p.root.volatile {
		t.Errorf("%s: equal rows give %s and %s", text, a.ValueStr(0), a.ValueStr(1))
	}
	return p.Type().String() + " " + show(a, p.Type())
}

// show writes value 0.
func show(a arrow.Array, t record.Type) string {
	v := &vec{}
	if err := v.load(a, t); err != nil {
		return err.Error()
	}
	if v.isNull(0) {
		return "NULL"
	}
	if t.Kind == record.String {
		return "'" + string(v.text(0)) + "'"
	}
	if t.Kind == record.Bytes {
		return fmt.Sprintf("%x", v.text(0))
	}
	return string(appendText(nil, v, 0, true))
}

// TestGoldenValues checks every line "expression => ZETA result || ANSI result"; one result
// stands for both modes. Each expression is computed with constants folded and without.
func TestGoldenValues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	b := sample(t)
	in, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(string(in)))
	for lines.Scan() {
		line := lines.Text()
		text, want, _ := strings.Cut(line, " => ")
		if line == "" || strings.HasPrefix(line, "#") {
			out.WriteString(line + "\n")
			continue
		}
		var got [2]string
		for _, mode := range []Mode{ZETA, ANSI} {
			got[mode] = result(t, text, b, mode, false)
			if slow := result(t, text, b, mode, true); slow != got[mode] && !strings.Contains(got[mode], "error: ") {
				t.Errorf("%s in %s: folded %s, computed %s", text, mode, got[mode], slow)
			}
		}
		have := got[ZETA]
		if got[ANSI] != got[ZETA] {
			have += " || " + got[ANSI]
		}
		if have != want && !*update {
			t.Errorf("%s\n  got  %s\n  want %s", text, have, want)
		}
		out.WriteString(text + " => " + have + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
