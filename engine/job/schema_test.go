package job

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/record"
)

func schemaOf(t *testing.T, text string) (*record.Schema, error) {
	t.Helper()
	v, err := hocon.Parse("schema.conf", []byte(text), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ParseSchema(v)
}

func TestSchemaWithFields(t *testing.T) {
	t.Parallel()
	s, err := schemaOf(t, `table = "db.s.t", comment = "c"
fields { id = bigint, d = "decimal(10, 2)", m = "map<string, array<int>>", r { a = int, b { c = string } }, n = "null", BIG = "TimeStamp (9)" }
primaryKey { name = pk, columnNames = [id, d] }
constraintKeys = [ { constraintName = u, constraintType = unique_key, constraintColumns = [ { columnName = id, sortType = desc }, { columnName = n } ] } ]`)
	if err != nil {
		t.Fatal(err)
	}
	want := &record.Schema{
		Path: record.TablePath{Database: "db", Schema: "s", Table: "t"}, Comment: "c",
		Columns: []record.Column{
			{Name: "id", Type: record.Of(record.BigInt)}, {Name: "d", Type: record.DecimalOf(10, 2)},
			{Name: "m", Type: record.MapOf(record.Of(record.String), record.ArrayOf(record.Of(record.Int)))},
			{Name: "r", Type: record.RowOf(record.Field{Name: "a", Type: record.Of(record.Int)}, record.Field{Name: "b", Type: record.RowOf(record.Field{Name: "c", Type: record.Of(record.String)})})},
			{Name: "n"}, {Name: "BIG", Type: record.Type{Kind: record.Timestamp, Scale: 9}},
		},
		PrimaryKey: &record.PrimaryKey{Name: "pk", Columns: []string{"id", "d"}},
		Constraints: []record.ConstraintKey{{Name: "u", Kind: record.UniqueKey,
			Columns: []record.KeyColumn{{Name: "id", Sort: "DESC"}, {Name: "n", Sort: "ASC"}}}},
	}
	if !reflect.DeepEqual(s, want.Freeze()) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestSchemaWithColumns(t *testing.T) {
	t.Parallel()
	s, err := schemaOf(t, `table = "s.t", schema_first = true
columns = [
  { name = id, type = bigint, nullable = false, columnLength = 20, defaultValue = 7, comment = key }
  { name = s, type = string, defaultValue = "x" }
  { name = f, type = double, defaultValue = 1.5 }, { name = b, type = boolean, defaultValue = true }
  { name = ts, type = timestamp, columnScale = 9 }, { name = ts2, type = timestamp, columnScale = 3 }
  { name = r, type { a = int } }
]`)
	if err != nil {
		t.Fatal(err)
	}
	zero, twenty := int64(0), int64(20)
	want := []record.Column{
		{Name: "id", Type: record.Of(record.BigInt), NotNull: true, Length: &twenty, Default: int64(7), Comment: "key"},
		{Name: "s", Type: record.Of(record.String), Length: &zero, Default: "x"},
		{Name: "f", Type: record.Of(record.Double), Length: &zero, Default: 1.5},
		{Name: "b", Type: record.Of(record.Boolean), Length: &zero, Default: true},
		{Name: "ts", Type: record.Type{Kind: record.Timestamp, Scale: 9}, Length: &zero},
		{Name: "ts2", Type: record.Of(record.Timestamp), Length: &zero},
		{Name: "r", Type: record.RowOf(record.Field{Name: "a", Type: record.Of(record.Int)}), Length: &zero},
	}
	if !reflect.DeepEqual(s.Columns, want) {
		t.Errorf("got  %+v\nwant %+v", s.Columns, want)
	}
	if s.Path != (record.TablePath{Schema: "s", Table: "t"}) {
		t.Errorf("path %+v", s.Path)
	}
}

func TestSchemaProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	text := `table = a.b.c.d
schema_first = maybe
fields { a = integer, b = "map<strin, int>", c = decimal, d { e = varchar }, f = [int], g = biginnt }
primaryKey { columnNames = [] }
constraintKeys = [ { constraintName = c, constraintType = UNIQ, constraintColumns = [ { sortType = up }, x ] }, { constraintColumns = 5 } ]
`
	_, err := schemaOf(t, text)
	var got bytes.Buffer
	var problems hocon.Problems
	problems.AddErr(hocon.Pos{}, err)
	if err := hocon.Render(&got, problems, func(string) []byte { return []byte(text) }, false); err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/schema_problems.txt", got.Bytes())
}

func TestSchemaMistakes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, want string }{
		{"fields { a = int }\ncolumns = [ { name = a, type = int } ]", "2:1: Schema config can't contains both [fields] and [columns], please correct your config first"},
		{"table = t", "the schema names no columns"},
		{"fields {}", "names no columns"},
		{"fields { a = integer }", "1:14: ErrorCode:[COMMON-07], ErrorDescription:['SeaTunnel' unsupported data type 'integer' of 'a'] (did you mean int?)"},
		{"fields { r { a = floot } }", "unsupported data type 'floot' of 'r.a'] (did you mean float?)"},
		{"fields { a = int }\nprimaryKey { columnNames = [A] }", `the schema has no column "A" (did you mean "a"?)`},
		{"columns = [ { name = a, type = int }, { name = a, type = int } ]", `column "a" appears twice`},
		{"columns = [ { type = int } ]", `"name" must be given`},
		{"columns = [ { name = a } ]", `column "a" has no "type"`},
		{"columns = [ { name = a, type = int, columnLength = x } ]", `"columnLength" is no number`},
		{"columns { name = a }", `"columns" is an object`},
		{"[1]", "the schema is a list"},
	} {
		if _, err := schemaOf(t, row.text); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v", row.text, err)
		}
	}
}
