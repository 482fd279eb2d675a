package fieldmapper

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
	transformtest.Conformance(t, "fieldmapper", transformtest.Schema(t, "id bigint", "name string", "age int"), "field_mapper { name = who, id = id }", rows, record.Delete, record.Insert)
}

func TestOutputHasTheMappedColumnsInOrder(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id bigint", "name string", "age int")
	tr := transformtest.MustOpen(t, "FieldMapper", input, "field_mapper { age = years, id = id }")
	if got := transformtest.Columns(tr.Schema()); got != "years INT, id BIGINT" {
		t.Error(got)
	}
	if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows)); got != "+I|3|1\n+I|∅|2" {
		t.Error(got)
	}
}

func TestKeysStayOnlyUnderTheSameNames(t *testing.T) {
	t.Parallel()
	for options, kept := range map[string]bool{"field_mapper { name = n, id = id }": true, "field_mapper { id = key }": false, "field_mapper { id = name, name = id }": true} {
		input := transformtest.Schema(t, "id bigint", "name string")
		input.PrimaryKey = &record.PrimaryKey{Columns: []string{"id"}}
		if got := transformtest.MustOpen(t, "FieldMapper", input, options).Schema().PrimaryKey != nil; got != kept {
			t.Errorf("%s: kept %v", options, got)
		}
	}
}

func TestBadMappingsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"":                                  "field_mapper",
		"field_mapper { }":                  "no column is mapped",
		"field_mapper { nme = x }":          `did you mean "name"?`,
		"field_mapper { id = x, name = x }": `two columns are mapped to "x"`,
	} {
		if _, err := transformtest.Open(t, "FieldMapper", transformtest.Schema(t, "id bigint", "name string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
