package text

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/format/json"
	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func schema(columns ...record.Column) *record.Schema {
	return (&record.Schema{Path: record.TablePath{Table: "t"}, Columns: columns}).Freeze()
}

func col(name string, t record.Type) record.Column { return record.Column{Name: name, Type: t} }

var (
	str   = record.Of(record.String)
	num   = record.Of(record.Int)
	abc   = schema(col("a", str), col("b", str), col("c", str))
	whole = plugin.Range{To: -1}
)

func reader(t testing.TB, options string, s *record.Schema) plugin.FileReading {
	t.Helper()
	r, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read returns the rows of in as JSON and the errors of its bad rows.
func read(t testing.TB, r plugin.FileReading, in string, pieces ...plugin.Range) (rows, errs []string) {
	t.Helper()
	task := plugin.Task{Dirty: func(_ context.Context, row plugin.DirtyRow) error {
		errs = append(errs, row.Err.Error())
		return nil
	}}
	for _, p := range pieces {
		err := delimitedtest.Read(context.Background(), task, r, delimitedtest.File("f.txt", []byte(in)), p, record.Position{}, func(b *record.Batch) {
			for i := range b.Rows() {
				rows = append(rows, string(json.AppendRow(nil, b, i)))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return rows, errs
}

func TestLinesAreSplitAtTheDelimiter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ options, in, want string }{
		"default":            {"", "1\x012\x013", `{"a":"1","b":"2","c":"3"}`},
		"old name":           {`delimiter = ","`, "1,2,3", `{"a":"1","b":"2","c":"3"}`},
		"CRLF":               {`field_delimiter = ","`, "1,2,3\r\n4,5,6\r\n", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":"6"}`},
		"quotes are text":    {`field_delimiter = ","`, "\"1,2\",3\n", `{"a":"\"1","b":"2\"","c":"3"}`},
		"escaped bar":        {`field_delimiter = "\\|"`, "1|2|3", `{"a":"1","b":"2","c":"3"}`},
		"bar":                {`field_delimiter = "|"`, "1|2|3", `{"a":"1","b":"2","c":"3"}`},
		"escaped tab":        {`field_delimiter = "\\t"`, "1\t2\t3", `{"a":"1","b":"2","c":"3"}`},
		"tab":                {`field_delimiter = "\t"`, "1\t2\t3", `{"a":"1","b":"2","c":"3"}`},
		"escaped code":       {`field_delimiter = "\\u0002"`, "1\x022\x023", `{"a":"1","b":"2","c":"3"}`},
		"two bars":           {`field_delimiter = "||"`, "1||2|||3", `{"a":"1","b":"2","c":"|3"}`},
		"escaped bars":       {`field_delimiter = "\\|\\|"`, "1||2||3", `{"a":"1","b":"2","c":"3"}`},
		"expression":         {`field_delimiter = "\\s+"`, "1 \t 2  3\n4 5\n", `{"a":"1","b":"2","c":"3"} {"a":"4","b":"5","c":null}`},
		"expression, more":   {`field_delimiter = "[;,]"`, "1;2,3;4\r\n;\n", `{"a":"1","b":"2","c":"3"} {"a":null,"b":null,"c":null}`},
		"too few":            {`field_delimiter = ","`, "1\n", `{"a":"1","b":null,"c":null}`},
		"too many":           {`field_delimiter = ","`, "1,2,3,4\n5", `{"a":"1","b":"2","c":"3"} {"a":"5","b":null,"c":null}`},
		"empty line":         {`field_delimiter = ","`, "1,2,3\n\n4,5,6", `{"a":"1","b":"2","c":"3"} {"a":null,"b":null,"c":null} {"a":"4","b":"5","c":"6"}`},
		"blank is null":      {`field_delimiter = ","`, " ,,x \n", `{"a":null,"b":null,"c":"x "}`},
		"skipped":            {"field_delimiter = \",\"\nskip_header_row_number = 2", "h,h,h\n\n1,2,3", `{"a":"1","b":"2","c":"3"}`},
		"skipped everything": {"skip_header_row_number = 20", "h\nh\n", ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, errs := read(t, reader(t, c.options, abc), c.in, whole)
			if got := strings.Join(rows, " "); got != c.want || errs != nil {
				t.Errorf("got  %s %q\nwant %s", got, errs, c.want)
			}
		})
	}
}

func TestWithoutSchemaTheWholeLineIsTheContent(t *testing.T) {
	t.Parallel()
	rows, _ := read(t, reader(t, `field_delimiter = "\\s+"`, nil), "a\x01b c\r\n\nd", whole)
	if want := []string{`{"content":"a\u0001b c"}`, `{"content":null}`, `{"content":"d"}`}; !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q", rows)
	}
}

func TestNestedValuesHaveTheirOwnDelimiters(t *testing.T) {
	t.Parallel()
	s := schema(col("l", record.ArrayOf(num)), col("m", record.MapOf(str, record.ArrayOf(num))),
		col("r", record.RowOf(record.Field{Name: "x", Type: num}, record.Field{Name: "y", Type: record.ArrayOf(str)}, record.Field{Name: "z", Type: num})))
	in := "1\x022\x02,k\x031\x042\x02j\x03\x02i,7\x02a\x03b\nx,,"
	want := []string{`{"l":[1,2,null],"m":{"k":[1,2],"j":null,"i":null},"r":{"x":7,"y":["a","b"],"z":null}}`}
	rows, errs := read(t, reader(t, `field_delimiter = ","`, s), in, whole)
	if !reflect.DeepEqual(rows, want) || len(errs) != 1 || !strings.Contains(errs[0], `line 2, column "l": "x" is no INT`) {
		t.Errorf("got  %q %q\nwant %q", rows, errs, want)
	}
}

func TestAnExpressionThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), `field_delimiter = "a["`), abc, nil)
	if err == nil || !strings.Contains(err.Error(), "is no regular expression") {
		t.Errorf("got %v", err)
	}
}

