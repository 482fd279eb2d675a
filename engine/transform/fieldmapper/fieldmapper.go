// Package fieldmapper is the FieldMapper transform: columns picked, ordered and renamed.
package fieldmapper

import (
	"context"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "FieldMapper",
	Summary: "Picks, orders and renames columns.",
	Doc:     "The output has exactly the mapped columns, in the order of the map. Keys stay when all their columns are still there under the same name.",
	Options: []option.Option{{Key: "field_mapper", Type: option.Map, Doc: "Existing column = new name."}},
	Rules:   []option.Rule{option.Required("field_mapper")},
	Example: `FieldMapper {
  plugin_input = "fake"
  plugin_output = "mapped"
  field_mapper { id = id, name = full_name }
}`,
}

type transform struct {
	schema *record.Schema
	from   []int
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	t := &transform{}
	var columns []record.Column
	taken := map[string]bool{}
	for _, p := range opts.Map("field_mapper") {
		i, err := column.Find(input, opts, "field_mapper", p.Key)
		if err != nil {
			return nil, err
		}
		if taken[p.Value] {
			return nil, opts.Problem("field_mapper", "a name for each column", "two columns are mapped to %q", p.Value)
		}
		taken[p.Value] = true
		c := input.Columns[i]
		c.Name = p.Value
		t.from, columns = append(t.from, i), append(columns, c)
	}
	if len(columns) == 0 {
		return nil, opts.Problem("field_mapper", "existing = new", "no column is mapped")
	}
	t.schema = input.WithColumns(columns)
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.schema }

func (t *transform) Apply(_ context.Context, _ plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.schema, nil), nil
	}
	return column.Pick(in, t.schema, t.from), nil
}

func (t *transform) Close() error { return nil }
