package expr

import (
	"fmt"
	"math"
	"math/bits"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

func (c *compiler) unary(x *syntax.Unary) (*node, error) {
	n, err := c.expr(x.X)
	if err != nil {
		return nil, err
	}
	if x.Op == "NOT" {
		return c.not(x, n)
	}
	if n.typ.Kind == record.Null {
		return n, nil
	}
	if !n.typ.Kind.Numeric() {
		return nil, at(x, "%s: %s is %s; a sign needs a number", x, x.X, n.typ)
	}
	if x.Op == "+" {
		return n, nil
	}
	t := n.typ
	if keep := t.Kind == record.Int || t.Kind == record.BigInt || t.Kind == record.Double; !keep && !c.ansi() {
		t = record.Of(record.Double)
		n = c.toDouble(x, n)
	}
	return c.rows(x, t, []*node{n}, func(r *row) error {
		switch familyOf(t.Kind) {
		case famFloat:
			r.setFloat(-r.float(0))
		case famDecimal:
			r.out.d[r.i] = r.dec(0).Negate()
		default:
			v := wrap(-r.int(0), t.Kind)
			if c.ansi() && v == r.int(0) && v != 0 {
				return fmt.Errorf("-(%d) is beyond the range of %s", v, t)
			}
			r.setInt(v)
		}
		return nil
	}), nil
}

func (c *compiler) binary(x *syntax.Binary) (*node, error) {
	switch x.Op {
	case "AND", "OR":
		return c.connect(x)
	case "||":
		return c.concatOp(x)
	}
	l, err := c.expr(x.L)
	if err != nil {
		return nil, err
	}
	r, err := c.expr(x.R)
	if err != nil {
		return nil, err
	}
	switch x.Op {
	case "+", "-", "*", "/", "%":
		return c.arith(x, x.Op[0], l, r)
	}
	return c.compare(x, x.Op, l, r)
}

// arith is + - * / %. The result is null when a side is.
func (c *compiler) arith(e syntax.Expr, op byte, l, r *node) (*node, error) {
	lt, rt := l.typ, r.typ
	if lt.Kind == record.Null {
		lt = rt
	}
	if rt.Kind == record.Null {
		rt = lt
	}
	if lt.Kind == record.Null {
		return c.nullOf(e.At(), lt), nil
	}
	if !lt.Kind.Numeric() || !rt.Kind.Numeric() {
		return nil, at(e, "%s: arithmetic needs numbers on both sides, these are %s and %s", e, l.typ, r.typ)
	}
	t := c.arithType(op, lt, rt)
	if l.typ.Kind == record.Null || r.typ.Kind == record.Null {
		return c.nullOf(e.At(), t), nil
	}
	switch familyOf(t.Kind) {
	case famFloat:
		return c.floatArith(e, op, t, c.toDouble(e, l), c.toDouble(e, r)), nil
	case famDecimal:
		return c.decimalArith(e, op, t, l, r), nil
	}
	return c.intArith(e, op, t, l, r), nil
}

// arithType is the type of a result.
func (c *compiler) arithType(op byte, l, r record.Type) record.Type {
	float := func(t record.Type) bool { return familyOf(t.Kind) == famFloat }
	decimal := l.Kind == record.Decimal || r.Kind == record.Decimal
	switch {
	case decimal && !c.ansi():
		return record.DecimalOf(max(l.Precision, r.Precision), max(l.Scale, r.Scale))
	case float(l) || float(r):
		return record.Of(record.Double)
	case decimal:
		return exactType(op, decimalType(l), decimalType(r))
	case l.Kind == record.BigInt || r.Kind == record.BigInt:
		return record.Of(record.BigInt)
	}
	return record.Of(record.Int)
}

// decimalType is the DECIMAL that holds every value of an exact numeric type.
func decimalType(t record.Type) record.Type {
	switch t.Kind {
	case record.TinyInt:
		return record.DecimalOf(3, 0)
	case record.SmallInt:
		return record.DecimalOf(5, 0)
	case record.Int:
		return record.DecimalOf(10, 0)
	case record.BigInt:
		return record.DecimalOf(19, 0)
	}
	return t
}

// exactType is the DECIMAL of an ANSI result: wide enough for every value, as far as 38
// digits go; a quotient has at least 6 digits behind the point.
func exactType(op byte, l, r record.Type) record.Type {
	p1, s1, p2, s2 := l.Precision, l.Scale, r.Precision, r.Scale
	var p, s int
	switch op {
	case '*':
		p, s = p1+p2, s1+s2
	case '/':
		s = max(6, s1+p2+1)
		p = p1 - s1 + s2 + s
	case '%':
		s = max(s1, s2)
		p = min(p1-s1, p2-s2) + s
	default:
		s = max(s1, s2)
		p = max(p1-s1, p2-s2) + s + 1
	}
	if p > maxPrecision {
		whole := p - s
		s = max(maxPrecision-whole, min(s, 6))
		p = maxPrecision
	}
	return record.DecimalOf(max(p, 1), s)
}

func (c *compiler) floatArith(e syntax.Expr, op byte, t record.Type, l, r *node) *node {
	ansi := c.ansi()
	return c.node(e, t, []*node{l, r}, func(f *frame, out *vec) {
		a, b := l.run(f), r.run(f)
		out.strictNulls(f.n, a, b)
		am, bm, dst := a.mask, b.mask, out.f
		switch op {
		case '+':
			for i := range dst {
				dst[i] = a.f[i&am] + b.f[i&bm]
			}
		case '-':
			for i := range dst {
				dst[i] = a.f[i&am] - b.f[i&bm]
			}
		case '*':
			for i := range dst {
				dst[i] = a.f[i&am] * b.f[i&bm]
			}
		case '/':
			for i := range dst {
				dst[i] = a.f[i&am] / b.f[i&bm]
			}
		case '%':
			for i := range dst {
				dst[i] = math.Mod(a.f[i&am], b.f[i&bm])
			}
		}
		if ansi && (op == '/' || op == '%') {
			for i := range dst {
				if b.f[i&bm] == 0 && !out.isNull(i) {
					f.fail(i, errDivideByZero)
					out.setNull(i, f.n)
				}
			}
		}
	})
}

func (c *compiler) intArith(e syntax.Expr, op byte, t record.Type, l, r *node) *node {
	ansi, int32s := c.ansi(), t.Kind == record.Int
	return c.node(e, t, []*node{l, r}, func(f *frame, out *vec) {
		a, b := l.run(f), r.run(f)
		out.strictNulls(f.n, a, b)
		am, bm, dst := a.mask, b.mask, out.i
		switch op {
		case '+':
			for i := range dst {
				dst[i] = a.i[i&am] + b.i[i&bm]
			}
		case '-':
			for i := range dst {
				dst[i] = a.i[i&am] - b.i[i&bm]
			}
		case '*':
			for i := range dst {
				dst[i] = a.i[i&am] * b.i[i&bm]
			}
		default:
			for i := range dst {
				y := b.i[i&bm]
				switch {
				case out.isNull(i):
					dst[i] = 0
				case y == 0:
					f.fail(i, errDivideByZero)
					out.setNull(i, f.n)
				case y == -1: // MinInt64 / -1 is no panic in SQL
					dst[i] = 0
					if op == '/' {
						dst[i] = -a.i[i&am]
					}
				case op == '/':
					dst[i] = a.i[i&am] / y
				default:
					dst[i] = a.i[i&am] % y
				}
			}
		}
		if ansi {
			for i := range dst {
				if !out.isNull(i) && overflows(op, a.i[i&am], b.i[i&bm], dst[i], int32s) {
					f.fail(i, fmt.Errorf("%d %c %d is beyond the range of %s", a.i[i&am], op, b.i[i&bm], t))
					out.setNull(i, f.n)
				}
			}
		}
		if int32s {
			for i, v := range dst {
				dst[i] = int64(int32(v))
			}
		}
	})
}

func overflows(op byte, a, b, result int64, int32s bool) bool {
	if int32s {
		return int64(int32(result)) != result
	}
	switch op {
	case '+':
		return (a^result)&(b^result) < 0
	case '-':
		return (a^b)&(a^result) < 0
	case '*':
		hi, lo := bits.Mul64(absU(a), absU(b))
		return hi != 0 || lo > 1<<63 || lo == 1<<63 && (a < 0) == (b < 0)
	case '/':
		return a == math.MinInt64 && b == -1
	}
	return false
}

// decimalArith is arithmetic with a DECIMAL result. In ZETA operands go through double, which
// changes only those of more than 15 digits, and quotients round away from zero.
func (c *compiler) decimalArith(e syntax.Expr, op byte, t record.Type, l, r *node) *node {
	l, r = c.decimalConstant(e, l), c.decimalConstant(e, r)
	round, zeta := halfUp, !c.ansi()
	if zeta {
		round = up
	}
	return c.rows(e, t, []*node{l, r}, func(w *row) error {
		x, sx, err := numberAt(w.a[0], w.i)
		if err != nil {
			return err
		}
		y, sy, err := numberAt(w.a[1], w.i)
		if err != nil {
			return err
		}
		if zeta {
			x, sx = viaDouble(x, sx)
			y, sy = viaDouble(y, sy)
		}
		v, err := decimalOp(op, x, sx, y, sy, t.Scale, round)
		if err == nil && !fits(v, t.Precision) {
			err = tooWide(v, t)
		}
		w.out.d[w.i] = v
		return err
	})
}

// decimalConstant turns a DOUBLE constant into the DECIMAL it is written as.
func (c *compiler) decimalConstant(e syntax.Expr, n *node) *node {
	if !n.constant() || familyOf(n.typ.Kind) != famFloat || n.isNull() {
		return n
	}
	v, scale, err := decimalOfFloat(n.value.f[0])
	if err != nil {
		return n
	}
	return c.constant(e, record.DecimalOf(maxPrecision, scale), func(out *vec) { out.d[0] = v })
}
