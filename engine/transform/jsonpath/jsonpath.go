// Package jsonpath is the JsonPath transform: parts of JSON texts become columns.
package jsonpath

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

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
	fail    = "FAIL"
	skip    = "SKIP"
	skipRow = "SKIP_ROW"
)

var spec = &option.Spec{
	Name:    "JsonPath",
	Summary: "Takes parts of JSON texts out into columns.",
	Doc: "Paths are in Jayway's dialect: `$.a.b[0]`, `['a b']`, negative indexes, slices, `*`, `..`, filters `[?(@.price < 10)]` and the " +
		"functions length(), size(), keys(), first(), last(), min(), max(), sum(), avg(). A path that may lead to several places gives an array. " +
		"Filters know ==, !=, <, <=, >, >=, =~, in, nin, empty, &&, || and !, and cannot ask the whole document ($).\n\n" +
		"Null stays null. `column_error_handle_way` says what a missing place, or a text that is not JSON, gives: SKIP null, SKIP_ROW no row, " +
		"FAIL an error; without it `row_error_handle_way` decides. A value that does not fit `dest_type` is always an error. " +
		"Errors count as bad rows where the job allows them.",
	Options: []option.Option{
		{Key: "columns", Type: option.Objects, Doc: "What to take out.", Rules: []option.Rule{option.Required("src_field", "path", "dest_field")},
			Fields: []option.Option{
				{Key: "src_field", Type: option.String, Doc: "Column with the JSON: STRING, BYTES in UTF-8, ARRAY, MAP, or ROW, which is read as an array of its values."},
				{Key: "path", Type: option.String, Doc: "Where the value is.", Example: "$.data.items[0].name"},
				{Key: "dest_field", Type: option.String, Doc: "Name of the column; one that exists is overwritten."},
				{Key: "dest_type", Type: option.String, Default: "string", Doc: "Type of the column, as in a schema."},
				{Key: "column_error_handle_way", Type: option.Enum, Choices: []string{fail, skip, skipRow}, Doc: "What a missing place gives."},
			}},
		{Key: "row_error_handle_way", Type: option.Enum, Choices: []string{fail, skip}, Default: fail, Doc: "SKIP drops rows with a missing place."},
	},
	Rules: []option.Rule{option.Required("columns")},
	Example: `JsonPath {
  plugin_input = "fake"
  plugin_output = "parsed"
  columns = [ { src_field = data, path = "$.user.name", dest_field = name, dest_type = string } ]
}`,
}

// columnLength is the declared length of the columns.
var columnLength = int64(200)

type transform struct {
	layout  *column.Layout
	columns []*target
}

// target makes one column.
type target struct {
	doc     *document
	path    *Path
	dest    record.Type
	append  value.Append
	missing string // fail, skip or skipRow
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	t := &transform{}
	var added []record.Column
	docs := map[int]*document{}
	for _, c := range opts.Objects("columns") {
		p, err := newTarget(input, c, opts.String("row_error_handle_way"), docs)
		if err != nil {
			return nil, err
		}
		t.columns = append(t.columns, p)
		added = append(added, record.Column{Name: c.String("dest_field"), Type: p.dest, Length: &columnLength})
	}
	if len(added) == 0 {
		return nil, opts.Problem("columns", "at least one column", "the list is empty")
	}
	t.layout = column.Put(input, added...)
	return t, nil
}

func newTarget(input *record.Schema, c *option.Values, rowWay string, docs map[int]*document) (*target, error) {
	i, err := column.Find(input, c, "src_field", c.String("src_field"))
	if err != nil {
		return nil, err
	}
	switch t := input.Columns[i].Type; t.Kind {
	case record.String, record.Bytes, record.Array, record.Map, record.Row:
		if docs[i] == nil {
			docs[i] = &document{field: i, name: input.Columns[i].Name, typ: t}
		}
	default:
		return nil, c.Problem("src_field", "STRING, BYTES, ARRAY, MAP or ROW", "column %q of type %s holds no JSON", input.Columns[i].Name, t)
	}
	p := &target{doc: docs[i], missing: c.String("column_error_handle_way")}
	if p.path, err = Parse(c.String("path")); err != nil {
		return nil, c.Problem("path", "a JSONPath", "%v", err)
	}
	if p.dest, err = record.ParseType(c.String("dest_type")); err != nil {
		return nil, c.Problem("dest_type", "a type", "%v", err)
	}
	p.append = value.JSONAppender(p.dest)
	if p.missing == "" {
		if p.missing = fail; rowWay == skip {
			p.missing = skipRow
		}
	}
	return p, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

func (t *transform) Apply(ctx context.Context, task plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.Schema(), nil), nil
	}
	builders := make([]array.Builder, len(t.columns))
	for i, p := range t.columns {
		builders[i] = array.NewBuilder(memory.DefaultAllocator, p.dest.Arrow())
		defer builders[i].Release()
		builders[i].Reserve(in.Rows())
	}
	rows := column.Watch(in)
	for row := range in.Rows() {
		for i, p := range t.columns {
			if i == 0 || p.doc != t.columns[i-1].doc {
				p.doc.load(in.Data, row)
			}
			if rows.Dropped(row) {
				builders[i].AppendNull()
				continue
			}
			bad := p.add(builders[i], func() { rows.Drop(row) })
			if bad == nil {
				continue
			}
			bad = fmt.Errorf("path %q in column %q: %w", p.path.text, p.doc.name, bad)
			if err := rows.Bad(ctx, task, row, p.doc.text, bad); err != nil {
				return nil, err
			}
		}
	}
	added := make([]arrow.Array, len(builders))
	for i, b := range builders {
		added[i] = b.NewArray()
	}
	return rows.Finish(ctx, t.layout.Apply(in, added))
}

func (t *transform) Close() error { return nil }

// add adds one value whatever happens. The error says what makes the row a bad one.
func (p *target) add(b array.Builder, drop func()) error {
	if p.doc.text == nil {
		b.AppendNull()
		return nil
	}
	found, err := p.doc.value, p.doc.err
	if err == nil {
		found, err = p.path.find(found)
	}
	if err == nil {
		return p.append(b, found)
	}
	b.AppendNull()
	switch p.missing {
	case skip:
		return nil
	case skipRow:
		drop()
		return nil
	}
	return err
}
