// Package copy is the Copy transform: columns under further names.
package copy

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "Copy",
	Summary: "Copies columns to new names.",
	Doc:     "A new name that exists already is overwritten; others are added at the end. The copy keeps type, length, default and comment. No data is moved.",
	Options: []option.Option{
		{Key: "fields", Type: option.Map, Doc: "New name = existing column."},
		{Key: "src_field", Type: option.String, Doc: "The column to copy, in the old form with a single column; read only when `fields` is absent."},
		{Key: "dest_field", Type: option.String, Doc: "The new name, in the old form."},
	},
	Rules: []option.Rule{option.OneOf("fields", "src_field"), option.Together("src_field", "dest_field")},
	Example: `Copy {
  plugin_input = "fake"
  plugin_output = "copied"
  fields { name_again = name }
}`,
}

type transform struct {
	layout *column.Layout
	from   []int
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	t := &transform{}
	var added []record.Column
	add := func(key, name, from string) error {
		i, err := column.Find(input, opts, key, from)
		if err != nil {
			return err
		}
		c := input.Columns[i]
		c.Name = name
		t.from, added = append(t.from, i), append(added, c)
		return nil
	}
	for _, p := range opts.Map("fields") {
		if err := add("fields", p.Key, p.Value); err != nil {
			return nil, err
		}
	}
	if !opts.Given("fields") {
		if err := add("src_field", opts.String("dest_field"), opts.String("src_field")); err != nil {
			return nil, err
		}
	}
	t.layout = column.Put(input, added...)
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

func (t *transform) Apply(_ context.Context, _ plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.layout.Schema(), nil), nil
	}
	added := make([]arrow.Array, len(t.from))
	for i, from := range t.from {
		added[i] = in.Data.Column(from)
		added[i].Retain()
	}
	return t.layout.Apply(in, added), nil
}

func (t *transform) Close() error { return nil }
