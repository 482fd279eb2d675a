package excel

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/xuri/excelize/v2"

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

// read gives the good rows, the bad ones' errors and the error of a whole file.
func read(t testing.TB, f plugin.File, options string, schema *record.Schema, columns []string, at int64) (rows, bad []string, err error) {
	t.Helper()
	r, err := Format{}.Reading(delimitedtest.Options(t, Format{}.ReadOptions(), options), schema, columns)
	if err != nil {
		t.Fatal(err)
	}
	task := plugintest.Task(t, 1)
	task.Dirty = func(_ context.Context, row plugin.DirtyRow) error {
		bad = append(bad, fmt.Sprintf("%d %v %s", row.At.Rows, row.Err, row.Raw))
		return nil
	}
	err = delimitedtest.Read(t.Context(), task, r, f, plugin.Range{To: -1}, record.Position{Rows: at}, func(b *record.Batch) {
		rows = append(rows, plugintest.Rows(b)...)
	})
	return rows, bad, err
}

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

func write(t testing.TB, options string, b *record.Batch) ([]byte, error) {
	t.Helper()
	w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), options), b.Schema)
	if err != nil {
		return nil, err
	}
	return delimitedtest.Write(w, b)
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, "a tinyint", "b smallint", "c int", "d bigint", "e boolean", "f float", "g double", "h decimal(10,2)", "i decimal(38,18)", "s string",
		"raw bytes", "day date", "clock time", "at timestamp", "nano timestamp(9)", "tz timestamp_tz", "l array<int>", "m map<string,int>", "r {a = int, b = string}")
	lines := []string{
		"-128|-32768|-2147483648|-9223372036854775808|true|0.1|1.7976931348623157E308|-99999999.99|12345678901234567890.123456789012345678| a <b> & \"c\" _x0041_ \t\r\n\u65e5|raw\xff|1900-03-01|23:59:59.999|1900-03-01T00:00:00.001|2024-02-29T01:02:03.123456789|2024-02-29T01:02:03Z|[1,2]|{\"k\":1}|{\"a\":1,\"b\":\"x\"}",
		"127|32767|2147483647|9223372036854775807|false|3.4028235E38|5.0E-324|0.01|0.000000000000000001|1.0||9999-12-31|23:59:59.999999|9999-12-31T23:59:59.999|1700-01-01T00:00:00.000000001|0001-01-01T00:00:00Z|[]|{}|{\"a\":null,\"b\":\"\"}",
		"0|0|0|123456789012345|false|0|0.30000000000000004|0|0|\x01\x1f\u00a0|[1]|1899-12-31|00:00:00|0001-01-01T00:00:00|2024-02-29T12:00:00|2024-02-29T01:02:03.000001Z|[null]|{}|{\"a\":0,\"b\":\"\"}",
		"1|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅",
		"2|0|0|0|true|NaN|Infinity|0|0||x|2024-02-29|12:00:00|2024-02-29T12:34:56|2024-02-29T12:00:00|2024-02-29T01:02:03Z|[]|{}|{\"a\":0,\"b\":\"\"}",
	}
	b := batch(t, schema, lines...)
	want := plugintest.Rows(b)
	data, err := write(t, "", b)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []plugin.File{delimitedtest.File("in.xlsx", data), delimitedtest.Stream("in.xlsx", data)} {
		got, bad, err := read(t, f, "skip_header_row_number = 1", schema, nil, 0)
		if err != nil || len(bad) > 0 {
			t.Fatal(err, bad)
		}
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("row %d came back as\n%q, was\n%q", i, got[min(i, len(got)-1)], want[i])
			}
		}
	}
	names, _, err := read(t, delimitedtest.File("in.xlsx", data), "", schemaOf(t, "x string", "y string"), nil, 0)
	if err != nil || names[0] != "+I|a|b" {
		t.Errorf("the first row is %v (%v), want the names of the columns", names[0], err)
	}
}

