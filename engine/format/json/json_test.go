package json

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"seikan/engine/format/delimited/delimitedtest"
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
	abc   = schema(col("a", num), col("b", str), col("c", record.DecimalOf(20, 4)))
	whole = plugin.Range{To: -1}
)

func reader(t testing.TB, options string, s *record.Schema, columns ...string) plugin.FileReading {
	t.Helper()
	r, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), s, columns)
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
		err := delimitedtest.Read(context.Background(), task, r, delimitedtest.File("f.json", []byte(in)), p, record.Position{}, func(b *record.Batch) {
			for i := range b.Rows() {
				rows = append(rows, string(AppendRow(nil, b, i)))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return rows, errs
}

func TestLinesAreRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"object":             {`{"a":1,"b":"x","c":1.5}`, `{"a":1,"b":"x","c":1.5000}`},
		"blanks":             {"\n  { \"a\" : 1 ,\t\"b\":\"x\" , \"c\": 1.5 } \r\n\n", `{"a":1,"b":"x","c":1.5000}`},
		"any order":          {`{"c":"2","b":"y","a":"7"}`, `{"a":7,"b":"y","c":2.0000}`},
		"missing and null":   {`{"b":null}` + "\n{}", `{"a":null,"b":null,"c":null} {"a":null,"b":null,"c":null}`},
		"unknown":            {`{"z":{"a":[1,{"b":"}"}]},"a":1,"y":"\u0041"}`, `{"a":1,"b":null,"c":null}`},
		"last of equal ones": {`{"a":1,"b":"x","a":2,"b":null}`, `{"a":2,"b":null,"c":null}`},
		"escaped name":       {`{"\u0061":1,"b\u0000":2}`, `{"a":1,"b":null,"c":null}`},
		"array row":          {`[1,"x"]` + "\n" + `[ 2 , "y" , 3 , 4 ]` + "\n[]", `{"a":1,"b":"x","c":null} {"a":2,"b":"y","c":3.0000} {"a":null,"b":null,"c":null}`},
		"whole floats":       {`{"a":1.0}` + "\n" + `{"a":1.5e1}`, `{"a":1,"b":null,"c":null} {"a":15,"b":null,"c":null}`},
		"numbers as text":    {`{"b":1.50}` + "\n" + `{"b":true}`, `{"a":null,"b":"1.50","c":null} {"a":null,"b":"true","c":null}`},
		"nested as text":     {`{"b":{ "x" : [ 1, "a b" ] }}`, `{"a":null,"b":"{\"x\":[1,\"a b\"]}","c":null}`},
		"empty text":         {`{"b":""}` + "\n" + `{"b":"  "}`, `{"a":null,"b":"","c":null} {"a":null,"b":"  ","c":null}`},
		"escapes":            {`{"b":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, `{"a":null,"b":"\"\\/\b\f\n\r\té😀","c":null}`},
		"control characters": {"{\"b\":\"a\tb\x01\"}", `{"a":null,"b":"a\tb\u0001","c":null}`},
		"exact decimals":     {`{"c":1234567890123456.7891}` + "\n" + `{"c":12e-3}`, `{"a":null,"b":null,"c":1234567890123456.7891} {"a":null,"b":null,"c":0.0120}`},
		"byte order mark":    {"\ufeff" + `{"a":1}`, `{"a":1,"b":null,"c":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, errs := read(t, reader(t, "", abc), c.in, whole)
			if got := strings.Join(rows, " "); got != c.want || errs != nil {
				t.Errorf("got  %s %q\nwant %s", got, errs, c.want)
			}
		})
	}
}

