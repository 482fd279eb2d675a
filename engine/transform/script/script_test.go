package script

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
	transformtest.Conformance(t, "script", transformtest.Schema(t, "id bigint", "name string"), `filter = "id != 2"
columns = [ { dest_field = loud, script = "upper(name ?? '')" } ]`,
		`[{"id": 1, "name": "a"}, {"id": 2, "name": null}, {"id": 3, "name": null}]`, record.Insert, record.UpdateAfter, record.Delete)
}

func TestExpressionsSeeTheRow(t *testing.T) {
	t.Parallel()
	const row = `{"id": 7, "small": 3, "name": "ann lee", "price": 2.5, "dec": "1.25", "ok": true, "day": "2024-02-03", "at": "2024-02-03 04:05:06", "clock": "01:02:03", "tags": ["x", null, "z"], "m": [{"key": "k", "value": 5}], "r": {"a": 1, "b": "deep"}, "none": null, "user-name": "u"}`
	input := transformtest.Schema(t, "id bigint", "small tinyint", "name string", "price double", "dec decimal(10,2)", "ok boolean", "day date", "at timestamp", "clock time", "tags array<string>", "m map<string, int>", "r {a = int, b = string}", "none int", "user-name string")
	for _, c := range []struct{ script, typ, want string }{
		{"id + small", "bigint", "10"},
		{"id % 2 == 1", "boolean", "true"},
		{"id / 2", "double", "3.5"},
		{"id * 2", "string", "14"},
		{"price * 2", "int", "5"},
		{"price", "decimal(10,3)", "2.5"},
		{"dec + 1", "double", "2.25"},
		{"upper(name)", "string", "ANN LEE"},
		{"split(name, ' ')[1]", "string", "lee"},
		{"none ?? 9", "int", "9"},
		{"none", "int", "∅"},
		{"ok ? 'y' : 'n'", "string", "y"},
		{"day", "date", "2024-02-03"},
		{"day.Year()", "int", "2024"},
		{"at", "timestamp", "2024-02-03T04:05:06"},
		{"at", "string", "2024-02-03T04:05:06"},
		{"clock", "time", "01:02:03"},
		{"clock", "string", "01:02:03"},
		{"len(tags)", "int", "3"},
		{"filter(tags, # != nil)", "array<string>", `["x","z"]`},
		{"tags", "string", `["x",null,"z"]`},
		{"m.k", "int", "5"},
		{"r.b", "string", "deep"},
		{"r", "{a = int, b = string}", `{"a":1,"b":"deep"}`},
		{`$env["user-name"]`, "string", "u"},
		{"{'a': id}", "map<string, int>", `[{"key":"a","value":7}]`},
	} {
		options := "columns = [ { dest_field = out, dest_type = \"" + c.typ + "\", script = \"" + strings.ReplaceAll(c.script, `"`, `\"`) + "\" } ]"
		tr, err := transformtest.Open(t, "Script", input, options)
		if err != nil {
			t.Errorf("%s: %v", c.script, err)
			continue
		}
		out, err := tr.Apply(t.Context(), plugintest.Task(t, 1), transformtest.Batch(t, input, "["+row+"]"))
		if err != nil {
			t.Errorf("%s: %v", c.script, err)
			continue
		}
		got := "∅"
		if col := out.Data.Column(len(input.Columns)); col.IsValid(0) {
			got = col.ValueStr(0)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s as %s: %s, want %s", c.script, c.typ, got, c.want)
		}
	}
}

func TestFilterKeepsWhatIsTrue(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id int", "name string")
	tr := transformtest.MustOpen(t, "Script", input, "filter = \"name == nil ? nil : id > 1\"")
	in := transformtest.Batch(t, input, `[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": null}]`, record.Insert, record.Delete, record.Insert)
	if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), in); got != "-D|2|b" {
		t.Errorf("%q", got)
	}
}

func TestFailingExpressionIsABadRow(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id int", "name string")
	for options, want := range map[string]string{
		`columns = [ { dest_field = x, dest_type = int, script = "name" } ]`:          `computing column "x"`,
		`columns = [ { dest_field = x, script = "upper(name)" } ]`:                    `script "upper(name)"`,
		`columns = [ { dest_field = x, dest_type = double, script = "1 / none()" } ]`: "",
		`filter = "id"`: "not true or false",
	} {
		tr, err := transformtest.Open(t, "Script", input, options)
		if want == "" {
			if err == nil {
				t.Errorf("%s was accepted", options)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		in := transformtest.Batch(t, input, `[{"id": 1, "name": null}, {"id": 2, "name": "b"}]`)
		if strings.Contains(options, `"name"`) {
			in = transformtest.Batch(t, input, `[{"id": 1, "name": "a"}, {"id": 2, "name": "5"}]`)
		}
		if _, err := tr.Apply(t.Context(), plugintest.Task(t, 1), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
		var bad []plugin.DirtyRow
		task := plugintest.Task(t, 1)
		task.Dirty = func(_ context.Context, row plugin.DirtyRow) error { bad = append(bad, row); return nil }
		transformtest.Apply(t, tr, task, in)
		if len(bad) == 0 || !strings.HasPrefix(string(bad[0].Raw), `{"id":1,"name":`) {
			t.Errorf("%s: %+v", options, bad)
		}
	}
}

func TestExpressionsAreBounded(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id int")
	tr := transformtest.MustOpen(t, "Script", input, `columns = [ { dest_field = x, script = "map(1..1000, map(1..10000, [#, #, #]))" } ]`)
	if _, err := tr.Apply(t.Context(), plugintest.Task(t, 1), transformtest.Batch(t, input, `[{"id": 1}]`)); err == nil || !strings.Contains(err.Error(), "memory budget") {
		t.Error(err)
	}
	for _, script := range []string{strings.Repeat("1 + ", 3000) + "1", strings.Repeat("(", 100000)} {
		if _, err := transformtest.Open(t, "Script", input, `columns = [ { dest_field = x, script = "`+script+`" } ]`); err == nil {
			t.Error("an endless expression was accepted")
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"":                      "nothing to do",
		`filter = "nme"`:        "nme",
		`filter = "id +"`:       "filter",
		`filter = "now() > id"`: "now",
		`columns = [ { dest_field = x, dest_type = number, script = "1" } ]`: "unknown type",
		`columns = [ { dest_field = x } ]`:                                   "script",
	} {
		if _, err := transformtest.Open(t, "Script", transformtest.Schema(t, "id int"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func BenchmarkColumn(b *testing.B) {
	input := transformtest.Schema(b, "id int", "name string")
	tr := transformtest.MustOpen(b, "Script", input, `columns = [ { dest_field = x, dest_type = int, script = "id * 2 + 1" } ]`)
	in := transformtest.Batch(b, input, "["+strings.Repeat(`{"id": 1, "name": "a"},`, 4095)+`{"id": 2}]`)
	task := plugintest.Task(b, 1)
	for b.Loop() {
		out, err := tr.Apply(b.Context(), task, in)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
	b.ReportMetric(float64(4096*b.N)/b.Elapsed().Seconds(), "rows/s")
}
