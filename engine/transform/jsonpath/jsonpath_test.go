package jsonpath

import (
	"context"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	transformtest.Conformance(t, "jsonpath", transformtest.Schema(t, "id bigint", "data string"),
		`columns = [ { src_field = data, path = "$.a", dest_field = a, dest_type = int, column_error_handle_way = SKIP }, { src_field = data, path = "$.b", dest_field = b } ]
row_error_handle_way = SKIP`,
		`[{"id": 1, "data": "{\"a\": 1, \"b\": \"x\"}"}, {"id": 2, "data": null}, {"id": 3, "data": "{\"a\": 1}"}, {"id": 4, "data": "{\"b\": {\"c\": [1, 2]}}"}]`,
		record.Insert, record.UpdateAfter, record.Insert, record.Delete)
}

func TestValuesAreReadByTheRulesOfJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ doc, typ, want string }{
		{`"x"`, "string", "x"},
		{`"é\u00e9"`, "string", "éé"},
		{`1.50`, "string", "1.50"},
		{`{"b": 1, "a": [1, 2]}`, "string", `{"b":1,"a":[1,2]}`},
		{`"12"`, "int", "12"},
		{`12`, "bigint", "12"},
		{`"1.25"`, "decimal(4,2)", "1.25"},
		{`true`, "boolean", "true"},
		{`["a", "b"]`, "array<string>", `["a","b"]`},
		{`"2024-01-02"`, "date", "2024-01-02"},
		{`null`, "int", "∅"},
		{`null`, "string", "∅"},
	} {
		input := transformtest.Schema(t, "data string")
		tr := transformtest.MustOpen(t, "JsonPath", input, `columns = [ { src_field = data, path = "$.v", dest_field = data, dest_type = "`+c.typ+`" } ]`)
		in := transformtest.Batch(t, input, `[{"data": null}, {"data": "{\"v\": `+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.doc)+`}"}]`)
		if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), in); got != "+I|∅\n+I|"+c.want {
			t.Errorf("%s as %s: %q", c.doc, c.typ, got)
		}
	}
}

func TestSourceMayBeNested(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, json, path, want string }{
		{"bytes", `"eyJhIjogN30="`, "$.a", "7"},
		{"array<int>", `[1, 2]`, "$[1]", "2"},
		{"map<string, int>", `[{"key": "k", "value": 5}]`, "$.k", "5"},
		{"{x = int, y = {z = string}}", `{"x": 1, "y": {"z": "deep"}}`, "$[1].z", "deep"},
	} {
		input := transformtest.Schema(t, "id int", "data "+c.typ)
		tr := transformtest.MustOpen(t, "JsonPath", input, `columns = [ { src_field = data, path = "`+c.path+`", dest_field = v } ]`)
		got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, `[{"id": 1, "data": null}, {"id": 2, "data": `+c.json+`}]`))
		if !strings.HasSuffix(got, "|"+c.want) {
			t.Errorf("%s of %s: %q", c.path, c.typ, got)
		}
	}
}

func TestErrorHandling(t *testing.T) {
	t.Parallel()
	const rows = `[{"id": 1, "data": "{\"a\": 1}"}, {"id": 2, "data": "{}"}, {"id": 3, "data": "no json"}, {"id": 4, "data": "{\"a\": 4}"}]`
	const all, ends, filled = "fails", "+I|1|1\n+I|4|4", "+I|1|1\n+I|2|∅\n+I|3|∅\n+I|4|4"
	for _, c := range []struct{ column, row, want string }{
		{"", "", all}, {"", "FAIL", all}, {"", "SKIP", ends},
		{"FAIL", "SKIP", all}, {"SKIP", "", filled}, {"SKIP", "SKIP", filled}, {"SKIP_ROW", "FAIL", ends},
	} {
		options := `columns = [ { src_field = data, path = "$.a", dest_field = a, dest_type = int`
		if c.column != "" {
			options += ", column_error_handle_way = " + c.column
		}
		if options += " } ]"; c.row != "" {
			options += "\nrow_error_handle_way = " + c.row
		}
		input := transformtest.Schema(t, "id int", "data string")
		tr := transformtest.MustOpen(t, "JsonPath", input, options)
		out, err := tr.Apply(t.Context(), plugintest.Task(t, 1), transformtest.Batch(t, input, rows))
		got := all
		if err == nil {
			var lines []string
			for _, r := range plugintest.Rows(out) {
				cells := strings.Split(r, "|")
				lines = append(lines, cells[0]+"|"+cells[1]+"|"+cells[3])
			}
			got = strings.Join(lines, "\n")
		} else if !strings.Contains(err.Error(), `path "$.a" in column "data"`) {
			t.Errorf("%+v: %v", c, err)
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestValueThatDoesNotFitIsAlwaysAnErrorButMayBeADeadLetter(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id int", "data string")
	tr := transformtest.MustOpen(t, "JsonPath", input, `columns = [ { src_field = data, path = "$.a", dest_field = a, dest_type = int, column_error_handle_way = SKIP } ]
row_error_handle_way = SKIP`)
	in := transformtest.Batch(t, input, `[{"id": 1, "data": "{\"a\": \"x\"}"}, {"id": 2, "data": "{\"a\": 2}"}]`)
	if _, err := tr.Apply(t.Context(), plugintest.Task(t, 1), in); err == nil {
		t.Error("a text became an int")
	}
	var bad []plugin.DirtyRow
	task := plugintest.Task(t, 1)
	task.Dirty = func(_ context.Context, row plugin.DirtyRow) error { bad = append(bad, row); return nil }
	if got := transformtest.Apply(t, tr, task, in); got != `+I|2|{"a": 2}|2` {
		t.Errorf("%q", got)
	}
	if len(bad) != 1 || string(bad[0].Raw) != `{"a": "x"}` || bad[0].At.Rows != 100 {
		t.Errorf("%+v", bad)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"":             "columns",
		`columns = []`: "the list is empty",
		`columns = [ { src_field = x, path = "$.a", dest_field = a } ]`:                        "can't find input field(s) [x]",
		`columns = [ { src_field = id, path = "$.a", dest_field = a } ]`:                       "holds no JSON",
		`columns = [ { src_field = data, path = "$[", dest_field = a } ]`:                      "columns[0]",
		`columns = [ { src_field = data, path = "$.a", dest_field = a, dest_type = number } ]`: "unknown type",
		`columns = [ { src_field = data, dest_field = a } ]`:                                   "path",
	} {
		if _, err := transformtest.Open(t, "JsonPath", transformtest.Schema(t, "id int", "data string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
