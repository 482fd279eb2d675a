package rowkindextractor

import (
	"strings"
	"testing"

	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

const rows = `[{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]`

var kinds = []record.RowKind{record.Insert, record.UpdateBefore, record.UpdateAfter, record.Delete}

func TestConformance(t *testing.T) {
	t.Parallel()
	transformtest.Conformance(t, "rowkindextractor", transformtest.Schema(t, "id bigint"), "", rows, kinds...)
}

func TestKindBecomesAColumn(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id bigint")
	for options, want := range map[string]string{
		"": "+I|1|+I\n+I|2|-U\n+I|3|+U\n+I|4|-D",
		"transform_type = FULL\ncustom_field_name = k": "+I|1|INSERT\n+I|2|UPDATE_BEFORE\n+I|3|UPDATE_AFTER\n+I|4|DELETE",
	} {
		tr := transformtest.MustOpen(t, "RowKindExtractor", input, options)
		if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows, kinds...)); got != want {
			t.Errorf("%s: %q", options, got)
		}
	}
	if _, err := transformtest.Open(t, "RowKindExtractor", input, "custom_field_name = id"); err == nil || !strings.Contains(err.Error(), `has a column "id" already`) {
		t.Error(err)
	}
}
