package csv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"seikan/engine/format/delimited"
	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/format/json"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func schema(columns ...record.Column) *record.Schema {
	return (&record.Schema{Path: record.TablePath{Table: "t"}, Columns: columns}).Freeze()
}

func col(name string, t record.Type) record.Column { return record.Column{Name: name, Type: t} }

var (
	str  = record.Of(record.String)
	num  = record.Of(record.Int)
	abc  = schema(col("a", str), col("b", str), col("c", str))
	mixd = schema(col("id", num), col("s", str), col("d", record.DecimalOf(10, 2)))
)

func reader(t testing.TB, options string, s *record.Schema, columns ...string) plugin.FileReading {
	t.Helper()
	r, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), s, columns)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rows reads pieces of a file as one JSON object a row.
func rows(t testing.TB, r plugin.FileReading, f plugin.File, pieces ...plugin.Range) string {
	t.Helper()
	var out []byte
	for _, p := range pieces {
		err := delimitedtest.Read(context.Background(), plugin.Task{}, r, f, p, record.Position{}, func(b *record.Batch) {
			for i := range b.Rows() {
				out = append(json.AppendRow(out, b, i), '\n')
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return string(out)
}

var whole = plugin.Range{To: -1}

func TestFieldsAreReadAsRFC4180(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ options, in, want string }{
		"plain":                 {"", "1,2,3\n4,5,6\n", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"no last line end":      {"", "1,2,3", `{"a":"1","b":"2","c":"3"}`},
		"CRLF":                  {"", "1,2,3\r\n4,5,6\r\n", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"quotes":                {"", `"1","2,2","3""3"` + "\n", `{"a":"1","b":"2,2","c":"3\"3"}`},
		"quoted line ends":      {"", "\"1\n1\",\"2\r\n2\",3\r\n4,5,6", `{"a":"1\n1","b":"2\r\n2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"quoted CRLF end":       {"", "1,2,\"3\"\r\n4,5,\"6\"\r\n", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"quote inside":          {"", `1,5" pipe,a"b"` + "\n", `{"a":"1","b":"5\" pipe","c":"a\"b\""}`},
		"blank is null":         {"", "1,,\n , \t ,3\n", `{"a":"1","b":null,"c":null} {"a":null,"b":null,"c":"3"}`},
		"quoted empty is empty": {"", `"","  ",x` + "\n", `{"a":"","b":"  ","c":"x"}`},
		"too few":               {"", "1\n1,2\n", `{"a":"1","b":null,"c":null} {"a":"1","b":"2","c":null}`},
		"too many":              {"", "1,2,3,4,\"5\n\",6\n7,8,9\n", `{"a":"1","b":"2","c":"3"} {"a":"7","b":"8","c":"9"}`},
		"empty lines":           {"", "1,2,3\n\n\r\n4,5,6\n\n", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"byte order mark":       {"", "\ufeff\"1\",2,3\n", `{"a":"1","b":"2","c":"3"}`},
		"header":                {"skip_header_row_number = 2", "x,\"y\ny\",z\nx,y,z\n1,2,3\n", `{"a":"1","b":"2","c":"3"}`},
		"bar":                   {`field_delimiter = "|"`, "1|2,2|\"3|3\"\n", `{"a":"1","b":"2,2","c":"3|3"}`},
		"escaped bar":           {`field_delimiter = "\\|"`, "1|2|3\n", `{"a":"1","b":"2","c":"3"}`},
		"long delimiter":        {`field_delimiter = "||"`, "1||\"2||\n2\"||3|3\r\n\"4\"||5||\"6\"\r\n\"\"||\"\"\"\"||x", `{"a":"1","b":"2||\n2","c":"3|3"} {"a":"4","b":"5","c":"6"} {"a":"","b":"\"","c":"x"}`},
		"long blank line":       {`field_delimiter = "||"`, "1||2||3\n\n4||5||6", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"unicode":               {"", "ü,名前,😀\n", `{"a":"ü","b":"名前","c":"😀"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reader(t, c.options, abc)
			want := strings.ReplaceAll(c.want, "} {", "}\n{") + "\n"
			if got := rows(t, r, delimitedtest.File("f", []byte(c.in)), whole); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if got := rows(t, r, delimitedtest.Stream("f", []byte(c.in)), whole); got != want {
				t.Errorf("stream: got %s\nwant %s", got, want)
			}
		})
	}
}

func TestWithoutSchemaTheWholeRowIsTheContent(t *testing.T) {
	t.Parallel()
	r := reader(t, "", nil)
	got := rows(t, r, delimitedtest.File("f", []byte("a,\"b\nc\",d\r\n1,2\n")), whole)
	want := `{"content":"a,\"b\nc\",d"}` + "\n" + `{"content":"1,2"}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOnlyChosenColumnsAreConverted(t *testing.T) {
	t.Parallel()
	r := reader(t, "", mixd, "d", "s")
	got := rows(t, r, delimitedtest.File("f", []byte("no number,x,1.5\n")), whole)
	if want := `{"d":1.50,"s":"x"}` + "\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

// tricky has quoted line ends, quotes in the middle of fields and rows that look like others.
const tricky = "h1,h2,h3\n" +
	"1,\"a\nb\",x\n\"2\",\"\"\"\n\"\"\",\"1,y,z\n1,y,z\"\r\n3,5\" pipe,\"\"\n\n4,\"\n\n\",\"\"\"\"\r\n5,é,😀\n" +
	"\"6\n7,8,9\n\",,\n7,\"x\",\"\n\"\n8,,"

func TestEveryCutGivesTheSameRows(t *testing.T) {
	t.Parallel()
	for _, delim := range []string{",", "|+"} {
		text := strings.ReplaceAll(tricky, ",", delim)
		f := delimitedtest.File("f", []byte(text))
		for _, options := range []string{"", "skip_header_row_number = 1", "skip_header_row_number = 3"} {
			r := reader(t, fmt.Sprintf("field_delimiter = %q\n%s", delim, options), abc)
			want := rows(t, r, f, whole)
			most := 0
			for target := int64(1); target <= int64(len(text)); target++ {
				pieces, err := r.Cut(context.Background(), f, target)
				if err != nil {
					t.Fatal(err)
				}
				most = max(most, len(pieces))
				if got := rows(t, r, f, pieces...); got != want {
					t.Fatalf("delimiter %q %s, target %d, pieces %v:\ngot  %s\nwant %s", delim, options, target, pieces, got, want)
				}
			}
			if most < 4 {
				t.Errorf("delimiter %q %s: never cut into more than %d pieces", delim, options, most)
			}
		}
	}
}

func TestAStreamIsNotCut(t *testing.T) {
	t.Parallel()
	pieces, err := reader(t, "", abc).Cut(context.Background(), delimitedtest.Stream("f", []byte(tricky)), 10)
	if err != nil || len(pieces) != 1 || pieces[0] != whole {
		t.Errorf("got %v, %v", pieces, err)
	}
}

func long(rows int) []byte {
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, "%d,\"row\n%d\",%d.25\n", i, i, i)
	}
	return []byte(b.String())
}

func TestReadingGoesOnExactlyAtAPosition(t *testing.T) {
	t.Parallel()
	const n = 10_000
	r := reader(t, "", mixd)
	for _, f := range []plugin.File{delimitedtest.File("f", long(n)), delimitedtest.Stream("f", long(n))} {
		ends := []record.Position{{}, {Rows: 1234}} // one without a token
		err := delimitedtest.Read(context.Background(), plugin.Task{}, r, f, whole, record.Position{}, func(b *record.Batch) {
			if b.From.Rows != ends[len(ends)-1].Rows && len(ends) > 2 {
				t.Errorf("batch from %d follows one to %d", b.From.Rows, ends[len(ends)-1].Rows)
			}
			ends = append(ends, b.To)
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(ends) < 4 {
			t.Fatalf("only %d batches", len(ends)-2)
		}
		for _, at := range ends {
			next := at.Rows
			err := delimitedtest.Read(context.Background(), plugin.Task{}, r, f, whole, at, func(b *record.Batch) {
				if b.From.Rows != next {
					t.Fatalf("batch from %d, want %d", b.From.Rows, next)
				}
				for i := range b.Rows() {
					want := fmt.Sprintf(`{"id":%d,"s":"row\n%d","d":%d.25}`, next, next, next)
					if got := string(json.AppendRow(nil, b, i)); got != want {
						t.Fatalf("from %d: got %s want %s", at.Rows, got, want)
					}
					next++
				}
			})
			if err != nil || next != n {
				t.Fatalf("from %d: ended at %d: %v", at.Rows, next, err)
			}
		}
	}
}

func TestBadRowsGoToTheDeadLettersWithFileLineAndColumn(t *testing.T) {
	t.Parallel()
	const in = "1,a,1.5\n2,\"b\nb\",2.505\n3,c,3\nx,d,y\n5,\"e\"e,5\n6,\"\xff\",6\n7,g,7\n8,\"never\nclosed"
	var errs []string
	var dirty []plugin.DirtyRow
	task := plugin.Task{Dirty: func(_ context.Context, row plugin.DirtyRow) error {
		errs = append(errs, row.Err.Error())
		dirty = append(dirty, row)
		return nil
	}}
	var got []string
	var ordinals []int64
	var to record.Position
	f := delimitedtest.File("dir/f.csv", []byte(in))
	r := reader(t, "", mixd)
	err := delimitedtest.Read(context.Background(), task, r, f, whole, record.Position{}, func(b *record.Batch) {
		for i := range b.Rows() {
			got = append(got, string(json.AppendRow(nil, b, i)))
			ordinals = append(ordinals, b.Ordinal(i))
		}
		to = b.To
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"id":1,"s":"a","d":1.50} {"id":3,"s":"c","d":3.00} {"id":7,"s":"g","d":7.00}]`; fmt.Sprint(got) != want {
		t.Errorf("rows %s\nwant %s", got, want)
	}
	if fmt.Sprint(ordinals) != "[1 3 7]" || to.Rows != 8 {
		t.Errorf("ordinals %v to %d; want 1 3 7 to 8", ordinals, to.Rows)
	}
	want := []string{
		`dir/f.csv, line 2, column "d": "2.505" is no Decimal(10, 2)`,
		`dir/f.csv, line 5, column "id": "x" is no INT`,
		`dir/f.csv, line 6: text stands behind the closing quote`,
		`dir/f.csv, line 7, column "s": byte 1 of the value, 0xff, is not UTF-8`,
		`dir/f.csv, line 9: a quoted field is not closed`,
	}
	if len(errs) != len(want) {
		t.Fatalf("%d bad rows: %q", len(errs), errs)
	}
	for i, w := range want {
		if !strings.HasPrefix(errs[i], w) {
			t.Errorf("error %d: %s\nwant %s…", i, errs[i], w)
		}
	}
	if string(dirty[0].Raw) != "2,\"b\nb\",2.505" || dirty[0].At.Rows != 1 || binary.BigEndian.Uint64(dirty[0].At.Token) != 8 || dirty[0].Table != "t" || dirty[0].Split != "s" {
		t.Errorf("dead letter %+v", dirty[0])
	}
}

func TestLinesAreCountedFromTheStartOfTheFileInEveryPiece(t *testing.T) {
	t.Parallel()
	f := delimitedtest.File("f", []byte("1,\"\n\n\",1\n2,b,2\nx,c,3\n"))
	err := delimitedtest.Read(context.Background(), plugin.Task{}, reader(t, "", mixd), f, plugin.Range{From: 9, To: -1}, record.Position{}, func(*record.Batch) {})
	if err == nil || !strings.Contains(err.Error(), "f, line 5, column \"id\"") || !plugin.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestARowTooLongIsAnErrorWithItsPlace(t *testing.T) {
	t.Parallel()
	in := append([]byte("1,a,1\n2,\"open"), make([]byte, delimited.MaxRow+1)...)
	err := delimitedtest.Read(context.Background(), plugin.Task{}, reader(t, "", mixd), delimitedtest.File("f", in), whole, record.Position{}, func(*record.Batch) {})
	if err == nil || !strings.Contains(err.Error(), "f, line 2, byte 6: the row is longer than 32 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestOtherCharacterSets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bytes, want, fails string }{
		"GBK":        {"1,\xc4\xe3\xba\xc3,1\n", `{"id":1,"s":"你好","d":1.00}`, ""},
		"gb2312":     {"1,\xc4\xe3,1\n", `{"id":1,"s":"你","d":1.00}`, ""},
		"ISO-8859-1": {"1,\xe9\x85,1\n", `{"id":1,"s":"é` + "\u0085" + `","d":1.00}`, ""},
		"Cp1252":     {"1,\x80,1\n", `{"id":1,"s":"€","d":1.00}`, ""},
		"UTF-16LE":   {"1\x00,\x00\x3d\xd8\x00\xde,\x002\x00\n\x00", `{"id":1,"s":"😀","d":2.00}`, ""},
		"UTF-16":     {"\xfe\xff\x001\x00,\x00a\x00,\x002", `{"id":1,"s":"a","d":2.00}`, ""},
		"US-ASCII":   {"1,\xe9,1\n", "", "0xe9, is not UTF-8"},
		"Shift_JIS":  {"1,\x82\n", "", "line 1: bytes that the character set does not know (Shift_JIS)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reader(t, "encoding = "+name, mixd)
			var got string
			err := delimitedtest.Read(context.Background(), plugin.Task{}, r, delimitedtest.File("f", []byte(c.bytes)), whole, record.Position{}, func(b *record.Batch) {
				got = string(json.AppendRow(nil, b, 0))
			})
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) || got != c.want {
				t.Errorf("got %s, %v; want %s%s", got, err, c.want, c.fails)
			}
		})
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		`field_delimiter = "\""`:       "cannot separate fields",
		`encoding = klingon`:           `character set "klingon" is not known`,
		`date_format = "dd.MM.yyyy"`:   "Illegal format [dd.MM.yyyy]",
		`datetime_format = "yyyyMMdd"`: "Illegal format [yyyyMMdd]",
	} {
		_, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), abc, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v; want %s", options, err, want)
		}
	}
	if _, err := (Format{}).Reading(delimitedtest.Options(t, Format{}.ReadOptions(), ""), abc, []string{"zz"}); err == nil {
		t.Error("a column that is not in the schema was accepted")
	}
}

func TestACanceledReadStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	r := reader(t, "", mixd)
	split, err := r.Open(ctx, plugin.Task{}, plugin.Split{}, delimitedtest.File("f", long(10)), whole, mixd)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := split.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
