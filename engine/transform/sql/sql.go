// Package sql is the Sql transform: one SELECT over the rows of a table.
package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seikan/engine/expr"
	"seikan/engine/expr/syntax"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

var spec = &option.Spec{
	Name:    "Sql",
	Summary: "Selects, computes and filters columns with one SELECT statement.",
	Doc: "The statement has the form SELECT … FROM table [WHERE …]. It sees one row at a time: there are no joins, " +
		"groups, sub-selects or aggregates. A row that an expression cannot be computed for goes to the job's dirty rows.",
	Options: []option.Option{
		{Key: "query", Type: option.String, Excluded: true, Doc: "The SELECT statement.", Example: "SELECT id, UPPER(name) AS name FROM users WHERE age >= 18"},
		{Key: "engine", Type: option.Enum, Default: "ZETA", Choices: []string{"ZETA", "ANSI"},
			Doc: "What expressions mean: ZETA as in SeaTunnel, ANSI as in the SQL standard (nulls compare as unknown, decimals are exact, overflow is an error)."},
	},
	Rules:   []option.Rule{option.Required("query")},
	Example: "Sql {\n  plugin_input = users\n  plugin_output = adults\n  query = \"SELECT id, UPPER(name) AS name FROM users WHERE age >= 18\"\n}",
}

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: newTransform})
}

func newTransform(_ context.Context, job plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	query := opts.String("query")
	mode := expr.ZETA
	if opts.String("engine") == "ANSI" {
		mode = expr.ANSI
	}
	sel, err := syntax.ParseSelect(query)
	if err != nil {
		return nil, problem(opts, query, err)
	}
	if err := ignored(job, sel, mode); err != nil {
		return nil, problem(opts, query, err)
	}
	if names := inputNames(opts, input); job.Log != nil && !slices.Contains(names, sel.From) {
		job.Log.Warn("the query of transform Sql names another table than its input", "from", sel.From, "input", names)
	}
	t, err := compile(sel, input, mode)
	if err != nil {
		return nil, problem(opts, query, err)
	}
	return t, nil
}

// ignored tells of what SeaTunnel reads past: a warning in ZETA mode, refused in ANSI mode.
func ignored(job plugin.Job, sel *syntax.Select, mode expr.Mode) error {
	var words []string
	if sel.Distinct {
		words = append(words, "DISTINCT")
	}
	if sel.Having != nil {
		words = append(words, "HAVING")
	}
	switch {
	case len(words) == 0:
		return nil
	case mode == expr.ANSI:
		return &syntax.ValidateError{Text: sel.Text, Cause: syntax.ErrorAt(sel.Text, 0, "Unsupported SQL syntax: %s", words[0])}
	case job.Log != nil:
		job.Log.Warn("transform Sql ignores a part of its query", "ignored", strings.Join(words, ", "), "query", sel.Text)
	}
	return nil
}

// inputNames are the names FROM may use.
func inputNames(opts *option.Values, input *record.Schema) []string {
	names := []string{input.Path.Table, input.Table()}
	for _, key := range []string{"plugin_input", "source_table_name"} {
		f := opts.Raw().Get(key)
		if f == nil {
			continue
		}
		names = append(names, f.Value.Text)
		for _, item := range f.Value.Items {
			names = append(names, item.Text)
		}
	}
	return names
}

// problem places an error in the job file: at the very word where that can be told.
func problem(opts *option.Values, query string, err error) error {
	var se *syntax.Error
	if !errors.As(err, &se) {
		return opts.Problem("query", "", "%s", err)
	}
	if se.Text == "" { // of the compiler, which does not know the text
		se = syntax.ErrorAt(query, se.At, "%s", se.Message)
		err = se
	}
	p := opts.Problem("query", "here", "%s", err)
	p.Pos = inside(p.Pos, query, se)
	return p
}

// inside moves the position of the value of query to the mistake in it.
func inside(pos hocon.Pos, query string, e *syntax.Error) hocon.Pos {
	quote := 3 // only """ goes over lines
	if !strings.Contains(query, "\n") {
		quote = (pos.EndCol - pos.Col - len([]rune(query))) / 2
	}
	if quote != 0 && quote != 1 && quote != 3 || pos.Line == 0 {
		return pos // escapes or substitutions moved the text
	}
	at := pos
	at.Line += e.Line - 1
	at.Col = e.Col
	if e.Line == 1 {
		at.Col += pos.Col + quote - 1
	}
	at.EndCol = at.Col + 1
	return at
}

// compile turns a statement into a transform of batches with schema input.
func compile(sel *syntax.Select, input *record.Schema, mode expr.Mode) (*transform, error) {
	t := &transform{input: input}
	var exprs []syntax.Expr
	for _, item := range sel.Items {
		if item.Star {
			for i, c := range input.Columns {
				t.outputs = append(t.outputs, output{name: c.Name, column: i})
				exprs = append(exprs, nil)
			}
			continue
		}
		p, err := expr.Compile(item.Expr, input, mode)
		if err != nil {
			return nil, err
		}
		out := output{name: item.Name(), column: -1, program: p}
		if i, ok := p.Column(); ok {
			out.column = i
		}
		t.outputs = append(t.outputs, out)
		exprs = append(exprs, item.Expr)
	}
	t.schema = input.WithColumns(t.columns())
	if sel.Where == nil {
		return t, nil
	}
	where, err := expr.CompileCondition(sel.Where, input, mode)
	if err != nil {
		return nil, err
	}
	t.where = where
	return t, t.narrow(exprs, mode)
}

// columns are those of the output. A bare column keeps what is known of it; an expression is
// nullable and has no length.
func (t *transform) columns() []record.Column {
	out := make([]record.Column, len(t.outputs))
	for i, o := range t.outputs {
		if o.column >= 0 {
			out[i] = t.input.Columns[o.column]
		} else {
			out[i].Type = o.program.Type()
		}
		out[i].Name = o.name
	}
	return out
}

// narrow makes WHERE filter only those columns that the select list reads.
func (t *transform) narrow(exprs []syntax.Expr, mode expr.Mode) error {
	need := make([]bool, len(t.input.Columns))
	for _, o := range t.outputs {
		if o.column >= 0 {
			need[o.column] = true
			continue
		}
		for _, c := range o.program.Columns() {
			need[c] = true
		}
	}
	place := make([]int, len(need))
	var columns []record.Column
	for i, n := range need {
		if n {
			place[i] = len(columns)
			t.kept = append(t.kept, i)
			columns = append(columns, t.input.Columns[i])
		}
	}
	t.filtered = t.input.WithColumns(columns)
	for i := range t.outputs {
		o := &t.outputs[i]
		if o.column >= 0 {
			o.column = place[o.column]
			continue
		}
		p, err := expr.Compile(exprs[i], t.filtered, mode)
		if err != nil {
			return fmt.Errorf("compiling %s again: %w", exprs[i], err)
		}
		o.program = p
	}
	return nil
}
