package xml

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

func schemaOf(t testing.TB, columns ...string) *record.Schema {
	t.Helper()
	s := &record.Schema{Path: record.TablePath{Table: "t"}}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, " ")
		parsed, err := record.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		s.Columns = append(s.Columns, record.Column{Name: name, Type: parsed})
	}
	return s.Freeze()
}

// read gives the good rows, the bad ones' errors and the error of a whole text.
func read(t testing.TB, text []byte, options string, schema *record.Schema, at int64) (rows, bad []string, err error) {
	t.Helper()
	r, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	task := plugintest.Task(t, 1)
	task.Dirty = func(_ context.Context, row plugin.DirtyRow) error {
		bad = append(bad, fmt.Sprintf("%d %v %s", row.At.Rows, row.Err, row.Raw))
		return nil
	}
	split, err := r.Open(t.Context(), task, plugin.Split{ID: "s", At: record.Position{Rows: at}}, delimitedtest.Stream("in.xml", text), plugin.Range{To: -1}, schema)
	if err != nil {
		t.Fatal(err)
	}
	defer split.Close()
	for {
		b, err := split.Next(t.Context())
		if err == plugin.ErrEnd {
			return rows, bad, nil
		}
		if err != nil {
			return rows, bad, err
		}
		rows = append(rows, plugintest.Rows(b)...)
		b.Release()
	}
}

const elements = "xml_row_tag = row\n xml_use_attr_format = false\n"

func batch(t testing.TB, schema *record.Schema, lines ...string) *record.Batch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for _, line := range lines {
		for i, text := range strings.Split(line, "|") {
			if text == "∅" {
				b.Field(i).AppendNull()
			} else if err := value.Appender(schema.Columns[i].Type, value.Options{})(b.Field(i), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

func written(t testing.TB, options string, b *record.Batch) ([]byte, error) {
	t.Helper()
	w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), options), b.Schema)
	if err != nil {
		return nil, err
	}
	return delimitedtest.Write(w, b)
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, "id bigint", "s string", "d decimal(10,2)", "at timestamp", "day date", "clock time", "l array<int>", "m map<string,int>", "r {a = int, b = string}", "raw bytes", "f double")
	lines := []string{
		`1|a <b> & "c" 'd' ` + "\t\r\n|-1.50|2024-02-29T01:02:03.123456|2024-02-29|01:02:03.5|[1,2]|{\"k\":1}|{\"a\":1,\"b\":\"x\"}|bytes|1.5",
		"2|日本|0.00|0001-01-01T00:00:00|9999-12-31|00:00:00|[]|{}|{\"a\":null,\"b\":\"\"}|é|-1.0E300",
		"3||∅|∅|∅|∅|∅|∅|∅|∅|∅",
	}
	for _, mode := range []string{"true", "false"} {
		for _, charset := range []string{"UTF-8", "GB18030", "UTF-16"} {
			b := batch(t, schema, lines...)
			want := plugintest.Rows(b)
			text, err := written(t, "xml_row_tag = row\n encoding = "+charset+"\n xml_use_attr_format = "+mode, b)
			if err != nil {
				t.Fatal(err)
			}
			for _, more := range []string{"", "encoding = " + charset} { // the file itself tells as well
				got, bad, err := read(t, text, "xml_row_tag = row\n xml_use_attr_format = "+mode+"\n"+more, schema, 0)
				if err != nil || len(bad) > 0 || !slices.Equal(got, want) {
					t.Errorf("%s, %s: %v %v\n%s\nwant:\n%s\nin:\n%.2000s", mode, charset, err, bad, strings.Join(got, "\n"), strings.Join(want, "\n"), text)
				}
			}
		}
	}
}

func TestWrittenFile(t *testing.T) {
	t.Parallel()
	b := batch(t, schemaOf(t, "id int", "name string"), "1|a<b", "2|∅")
	for options, want := range map[string]string{
		"xml_use_attr_format = false":                                         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<RECORDS>\n  <RECORD><id>1</id><name>a&lt;b</name></RECORD>\n  <RECORD><id>2</id><name></name></RECORD>\n</RECORDS>\n",
		"xml_use_attr_format = true\n xml_root_tag = all\n xml_row_tag = one": "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<all>\n  <one id=\"1\" name=\"a&lt;b\"/>\n  <one id=\"2\" name=\"\"/>\n</all>\n",
	} {
		if got, err := written(t, options, b); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", options, err, got, want)
		}
	}
}

func TestRowsAreFoundAtAnyDepth(t *testing.T) {
	t.Parallel()
	text := `<?xml version="1.0"?><!DOCTYPE x><x a="1"><!-- <row><id>0</id></row> --><row><id> 1 </id><other>x</other><name>a<![CDATA[<b>]]>&amp;</name></row>
<deep><deeper><row id="9"><name/></row></deeper><row><id>3</id><row><id>4</id></row><name>n</name></row></deep>stray<n:row><id>5</id></n:row></x>`
	rows, bad, err := read(t, []byte(text), elements, schemaOf(t, "id int", "name string"), 0)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	if want := []string{"+I|1|a<b>&", "+I|∅|", "+I|4|∅", "+I|3|n", "+I|5|∅"}; !slices.Equal(rows, want) {
		t.Fatalf("%q, want %q", rows, want)
	}
}