func TestEveryCutGivesTheSameRows(t *testing.T) {
	t.Parallel()
	const in = "h,h\n1,\"2\n\n3\",4\r\n5\n\"\n\n6,7,8"
	for _, options := range []string{"", "skip_header_row_number = 3"} {
		r := reader(t, "field_delimiter = \",\"\n"+options, abc)
		want, _ := read(t, r, in, whole)
		for target := int64(1); target < int64(len(in)); target++ {
			pieces, err := r.Cut(context.Background(), delimitedtest.File("f", []byte(in)), target)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := read(t, r, in, pieces...); !reflect.DeepEqual(got, want) {
				t.Fatalf("target %d, pieces %v: got %q want %q", target, pieces, got, want)
			}
		}
	}
}

func TestMessagesAreOneRowEach(t *testing.T) {
	t.Parallel()
	for _, delim := range []string{",", "[,]"} {
		d, err := NewDecoder(abc, delim, value.Options{Nested: value.Levels})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"1,2\n2,3", "", "4", "5,6,7,8", "\xff"} {
			if n, err := d.Add([]byte(m)); (err != nil) != (m == "\xff") || err == nil && n > 1 {
				t.Errorf("%q: %d rows, %v", m, n, err)
			}
		}
		b, err := d.Batch(context.Background())
		if err != nil || b.Rows() != 3 {
			t.Fatal(b, err)
		}
		if got := string(json.AppendRow(nil, b, 0)); got != `{"a":"1","b":"2\n2","c":"3"}` {
			t.Errorf("%s: got %s", delim, got)
		}
	}
}

func written(t testing.TB, options string, b *record.Batch) string {
	t.Helper()
	w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), options), b.Schema)
	if err != nil {
		t.Fatal(err)
	}
	out, err := delimitedtest.Write(w, b)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func batch(t testing.TB, s *record.Schema, rows string) *record.Batch {
	t.Helper()
	d, err := json.NewDecoder(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add([]byte(rows)); err != nil {
		t.Fatal(err)
	}
	b, err := d.Batch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRowsAreWrittenAsTheOptionsSay(t *testing.T) {
	t.Parallel()
	s := schema(col("d", record.Of(record.Double)), col("s", str), col("day", record.Of(record.Date)), col("at", record.Of(record.Timestamp)),
		col("t", record.Of(record.Time)), col("m", record.MapOf(str, record.ArrayOf(num))), col("b", record.Of(record.Boolean)), col("y", record.Of(record.Bytes)))
	b := batch(t, s, `[{"d":1e10,"s":"a,b","day":"2024-12-31","at":"2024-12-31T01:02:03.123456","t":"01:02:03.5","m":{"k":[1,2],"j":null},"b":true,"y":"aGk="},{}]`)
	for options, want := range map[string]string{
		"": "1.0E10\x01a,b\x012024-12-31\x012024-12-31 01:02:03\x0101:02:03\x01k\x031\x042\x02j\x03\x01true\x01hi\n\x01\x01\x01\x01\x01\x01\x01",
		`field_delimiter = "\\|", row_delimiter = "##", enable_header_write = true, date_format = "yyyy/MM/dd", datetime_format = "yyyy-MM-dd'T'HH:mm:ss.SSS", time_format = "HH:mm:ss.SSS"`: `d\|s\|day\|at\|t\|m\|b\|y##1.0E10\|a,b\|2024/12/31\|2024-12-31T01:02:03.123\|01:02:03.500\|` +
			"k\x031\x042\x02j\x03" + `\|true\|hi##\|\|\|\|\|\|\|`,
	} {
		if got := written(t, options, b); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", options, got, want)
		}
	}
}

// FuzzText: no input makes reading panic, cuts change nothing, and rows whose texts hold no
// delimiter come back from what is written.
func FuzzText(f *testing.F) {
	for _, s := range []string{"a\x01b\x01c\n", "\r\n\n\x01", "a|b||c\n|", "\ufeffx", "\ufeff\ufeff", "\xff\n", "a \t b"} {
		for i := range 4 {
			f.Add([]byte(s), uint8(i), uint16(3))
		}
	}
	delims := []string{`\\u0001`, "|", "||", `\\s+`}
	f.Fuzz(func(t *testing.T, in []byte, delim uint8, target uint16) {
		r := reader(t, fmt.Sprintf(`field_delimiter = "%s"`, delims[delim%4]), abc)
		rows, errs := read(t, r, string(in), whole)
		pieces, err := r.Cut(context.Background(), delimitedtest.File("f", in), int64(target%64)+1)
		if err != nil {
			t.Fatal(err)
		}
		again, bad := read(t, r, string(in), pieces...)
		if !reflect.DeepEqual(rows, again) || len(errs) != len(bad) {
			t.Fatalf("cut at %v: %q %q; whole: %q %q", pieces, again, bad, rows, errs)
		}
		if len(rows) == 0 || bytes.ContainsAny(in, "\x01\r") {
			return
		}
		out := written(t, "", batch(t, abc, "["+strings.Join(rows, ",")+"]"))
		back, bad := read(t, reader(t, "", abc), out, whole)
		if bad != nil || !reflect.DeepEqual(rows, back) {
			t.Fatalf("rows %q, wrote %q, read %q %q", rows, out, back, bad)
		}
	})
}