// workbook makes a workbook with excelize, as a spreadsheet program would.
func workbook(t testing.TB, fill func(f *excelize.File) error) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := fill(f); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Another program sees dates as dates and numbers as numbers.
func TestOthersUnderstandWhatIsWritten(t *testing.T) {
	t.Parallel()
	data, err := write(t, "sheet_name = \"a & b\"", batch(t, schemaOf(t, "day date", "at timestamp", "clock time", "n double", "s string", "none int"), "2024-02-29|2024-02-29T01:02:03|01:02:03|0.30000000000000004|a<b _x0041_|∅"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("a & b")
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	if want := []string{"2024-02-29", "2024-02-29 01:02:03.000", "01:02:03.000", "0.3", "a<b _x0041_"}; !slices.Equal(rows[1], want) {
		t.Errorf("%q, want %q", rows[1], want)
	}
	if raw, err := f.GetCellValue("a & b", "D2", excelize.Options{RawCellValue: true}); err != nil || raw != "0.30000000000000004" {
		t.Errorf("the number is stored as %s (%v)", raw, err)
	}
}

func set(f *excelize.File, sheet string, cells map[string]any) error {
	for at, v := range cells {
		if err := f.SetCellValue(sheet, at, v); err != nil {
			return err
		}
	}
	return nil
}

func TestCellsAreReadByTheirColumnsTypes(t *testing.T) {
	t.Parallel()
	data := workbook(t, func(f *excelize.File) error {
		style, err := f.NewStyle(&excelize.Style{NumFmt: 14})
		if err != nil {
			return err
		}
		for _, cell := range []string{"A1", "B1"} {
			if err := f.SetCellStyle("Sheet1", cell, cell, style); err != nil {
				return err
			}
		}
		if err := f.SetCellRichText("Sheet1", "F1", []excelize.RichTextRun{{Text: "rich "}, {Text: "text"}}); err != nil {
			return err
		}
		return set(f, "Sheet1", map[string]any{"A1": 45351, "B1": 45351.5, "C1": 45351, "D1": 1, "E1": true, "G1": 12.3400000000000016, "H1": 1e15,
			"A3": "2024-03-01", "B3": "2024/03/01 01:02:03", "C3": "text", "D3": " 7 ", "E3": "FALSE", "G3": "0.5", "H3": "  "})
	})
	schema := schemaOf(t, "a date", "b timestamp", "c string", "d int", "e boolean", "f string", "g decimal(10,2)", "h bigint")
	rows, bad, err := read(t, delimitedtest.File("in.xlsx", data), "", schema, nil, 0)
	if err != nil || len(bad) > 0 {
		// D3 holds blanks around its number, which is no INT
		if err != nil || len(bad) != 1 || !strings.Contains(bad[0], `sheet Sheet1, row 3: column "d"`) {
			t.Fatal(err, bad)
		}
	}
	if want := []string{"+I|2024-02-29|2024-02-29T12:00:00|45351|1|true|rich text|12.34|1000000000000000"}; !slices.Equal(rows, want) {
		t.Fatalf("%q, want %q", rows, want)
	}
	// Read as text, dates look like dates.
	rows, _, err = read(t, delimitedtest.File("in.xlsx", data), "", schemaOf(t, "a string", "b string", "c string", "d string", "e string"), []string{"e", "a", "d"}, 0)
	if err != nil || rows[0] != "+I|true|2024-02-29|1" {
		t.Errorf("%q, %v", rows, err)
	}
}

func TestCellsThatDoNotFitAreBadRows(t *testing.T) {
	t.Parallel()
	data := workbook(t, func(f *excelize.File) error {
		if err := f.SetCellFormula("Sheet1", "A4", "1+1"); err != nil {
			return err
		}
		return set(f, "Sheet1", map[string]any{"A1": "one", "A2": 1.5, "A3": 300, "A5": 5, "B1": "b"})
	})
	rows, bad, err := read(t, delimitedtest.File("in.xlsx", data), "", schemaOf(t, "a tinyint", "b string"), nil, 0)
	if err != nil || !slices.Equal(rows, []string{"+I|5|∅"}) {
		t.Fatal(rows, err)
	}
	for i, want := range []string{`1 in.xlsx, sheet Sheet1, row 1: column "a": "one" is no TINYINT`, `"1.5"`, `"300"`, "formula's result is not stored"} {
		if len(bad) != 4 || !strings.Contains(bad[i], want) {
			t.Errorf("%q lacks %q", bad, want)
		}
	}
	if !strings.HasSuffix(bad[0], "one\tb") {
		t.Errorf("the dead letter is %q", bad[0])
	}
}

func TestSheetsAreFoundByName(t *testing.T) {
	t.Parallel()
	data := workbook(t, func(f *excelize.File) error {
		if _, err := f.NewSheet("Zahlen & so"); err != nil {
			return err
		}
		if err := set(f, "Sheet1", map[string]any{"A1": 1}); err != nil {
			return err
		}
		return set(f, "Zahlen & so", map[string]any{"A1": 2, "A9": 9})
	})
	f := delimitedtest.File("in.xlsx", data)
	for options, want := range map[string]string{
		"": "[+I|1]", "sheet_name = \"Zahlen & so\"": "[+I|2 +I|9]", "sheet_name = \"Zahlen & so\"\n skip_header_row_number = 8": "[+I|9]",
		"sheet_name = None": "no sheet \"None\"; it has Sheet1, Zahlen & so", "skip_header_row_number = 2": "has only 1 rows",
	} {
		rows, _, err := read(t, f, options, schemaOf(t, "n int"), nil, 0)
		if got := fmt.Sprint(rows); err != nil {
			if !strings.Contains(err.Error(), want) || !plugin.IsPermanent(err) {
				t.Errorf("%s: %v, want %s", options, err, want)
			}
		} else if got != want {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
	}
}

func TestManyRowsComeInBatchesAndFromAnyPosition(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, "id int", "s string")
	var lines []string
	for i := range 6000 {
		lines = append(lines, fmt.Sprintf("%d|text %d", i, i))
	}
	data, err := write(t, "sheet_name = rows", batch(t, schema, lines...))
	if err != nil {
		t.Fatal(err)
	}
	f := delimitedtest.File("in.xlsx", data)
	all, _, err := read(t, f, "skip_header_row_number = 1", schema, nil, 0)
	if err != nil || len(all) != 6000 {
		t.Fatal(len(all), err)
	}
	for _, at := range []int64{1, 4096, 5999, 6000} {
		if rest, _, err := read(t, f, "skip_header_row_number = 1", schema, nil, at); err != nil || !slices.Equal(rest, all[at:]) {
			t.Errorf("from %d: %d rows, %v", at, len(rest), err)
		}
	}
}

// replaced is a workbook with one part changed.
func replaced(t testing.TB, data []byte, part string, change func([]byte) []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == part {
			if content = change(content); content == nil {
				continue
			}
		}
		to, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestADamagedWorkbookIsAnError(t *testing.T) {
	t.Parallel()
	good := workbook(t, func(f *excelize.File) error {
		return set(f, "Sheet1", map[string]any{"A1": "x", "A2": "y", "B2": 2})
	})
	const sheet = "xl/worksheets/sheet1.xml"
	swap := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("no %s in %s", old, b)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut sheet":    {replaced(t, good, sheet, func(b []byte) []byte { return b[:bytes.Index(b, []byte("<c r=\"B2\""))] }), "damaged"},
		"no sheet":     {replaced(t, good, sheet, func([]byte) []byte { return nil }), "no part " + sheet},
		"no book":      {replaced(t, good, "_rels/.rels", func([]byte) []byte { return nil }), "_rels/.rels"},
		"shared text":  {replaced(t, good, sheet, swap("<v>1</v>", "<v>99</v>")), "no shared text"},
		"rows":         {replaced(t, good, sheet, swap("row r=\"2\"", "row r=\"1\"")), "row 2 was expected"},
		"columns":      {replaced(t, good, sheet, swap("\"B2\"", "\"A2\"")), "out of order"},
		"far column":   {replaced(t, good, sheet, swap("\"B2\"", "\"ZZZZZZZZZZZZZ2\"")), "more than 16384 columns"},
		"number":       {replaced(t, good, sheet, swap("<v>2</v>", "<v>two</v>")), "no number"},
		"half":         {good[:len(good)/2], "not an .xlsx workbook"},
		"text":         {[]byte("id,name\n1,x\n"), "not an .xlsx workbook"},
		"old workbook": {append(slices.Clone(oldWorkbook), make([]byte, 600)...), "old .xls"},
	} {
		_, bad, err := read(t, delimitedtest.File("in.xls", c.data), "", schemaOf(t, "a string", "b int"), nil, 0)
		if got := fmt.Sprint(err, bad); !strings.Contains(got, c.want) || err != nil && !plugin.IsPermanent(err) {
			t.Errorf("%s: %s, want %q", name, got, c.want)
		}
	}
}

