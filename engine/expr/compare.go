package expr

import (
	"bytes"
	"cmp"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// compare is = <> != < <= > >=.
//
// In ZETA nothing is unknown: a comparison with null is false, only <> of a null and a value
// is true. Numbers are compared as doubles.
func (c *compiler) compare(e syntax.Expr, op string, l, r *node) (*node, error) {
	if op == "!=" {
		op = "<>"
	}
	l, r, same, err := c.comparable(e, l, r)
	if err != nil {
		return nil, err
	}
	if !same {
		if op != "=" && op != "<>" || c.ansi() {
			return nil, at(e, "Filed types not matched, left is: %s, right is: %s, in: %s", l.typ, r.typ, e)
		}
		// values of different kinds are never equal
		l, r = c.presence(e, l), c.presence(e, r)
		return c.comparison(e, l, r, func(f *frame, a, b *vec, dst []bool) {
			for i := range dst {
				dst[i] = op == "<>"
			}
		}, op), nil
	}
	if familyOf(l.typ.Kind) == famArray {
		return nil, at(e, "%s: values of type %s cannot be compared", e, l.typ)
	}
	return c.comparison(e, l, r, kernel(familyOf(l.typ.Kind), l.typ.Scale, r.typ.Scale, op), op), nil
}

// presence is a node that keeps nothing of n but whether it is null.
func (c *compiler) presence(e syntax.Expr, n *node) *node {
	return c.node(e, record.Of(record.Boolean), []*node{n}, func(f *frame, out *vec) {
		out.strictNulls(f.n, n.run(f))
		clear(out.b)
	})
}

// comparable brings two sides to one type; same is false when they have none.
func (c *compiler) comparable(e syntax.Expr, l, r *node) (*node, *node, bool, error) {
	l, r = c.local(e, l), c.local(e, r)
	text := record.Of(record.String)
	switch {
	case l.typ.Kind == record.Null && r.typ.Kind == record.Null:
		return c.nullOf(l.at, text), c.nullOf(r.at, text), true, nil
	case l.typ.Kind == record.Null:
		return c.nullOf(l.at, r.typ), r, true, nil
	case r.typ.Kind == record.Null:
		return l, c.nullOf(r.at, l.typ), true, nil
	}
	lk, rk := l.typ.Kind, r.typ.Kind
	switch {
	case lk.Numeric() && rk.Numeric():
		if lk.Integer() && rk.Integer() && (c.ansi() || lk < record.BigInt && rk < record.BigInt) {
			return l, r, true, nil
		}
		if c.ansi() && familyOf(lk) != famFloat && familyOf(rk) != famFloat {
			return c.exact(e, l), c.exact(e, r), true, nil
		}
		return c.toDouble(e, l), c.toDouble(e, r), true, nil
	case lk == rk && lk.Temporal() && l.typ.Nanos() != r.typ.Nanos():
		wide := record.Type{Kind: lk, Scale: 9}
		l, err := c.convert(e, l, wide)
		if err != nil {
			return nil, nil, false, err
		}
		r, err := c.convert(e, r, wide)
		return l, r, true, err
	case lk == rk:
		return l, r, true, nil
	case c.ansi() && lk.Temporal() && rk == record.String && r.constant():
		r, err := c.sqlMoment(e, r, l.typ)
		return l, r, true, err
	case c.ansi() && rk.Temporal() && lk == record.String && l.constant():
		l, err := c.sqlMoment(e, l, r.typ)
		return l, r, true, err
	case c.ansi() && lk == record.Date && rk == record.Timestamp:
		l, err := c.convert(e, l, r.typ)
		return l, r, true, err
	case c.ansi() && rk == record.Date && lk == record.Timestamp:
		r, err := c.convert(e, r, l.typ)
		return l, r, true, err
	}
	return l, r, false, nil
}

// exact is an exact number as DECIMAL, at its own scale.
func (c *compiler) exact(e syntax.Expr, n *node) *node {
	return c.toNumber(e, n, decimalType(n.typ))
}

// sqlMoment reads a constant text as a date or time.
func (c *compiler) sqlMoment(e syntax.Expr, n *node, t record.Type) (*node, error) {
	moment, err := parseMoment(t.Kind, n.value.str(0))
	if err != nil {
		return nil, at(e, "%s", err)
	}
	out := c.constant(e, t, func(v *vec) { err = v.setTime(0, moment) })
	if err != nil {
		return nil, at(e, "%s", err)
	}
	return out, nil
}

// comparison makes the node of a comparison whose values come from fill, nulls aside.
func (c *compiler) comparison(e syntax.Expr, l, r *node, fill func(f *frame, a, b *vec, dst []bool), op string) *node {
	ansi := c.ansi()
	n := c.node(e, record.Of(record.Boolean), []*node{l, r}, func(f *frame, out *vec) {
		a, b := l.run(f), r.run(f)
		fill(f, a, b, out.b)
		if ansi {
			out.strictNulls(f.n, a, b)
			return
		}
		if a.null == nil && b.null == nil {
			return
		}
		for i := range out.b {
			if x, y := a.isNull(i), b.isNull(i); x || y {
				out.b[i] = op == "<>" && x != y
			}
		}
	})
	return n
}

// kernel compares values of one family.
func kernel(fam family, ls, rs int, op string) func(f *frame, a, b *vec, dst []bool) {
	switch fam {
	case famInt:
		return func(_ *frame, a, b *vec, dst []bool) { ordered(op, a.i, a.mask, b.i, b.mask, dst) }
	case famFloat:
		return func(_ *frame, a, b *vec, dst []bool) { ordered(op, a.f, a.mask, b.f, b.mask, dst) }
	case famDecimal:
		return func(_ *frame, a, b *vec, dst []bool) {
			for i := range dst {
				dst[i] = holds(op, compareDecimal(a.d[i&a.mask], ls, b.d[i&b.mask], rs))
			}
		}
	case famBool:
		number := func(b bool) int {
			if b {
				return 1
			}
			return 0
		}
		return func(_ *frame, a, b *vec, dst []bool) {
			for i := range dst {
				dst[i] = holds(op, number(a.b[i&a.mask])-number(b.b[i&b.mask]))
			}
		}
	}
	return func(_ *frame, a, b *vec, dst []bool) {
		switch op {
		case "=":
			for i := range dst {
				dst[i] = bytes.Equal(a.text(i), b.text(i))
			}
		case "<>":
			for i := range dst {
				dst[i] = !bytes.Equal(a.text(i), b.text(i))
			}
		default:
			for i := range dst {
				dst[i] = holds(op, compareText(a.text(i), b.text(i)))
			}
		}
	}
}

func ordered[T int64 | float64](op string, a []T, am int, b []T, bm int, dst []bool) {
	switch op {
	case "=":
		for i := range dst {
			dst[i] = a[i&am] == b[i&bm]
		}
	case "<>":
		for i := range dst {
			dst[i] = a[i&am] != b[i&bm]
		}
	case "<":
		for i := range dst {
			dst[i] = a[i&am] < b[i&bm]
		}
	case "<=":
		for i := range dst {
			dst[i] = a[i&am] <= b[i&bm]
		}
	case ">":
		for i := range dst {
			dst[i] = a[i&am] > b[i&bm]
		}
	case ">=":
		for i := range dst {
			dst[i] = a[i&am] >= b[i&bm]
		}
	}
}

func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func compareDecimal(a num, as int, b num, bs int) int {
	if as == bs {
		return a.Cmp(b)
	}
	x, okX := small(a)
	y, okY := small(b)
	if okX && okY && max(as, bs)-min(as, bs) < len(tenTo) {
		if as < bs {
			x, okX = mulSmall(x, tenTo[bs-as])
		} else {
			y, okY = mulSmall(y, tenTo[as-bs])
		}
		if okX && okY {
			return cmp.Compare(x, y)
		}
	}
	p, q := a.BigInt(), b.BigInt()
	p.Mul(p, bigTen[max(bs-as, 0)])
	q.Mul(q, bigTen[max(as-bs, 0)])
	return p.Cmp(q)
}

// compareText orders texts by UTF-16 units, as Java does: like bytes, but with the characters
// above U+FFFF before U+E000.
func compareText(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) {
			return cmp.Compare(y, x)
		}
		return cmp.Compare(x, y)
	}
	return cmp.Compare(len(a), len(b))
}

func (c *compiler) nullTest(x *syntax.IsNull) (*node, error) {
	n, err := c.expr(x.X)
	if err != nil {
		return nil, err
	}
	return c.node(x, record.Of(record.Boolean), []*node{n}, func(f *frame, out *vec) {
		in := n.run(f)
		for i := range out.b {
			out.b[i] = in.isNull(i) != x.Not
		}
	}), nil
}

func (c *compiler) between(x *syntax.Between) (*node, error) {
	value := x.X
	lo := &syntax.Binary{Pos: x.Pos, Op: ">=", L: value, R: x.Lo}
	hi := &syntax.Binary{Pos: x.Pos, Op: "<=", L: value, R: x.Hi}
	n, err := c.expr(&syntax.Binary{Pos: x.Pos, Op: "AND", L: lo, R: hi})
	if err != nil || !x.Not {
		return n, err
	}
	return c.not(x, n)
}
