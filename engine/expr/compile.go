package expr

import (
	"context"
	"math"
	"strconv"
	"strings"

	"seikan/engine/expr/syntax"
	"seikan/engine/option"
	"seikan/engine/record"
)

// maxSlots bounds the size of a program; a slot takes some 8 bytes a row.
const maxSlots = 10_000

// compiler turns a tree into nodes. Each node that computes has a slot of its own.
type compiler struct {
	schema   *record.Schema
	mode     Mode
	slots    int
	columns  map[int]*node
	scratch  frame // where constants are computed
	unfolded bool  // for tests: compute constants row by row
}

func (c *compiler) ansi() bool { return c.mode == ANSI }

func (c *compiler) slot() int { c.slots++; return c.slots - 1 }

// node makes a node whose value is what fill puts into a vec of type t. It is computed at
// once when every argument is constant.
func (c *compiler) node(e syntax.Expr, t record.Type, args []*node, fill func(f *frame, out *vec)) *node {
	n := c.raw(e, t, fill)
	n.volatile = false
	for _, a := range args {
		n.volatile = n.volatile || a.volatile
	}
	for _, a := range args {
		if !a.constant() {
			return n
		}
	}
	c.fold(n)
	return n
}

// raw is node without computing ahead.
func (c *compiler) raw(e syntax.Expr, t record.Type, fill func(f *frame, out *vec)) *node {
	n := &node{typ: t, at: e.At(), volatile: true}
	slot := c.slot()
	n.eval = func(f *frame) *vec {
		out := f.out(slot, n)
		fill(f, out)
		return out
	}
	return n
}

// fold computes a node ahead, unless it is volatile or the computation fails: then each row
// shall tell.
func (c *compiler) fold(n *node) {
	if c.unfolded || n.volatile || n.value != nil || familyOf(n.typ.Kind) == famArray {
		return
	}
	f := &c.scratch
	f.slots = append(f.slots, make([]vec, c.slots-len(f.slots))...)
	f.start(context.Background(), nil, 1, c.mode, Env{})
	v := n.run(f)
	f.bad = f.bad[:0]
	if f.fatal == nil && len(f.failed) == 0 {
		value := *v
		value.mask = 0
		n.value = &value
	}
	*v = vec{}
}

func (c *compiler) constant(e syntax.Expr, t record.Type, set func(v *vec)) *node {
	v := &vec{}
	v.reset(t, 1)
	set(v)
	v.mask = 0
	return &node{typ: t, at: e.At(), value: v}
}

func (c *compiler) nullOf(at int, t record.Type) *node {
	return &node{typ: t, at: at, value: zeroNull(t)}
}

func (c *compiler) boolean(e syntax.Expr, b bool) *node {
	return c.constant(e, record.Of(record.Boolean), func(v *vec) { v.b[0] = b })
}

func (c *compiler) expr(e syntax.Expr) (*node, error) {
	if c.slots > maxSlots {
		return nil, at(e, "the expression has more than %d parts; use IN for long lists", maxSlots)
	}
	switch x := e.(type) {
	case *syntax.Column:
		return c.columnRef(x)
	case *syntax.Number:
		return c.number(x, x.Text)
	case *syntax.Text:
		return c.constant(e, record.Of(record.String), func(v *vec) { v.data = append(v.data, x.Value...); v.endText() }), nil
	case *syntax.Null:
		return c.nullOf(e.At(), record.Of(record.Null)), nil
	case *syntax.Moment:
		return c.moment(x)
	case *syntax.Paren:
		return c.expr(x.X)
	case *syntax.Unary:
		return c.unary(x)
	case *syntax.Binary:
		return c.binary(x)
	case *syntax.IsNull:
		return c.nullTest(x)
	case *syntax.In:
		return c.in(x)
	case *syntax.Like:
		return c.like(x)
	case *syntax.Between:
		return c.between(x)
	case *syntax.Case:
		return c.caseOf(x)
	case *syntax.Cast:
		return c.castTo(x)
	case *syntax.Call:
		return c.call(x, x.Name, x.Args)
	case *syntax.Extract:
		unit := &syntax.Text{Pos: x.Pos, Value: x.Unit}
		return c.call(&syntax.Call{Pos: x.Pos, Name: "EXTRACT"}, "EXTRACT", []syntax.Expr{unit, x.X})
	}
	return nil, at(e, "Unsupported SQL Expression: %s", e)
}

