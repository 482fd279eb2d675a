// Package filter is the Filter transform: some of the columns.
package filter

import (
	"context"
	"slices"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "Filter",
	Summary: "Keeps or drops columns.",
	Doc:     "`include_fields` keeps the listed columns in the listed order; `exclude_fields` keeps all others in input order.",
	Options: []option.Option{
		{Key: "include_fields", Type: option.List, Old: []string{"fields"}, Doc: "Columns to keep."},
		{Key: "exclude_fields", Type: option.List, Doc: "Columns to drop."},
	},
	Rules: []option.Rule{option.OneOf("include_fields", "exclude_fields")},
	Example: `Filter {
  plugin_input = "fake"
  plugin_output = "filtered"
  include_fields = [id, name]
}`,
}

type transform struct {
	schema *record.Schema
	from   []int
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	key := "include_fields"
	if opts.Given("exclude_fields") {
		key = "exclude_fields"
	}
	var listed []int
	for _, name := range opts.List(key) {
		i, err := column.Find(input, opts, key, name)
		if err != nil {
			return nil, err
		}
		if key == "include_fields" && slices.Contains(listed, i) {
			return nil, opts.Problem(key, "each column once", "column %q is listed twice", name)
		}
		listed = append(listed, i)
	}
	t := &transform{from: listed}
	if key == "exclude_fields" {
		t.from = nil
		for i := range input.Columns {
			if !slices.Contains(listed, i) {
				t.from = append(t.from, i)
			}
		}
	}
	if len(t.from) == 0 {
		return nil, opts.Problem(key, "at least one column that stays", "no column is left")
	}
	columns := make([]record.Column, len(t.from))
	for i, from := range t.from {
		columns[i] = input.Columns[from]
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
