package filter

import (
	"strings"
	"testing"

	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

const rows = `[{"id": 1, "name": "a", "age": 3}, {"id": 2, "name": null, "age": null}]`

func TestConformance(t *testing.T) {
	t.Parallel()
	transformtest.Conformance(t, "filter", transformtest.Schema(t, "id bigint", "name string", "age int"), "exclude_fields = [id]", rows, record.UpdateBefore, record.UpdateAfter)
}

func TestColumnsAreKeptOrDropped(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id bigint", "name string", "age int")
	for _, c := range []struct{ options, columns, rows string }{
		{"include_fields = [age, id]", "age INT, id BIGINT", "-U|3|1\n+U|∅|2"},
		{"fields = [name]", "name STRING", "-U|a\n+U|∅"},
		{"exclude_fields = [name]", "id BIGINT, age INT", "-U|1|3\n+U|2|∅"},
	} {
		tr := transformtest.MustOpen(t, "Filter", input, c.options)
		if got := transformtest.Columns(tr.Schema()); got != c.columns {
			t.Errorf("%s: columns %s", c.options, got)
		}
		if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows, record.UpdateBefore, record.UpdateAfter)); got != c.rows {
			t.Errorf("%s: %s", c.options, got)
		}
	}
}

func TestBadListsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"": "mutually exclusive",
		"include_fields = [id]\nexclude_fields = [id]": "mutually exclusive",
		"include_fields = [ID]":                        `can't find input field(s) [ID]`,
		"exclude_fields = [id, name]":                  "no column is left",
		"include_fields = [id, id]":                    "listed twice",
	} {
		if _, err := transformtest.Open(t, "Filter", transformtest.Schema(t, "id bigint", "name string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