func TestNumberFormatsOfDates(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]dateKind{
		"General": noDate, "0.00": noDate, "#,##0.00 \"dmy\"": noDate, "0.00E+00": noDate, "\\d0": noDate, "[Red]0": noDate, "@": noDate,
		"yyyy-mm-dd": dateOnly, "d/m/yy": dateOnly, "mmm": dateOnly, "[$-409]mmmm\\ d": dateOnly, "[$-F800]dddd, mmmm dd, yyyy": dateOnly,
		"hh:mm": timeOnly, "mm:ss.0": timeOnly, "[h]:mm": timeOnly, "[ss]": timeOnly, "yyyy-mm-dd hh:mm": dateAndTime, "\"": noDate, "[": noDate, "\\": noDate,
	} {
		if got := kindOf(code); got != want {
			t.Errorf("%q is %d, want %d", code, got, want)
		}
	}
}

func TestSerialNumbersOfBothSystems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		epoch  int64
		serial float64
		want   string
	}{
		{epoch1900, 1, "1900-01-01 00:00:00"}, {epoch1900, 59, "1900-02-28 00:00:00"}, {epoch1900, 61, "1900-03-01 00:00:00"},
		{epoch1900, 25569, "1970-01-01 00:00:00"}, {epoch1900, 45351.999999988426, "2024-02-29 23:59:59.999"}, {epoch1904, 0, "1904-01-01 00:00:00"},
		{epoch1900, 2958465.5, "9999-12-31 12:00:00"},
	} {
		at, ok := (&book{epoch: c.epoch}).instant(c.serial)
		if got := string(momentText(nil, at, record.Of(record.Timestamp), noDate)); !ok || got != c.want {
			t.Errorf("%v: %s, want %s", c.serial, got, c.want)
		}
	}
	if _, ok := (&book{epoch: epoch1900}).instant(-1); ok {
		t.Error("a negative serial number is a date")
	}
}

