package expr

import (
	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// condition compiles an operand of AND, OR, NOT or WHEN.
func (c *compiler) condition(e syntax.Expr) (*node, error) {
	n, err := c.expr(e)
	if err != nil {
		return nil, err
	}
	switch n.typ.Kind {
	case record.Boolean:
		return n, nil
	case record.Null:
		return c.nullOf(n.at, record.Of(record.Boolean)), nil
	}
	return nil, at(e, "a condition must be BOOLEAN; %s is %s", e, n.typ)
}

// connect is AND and OR. The right side is computed for those rows only which the left side
// leaves open, so that it cannot fail for the others.
func (c *compiler) connect(x *syntax.Binary) (*node, error) {
	l, err := c.condition(x.L)
	if err != nil {
		return nil, err
	}
	r, err := c.condition(x.R)
	if err != nil {
		return nil, err
	}
	and, ansi, open := x.Op == "AND", c.ansi(), c.slot()
	n := c.node(x, record.Of(record.Boolean), []*node{l, r}, func(f *frame, out *vec) {
		a := l.run(f)
		saved := f.live
		live := f.mask(open)
		for i := range live {
			settled := !a.isNull(i) && a.b[i&a.mask] != and || !ansi && and && a.isNull(i)
			live[i] = f.wanted(i) && !settled
		}
		f.live = live
		b := r.run(f)
		f.live = saved
		for i := range out.b {
			p, q := a.isTrue(i), b.isTrue(i)
			if and {
				out.b[i] = p && q
			} else {
				out.b[i] = p || q
			}
			if ansi && (a.null != nil || b.null != nil) {
				pf := !p && !a.isNull(i)
				qf := !q && !b.isNull(i)
				if and && !out.b[i] && !pf && !qf || !and && !out.b[i] && !(pf && qf) {
					out.setNull(i, f.n)
				}
			}
		}
	})
	return n, nil
}

// mask is memory for one flag a row.
func (f *frame) mask(slot int) []bool {
	v := &f.slots[slot]
	v.b = grow(v.b, f.n)
	return v.b
}

// not is NOT x; in ZETA, which does not know unknown, NOT of null is true.
func (c *compiler) not(e syntax.Expr, n *node) (*node, error) {
	if n.typ.Kind == record.Null {
		n = c.nullOf(n.at, record.Of(record.Boolean))
	}
	if n.typ.Kind != record.Boolean {
		return nil, at(e, "NOT needs a condition; this is %s", n.typ)
	}
	ansi := c.ansi()
	out := c.node(e, record.Of(record.Boolean), []*node{n}, func(f *frame, out *vec) {
		in := n.run(f)
		for i := range out.b {
			out.b[i] = !in.isTrue(i)
		}
		if ansi {
			out.strictNulls(f.n, in)
		}
	})
	return out, nil
}

// caseOf is CASE. Each condition is computed for the rows still open, each branch for the
// rows that take it.
func (c *compiler) caseOf(x *syntax.Case) (*node, error) {
	conds := make([]*node, len(x.Whens))
	values := make([]*node, 0, len(x.Whens)+1)
	var err error
	var operand *node
	if x.Operand != nil {
		if operand, err = c.expr(x.Operand); err != nil {
			return nil, err
		}
	}
	for i, w := range x.Whens {
		if operand == nil {
			conds[i], err = c.condition(w.Cond)
		} else if conds[i], err = c.expr(w.Cond); err == nil {
			conds[i], err = c.compare(w.Cond, "=", operand, conds[i])
		}
		if err != nil {
			return nil, err
		}
		v, err := c.expr(w.Then)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if x.Else != nil {
		v, err := c.expr(x.Else)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if values, err = c.unify(x, values); err != nil {
		return nil, err
	}
	return c.choose(x, conds, values), nil
}

// unify converts the branches of e to their common type.
func (c *compiler) unify(e syntax.Expr, values []*node) ([]*node, error) {
	types := make([]record.Type, len(values))
	for i, v := range values {
		types[i] = v.typ
	}
	t, ok := c.common(types)
	if !ok {
		return nil, at(e, "%s: the types %v of the branches are type not compatible; CAST them to one type", e, types)
	}
	out := make([]*node, len(values))
	for i, v := range values {
		n, err := c.convert(e, v, t)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// choose takes values[k] where conds[k] is the first that is true, the value after the last
// condition, or null, where none is.
func (c *compiler) choose(e syntax.Expr, conds, values []*node) *node {
	args := append(append([]*node{}, conds...), values...)
	open, mine, choices := c.slot(), c.slot(), c.slot()
	return c.node(e, values[0].typ, args, func(f *frame, out *vec) {
		saved := f.live
		live := f.mask(open)
		for i := range live {
			live[i] = f.wanted(i)
		}
		store := &f.slots[choices]
		store.off = grow(store.off, f.n)
		choice := store.off // -1: none
		for i := range choice {
			choice[i] = -1
		}
		take := func(k int, cond *vec) (any bool) {
			for i := range live {
				if live[i] && (cond == nil || cond.isTrue(i)) {
					choice[i], live[i], any = int32(k), false, true
				}
			}
			return any
		}
		used := make([]*vec, len(values))
		want := f.mask(mine)
		for k := range values {
			var cond *vec
			f.live = live
			if k < len(conds) {
				cond = conds[k].run(f)
			}
			if take(k, cond) {
				for i := range want {
					want[i] = choice[i] == int32(k)
				}
				f.live = want
				used[k] = values[k].run(f)
			}
		}
		f.live = saved
		merge(f, out, used, choice)
	})
}

// merge fills out with the chosen values.
func merge(f *frame, out *vec, values []*vec, choice []int32) {
	if familyOf(out.typ.Kind) == famArray {
		mergeArrays(f, out, values, choice)
		return
	}
	text := familyOf(out.typ.Kind) == famText
	for i, k := range choice {
		if k < 0 || values[k].isNull(i) {
			out.setNull(i, f.n)
			if text {
				out.endText()
			}
			continue
		}
		out.copyValue(i, values[k], i)
	}
}

func (c *compiler) common(types []record.Type) (record.Type, bool) {
	t, ok := common(types)
	if ok && c.ansi() && t.Kind == record.Decimal { // room for every branch
		whole, scale := 0, 0
		for _, b := range types {
			if familyOf(b.Kind) == famFloat {
				return record.Of(record.Double), true
			}
			if d := decimalType(b); d.Kind == record.Decimal {
				whole, scale = max(whole, d.Precision-d.Scale), max(scale, d.Scale)
			}
		}
		scale = min(scale, maxPrecision-min(whole, maxPrecision))
		return record.DecimalOf(min(whole+scale, maxPrecision), scale), true
	}
	return t, ok
}
