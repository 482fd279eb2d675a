package testbed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// columns are one of each type a file can hold, with two rows of values; the second has a null
// where the first has a value.
var columns = []struct{ name, kind, first string }{
	{"s", "string", `"a \"quoted\" text, größer ☃"`},
	{"b", "boolean", `true`},
	{"ti", "tinyint", `-128`},
	{"si", "smallint", `32767`},
	{"i", "int", `-2147483648`},
	{"l", "bigint", `9007199254740993`},
	{"f", "float", `1.5`},
	{"d", "double", `-2.5E100`},
	{"de", `"decimal(10,2)"`, `12345678.25`},
	{"big", `"decimal(38,18)"`, `12345678901234567890.123456789012345678`},
	{"by", "bytes", `"Ynl0ZXM="`},
	{"da", "date", `"2024-02-29"`},
	{"t", "time", `"23:59:58"`},
	{"ts", "timestamp", `"1969-12-31T23:59:59"`},
	{"ai", `"array<int>"`, `[1, 2, 3]`},
	{"as", `"array<string>"`, `["x", "y"]`},
	{"m", `"map<string, int>"`, `{ "k" = 1 }`},
	{"r", `{ x = int, y = string }`, `{ x = 7, y = "in" }`},
}

// fileFormat is what a format needs, and which columns it cannot bring back as they were.
type fileFormat struct {
	write, read string
	without     []string
}

var fileFormats = map[string]fileFormat{
	"text":    {},
	"csv":     {},
	"json":    {},
	"parquet": {without: []string{"t"}},
	"orc":     {},
	"xml":     {write: "xml_use_attr_format = false", read: "xml_use_attr_format = false, xml_row_tag = RECORD", without: []string{"m"}},
	"excel":   {read: "skip_header_row_number = 1", without: []string{"l", "big", "by"}}, // its numbers are doubles
}

func schemaWithout(without []string) (fields, first, nulls string) {
	var f, v, n []string
	for _, c := range columns {
		if slices.Contains(without, c.name) {
			continue
		}
		f = append(f, c.name+" = "+c.kind)
		v = append(v, c.first)
		n = append(n, "null")
	}
	return strings.Join(f, ", "), strings.Join(v, ", "), `"only", ` + strings.Join(n[1:], ", ")
}

// TestFormatsBringRowsBack writes rows of every type with each format, reads them back and
// compares them with the same rows written as json at once.
func TestFormatsBringRowsBack(t *testing.T) {
	t.Parallel()
	for name, format := range fileFormats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			fields, first, nulls := schemaWithout(format.without)
			p.finish(fmt.Sprintf(`
env { parallelism = 1 }
source { FakeSource { plugin_output = rows
  schema { table = "all.types", fields { %s } }
  rows = [ { kind = INSERT, fields = [ %s ] }, { kind = INSERT, fields = [ %s ] } ] } }
sink {
  LocalFile { plugin_input = rows, path = "$DIR/straight", tmp_path = "$DIR/tmp", file_format_type = json }
  LocalFile { plugin_input = rows, path = "$DIR/written", tmp_path = "$DIR/tmp", file_format_type = %s
    %s }
}`, fields, first, nulls, name, format.write))
			p.finish(fmt.Sprintf(`
env { parallelism = 2 }
source { LocalFile { path = "$DIR/written", file_format_type = %s
  %s
  schema { table = "all.types", fields { %s } } } }
sink { LocalFile { path = "$DIR/back", tmp_path = "$DIR/tmp", file_format_type = json } }`, name, format.read, fields))
			want, got := p.lines("straight"), p.lines("back")
			if !slices.Equal(want, got) {
				t.Errorf("went in\n%s\ncame back\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
			if left := p.files("tmp"); len(left) > 0 {
				t.Errorf("temporary files are left: %q", left)
			}
		})
	}
}

// TestCompressedFilesComeBack writes and reads with every codec a sink may have.
func TestCompressedFilesComeBack(t *testing.T) {
	t.Parallel()
	for format, codecs := range map[string][]string{
		"text": {"none", "lzo"}, "csv": {"none", "lzo"}, "json": {"none", "lzo"},
		"orc":     {"none", "snappy", "lz4", "zlib"},
		"parquet": {"none", "snappy", "lz4", "gzip", "brotli", "zstd"},
	} {
		for _, codec := range codecs {
			t.Run(format+" "+codec, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				p.numbers(5000)
				read := codec
				if format == "orc" || format == "parquet" {
					read = "none" // the file says
				}
				p.finish(fmt.Sprintf(`
env { parallelism = 2 }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { fields { id = int, name = string } } } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = %s, compress_codec = %s } }`, format, codec))
				p.finish(fmt.Sprintf(`
env { parallelism = 2 }
source { LocalFile { path = "$DIR/out", file_format_type = %s, compress_codec = %s, schema { fields { id = int, name = string } } } }
sink { LocalFile { path = "$DIR/back", tmp_path = "$DIR/tmp", file_format_type = csv } }`, format, read))
				if want, got := p.lines("in"), p.lines("back"); !slices.Equal(want, got) {
					t.Errorf("%d rows went in and %d other ones came back", len(want), len(got))
				}
			})
		}
	}
}

// TestQuotedNewlinesSurviveSplitting reads one csv file with line ends inside quotes by four
// readers.
func TestQuotedNewlinesSurviveSplitting(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var b strings.Builder
	const rows = 60_000
	for i := range rows {
		fmt.Fprintf(&b, "%d,\"line one\nline \"\"two\"\", of %d\r\n\"\n", i, i)
	}
	p.write("in/quoted.csv", b.String())
	p.finish(fmt.Sprintf(`
env { parallelism = 4 }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { table = t, fields { id = int, note = string } } } }
transform { Sql { query = "select id, length(note) as n from t" } }
sink { Assert { rules {
  row_rules = [ { rule_type = MIN_ROW, rule_value = %d }, { rule_type = MAX_ROW, rule_value = %d } ]
  field_rules = [ { field_name = n, field_type = bigint, field_value = [ { rule_type = NOT_NULL }, { rule_type = MIN, rule_value = 27 }, { rule_type = MAX, rule_value = 31 } ] } ]
} } }`, rows, rows))
}