func TestWhatIsNotOneRowALineIsABadRow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"[":                          "every line of a json file must hold one whole row",
		"[{\"a\":1},{\"a\":2}]":      "every line of a json file must hold one whole row",
		"{":                          "every line of a json file must hold one whole row",
		"{\"a\":1},":                 "every line of a json file must hold one whole row",
		"{\"a\":1}{\"a\":2}":         "every line of a json file must hold one whole row",
		"}":                          "expected a JSON object",
		"17":                         "expected a JSON object",
		`{"a":1,}`:                   "expected a name in double quotes (character 8 of the row)",
		`{"a" 1}`:                    "expected a colon",
		`{"a":01}`:                   "leading zero",
		`{"a":1.}`:                   "expected a digit",
		`{"a":-}`:                    "expected a digit",
		`{"a":nul}`:                  "expected a JSON value",
		`{"a":'x'}`:                  "expected a JSON value",
		`{"b":"\x"}`:                 "behind a backslash",
		`{"b":"\u12g4"}`:             "four hexadecimal digits",
		`{"b":"\ud83d"}`:             `column "b": JSON has half of a surrogate pair`,
		`{"a":""}`:                   `column "a": "" is no INT`,
		`{"a":1.5}`:                  `column "a": "1.5" is no INT`,
		`{"a":[1]}`:                  `column "a": "[1]" is no INT`,
		`{"a":9999999999}`:           `column "a": "9999999999" is no INT`,
		`{"c":0.00001}`:              `column "c": "0.00001" is no Decimal(20, 4)`,
		"{\"b\":\"\xff\"}":           "not UTF-8",
		strings.Repeat("[", 100_000): "nested deeper than 128 levels",
		`{"z":` + strings.Repeat(`{"z":`, 100_000): "nested deeper than 128 levels",
	} {
		rows, errs := read(t, reader(t, "", abc), "{}\n"+in+"\n{}", whole)
		if len(rows) != 2 || len(errs) != 1 || !strings.Contains(errs[0], want) || !strings.HasPrefix(errs[0], "f.json, line 2") || len(errs[0]) > 500 {
			t.Errorf("%.50s: got %q, %q; want %s", in, rows, errs, want)
		}
	}
}

func TestNestedTypesAreRead(t *testing.T) {
	t.Parallel()
	s := schema(col("r", record.RowOf(record.Field{Name: "x", Type: num}, record.Field{Name: "l", Type: record.ArrayOf(str)})),
		col("m", record.MapOf(num, record.Of(record.Boolean))), col("b", record.Of(record.Bytes)), col("t", record.Of(record.Time)), col("f", record.Of(record.Boolean)))
	rows, errs := read(t, reader(t, "", s), `{"m":{"1":true,"2":"FALSE","1":null},"r":{"l":["\u0061",null,3],"x":2,"y":0},"b":"AQ==","t":"12:00","f":"True"}
{"r":[1],"m":null}
{"r":"text"}
{"m":{"x":true}}
{"b":"!"}`, whole)
	want := []string{`{"r":{"x":2,"l":["a",null,"3"]},"m":{"1":null,"2":false},"b":"AQ==","t":"12:00:00","f":true}`,
		`{"r":{"x":1,"l":null},"m":null,"b":null,"t":null,"f":null}`}
	if !reflect.DeepEqual(rows, want) || len(errs) != 3 {
		t.Errorf("got  %q %q\nwant %q", rows, errs, want)
	}
}