func TestWhatASheetCannotHoldIsAnError(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, "s string")
	if _, err := write(t, "", batch(t, schema, strings.Repeat("x", 32768))); err == nil || !strings.Contains(err.Error(), "row 2 of the sheet, column \"s\"") {
		t.Errorf("a text of 32768 characters: %v", err)
	}
	for _, name := range []string{"a/b", strings.Repeat("x", 32), "[x]"} {
		if _, err := write(t, "sheet_name = \""+name+"\"", batch(t, schema, "x")); err == nil || !strings.Contains(err.Error(), "sheet_name") {
			t.Errorf("sheet %q: %v", name, err)
		}
	}
}

func FuzzExcel(f *testing.F) {
	for _, s := range []string{`<row r="1"><c r="A1" t="s"><v>0</v></c><c t="inlineStr"><is><t>x</t></is></c></row>`, `<row><c><v>1</v></c><c t="b"><v>1</v></c></row>`,
		`<row><c t="e"><v>#N/A</v></c><c><f>1</f></c></row>`, `<row r="x"/>`, `<c/>`, `<row><c r=""/></row>`, `<row><c s="-1"><v>1e999</v></c></row>`} {
		f.Add([]byte(s))
	}
	base := workbook(f, func(f *excelize.File) error { return set(f, "Sheet1", map[string]any{"A1": "x"}) })
	schema := schemaOf(f, "a string", "b int", "c date")
	f.Fuzz(func(t *testing.T, rows []byte) {
		data := replaced(t, base, "xl/worksheets/sheet1.xml", func([]byte) []byte {
			return slices.Concat([]byte("<worksheet><sheetData>"), rows, []byte("</sheetData></worksheet>"))
		})
		good, bad, err := read(t, delimitedtest.File("in.xlsx", data), "", schema, nil, 0)
		if err == nil && len(good)+len(bad) > len(rows) {
			t.Fatalf("%d rows of %d bytes", len(good)+len(bad), len(rows))
		}
	})
}

func five(t testing.TB, n int) *record.Batch {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("%d|name of row %d|%d.5|%d|2024-01-02T03:04:05", i, i, i, i%1000))
	}
	return batch(t, schemaOf(t, "id bigint", "name string", "amount double", "n int", "at timestamp"), lines...)
}

func BenchmarkWrite(b *testing.B) {
	rows := five(b, 20000)
	for b.Loop() {
		if _, err := write(b, "", rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRead(b *testing.B) {
	rows := five(b, 20000)
	data, err := write(b, "", rows)
	if err != nil {
		b.Fatal(err)
	}
	f := delimitedtest.File("in.xlsx", data)
	r, err := Format{}.Reading(delimitedtest.Options(b, Format{}.ReadOptions(), "skip_header_row_number = 1"), rows.Schema, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		err := delimitedtest.Read(b.Context(), plugintest.Task(b, 1), r, f, plugin.Range{To: -1}, record.Position{}, func(b *record.Batch) { n += b.Rows() })
		if err != nil || n != 20000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