// number types a literal: INT or BIGINT as it fits, DECIMAL beyond; with a point DOUBLE, in
// ANSI mode an exact DECIMAL; with an exponent DOUBLE.
func (c *compiler) number(e syntax.Expr, text string) (*node, error) {
	if !strings.ContainsAny(text, ".eE") {
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			t := record.Of(record.BigInt)
			if v >= math.MinInt32 && v <= math.MaxInt32 {
				t = record.Of(record.Int)
			}
			return c.constant(e, t, func(out *vec) { out.i[0] = v }), nil
		}
	}
	exact := !strings.ContainsAny(text, "eE") && (c.ansi() || !strings.Contains(text, "."))
	if exact {
		n, scale, err := decimalOfText(text)
		if err != nil || scale > maxPrecision || !fits(n, maxPrecision) {
			return nil, at(e, "the number %s has more than %d digits", text, maxPrecision)
		}
		p := max(digits(n), scale, 1)
		return c.constant(e, record.DecimalOf(p, scale), func(out *vec) { out.d[0] = n }), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, at(e, "the number %s is beyond the range of DOUBLE", text)
	}
	return c.constant(e, record.Of(record.Double), func(out *vec) { out.f[0] = v }), nil
}

// columnRef finds what a name means. SeaTunnel looks for a column called like the last part
// first, then walks nested rows and maps from the first part.
func (c *compiler) columnRef(x *syntax.Column) (*node, error) {
	last := x.Parts[len(x.Parts)-1]
	walkFirst := c.ansi() && len(x.Parts) > 1 && c.nested(x.Parts[0])
	if i := c.find(last); i >= 0 && !walkFirst {
		return c.load(i, x), nil
	}
	parts := x.Parts
	i := c.find(parts[0])
	if i < 0 && len(parts) > 1 { // table.column.member
		parts = parts[1:]
		i = c.find(parts[0])
	}
	if i < 0 {
		if len(x.Parts) == 1 && last.Quote == 0 {
			switch strings.ToUpper(last.Text) {
			case "TRUE":
				return c.boolean(x, true), nil
			case "FALSE":
				return c.boolean(x, false), nil
			}
		}
		return nil, c.unknown(x)
	}
	n := c.load(i, x)
	for k, p := range parts[1:] {
		switch n.typ.Kind {
		case record.Row:
			f := fieldIndex(n.typ, p.Text)
			if f < 0 {
				return nil, c.unknown(x)
			}
			n = c.member(x, n, f)
		case record.Map:
			if n.typ.Key.Kind != record.String {
				return nil, at(x, "%s: the keys of the map are %s; only maps with STRING keys can be read by name", x.Path(), n.typ.Key)
			}
			if rest := len(parts) - 2 - k; rest > 1 {
				return nil, at(x, "%s: a map must be the last part but one, or but two when its values are rows", x.Path())
			}
			n = c.entry(x, n, p.Text)
		default:
			return nil, c.unknown(x)
		}
	}
	return n, nil
}

func (c *compiler) nested(name syntax.Name) bool {
	i := c.find(name)
	return i >= 0 && (c.schema.Columns[i].Type.Kind == record.Row || c.schema.Columns[i].Type.Kind == record.Map)
}

// find looks a name up, with its quotes first, then without.
func (c *compiler) find(name syntax.Name) int {
	if name.Quote != 0 {
		if i := c.schema.Index(name.String()); i >= 0 {
			return i
		}
	}
	return c.schema.Index(name.Text)
}

func (c *compiler) unknown(x *syntax.Column) error {
	hint := ""
	if near := option.Nearest(x.Parts[len(x.Parts)-1].Text, c.schema.Names()); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return at(x, "can't find field [%s]%s", x.Path(), hint)
}

func fieldIndex(t record.Type, name string) int {
	for i, f := range t.Fields {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// load is the column itself. All references to a column share one node.
func (c *compiler) load(i int, e syntax.Expr) *node {
	if n := c.columns[i]; n != nil {
		return n
	}
	slot, t := c.slot(), c.schema.Columns[i].Type
	n := &node{typ: t, at: e.At(), column: i + 1}
	n.eval = func(f *frame) *vec {
		v := &f.slots[slot]
		if v.view { // loaded for this batch
			return v
		}
		if err := v.load(f.data.Column(i), t); err != nil {
			f.fatal = err
			v.reset(t, f.n)
			v.allNull(f.n)
		}
		return v
	}
	c.columns[i] = n
	return n
}
