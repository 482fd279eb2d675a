package delimited_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"seikan/engine/format/csv"
	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/format/json"
	"seikan/engine/format/text"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

var (
	str = record.Of(record.String)
	num = record.Of(record.Int)
)

// everyType lists types with values of theirs as JSON, the last of which is null.
var everyType = []struct {
	t      record.Type
	values []string
}{
	{str, []string{`"plain"`, `"ü, \"名\" 😀|"`, `" blanks "`, `"line\nend"`, `""`, `" "`}},
	{record.Of(record.Boolean), []string{"true", "false"}},
	{record.Of(record.TinyInt), []string{"-128", "127"}},
	{record.Of(record.SmallInt), []string{"-32768", "32767"}},
	{num, []string{"-2147483648", "2147483647", "0"}},
	{record.Of(record.BigInt), []string{"-9223372036854775808", "9223372036854775807"}},
	{record.Of(record.Float), []string{"1.5", "3.4028235E38", `"NaN"`}},
	{record.Of(record.Double), []string{"0.1", "1.0E10", "4.9E-300", `"-Infinity"`}},
	{record.DecimalOf(15, 2), []string{"-0.05", "9999999999999.99"}},
	{record.DecimalOf(38, 0), []string{strings.Repeat("9", 38)}},
	{record.Of(record.Bytes), []string{`"aGk="`, `"LCI="`, `""`}},
	{record.Of(record.Date), []string{`"0001-01-01"`, `"2024-02-29"`, `"9999-12-31"`}},
	{record.Of(record.Time), []string{`"23:59:59"`, `"00:00:00"`}},
	{record.Of(record.Timestamp), []string{`"0001-01-01T00:00:00"`, `"1969-12-31T23:59:59.999999"`}},
	{record.Type{Kind: record.Timestamp, Scale: 9}, []string{`"2024-01-01T00:00:00.000001"`}},
	{record.Of(record.TimestampTZ), []string{`"2024-01-01T00:00:00.5Z"`}},
	{record.ArrayOf(num), []string{"[1,null,3]", "[7]"}},
	{record.ArrayOf(record.ArrayOf(str)), []string{`[["a","b"],["c"]]`}},
	{record.MapOf(num, record.ArrayOf(record.DecimalOf(5, 1))), []string{`{"1":[0.5,-1.0],"2":null}`}},
	{record.RowOf(record.Field{Name: "a", Type: num}, record.Field{Name: "b", Type: record.MapOf(str, record.Of(record.Date))}), []string{`{"a":1,"b":{"x":"2024-01-01"}}`}},
	{record.Of(record.FloatVector), []string{"[1.0,2.5]"}},
	{record.Of(record.BinaryVector), []string{`"AQI="`}},
	{record.Of(record.SparseFloatVector), []string{`{"3":1.5}`}},
	{record.Of(record.Null), nil},
}

func table() (*record.Schema, []string) {
	s := &record.Schema{Path: record.TablePath{Table: "t"}}
	rows := make([]string, 7)
	for i, c := range everyType {
		name := fmt.Sprintf("c%d", i)
		s.Columns = append(s.Columns, record.Column{Name: name, Type: c.t})
		for r := range rows {
			v := "null"
			if len(c.values) > 0 && r < len(rows)-1 {
				v = c.values[r%len(c.values)]
			}
			sep := ","
			if i == 0 {
				sep = "{"
			}
			rows[r] += fmt.Sprintf(`%s"%s":%s`, sep, name, v)
		}
	}
	for r := range rows {
		rows[r] += "}"
	}
	return s.Freeze(), rows
}

func TestEveryTypeComesBackThroughEveryFormat(t *testing.T) {
	t.Parallel()
	schema, rows := table()
	d, err := json.NewDecoder(schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if _, err := d.Add([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := d.Batch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	const micros = `datetime_format = "yyyy-MM-dd HH:mm:ss.SSSSSS"`
	for _, c := range []struct {
		format         plugin.Format
		write, read    string
		emptyStays     bool
		lineEndsInText bool
	}{
		{csv.Format{}, micros, "", true, true},
		{csv.Format{}, micros + ", field_delimiter = \"||\", encoding = UTF-16", `field_delimiter = "||", encoding = UTF-16`, true, true},
		{csv.Format{}, micros + `, field_delimiter = "1", encoding = GB18030`, `field_delimiter = "1", encoding = GB18030`, true, true},
		{text.Format{}, micros, "", false, false},
		{json.Format{}, "", "", true, true},
		{json.Format{}, "encoding = UTF-16BE", "encoding = UTF-16BE", true, true},
	} {
		w, err := c.format.Writing(delimitedtest.Options(t, c.format.WriteOptions(), c.write), schema)
		if err != nil {
			t.Fatal(err)
		}
		in := b
		if !c.lineEndsInText { // text has no way to write a line end: that row is left out
			in = b.Slice(4, 7)
		}
		out, err := delimitedtest.Write(w, in)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.format.Reading(delimitedtest.Options(t, c.format.ReadOptions(), c.read), schema, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = delimitedtest.Read(context.Background(), plugin.Task{}, r, delimitedtest.File("f", out), plugin.Range{To: -1}, record.Position{}, func(b *record.Batch) {
			for i := range b.Rows() {
				got = append(got, string(json.AppendRow(nil, b, i)))
			}
		})
		if err != nil {
			t.Errorf("%s %s: %v", c.format.Name(), c.write, err)
		}
		want := rows[len(rows)-in.Rows():]
		if len(got) != len(want) {
			t.Fatalf("%s %s: %d rows, want %d", c.format.Name(), c.write, len(got), len(want))
		}
		for i := range want {
			w := want[i]
			if !c.emptyStays {
				w = strings.NewReplacer(`"c0":""`, `"c0":null`, `"c0":" "`, `"c0":null`, `"c10":""`, `"c10":null`).Replace(w)
			}
			if got[i] != w {
				t.Errorf("%s %s:\ngot  %s\nwant %s", c.format.Name(), c.write, got[i], w)
			}
		}
	}
}

func TestABadRowLeavesTheOthersOfEveryTypeWhole(t *testing.T) {
	t.Parallel()
	schema, rows := table()
	lines := rows[0] + "\n" + strings.Replace(rows[1], `"c4":2147483647`, `"c4":"bad"`, 1) + "\n" + rows[2] + "\n"
	r, err := json.Format{}.Reading(delimitedtest.Options(t, json.Format{}.ReadOptions(), ""), schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	task := plugin.Task{Dirty: func(context.Context, plugin.DirtyRow) error { bad++; return nil }}
	var got []string
	err = delimitedtest.Read(context.Background(), task, r, delimitedtest.File("f", []byte(lines)), plugin.Range{To: -1}, record.Position{}, func(b *record.Batch) {
		for i := range b.Rows() {
			got = append(got, string(json.AppendRow(nil, b, i)))
		}
	})
	if err != nil || bad != 1 || len(got) != 2 || got[0] != rows[0] || got[1] != rows[2] {
		t.Errorf("%d bad rows, rows %q, %v", bad, got, err)
	}
}
