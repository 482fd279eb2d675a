package expr

import (
	"fmt"
	"math"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// convert brings a node to another type without losing anything but what the rules of the
// mode give up; it is what operators and branches do implicitly. CAST is castTo.
func (c *compiler) convert(e syntax.Expr, n *node, t record.Type) (*node, error) {
	from := n.typ
	switch {
	case from.Equal(t):
		return n, nil
	case from.Kind == record.Null:
		return c.nullOf(n.at, t), nil
	case t.Kind == record.String && familyOf(from.Kind) != famArray:
		return c.toText(e, n), nil
	case from.Kind.Numeric() && t.Kind.Numeric():
		return c.toNumber(e, n, t), nil
	case from.Kind == record.TimestampTZ && t.Kind == record.Timestamp:
		return c.convert(e, c.local(e, n), t)
	case from.Kind == record.Date && t.Kind == record.Timestamp, from.Kind == t.Kind && t.Kind.Temporal():
		return c.toTemporal(e, n, t), nil
	}
	return nil, at(e, "%s is %s; expected %s", e, from, t)
}

// rows makes a node whose value is set row by row where no argument is null. set returns an
// error for a row that cannot be computed; a text is appended to out.data.
func (c *compiler) rows(e syntax.Expr, t record.Type, args []*node, set func(r *row) error) *node {
	return c.node(e, t, args, func(f *frame, out *vec) { runRows(f, out, args, true, set) })
}

// row is what a function sees of one row. Its methods read argument k and set the result.
type row struct {
	f    *frame
	a    []*vec
	i    int
	out  *vec
	null bool // set to make the result null
}

func (r *row) isNull(k int) bool   { return r.a[k].isNull(r.i) }
func (r *row) text(k int) []byte   { return r.a[k].text(r.i) }
func (r *row) str(k int) string    { return r.a[k].str(r.i) }
func (r *row) int(k int) int64     { a := r.a[k]; return a.i[r.i&a.mask] }
func (r *row) float(k int) float64 { a := r.a[k]; return a.f[r.i&a.mask] }
func (r *row) dec(k int) num       { a := r.a[k]; return a.d[r.i&a.mask] }
func (r *row) setInt(v int64)      { r.out.i[r.i] = v }
func (r *row) setFloat(v float64)  { r.out.f[r.i] = v }
func (r *row) setBool(v bool)      { r.out.b[r.i] = v }
func (r *row) append(b ...byte)    { r.out.data = append(r.out.data, b...) }

func runRows(f *frame, out *vec, args []*node, strict bool, set func(r *row) error) {
	var few [6]*vec
	vecs := few[:0]
	for _, a := range args {
		vecs = append(vecs, a.run(f))
	}
	if strict {
		out.strictNulls(f.n, vecs...)
	}
	text := familyOf(out.typ.Kind) == famText
	r := &row{f: f, a: vecs, out: out}
	for i := range f.n {
		if i&15 == 0 && f.fatal == nil {
			f.fatal = f.ctx.Err()
		}
		if out.null != nil && out.null[i] || f.fatal != nil || !f.wanted(i) {
			if text {
				out.endText()
			}
			continue
		}
		r.i, r.null = i, false
		start := len(out.data)
		err := set(r)
		if err == nil && text && len(out.data) > maxColumn {
			err = fmt.Errorf("the column's values take more than %d bytes in one batch", maxColumn)
		}
		if err != nil {
			f.fail(i, err)
		}
		if err != nil || r.null {
			out.setNull(i, f.n)
			out.data = out.data[:start]
		}
		if text {
			out.endText()
		}
	}
}

func (c *compiler) toText(e syntax.Expr, n *node) *node {
	ansi := c.ansi()
	n = c.local(e, n)
	return c.rows(e, record.Of(record.String), []*node{n}, func(r *row) error {
		r.out.data = appendText(r.out.data, r.a[0], r.i, ansi)
		return nil
	})
}

func (c *compiler) toDouble(e syntax.Expr, n *node) *node {
	return c.toNumber(e, n, record.Of(record.Double))
}

// toNumber converts between numeric types. Integers narrow as Java's do, wrapping; in ANSI
// mode what does not fit is an error.
func (c *compiler) toNumber(e syntax.Expr, n *node, t record.Type) *node {
	if n.typ.Equal(t) {
		return n
	}
	args := []*node{n}
	switch {
	case t.Kind == record.Decimal:
		return c.rows(e, t, args, func(r *row) error {
			v, scale, err := numberAt(r.a[0], r.i)
			if err == nil {
				v, err = rescale(v, scale, t.Scale, halfUp)
			}
			if err == nil && !fits(v, t.Precision) {
				err = tooWide(v, t)
			}
			r.out.d[r.i] = v
			return err
		})
	case familyOf(t.Kind) == famFloat:
		return c.node(e, t, args, func(f *frame, out *vec) {
			in := n.run(f)
			out.strictNulls(f.n, in)
			switch familyOf(n.typ.Kind) {
			case famInt:
				for i := range out.f {
					out.f[i] = float64(in.i[i&in.mask])
				}
			case famFloat:
				for i := range out.f {
					out.f[i] = in.f[i&in.mask]
				}
			case famDecimal:
				for i := range out.f {
					out.f[i] = toFloat(in.d[i&in.mask], n.typ.Scale)
				}
			}
			if t.Kind == record.Float {
				for i, x := range out.f {
					out.f[i] = float64(float32(x))
				}
			}
		})
	}
	ansi := c.ansi()
	return c.rows(e, t, args, func(r *row) error {
		v, err := integerAt(r.a[0], r.i, ansi)
		if ansi && err == nil && wrap(v, t.Kind) != v {
			err = fmt.Errorf("%d is beyond the range of %s", v, t)
		}
		r.setInt(wrap(v, t.Kind))
		return err
	})
}

// numberAt is value i of a numeric column as a decimal.
func numberAt(v *vec, i int) (num, int, error) {
	k := i & v.mask
	switch familyOf(v.typ.Kind) {
	case famInt:
		return fromInt(v.i[k]), 0, nil
	case famFloat:
		return decimalOfFloat(v.f[k])
	}
	return v.d[k], v.typ.Scale, nil
}

// integerAt is value i of a numeric column without its fraction. checked refuses what is
// beyond 64 bits, which otherwise wraps.
func integerAt(v *vec, i int, checked bool) (int64, error) {
	k := i & v.mask
	switch familyOf(v.typ.Kind) {
	case famInt:
		return v.i[k], nil
	case famFloat:
		x := math.Trunc(v.f[k])
		if checked && !(x >= -1<<63 && x < 1<<63) {
			return 0, fmt.Errorf("%g is beyond the range of BIGINT", v.f[k])
		}
		return wrapFloat(x), nil
	}
	whole, err := rescale(v.d[k], v.typ.Scale, 0, down)
	out, ok := small(whole)
	if checked && !ok && err == nil {
		err = fmt.Errorf("%s is beyond the range of BIGINT", whole.BigInt())
	}
	return out, err
}

// wrapFloat is the low 64 bits of a whole number, 0 for NaN and infinities.
func wrapFloat(x float64) int64 {
	if x >= -1<<63 && x < 1<<63 {
		return int64(x)
	}
	m := math.Mod(x, 1<<64)
	if math.IsNaN(m) {
		return 0
	}
	if m < 0 {
		m += 1 << 64
	}
	return int64(uint64(m))
}

// wrap keeps the low bits an integer type has room for.
func wrap(v int64, k record.Kind) int64 {
	switch k {
	case record.TinyInt:
		return int64(int8(v))
	case record.SmallInt:
		return int64(int16(v))
	case record.Int:
		return int64(int32(v))
	}
	return v
}

func tooWide(v num, t record.Type) error {
	return fmt.Errorf("%s does not fit into %s; CAST an operand to a wider DECIMAL", appendDecimal(nil, v, t.Scale, true), t)
}

func (c *compiler) toTemporal(e syntax.Expr, n *node, t record.Type) *node {
	return c.rows(e, t, []*node{n}, func(r *row) error {
		return r.out.setTime(r.i, r.a[0].time(r.i))
	})
}

// common is the type that values of several branches share, by the rules of CASE.
func common(types []record.Type) (record.Type, bool) {
	var out record.Type
	for _, t := range types {
		switch {
		case t.Kind == record.Null:
		case out.Kind == record.Null:
			out = t
		case out.Equal(t):
		case out.Kind.Numeric() && t.Kind.Numeric():
			out = wider(out, t)
		default:
			return out, false
		}
	}
	return out, true
}

// wider is the wider of two numeric types: DECIMAL wins, then the order TINYINT … DOUBLE.
func wider(a, b record.Type) record.Type {
	if a.Kind == record.Decimal || b.Kind == record.Decimal {
		return record.DecimalOf(max(a.Precision, b.Precision), max(a.Scale, b.Scale))
	}
	if a.Kind > b.Kind {
		return a
	}
	return b
}
