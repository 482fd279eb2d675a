package script

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

const (
	maxNodes     = 2000      // of a compiled expression
	memoryBudget = 1_000_000 // values an expression may make for one row
	maxScript    = 64 << 10  // bytes of an expression
)

type expression struct {
	text    string
	program *vm.Program
}

func (e *expression) run(machine *vm.VM, env map[string]any) (any, error) {
	out, err := machine.Run(e.program, env)
	if err != nil {
		return nil, fmt.Errorf("script %q: %w", e.text, err)
	}
	return out, nil
}

// variables are a row's columns as the expressions see them.
type variables struct {
	schema *record.Schema
	env    map[string]any
	get    []getter
	used   []int // columns that some expression names
}

func newVariables(schema *record.Schema) *variables {
	v := &variables{schema: schema, env: make(map[string]any, len(schema.Columns)), get: make([]getter, len(schema.Columns))}
	for i, c := range schema.Columns {
		v.get[i] = getterOf(c.Type)
		v.env[c.Name] = nil
	}
	return v
}

// compile compiles an expression over the columns, which may all be null.
func (v *variables) compile(text string) (*expression, error) {
	if len(text) > maxScript {
		return nil, fmt.Errorf("the expression is longer than %d bytes", maxScript)
	}
	names := types.Map{}
	for _, c := range v.schema.Columns {
		names[c.Name] = types.Any
	}
	seen := &mentioned{}
	program, err := expr.Compile(text, expr.Env(names), expr.MaxNodes(maxNodes), expr.Patch(seen),
		expr.DisableBuiltin("now")) // a row's result is a function of the row
	if err != nil {
		return nil, err
	}
	for i, c := range v.schema.Columns {
		if (seen.all || slices.Contains(seen.names, c.Name)) && !slices.Contains(v.used, i) {
			v.used = append(v.used, i)
		}
	}
	return &expression{text: text, program: program}, nil
}

// load sets the variables to a row.
func (v *variables) load(data arrow.RecordBatch, row int) {
	for _, i := range v.used {
		if col := data.Column(i); col.IsNull(row) {
			v.env[v.schema.Columns[i].Name] = nil
		} else {
			v.env[v.schema.Columns[i].Name] = v.get[i](col, row)
		}
	}
}

// json is the row as a JSON object, for dead letters.
func (v *variables) json(data arrow.RecordBatch, row int) []byte {
	out := []byte{'{'}
	for i, c := range v.schema.Columns {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(value.AppendJSONString(out, c.Name), ':')
		out = value.AppendJSON(out, c.Type, data.Column(i), row)
	}
	return append(out, '}')
}

// mentioned collects the variables of an expression.
type mentioned struct {
	names []string
	all   bool // $env: any of them
}

func (n *mentioned) Visit(node *ast.Node) {
	if id, ok := (*node).(*ast.IdentifierNode); ok {
		n.names = append(n.names, id.Value)
		n.all = n.all || id.Value == "$env"
	}
}
