package expr

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"seikan/engine/expr/syntax"
	"seikan/engine/option"
	"seikan/engine/record"
)

// Function describes a function for reference pages.
type Function struct {
	Name    string
	Aliases []string
	Group   string // String, Numeric, Date and time, System, Added
	Usage   string // LPAD(s, n[, pad])
	Doc     string
}

// builtin is a function of the engine.
type builtin struct {
	name     string // and aliases, separated by blanks
	params   string // "s:text n:int pad:text?", see param
	doc      string
	form     string // how it is called, where that is not NAME(params)
	volatile bool   // another value at each call
	make     func(k *call) (*node, error)
	group    string
}

// param is a declared parameter.
type param struct {
	name string
	// kind is text (anything, turned into text), string, bytes (STRING or BYTES), int, double,
	// number, temporal, stamp (TIMESTAMP), any, or unit (a constant word or text).
	kind     string
	optional bool
	repeated bool // any number of them, none included
}

func (b *builtin) parameters() []param {
	fields := strings.Fields(b.params)
	out := make([]param, len(fields))
	for i, f := range fields {
		name, kind, _ := strings.Cut(f, ":")
		p := param{name: name, optional: strings.HasSuffix(kind, "?"), repeated: strings.HasSuffix(kind, "*")}
		p.kind = strings.TrimRight(kind, "?*")
		out[i] = p
	}
	return out
}

// usage shows how the function is called by one of its names.
func (b *builtin) usage(name string) string {
	if b.form != "" {
		return b.form
	}
	var s strings.Builder
	open := 0
	s.WriteString(name + "(")
	for i, p := range b.parameters() {
		sep := ""
		if i > 0 {
			sep = ", "
		}
		switch {
		case p.repeated:
			s.WriteString(sep + p.name + "…")
			continue
		case p.optional:
			s.WriteString("[")
			open++
		}
		s.WriteString(sep + p.name)
	}
	return s.String() + strings.Repeat("]", open) + ")"
}

var registry = struct {
	sync.RWMutex
	byName map[string]*builtin
	list   []*builtin
}{byName: map[string]*builtin{}}

func register(group string, list []builtin) {
	registry.Lock()
	defer registry.Unlock()
	for i := range list {
		b := &list[i]
		b.group = group
		for _, name := range strings.Fields(b.name) {
			if registry.byName[name] != nil {
				panic("expr: function " + name + " is registered twice")
			}
			registry.byName[name] = b
		}
		registry.list = append(registry.list, b)
	}
}

func init() {
	register("String", stringFunctions)
	register("String", searchFunctions)
	register("String", regexFunctions)
	register("Numeric", mathFunctions)
	register("Date and time", timeFunctions)
	register("Date and time", partFunctions)
	register("System", systemFunctions)
}