func TestBadFieldsAreBadRows(t *testing.T) {
	t.Parallel()
	text := "<x>\n<row><id>1</id></row>\n<row><id>one</id></row>\n<row><id>2</id><id>3</id></row>\n<row><id>4<b/></id></row>\n<row><id></id></row>\n</x>"
	schema := schemaOf(t, "id int", "n string")
	rows, bad, err := read(t, []byte(text), elements, schema, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"+I|1|∅", "+I|∅|∅"}; !slices.Equal(rows, want) {
		t.Fatalf("%q, want %q", rows, want)
	}
	for i, parts := range [][]string{
		{"2 in.xml, row 2 at line 3", `field "id"`, `"one"`, "<row><id>one</id></row>"},
		{"3 in.xml, row 3 at line 4", "appears twice"},
		{"4 in.xml, row 4 at line 5", "another element, b"},
	} {
		for _, part := range parts {
			if len(bad) != 3 || !strings.Contains(bad[i], part) {
				t.Errorf("%q lacks %q", bad, part)
			}
		}
	}
	// Bad rows count for the position.
	rows, bad, err = read(t, []byte(text), elements, schema, 3)
	if err != nil || len(rows) != 1 || len(bad) != 1 {
		t.Errorf("from row 3 on: %q, %q, %v", rows, bad, err)
	}
}

func TestAFileThatIsNotWellFormedIsAnError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<x><row><id>1</id></row>":                         "ends inside of element x",
		"<x><row><id>1</row></id></x>":                     "expected </id>",
		"</x>":                                             "no element is open",
		"<x><row><id>&nope;</id></row></x>":                "&nope;",
		"just text":                                        "not xml",
		"<x><row><id>\xff</id></row></x>":                  "invalid UTF-8",
		strings.Repeat("<a>", 2000):                        "nested deeper",
		"<?xml version=\"1.0\" encoding=\"klingon\"?><x/>": "klingon",
		"<x>" + strings.Repeat("y", 33<<20):                "longer than 32 MiB",
	} {
		_, _, err := read(t, []byte(text), elements, schemaOf(t, "id int"), 0)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "in.xml, ") || !plugin.IsPermanent(err) && want != "klingon" {
			t.Errorf("%.60q: %v lacks %q", text, err, want)
		}
	}
}

func TestWhatXMLCannotHoldIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a\x00b", "\x01", "\uFFFE"} {
		if _, err := written(t, "xml_use_attr_format = false", batch(t, schemaOf(t, "s string"), text)); err == nil || !strings.Contains(err.Error(), `column "s"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := written(t, "xml_use_attr_format = false", batch(t, schemaOf(t, "1st string"), "a")); err == nil || !strings.Contains(err.Error(), `"1st"`) {
		t.Errorf("column 1st: %v", err)
	}
	for _, options := range []string{"", "xml_use_attr_format = true\n xml_root_tag = \"a b\"", "xml_use_attr_format = true\n xml_row_tag = \"\"", "xml_use_attr_format = true\n encoding = klingon"} {
		if _, err := written(t, options, batch(t, schemaOf(t, "s string"), "a")); err == nil {
			t.Errorf("options %q are taken", options)
		}
	}
	for _, options := range []string{"", "xml_row_tag = row", "xml_use_attr_format = true"} {
		if _, err := (Format{}).Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), schemaOf(t, "s string"), nil); err == nil {
			t.Errorf("options %q are taken", options)
		}
	}
}

func TestManyRowsComeInBatchesAndFromAnyPosition(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("<x>")
	for i := range 10000 {
		fmt.Fprintf(&text, "<row><id>%d</id></row>", i)
	}
	text.WriteString("</x>")
	schema := schemaOf(t, "id int")
	all, _, err := read(t, []byte(text.String()), elements, schema, 0)
	if err != nil || len(all) != 10000 {
		t.Fatal(len(all), err)
	}
	for _, at := range []int64{1, 4096, 9999, 10000} {
		if rest, _, err := read(t, []byte(text.String()), elements, schema, at); err != nil || !slices.Equal(rest, all[at:]) {
			t.Errorf("from %d: %d rows, %v", at, len(rest), err)
		}
	}
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{"<x><row><id>1</id><s>a</s></row></x>", "<row id='1' s='&lt;'/>", "<row><row><id/></row></row>", "\xff\xfe<\x00r\x00", "<?xml encoding='gbk'?><row/>", "<row><s><![CDATA[x]]></s></row>"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	schema := schemaOf(f, "id int", "s string")
	f.Fuzz(func(t *testing.T, text []byte, attributes bool) {
		options := fmt.Sprintf("xml_row_tag = row\n xml_use_attr_format = %v", attributes)
		rows, bad, err := read(t, text, options, schema, 0)
		if err != nil {
			return
		}
		// What was read can be read in two goes.
		if n := int64(len(rows) + len(bad)); n > 0 {
			rest, badRest, err := read(t, text, options, schema, 1)
			if err != nil || int64(len(rest)+len(badRest)) != n-1 {
				t.Fatalf("%d rows, after the first %d (%v)", n, len(rest)+len(badRest), err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	schema := schemaOf(b, "id bigint", "name string", "amount double", "n int", "at timestamp")
	var text bytes.Buffer
	text.WriteString("<x>")
	for i := range 20000 {
		fmt.Fprintf(&text, "<row><id>%d</id><name>name of row %d</name><amount>%d.5</amount><n>%d</n><at>2024-01-02 03:04:05</at></row>\n", i, i, i, i)
	}
	text.WriteString("</x>")
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if rows, _, err := read(b, text.Bytes(), elements, schema, 0); err != nil || len(rows) != 20000 {
			b.Fatal(err)
		}
	}
}
