package copy

import (
	"strings"
	"testing"

	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

const rows = `[{"id": 1, "name": "a"}, {"id": 2, "name": null}, {"id": 3, "name": "c"}]`

func TestConformance(t *testing.T) {
	t.Parallel()
	transformtest.Conformance(t, "copy", transformtest.Schema(t, "id bigint", "name string"), "fields { again = name }", rows, record.Insert, record.UpdateAfter, record.Delete)
}

func TestColumnsAreAddedOrOverwritten(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id bigint", "name string")
	input.PrimaryKey = &record.PrimaryKey{Columns: []string{"id"}}
	for _, c := range []struct{ options, columns, first string }{
		{"fields { again = name, key = id }", "id BIGINT, name STRING, again STRING, key BIGINT", "+U|1|a|a|1"},
		{"fields { id = name }", "id STRING, name STRING", "+U|a|a"},
		{"fields { x = id, x = name }", "id BIGINT, name STRING, x STRING", "+U|1|a|a"},
		{"src_field = name, dest_field = again", "id BIGINT, name STRING, again STRING", "+U|1|a|a"},
	} {
		tr := transformtest.MustOpen(t, "Copy", input, strings.ReplaceAll(c.options, ", dest", "\ndest"))
		if got := transformtest.Columns(tr.Schema()); got != c.columns {
			t.Errorf("%s: columns %s", c.options, got)
		}
		got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows, record.UpdateAfter, record.Insert, record.Delete))
		if first, _, _ := strings.Cut(got, "\n"); first != c.first {
			t.Errorf("%s: %s", c.options, first)
		}
		if tr.Schema().PrimaryKey == nil {
			t.Errorf("%s: the key is lost", c.options)
		}
	}
}

func TestCopyKeepsWhatIsKnownOfTheColumn(t *testing.T) {
	t.Parallel()
	length := int64(9)
	input := &record.Schema{Columns: []record.Column{{Name: "a", Type: record.Of(record.String), Length: &length, NotNull: true, Default: "d", Comment: "c"}}}
	got := transformtest.MustOpen(t, "Copy", input.Freeze(), "fields { b = a }").Schema().Columns[1]
	if got.Name != "b" || got.Length != &length || !got.NotNull || got.Default != "d" || got.Comment != "c" {
		t.Errorf("%+v", got)
	}
}

func TestMissingFieldIsNamed(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"fields { b = nme }": `can't find input field(s) [nme]`,
		"":                   "src_field",
		"src_field = name":   "dest_field",
	} {
		if _, err := transformtest.Open(t, "Copy", transformtest.Schema(t, "id bigint", "name string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
