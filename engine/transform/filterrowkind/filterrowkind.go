// Package filterrowkind is the FilterRowKind transform: rows of some kinds only.
package filterrowkind

import (
	"context"
	"fmt"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "FilterRowKind",
	Summary: "Keeps or drops rows by their kind.",
	Options: []option.Option{
		{Key: "include_kinds", Type: option.List, Doc: "Kinds to keep: INSERT, UPDATE_BEFORE, UPDATE_AFTER, DELETE."},
		{Key: "exclude_kinds", Type: option.List, Doc: "Kinds to drop."},
	},
	Rules: []option.Rule{option.OneOf("include_kinds", "exclude_kinds")},
	Example: `FilterRowKind {
  plugin_input = "changes"
  plugin_output = "inserts"
  include_kinds = [INSERT]
}`,
}

type transform struct {
	schema *record.Schema
	keep   [record.Delete + 1]bool
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	t := &transform{schema: input}
	key := "include_kinds"
	if opts.Given("exclude_kinds") {
		key = "exclude_kinds"
		for k := range t.keep {
			t.keep[k] = true
		}
	}
	if len(opts.List(key)) == 0 {
		return nil, opts.Problem(key, "at least one row kind", "the list is empty")
	}
	for _, name := range opts.List(key) {
		kind, err := record.ParseRowKind(name)
		if err != nil {
			return nil, opts.Problem(key, "row kinds", "%v", err)
		}
		t.keep[kind] = key == "include_kinds"
	}
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.schema }

func (t *transform) Apply(ctx context.Context, _ plugin.Task, in *record.Batch) (*record.Batch, error) {
	keep := make([]bool, in.Rows())
	for i := range keep {
		keep[i] = t.keep[in.Kind(i)]
	}
	out, err := record.Filter(in, keep)
	if err != nil {
		return nil, fmt.Errorf("filtering rows of table %s by kind: %w", t.schema.Table(), err)
	}
	return out, nil
}

func (t *transform) Close() error { return nil }
