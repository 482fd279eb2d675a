// Package rowkindextractor is the RowKindExtractor transform: a row's kind becomes a column.
package rowkindextractor

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

const full = "FULL"

var spec = &option.Spec{
	Name:    "RowKindExtractor",
	Summary: "Turns the kind of a row into a column; every row becomes an INSERT.",
	Options: []option.Option{
		{Key: "custom_field_name", Type: option.String, Default: "row_kind", Doc: "Name of the column; it must not exist."},
		{Key: "transform_type", Type: option.Enum, Choices: []string{"SHORT", full}, Default: "SHORT", Doc: "SHORT gives +I, -U, +U, -D; FULL gives INSERT, UPDATE_BEFORE, UPDATE_AFTER, DELETE."},
	},
	Example: `RowKindExtractor {
  plugin_input = "changes"
  plugin_output = "log"
  transform_type = FULL
}`,
}

type transform struct {
	layout *column.Layout
	names  [record.Delete + 1]string
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	name := opts.String("custom_field_name")
	if input.Index(name) >= 0 {
		return nil, opts.Problem("custom_field_name", "a name that is free", "table %s has a column %q already", input.Table(), name)
	}
	t := &transform{layout: column.Put(input, record.Column{Name: name, Type: record.Of(record.String), NotNull: true})}
	for k := record.Insert; k <= record.Delete; k++ {
		t.names[k] = k.Short()
		if opts.String("transform_type") == full {
			t.names[k] = k.String()
		}
	}
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

func (t *transform) Apply(_ context.Context, _ plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.layout.Schema(), nil), nil
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(in.Rows())
	for i := range in.Rows() {
		b.Append(t.names[in.Kind(i)])
	}
	out := t.layout.Apply(in, []arrow.Array{b.NewArray()})
	out.Kinds = nil
	return out, nil
}

func (t *transform) Close() error { return nil }
