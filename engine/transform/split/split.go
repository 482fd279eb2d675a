// Package split is the Split transform: one text cut into several columns.
package split

import (
	"context"
	"fmt"
	"regexp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/expr/javaregex"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "Split",
	Summary: "Cuts a text into several columns.",
	Doc:     "The last column takes the rest of the text; columns without a part, and all columns of a null, are null.",
	Options: []option.Option{
		{Key: "separator", Type: option.String, Doc: "What stands between the parts, a Java regular expression: write \\\\| for a bar."},
		{Key: "split_field", Type: option.String, Doc: "The column to cut."},
		{Key: "output_fields", Type: option.List, Doc: "Names of the parts; a name that exists is overwritten."},
	},
	Rules: []option.Rule{option.Required("separator", "split_field", "output_fields")},
	Example: `Split {
  plugin_input = "fake"
  plugin_output = "names"
  separator = " "
  split_field = name
  output_fields = [first_name, last_name]
}`,
}

// columnLength is the declared length of the parts.
var columnLength = int64(200)

type transform struct {
	layout *column.Layout
	field  int
	parts  int
	text   func(arrow.Array, int) string
	cut    cutter
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	i, err := column.Find(input, opts, "split_field", opts.String("split_field"))
	if err != nil {
		return nil, err
	}
	var added []record.Column
	taken := map[string]bool{}
	for _, name := range opts.List("output_fields") {
		if taken[name] {
			return nil, opts.Problem("output_fields", "each name once", "%q appears twice", name)
		}
		taken[name] = true
		added = append(added, record.Column{Name: name, Type: record.Of(record.String), Length: &columnLength})
	}
	if len(added) == 0 {
		return nil, opts.Problem("output_fields", "at least one name", "the list is empty")
	}
	t := &transform{layout: column.Put(input, added...), field: i, parts: len(added), text: column.Text(input.Columns[i].Type)}
	separator := opts.String("separator")
	if separator != "" && regexp.QuoteMeta(separator) == separator {
		t.cut = plain(separator)
		return t, nil
	}
	re, err := javaregex.Compile(separator, 0)
	if err != nil {
		return nil, opts.Problem("separator", "a Java regular expression", "%v", err)
	}
	t.cut = pattern(re)
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

func (t *transform) Apply(ctx context.Context, task plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.Schema(), nil), nil
	}
	builders := make([]*array.StringBuilder, t.parts)
	for i := range builders {
		builders[i] = array.NewStringBuilder(memory.DefaultAllocator)
		defer builders[i].Release()
		builders[i].Reserve(in.Rows())
	}
	col, rows := in.Data.Column(t.field), column.Watch(in)
	parts := make([]string, 0, t.parts)
	for row := range in.Rows() {
		parts = parts[:0]
		if !col.IsNull(row) {
			text := t.text(col, row)
			var err error
			if parts, err = t.cut(parts, text, t.parts); err != nil {
				err = fmt.Errorf("splitting column %q: %w", in.Schema.Columns[t.field].Name, err)
				if err = rows.Bad(ctx, task, row, []byte(text), err); err != nil {
					return nil, err
				}
			}
		}
		for i, b := range builders {
			if i < len(parts) {
				b.Append(parts[i])
			} else {
				b.AppendNull()
			}
		}
	}
	added := make([]arrow.Array, t.parts)
	for i, b := range builders {
		added[i] = b.NewArray()
	}
	return rows.Finish(ctx, t.layout.Apply(in, added))
}

func (t *transform) Close() error { return nil }
