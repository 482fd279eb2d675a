// Package replace is the Replace transform: text replaced inside a column.
package replace

import (
	"bytes"
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/expr/javaregex"
	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

const (
	maxValue = 64 << 20 // most bytes of a value after replacing
	maxBatch = 1 << 30  // most bytes of a column of a batch
)

var spec = &option.Spec{
	Name:    "Replace",
	Summary: "Replaces text inside a column.",
	Doc: "Null stays null. The column keeps its type: in a column that is not STRING the value's text is changed and read " +
		"back, and a text that is no value of the type is a bad row.",
	Options: []option.Option{
		{Key: "replace_field", Type: option.String, Doc: "The column."},
		{Key: "pattern", Type: option.String, Doc: "What to look for: plain text, or a Java regular expression."},
		{Key: "replacement", Type: option.String, Doc: "What to put in its place; with a regular expression $1 is group 1 and ${name} a named group."},
		{Key: "is_regex", Type: option.Bool, Default: false, Doc: "Whether the pattern is a regular expression."},
		{Key: "replace_first", Type: option.Bool, Default: false, Doc: "Whether only the first match is replaced; regular expressions only."},
	},
	Rules: []option.Rule{option.Required("replace_field", "pattern", "replacement")},
	Example: `Replace {
  plugin_input = "fake"
  plugin_output = "replaced"
  replace_field = name
  pattern = " +"
  replacement = "_"
  is_regex = true
}`,
}

type transform struct {
	schema *record.Schema
	layout *column.Layout
	field  int
	text   func(arrow.Array, int) string
	parse  value.Append // nil for STRING
	// replace appends the text with replacements made.
	replace func(dst []byte, text string) ([]byte, error)
	literal []byte // a text without it does not change; nil for regular expressions
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	i, err := column.Find(input, opts, "replace_field", opts.String("replace_field"))
	if err != nil {
		return nil, err
	}
	c := input.Columns[i]
	t := &transform{schema: input, layout: column.Put(input, c), field: i, text: column.Text(c.Type)}
	if c.Type.Kind != record.String {
		t.parse = value.Appender(c.Type, value.Options{})
	}
	if opts.Bool("is_regex") {
		return t, t.regex(opts)
	}
	pattern, with := opts.String("pattern"), opts.String("replacement")
	t.literal = []byte(pattern)
	t.replace = func(dst []byte, text string) ([]byte, error) { return appendReplaced(dst, text, pattern, with) }
	return t, nil
}

func (t *transform) regex(opts *option.Values) error {
	re, err := javaregex.Compile(opts.String("pattern"), 0)
	if err != nil {
		return opts.Problem("pattern", "a Java regular expression", "%v", err)
	}
	with, err := re.Replacement(opts.String("replacement"))
	if err != nil {
		return opts.Problem("replacement", "text with $1 for group 1", "%v", err)
	}
	n := -1
	if opts.Bool("replace_first") {
		n = 1
	}
	t.replace = func(dst []byte, text string) ([]byte, error) { return re.Replace(dst, text, with, n, maxValue) }
	return nil
}

func (t *transform) Schema() *record.Schema { return t.schema }

func (t *transform) Apply(ctx context.Context, task plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.schema, nil), nil
	}
	col := in.Data.Column(t.field)
	if s, ok := col.(*array.String); ok && t.literal != nil && !bytes.Contains(s.ValueBytes(), t.literal) {
		in.Retain()
		return in, nil
	}
	b := array.NewBuilder(memory.DefaultAllocator, col.DataType())
	defer b.Release()
	b.Reserve(col.Len())
	rows, size := column.Watch(in), 0
	var buf []byte
	for i := range col.Len() {
		if col.IsNull(i) {
			b.AppendNull()
			continue
		}
		text := t.text(col, i)
		out, err := t.replace(buf[:0], text)
		if buf = out; err == nil {
			err = t.append(b, out)
		} else {
			b.AppendEmptyValue()
		}
		if err != nil {
			name := t.schema.Columns[t.field].Name
			if err = rows.Bad(ctx, task, i, []byte(text), fmt.Errorf("replacing in column %q: %w", name, err)); err != nil {
				return nil, err
			}
		}
		if size += len(out); size > maxBatch {
			return nil, fmt.Errorf("replacing in column %q of table %s: the texts of one batch grow beyond %d bytes", t.schema.Columns[t.field].Name, t.schema.Table(), maxBatch)
		}
	}
	return rows.Finish(ctx, t.layout.Apply(in, []arrow.Array{b.NewArray()}))
}

// append adds one value whatever happens.
func (t *transform) append(b array.Builder, text []byte) error {
	if t.parse != nil {
		return t.parse(b, text)
	}
	b.(*array.StringBuilder).BinaryBuilder.Append(text)
	return nil
}

func (t *transform) Close() error { return nil }
