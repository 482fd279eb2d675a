package job

import (
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/record"
)

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	full := &record.Schema{
		Path:       record.TablePath{Database: "db", Schema: "s", Table: "t"},
		Columns:    []record.Column{{Name: "id"}, {Name: "a"}, {Name: "b"}},
		PrimaryKey: &record.PrimaryKey{Columns: []string{"id", "a"}},
		Constraints: []record.ConstraintKey{
			{Kind: record.IndexKey, Columns: []record.KeyColumn{{Name: "a"}}},
			{Kind: record.UniqueKey, Columns: []record.KeyColumn{{Name: "b"}, {Name: "a"}}},
		},
	}
	bare := &record.Schema{Path: record.TablePath{Table: "t"}}
	noSchema := &record.Schema{Path: record.TablePath{Database: "db", Table: "t"}}
	for _, row := range []struct {
		schema     *record.Schema
		text, want string
	}{
		{full, `"${database_name}.${schema_name}.${table_name}"`, `"db.s.t"`},
		{full, `"${schema_full_name} ${table_full_name}"`, `"db.s db.s.t"`},
		{noSchema, `"${schema_full_name} ${table_full_name}"`, `"db db.t"`},
		{bare, `"[${database_name}][${schema_name}][${schema_full_name}][${table_full_name}]"`, `"[][][][t]"`},
		{bare, `"${database_name:d}_${table_name:x}"`, `"d_t"`},
		{full, `"${primary_key}|${unique_key}|${field_names}"`, `"id,a|b,a|id,a,b"`},
		{bare, `"${primary_key:id}|${unique_key}"`, `"id|"`},
		{full, `["${primary_key}"]`, `["id","a"]`},
		{full, `["${unique_key}"]`, `["b","a"]`},
		{full, `["${field_names}"]`, `["id","a","b"]`},
		{bare, `["${primary_key:x, y}"]`, `["x","y"]`},
		{bare, `["${primary_key}"]`, `[]`},
		{full, `["p_${primary_key}"]`, `["p_id,a"]`},
		{full, `["${table_name}"]`, `["t"]`},
		{full, `["${table_name}", "x"]`, `["${table_name}","x"]`},
		{full, `{"in": "${table_name}"}`, `{"in":"${table_name}"}`},
		{full, `"${other} ${x:1}"`, `"${other} ${x:1}"`},
		{full, `5`, `5`},
	} {
		in, err := hocon.ParseJSON("f", []byte(`{"k":`+row.text+`,"custom":"${table_name}"}`))
		if err != nil {
			t.Fatal(err)
		}
		before := string(hocon.JSON(in))
		got := string(hocon.JSON(ResolvePlaceholders(in, row.schema, []string{"custom"})))
		if want := `{"k":` + row.want + `,"custom":"${table_name}"}`; got != want {
			t.Errorf("%s: got %s, want %s", row.text, got, want)
		}
		if string(hocon.JSON(in)) != before {
			t.Errorf("%s: the argument was changed", row.text)
		}
	}
}
