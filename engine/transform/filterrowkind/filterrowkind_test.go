package filterrowkind

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
	transformtest.Conformance(t, "filterrowkind", transformtest.Schema(t, "id bigint"), "exclude_kinds = [UPDATE_BEFORE, DELETE]", rows, kinds...)
}

func TestRowsStayByKind(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id bigint")
	for options, want := range map[string]string{
		"include_kinds = [INSERT]":                                      "+I|1",
		"include_kinds = [update_after, DELETE]":                        "+U|3\n-D|4",
		"exclude_kinds = [UPDATE_BEFORE, UPDATE_AFTER]":                 "+I|1\n-D|4",
		"exclude_kinds = [INSERT, UPDATE_BEFORE, UPDATE_AFTER, DELETE]": "",
	} {
		tr := transformtest.MustOpen(t, "FilterRowKind", input, options)
		if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows, kinds...)); got != want {
			t.Errorf("%s: %q", options, got)
		}
	}
}

func TestOrdinalsOfTheRowsThatStay(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id bigint")
	tr := transformtest.MustOpen(t, "FilterRowKind", input, "include_kinds = [UPDATE_BEFORE, DELETE]")
	out, err := tr.Apply(t.Context(), plugintest.Task(t, 1), transformtest.Batch(t, input, rows, kinds...))
	if err != nil {
		t.Fatal(err)
	}
	if out.Ordinal(0) != 102 || out.Ordinal(1) != 104 || out.To.Rows != 104 {
		t.Errorf("ordinals %d, %d, to %d", out.Ordinal(0), out.Ordinal(1), out.To.Rows)
	}
}

func TestBadKindsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"":                         "mutually exclusive",
		"include_kinds = []":       "the list is empty",
		"include_kinds = [UPSERT]": `row kind "UPSERT"`,
		"include_kinds = [INSERT]\nexclude_kinds = [DELETE]": "mutually exclusive",
	} {
		if _, err := transformtest.Open(t, "FilterRowKind", transformtest.Schema(t, "id bigint"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