func TestEveryCutGivesTheSameRows(t *testing.T) {
	t.Parallel()
	const in = "\ufeff{\"a\":1}\n\n{\"a\":2,\"b\":\"\\n\"}\r\n  \n[3]\nbad\n{\"a\":4}"
	r := reader(t, "", abc)
	want, bad := read(t, r, in, whole)
	for target := int64(1); target < int64(len(in)); target++ {
		pieces, err := r.Cut(context.Background(), delimitedtest.File("f", []byte(in)), target)
		if err != nil {
			t.Fatal(err)
		}
		got, errs := read(t, r, in, pieces...)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(errs, bad) {
			t.Fatalf("target %d, pieces %v: got %q %q want %q %q", target, pieces, got, errs, want, bad)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	d, err := NewDecoder(abc)
	if err != nil {
		t.Fatal(err)
	}
	many := "[" + strings.Repeat(`{"a":1},`, 999) + `{"a":1}]`
	for _, c := range []struct {
		in   string
		rows int
		err  string
	}{
		{"{\n\"a\":\n1}", 1, ""}, {"", 0, ""}, {"[]", 0, ""}, {`[1,"x"]`, 1, ""}, {"[ {\"a\":1} , {\"a\":2} ]\n", 2, ""}, {many, 1000, ""},
		{many[:len(many)-1], 0, "ends inside"}, {`{"a":"x"}`, 0, `column "a": "x" is no INT`}, {`[{"a":1},{"a":"x"}]`, 0, "is no INT"},
		{`{} {}`, 0, "behind its end"}, {`[{}] x`, 0, "behind its end"}, {`[{},]`, 0, "behind the comma"}, {`null`, 0, "expected a JSON object"}, {`{"a":5}`, 1, ""},
	} {
		n, err := d.Add([]byte(c.in))
		if n != c.rows || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.40s: %d rows, %v; want %d, %s", c.in, n, err, c.rows, c.err)
		}
	}
	if d.Rows() != 1005 {
		t.Errorf("%d rows", d.Rows())
	}
	b, err := d.Batch(context.Background())
	if err != nil || b.Rows() != 1005 {
		t.Fatal(b.Rows(), err)
	}
	if got := string(AppendRow(nil, b, 1004)); got != `{"a":5,"b":null,"c":null}` {
		t.Errorf("last row %s", got)
	}
	b.Release()
	if b, err := d.Batch(context.Background()); err != nil || b.Rows() != 0 {
		t.Errorf("a second batch has %d rows: %v", b.Rows(), err)
	}
}

func TestRowsAreWrittenWithADelimiterBetween(t *testing.T) {
	t.Parallel()
	d, err := NewDecoder(abc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add([]byte(`[{"a":1,"b":"\"","c":2},{}]`)); err != nil {
		t.Fatal(err)
	}
	b, err := d.Batch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), `row_delimiter = "\r\n"`), abc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := delimitedtest.Write(w, b, b)
	row := `{"a":1,"b":"\"","c":2.0000}` + "\r\n" + `{"a":null,"b":null,"c":null}`
	if err != nil || string(out) != row+"\r\n"+row {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestASchemaIsNeeded(t *testing.T) {
	t.Parallel()
	if _, err := (Format{}).Reading(delimitedtest.Options(t, Format{}.ReadOptions(), ""), nil, nil); err == nil || !strings.Contains(err.Error(), "needs a schema") {
		t.Errorf("got %v", err)
	}
}

// FuzzJSON: no input makes reading panic; cuts change nothing; what is read as a row is JSON
// for encoding/json too, and comes back the same from what is written.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":"x","c":1.5,"l":[1,null],"m":{"k":{"x":1}}}`, "[1,\"x\"]\n{}", `{"b":"\ud83d\ude00","m":{"":null}}`, "{\"a\":\n", "[{", `{"c":1e400}`, `{"d":"2024-01-01","l":"x"}`} {
		f.Add([]byte(s), uint16(5))
	}
	s := schema(col("a", num), col("b", str), col("c", record.DecimalOf(38, 10)), col("d", record.Of(record.Date)), col("l", record.ArrayOf(num)),
		col("m", record.MapOf(str, record.RowOf(record.Field{Name: "x", Type: record.Of(record.Double)}))), col("y", record.Of(record.Bytes)))
	f.Fuzz(func(t *testing.T, in []byte, target uint16) {
		r := reader(t, "", s)
		rows, errs := read(t, r, string(in), whole)
		pieces, err := r.Cut(context.Background(), delimitedtest.File("f", in), int64(target%64)+1)
		if err != nil {
			t.Fatal(err)
		}
		again, bad := read(t, r, string(in), pieces...)
		if !reflect.DeepEqual(rows, again) || len(errs) != len(bad) {
			t.Fatalf("cut at %v: %q %q; whole: %q %q", pieces, again, bad, rows, errs)
		}
		for _, row := range rows {
			if !stdjson.Valid([]byte(row)) || !utf8.ValidString(row) {
				t.Fatalf("wrote %s", row)
			}
		}
		back, bad := read(t, r, strings.Join(rows, "\n"), whole)
		if bad != nil || !reflect.DeepEqual(rows, back) {
			t.Fatalf("wrote %q, read %q %q", rows, back, bad)
		}
		if errs == nil && !bytes.ContainsFunc(in, func(c rune) bool { return c < ' ' && c != '\n' }) {
			for _, line := range bytes.Split(bytes.TrimPrefix(in, []byte("\ufeff")), []byte("\n")) {
				if len(bytes.TrimSpace(line)) > 0 && !stdjson.Valid(line) {
					t.Fatalf("read %q", line)
				}
			}
		}
		d, err := NewDecoder(s)
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.Add(in)
		if err != nil && n != 0 || d.Rows() != n {
			t.Fatal(n, d.Rows(), err)
		}
		b, err := d.Batch(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows() != n {
			t.Fatalf("%d rows added, %d in the batch", n, b.Rows())
		}
	})
}
