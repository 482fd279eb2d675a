package csv

import (
	"bytes"
	"context"
	"encoding/csv"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// batch makes a batch of STRING columns; nil is null.
func batch(s *record.Schema, rows ...[]any) *record.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, s.Arrow())
	for _, row := range rows {
		for i, v := range row {
			if v == nil {
				b.Field(i).AppendNull()
			} else {
				b.Field(i).(*array.StringBuilder).Append(v.(string))
			}
		}
	}
	return record.NewBatch(s, b.NewRecordBatch())
}

func written(t testing.TB, options string, s *record.Schema, batches ...*record.Batch) string {
	t.Helper()
	w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), options), s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := delimitedtest.Write(w, batches...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestFieldsAreQuotedWhereTheyMustBe(t *testing.T) {
	t.Parallel()
	two := schema(col("a,1", str), col("b", str))
	one := schema(col("a", str))
	for name, c := range map[string]struct {
		options string
		s       *record.Schema
		rows    [][]any
		want    string
	}{
		"plain":         {"", two, [][]any{{"x", "y z"}, {"1", "2"}}, "x,y z\n1,2"},
		"null or empty": {"", two, [][]any{{nil, ""}}, `,""`},
		"special":       {"", two, [][]any{{`a"b`, "c,d"}, {"e\nf", "g\rh"}}, "\"a\"\"b\",\"c,d\"\n\"e\nf\",\"g\rh\""},
		"blanks":        {"", two, [][]any{{" x", "x\t"}, {"  ", "y"}}, "\" x\",\"x\t\"\n\"  \",y"},
		"header":        {"enable_header_write = true", two, [][]any{{"x", "y"}}, "\"a,1\",b\nx,y"},
		"header only":   {"enable_header_write = true", two, nil, `"a,1",b`},
		"bar":           {`field_delimiter = "|"`, two, [][]any{{"a,b", "a|b"}}, `a,b|"a|b"`},
		"CRLF":          {`row_delimiter = "\r\n"`, two, [][]any{{"a", "b"}, {"c", "d"}}, "a,b\r\nc,d"},
		"last is null":  {"", one, [][]any{{"x"}, {nil}}, "x\n\n"},
		"only null":     {"", one, [][]any{{nil}}, "\n"},
		"nothing":       {"", one, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := written(t, c.options, c.s, batch(c.s, c.rows...)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestNumbersAreQuotedWhenTheDelimiterIsInThem(t *testing.T) {
	t.Parallel()
	s := schema(col("d", record.DecimalOf(5, 2)), col("n", num))
	b := array.NewRecordBuilder(memory.DefaultAllocator, s.Arrow())
	if err := b.Field(0).AppendValueFromString("-1.50"); err != nil {
		t.Fatal(err)
	}
	b.Field(1).(*array.Int32Builder).Append(7)
	if got, want := written(t, `field_delimiter = "."`, s, record.NewBatch(s, b.NewRecordBatch())), `"-1.50".7`; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

func TestWhatTheCharacterSetLacksIsAnError(t *testing.T) {
	t.Parallel()
	s := schema(col("a", str))
	for encoding, want := range map[string]string{"ISO-8859-1": "ISO-8859-1", "US-ASCII": "US-ASCII"} {
		w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), "encoding = "+encoding), s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := delimitedtest.Write(w, batch(s, []any{"a 名"})); err == nil || !strings.Contains(err.Error(), want) || !plugin.IsPermanent(err) {
			t.Errorf("%s: got %v", encoding, err)
		}
	}
	if got := written(t, "encoding = GBK", s, batch(s, []any{"你好"})); got != "\xc4\xe3\xba\xc3" {
		t.Errorf("GBK: %q", got)
	}
}

func TestASmallSliceOfABatchIsWritten(t *testing.T) {
	t.Parallel()
	s := schema(col("a", str))
	b := batch(s, []any{"x,"}, []any{"y"}, []any{nil}, []any{"z"})
	if got := written(t, "", s, b.Slice(1, 4)); got != "y\n\nz" {
		t.Errorf("got %q", got)
	}
}

func values(b *record.Batch) (out [][]any) {
	for row := range b.Rows() {
		var cells []any
		for _, c := range b.Data.Columns() {
			if c.IsNull(row) {
				cells = append(cells, nil)
			} else {
				cells = append(cells, c.(*array.String).Value(row))
			}
		}
		out = append(out, cells)
	}
	return out
}

// FuzzCSV: no input makes reading panic or hang; what was read comes back after writing; no
// cut changes the rows; encoding/csv agrees where it accepts the text.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{tricky, "a,b,c\n", "\"", "\"\"\"", "a\"b,\"c\"d\n\"e", "\r\n\r\n", ",,\n,", "\ufeff\"a\"", "\xff,\x00", "a|b||c\n|\"|\"|"} {
		f.Add([]byte(seed), ",", uint16(7))
		f.Add([]byte(seed), "||", uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, delim string, target uint16) {
		opts := delimitedtest.Options(t, Format{}.ReadOptions(), "")
		if delim != "," {
			opts = delimitedtest.Options(t, Format{}.ReadOptions(), "field_delimiter = \"|+\"")
		}
		r, err := Format{}.Reading(opts, abc, nil)
		if err != nil {
			t.Fatal(err)
		}
		bad := 0
		task := plugin.Task{Dirty: func(context.Context, plugin.DirtyRow) error { bad++; return nil }}
		read := func(r plugin.FileReading, in []byte, pieces ...plugin.Range) (out [][]any) {
			for _, p := range pieces {
				err := delimitedtest.Read(context.Background(), task, r, delimitedtest.File("f", in), p, record.Position{}, func(b *record.Batch) {
					if err := b.Data.Column(0).(*array.String).ValidateFull(); err != nil {
						t.Fatal(err)
					}
					out = append(out, values(b)...)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			return out
		}
		got := read(r, in, whole)
		clean := bad == 0
		pieces, err := r.Cut(context.Background(), delimitedtest.File("f", in), int64(target%64)+1)
		if err != nil {
			t.Fatal(err)
		}
		if again := read(r, in, pieces...); !reflect.DeepEqual(got, again) {
			t.Fatalf("cut at %v: %q, whole: %q", pieces, again, got)
		}
		plain := reader(t, "", abc)
		out := written(t, "", abc, batch(abc, got...))
		if again := read(plain, []byte(out), whole); !reflect.DeepEqual(got, again) {
			t.Fatalf("read %q, wrote %q, read %q", got, out, again)
		}
		if delim == "," && clean && !bytes.ContainsAny(in, "\r\ufeff") {
			compare(t, in, got)
		}
	})
}

func compare(t *testing.T, in []byte, got [][]any) {
	c := csv.NewReader(bytes.NewReader(in))
	c.FieldsPerRecord = -1
	all, err := c.ReadAll()
	if err != nil {
		return // it refuses quotes inside fields, which are text for us
	}
	if len(all) != len(got) {
		t.Fatalf("%d rows, encoding/csv has %d", len(got), len(all))
	}
	for i, row := range all {
		for j := range min(len(row), 3) {
			if s, ok := got[i][j].(string); ok && s != row[j] || !ok && strings.TrimLeft(row[j], "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ") != "" {
				t.Fatalf("row %d: %q, encoding/csv has %q", i, got[i], row)
			}
		}
	}
}