// Functions lists all functions by group and name.
func Functions() []Function {
	registry.RLock()
	defer registry.RUnlock()
	out := make([]Function, len(registry.list))
	for i, b := range registry.list {
		names := strings.Fields(b.name)
		out[i] = Function{Name: names[0], Aliases: names[1:], Group: b.group, Usage: b.usage(names[0]), Doc: b.doc}
	}
	slices.SortStableFunc(out, func(a, b Function) int {
		if a.Group != b.Group {
			return strings.Compare(a.Group, b.Group)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// aggregates are refused with a better reason than being unknown.
var aggregates = []string{"AVG", "COUNT", "GROUP_CONCAT", "MAX", "MIN", "STDDEV", "SUM"}

func findFunction(name string) (*builtin, string) {
	registry.RLock()
	defer registry.RUnlock()
	upper := strings.ToUpper(name)
	if b := registry.byName[upper]; b != nil {
		return b, ""
	}
	if slices.Contains(aggregates, upper) {
		return nil, "; a transform sees one row at a time and cannot aggregate"
	}
	names := make([]string, 0, len(registry.byName))
	for n := range registry.byName {
		names = append(names, n)
	}
	slices.Sort(names)
	if near := option.Nearest(upper, names); near != "" {
		return nil, "; did you mean " + near + "?"
	}
	return nil, ""
}

// call is a function call while it is compiled. args are converted to the kinds of the
// parameters; the one of a unit is nil.
type call struct {
	c     *compiler
	def   *builtin
	e     syntax.Expr
	name  string
	exprs []syntax.Expr
	args  []*node
	unit  string // upper case, "" when not given
}

func (c *compiler) call(e *syntax.Call, name string, exprs []syntax.Expr) (*node, error) {
	def, hint := findFunction(name)
	if def == nil || e.Star {
		return nil, at(e, "Unsupported function: %s%s", strings.ToUpper(name), hint)
	}
	params := def.parameters()
	least, most := 0, len(params)
	for _, p := range params {
		if p.repeated {
			most = 1 << 16
		} else if !p.optional {
			least++
		}
	}
	if len(exprs) < least || len(exprs) > most {
		return nil, at(e, "%s has %d arguments; it is called as %s", e, len(exprs), def.usage(strings.ToUpper(name)))
	}
	k := &call{c: c, def: def, e: e, name: strings.ToUpper(name), exprs: exprs}
	for i, x := range exprs {
		p := params[min(i, len(params)-1)]
		if p.kind == "unit" {
			var err error
			if k.unit, err = unitOf(x); err != nil {
				return nil, err
			}
			k.args = append(k.args, nil)
			continue
		}
		n, err := c.expr(x)
		if err == nil {
			n, err = c.argument(k, p, i, n)
		}
		if err != nil {
			return nil, err
		}
		k.args = append(k.args, n)
	}
	return def.make(k)
}

// unitOf reads the argument of a unit: MONTH or 'MONTH'.
func unitOf(x syntax.Expr) (string, error) {
	switch u := x.(type) {
	case *syntax.Text:
		return strings.ToUpper(u.Value), nil
	case *syntax.Column:
		if len(u.Parts) == 1 {
			return strings.ToUpper(u.Parts[0].Text), nil
		}
	}
	return "", at(x, "the unit must be written out, as in 'MONTH'")
}

// argument converts n to the kind of its parameter.
func (c *compiler) argument(k *call, p param, i int, n *node) (*node, error) {
	e := k.exprs[i]
	null, kind := n.typ.Kind == record.Null, n.typ.Kind
	mistyped := func(expected string) error {
		return at(e, "argument %d (%s) of %s is %s; expected %s", i+1, p.name, k.def.usage(k.name), n.typ, expected)
	}
	number := func(t record.Type) (*node, error) {
		switch {
		case null:
			return c.nullOf(n.at, t), nil
		case kind.Numeric():
			return c.wrapping(e, n, t), nil
		}
		return nil, mistyped("a number")
	}
	switch p.kind {
	case "text":
		if familyOf(kind) == famArray {
			return nil, mistyped("a text")
		}
		return c.convert(e, n, record.Of(record.String))
	case "string":
		if null || kind == record.String {
			return c.convert(e, n, record.Of(record.String))
		}
		return nil, mistyped("a STRING")
	case "bytes":
		if kind == record.Bytes {
			return n, nil
		}
		return c.convert(e, n, record.Of(record.String))
	case "int":
		return number(record.Of(record.BigInt))
	case "double":
		return number(record.Of(record.Double))
	case "number":
		if null {
			return number(record.Of(record.Int))
		}
		return number(n.typ)
	case "temporal", "stamp":
		if null {
			return c.nullOf(n.at, record.Of(record.Timestamp)), nil
		}
		n = c.local(e, n)
		switch {
		case !kind.Temporal():
			return nil, mistyped("a DATE, TIME or TIMESTAMP")
		case p.kind == "stamp" && n.typ.Kind == record.Date && c.ansi():
			return c.convert(e, n, record.Of(record.Timestamp))
		case p.kind == "stamp" && n.typ.Kind != record.Timestamp:
			return nil, mistyped("a TIMESTAMP")
		}
		return n, nil
	}
	return n, nil
}

// wrapping is toNumber with Java's narrowing in both modes; arguments such as lengths are
// never worth an error.
func (c *compiler) wrapping(e syntax.Expr, n *node, t record.Type) *node {
	if n.typ.Equal(t) {
		return n
	}
	if t.Kind != record.BigInt {
		return c.toNumber(e, n, t)
	}
	return c.rows(e, t, []*node{n}, func(r *row) error {
		v, err := integerAt(r.a[0], r.i, false)
		r.setInt(v)
		return err
	})
}

// given lists the arguments that are not units.
func (k *call) given() []*node {
	return slices.DeleteFunc(slices.Clone(k.args), func(n *node) bool { return n == nil })
}

func (k *call) has(i int) bool { return i < len(k.args) && k.args[i] != nil }

// rows is a result set row by row; null where an argument is.
func (k *call) rows(t record.Kind, set func(r *row) error) (*node, error) {
	return k.typed(record.Of(t), set)
}

func (k *call) typed(t record.Type, set func(r *row) error) (*node, error) {
	if k.def.volatile {
		args := k.given()
		return k.c.raw(k.e, t, func(f *frame, out *vec) { runRows(f, out, args, true, set) }), nil
	}
	return k.c.rows(k.e, t, k.given(), set), nil
}

// loose is rows for a function that looks at nulls itself, other than that of its first
// argument when first is set.
func (k *call) loose(t record.Kind, first bool, set func(r *row) error) (*node, error) {
	args := k.given()
	return k.c.node(k.e, record.Of(t), args, func(f *frame, out *vec) {
		runRows(f, out, args, false, func(r *row) error {
			if first && r.isNull(0) {
				r.null = true
				return nil
			}
			return set(r)
		})
	}), nil
}

// literal is the text of a constant argument.
func (k *call) literal(i int) (string, bool) {
	if !k.has(i) || !k.args[i].constant() || k.args[i].isNull() || k.args[i].typ.Kind != record.String {
		return "", false
	}
	return strings.Clone(k.args[i].value.str(0)), true
}

func (k *call) fail(i int, format string, args ...any) error {
	return at(k.exprs[i], "argument %d of %s: %s", i+1, k.name, fmt.Sprintf(format, args...))
}
