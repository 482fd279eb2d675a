// Package script is the Script transform: columns and a filter computed by small expressions,
// in place of the Java and Groovy code of DynamicCompile.
package script

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/expr-lang/expr/vm"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "Script",
	Summary: "Computes columns and filters rows by expressions.",
	Doc: "Seikan's own transform, for what DynamicCompile does in SeaTunnel with Java or Groovy. Expressions are in the language of " +
		"expr-lang.org: `price * 1.2`, `upper(name)`, `age >= 18 ? \"adult\" : \"minor\"`, `split(path, \"/\")[1]`, `tags | filter(# != \"\") | map(trim(#))`. " +
		"They cannot loop for ever, reach files or networks, or use unbounded memory.\n\n" +
		"The row's columns are variables; a name that is no identifier is written `$env[\"user-name\"]`. Whole numbers are int, FLOAT, DOUBLE and DECIMAL " +
		"are float (a DECIMAL of more than 15 digits is rounded), DATE and TIMESTAMP are times in UTC, TIME and BYTES are text and bytes, arrays are lists, rows and maps are " +
		"maps, null is nil: `name ?? \"none\"`. All expressions see the input row. The result is read as `dest_type` by the rules of JSON; a result that " +
		"does not fit, and an expression that fails, make a bad row.",
	Options: []option.Option{
		{Key: "columns", Type: option.Objects, Doc: "Columns to compute.", Rules: []option.Rule{option.Required("dest_field", "script")},
			Fields: []option.Option{
				{Key: "dest_field", Type: option.String, Doc: "Name of the column; one that exists is overwritten."},
				{Key: "dest_type", Type: option.String, Default: "string", Doc: "Its type, as in a schema."},
				{Key: "script", Type: option.String, Doc: "The expression.", Example: `upper(name) + "!"`},
			}},
		{Key: "filter", Type: option.String, Doc: "Rows for which this is not true are dropped.", Example: "age >= 18 and name != nil"},
	},
	Example: `Script {
  plugin_input = "fake"
  plugin_output = "scripted"
  filter = "age >= 18"
  columns = [ { dest_field = initials, script = "join(map(split(name, ' '), #[0:1]))" } ]
}`,
}

type transform struct {
	layout  *column.Layout
	row     *variables
	filter  *expression // nil without one
	columns []*computed
	machine vm.VM
}

// computed is a column made by an expression.
type computed struct {
	name   string
	typ    record.Type
	script *expression
	append appendResult
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	t := &transform{row: newVariables(input), machine: vm.VM{MemoryBudget: memoryBudget}}
	var err error
	if opts.Given("filter") {
		if t.filter, err = t.row.compile(opts.String("filter")); err != nil {
			return nil, opts.Problem("filter", "an expression", "%v", err)
		}
	}
	var added []record.Column
	for _, c := range opts.Objects("columns") {
		p := &computed{name: c.String("dest_field")}
		if p.typ, err = record.ParseType(c.String("dest_type")); err != nil {
			return nil, c.Problem("dest_type", "a type", "%v", err)
		}
		if p.script, err = t.row.compile(c.String("script")); err != nil {
			return nil, c.Problem("script", "an expression", "%v", err)
		}
		p.append = resultAppender(p.typ)
		t.columns = append(t.columns, p)
		added = append(added, record.Column{Name: p.name, Type: p.typ})
	}
	if t.filter == nil && len(added) == 0 {
		return nil, opts.Problem("columns", "columns or a filter", "there is nothing to do")
	}
	t.layout = column.Put(input, added...)
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

func (t *transform) Apply(ctx context.Context, task plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.Schema(), nil), nil
	}
	builders := make([]array.Builder, len(t.columns))
	for i, c := range t.columns {
		builders[i] = array.NewBuilder(memory.DefaultAllocator, c.typ.Arrow())
		defer builders[i].Release()
		builders[i].Reserve(in.Rows())
	}
	rows := column.Watch(in)
	for row := range in.Rows() {
		if row%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.row.load(in.Data, row)
		err := t.compute(row, rows, builders)
		if err != nil {
			if err = rows.Bad(ctx, task, row, t.row.json(in.Data, row), err); err != nil {
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

// compute adds one value to each builder whatever happens.
func (t *transform) compute(row int, rows *column.Rows, builders []array.Builder) error {
	var failed error
	if t.filter != nil {
		keep, err := t.filter.run(&t.machine, t.row.env)
		if failed = err; err == nil {
			switch keep := keep.(type) {
			case nil:
				rows.Drop(row)
			case bool:
				if !keep {
					rows.Drop(row)
				}
			default:
				failed = fmt.Errorf("filter %q gave %T, not true or false", t.filter.text, keep)
			}
		}
	}
	skip := failed != nil || rows.Dropped(row)
	for i, c := range t.columns {
		if skip || failed != nil {
			builders[i].AppendNull()
			continue
		}
		result, err := c.script.run(&t.machine, t.row.env)
		if err != nil {
			builders[i].AppendNull()
		} else {
			err = c.append(builders[i], result)
		}
		if err != nil {
			failed = fmt.Errorf("computing column %q: %w", c.name, err)
		}
	}
	return failed
}

func (t *transform) Close() error { return nil }
