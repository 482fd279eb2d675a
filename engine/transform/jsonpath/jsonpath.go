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
	columns []*part
}

// part makes one column.
type part struct {
	field   int
	name    string
	source  record.Type
	path    *Path
	dest    record.Type
	append  value.Append
	missing string // fail, skip or skipRow
	buf     []byte
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	t := &transform{}
	var added []record.Column
	for _, c := range opts.Objects("columns") {
		p, err := newPart(input, c, opts.String("row_error_handle_way"))
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

func newPart(input *record.Schema, c *option.Values, rowWay string) (*part, error) {
	i, err := column.Find(input, c, "src_field", c.String("src_field"))
	if err != nil {
		return nil, err
	}
	p := &part{field: i, name: c.String("src_field"), source: input.Columns[i].Type, missing: c.String("column_error_handle_way")}
	switch p.source.Kind {
	case record.String, record.Bytes, record.Array, record.Map, record.Row:
	default:
		return nil, c.Problem("src_field", "STRING, BYTES, ARRAY, MAP or ROW", "column %q of type %s holds no JSON", p.name, p.source)
	}
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
	rows := column.Watch(in)
	added := make([]arrow.Array, 0, len(t.columns))
	for _, p := range t.columns {
		a, err := p.apply(ctx, task, in, rows)
		if err != nil {
			for _, a := range added {
				a.Release()
			}
			return nil, err
		}
		added = append(added, a)
	}
	return rows.Finish(ctx, t.layout.Apply(in, added))
}

func (t *transform) Close() error { return nil }

func (p *part) apply(ctx context.Context, task plugin.Task, in *record.Batch, rows *column.Rows) (arrow.Array, error) {
	b := array.NewBuilder(memory.DefaultAllocator, p.dest.Arrow())
	defer b.Release()
	b.Reserve(in.Rows())
	col := in.Data.Column(p.field)
	for i := range in.Rows() {
		if col.IsNull(i) || rows.Dropped(i) {
			b.AppendNull()
			continue
		}
		doc := p.document(col, i)
		found, err := p.path.Find(doc)
		if err == nil {
			if err = p.append(b, found); err == nil {
				continue
			}
		} else {
			b.AppendNull()
			switch p.missing {
			case skip:
				continue
			case skipRow:
				rows.Drop(i)
				continue
			}
		}
		err = fmt.Errorf("path %q in column %q: %w", p.path.text, p.name, err)
		if err := rows.Bad(ctx, task, i, doc, err); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}

// document is the JSON text of a value.
func (p *part) document(col arrow.Array, row int) []byte {
	p.buf = p.buf[:0]
	switch p.source.Kind {
	case record.String:
		p.buf = append(p.buf, col.(*array.String).Value(row)...)
	case record.Bytes:
		return col.(*array.Binary).Value(row)
	case record.Row:
		s := col.(*array.Struct)
		for i, f := range p.source.Fields {
			p.buf = append(p.buf, "[,"[min(i, 1)])
			p.buf = value.AppendJSON(p.buf, f.Type, s.Field(i), row)
		}
		p.buf = append(p.buf, ']')
	default:
		p.buf = value.AppendJSON(p.buf, p.source, col, row)
	}
	return p.buf
}
