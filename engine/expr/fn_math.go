package expr

import (
	"fmt"
	"math"
	"strconv"

	"seikan/engine/record"
)

var mathFunctions = []builtin{
	{name: "ABS", params: "x:number", doc: "Without the sign.", make: func(k *call) (*node, error) {
		t := k.args[0].typ
		return k.typed(t, func(r *row) error {
			switch familyOf(t.Kind) {
			case famFloat:
				r.setFloat(math.Abs(r.float(0)))
			case famDecimal:
				r.out.d[r.i] = r.dec(0).Abs()
			default:
				v := r.int(0)
				if v < 0 {
					v = wrap(-v, t.Kind)
				}
				if v < 0 && r.f.mode == ANSI {
					return fmt.Errorf("ABS(%d) is beyond the range of %s", v, t)
				}
				r.setInt(v)
			}
			return nil
		})
	}},
	{name: "ACOS", params: "x:double", doc: "Arc cosine.", make: double(math.Acos)},
	{name: "ASIN", params: "x:double", doc: "Arc sine.", make: double(math.Asin)},
	{name: "ATAN", params: "x:double", doc: "Arc tangent.", make: double(math.Atan)},
	{name: "COS", params: "x:double", doc: "Cosine.", make: double(math.Cos)},
	{name: "COSH", params: "x:double", doc: "Hyperbolic cosine.", make: double(math.Cosh)},
	{name: "SIN", params: "x:double", doc: "Sine.", make: double(math.Sin)},
	{name: "SINH", params: "x:double", doc: "Hyperbolic sine.", make: double(math.Sinh)},
	{name: "TAN", params: "x:double", doc: "Tangent.", make: double(math.Tan)},
	{name: "TANH", params: "x:double", doc: "Hyperbolic tangent.", make: double(math.Tanh)},
	{name: "EXP", params: "x:double", doc: "e to the power of x.", make: double(math.Exp)},
	{name: "RADIANS", params: "x:double", doc: "Degrees to radians.", make: double(func(x float64) float64 { return x / 180 * math.Pi })},
	{name: "SQRT", params: "x:double", doc: "Square root; NaN of a negative number.", make: double(math.Sqrt)},
	{name: "COT", params: "x:double", doc: "Cotangent.", make: doubles(func(x []float64) (float64, error) {
		if t := math.Tan(x[0]); t != 0 {
			return 1 / t, nil
		}
		return 0, fmt.Errorf("COT(%g): %w", x[0], errDivideByZero)
	})},
	{name: "LN", params: "x:double", doc: "Natural logarithm.", make: doubles(func(x []float64) (float64, error) {
		return math.Log(x[0]), positive("LN", x[0])
	})},
	{name: "LOG10", params: "x:double", doc: "Logarithm to base 10.", make: doubles(func(x []float64) (float64, error) {
		return math.Log10(x[0]), positive("LOG10", x[0])
	})},
	{name: "LOG", params: "base:double x:double", doc: "Logarithm of x to a base.", make: doubles(func(x []float64) (float64, error) {
		err := positive("LOG", x[0])
		if err == nil {
			err = positive("LOG", x[1])
		}
		switch x[0] {
		case 10:
			return math.Log10(x[1]), err
		case math.E:
			return math.Log(x[1]), err
		}
		return math.Log(x[1]) / math.Log(x[0]), err
	})},
	{name: "ATAN2", params: "y:double x:double", doc: "Angle of the point (x, y).", make: doubles(func(x []float64) (float64, error) { return math.Atan2(x[0], x[1]), nil })},
	{name: "POWER", params: "a:double b:double", doc: "a to the power of b.", make: doubles(func(x []float64) (float64, error) { return math.Pow(x[0], x[1]), nil })},
	{name: "MOD", params: "a:number b:number", doc: "Remainder of a / b.", make: modulo},
	{name: "CEIL CEILING", params: "x:number", doc: "The least whole number not below x, as INT in ZETA.", make: wholeBy(math.Ceil, ceiling)},
	{name: "FLOOR", params: "x:number", doc: "The greatest whole number not above x, as INT in ZETA.", make: wholeBy(math.Floor, floor)},
	{name: "ROUND", params: "x:number d:int?", doc: "Rounded to d digits behind the point, ties away from zero.", make: func(k *call) (*node, error) {
		return roundTo(k, k.args[0].typ, halfUp)
	}},
	{name: "TRUNC TRUNCATE", params: "x:number d:int?", doc: "Cut to d digits behind the point; DOUBLE in ZETA.", make: func(k *call) (*node, error) {
		n, err := roundTo(k, k.args[0].typ, down)
		if err != nil || k.c.ansi() {
			return n, err
		}
		return k.c.toDouble(k.e, n), nil
	}},
	{name: "SIGN", params: "x:number", doc: "-1, 0 or 1; in ZETA 0 for null.", make: func(k *call) (*node, error) {
		ansi := k.c.ansi()
		x := k.c.toDouble(k.exprs[0], k.args[0])
		k.args[0] = x
		return k.loose(record.Int, ansi, func(r *row) error {
			r.setInt(0)
			switch {
			case r.isNull(0):
			case r.float(0) > 0:
				r.setInt(1)
			case r.float(0) < 0:
				r.setInt(-1)
			}
			return nil
		})
	}},
	{name: "PI", doc: "The number π.", make: func(k *call) (*node, error) {
		return k.rows(record.Double, func(r *row) error { r.setFloat(math.Pi); return nil })
	}},
	{name: "RAND RANDOM", params: "seed:int?", volatile: true, doc: "A number from 0 up to, not including, 1; with a seed always the same.", make: func(k *call) (*node, error) {
		return k.rows(record.Double, func(r *row) error {
			if len(r.a) == 1 {
				r.setFloat(javaRandom(r.int(0)))
			} else {
				r.setFloat(float64(r.f.env.Random()>>11) / (1 << 53))
			}
			return nil
		})
	}},
}

func positive(name string, x float64) error {
	if x <= 0 {
		return fmt.Errorf("%s(%g): the argument must be greater than 0", name, x)
	}
	return nil
}

// double lifts a function of one number.
func double(fn func(float64) float64) func(k *call) (*node, error) {
	return doubles(func(x []float64) (float64, error) { return fn(x[0]), nil })
}

// doubles lifts a function of numbers.
func doubles(fn func(x []float64) (float64, error)) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		return k.rows(record.Double, func(r *row) error {
			var x [2]float64
			for i := range r.a {
				x[i] = r.float(i)
			}
			v, err := fn(x[:len(r.a)])
			r.setFloat(v)
			return err
		})
	}
}

// javaRandom is new java.util.Random(seed).nextDouble().
func javaRandom(seed int64) float64 {
	const mult, mask = 0x5DEECE66D, 1<<48 - 1
	s := (uint64(seed) ^ mult) & mask
	next := func(bits uint) uint64 {
		s = (s*mult + 0xB) & mask
		return s >> (48 - bits)
	}
	hi := next(26) << 27
	return float64(hi+next(27)) * 0x1p-53
}

// modulo is MOD: in ZETA through double, with the type of b; in ANSI exact, like a % b.
func modulo(k *call) (*node, error) {
	if k.c.ansi() {
		return k.c.arith(k.e, '%', k.args[0], k.args[1])
	}
	t := k.args[1].typ
	if familyOf(k.args[0].typ.Kind) == famInt && t.Kind.Integer() {
		return k.typed(t, func(r *row) error {
			x, y := r.int(0), r.int(1)
			switch {
			case y == 0:
				return errDivideByZero
			case exceeds53(x) || exceeds53(y):
				r.setInt(wrap(int64(math.Mod(float64(x), float64(y))), t.Kind))
			default:
				r.setInt(x % y)
			}
			return nil
		})
	}
	a, b := k.c.toDouble(k.exprs[0], k.args[0]), k.c.toDouble(k.exprs[1], k.args[1])
	n := k.c.rows(k.e, record.Of(record.Double), []*node{a, b}, func(r *row) error {
		if r.float(1) == 0 {
			return errDivideByZero
		}
		r.setFloat(math.Mod(r.float(0), r.float(1)))
		return nil
	})
	return k.c.toNumber(k.e, n, t), nil
}

// wholeBy makes CEIL and FLOOR. In ZETA the result is an INT and wraps.
func wholeBy(fn func(float64) float64, r rounding) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		x := k.args[0]
		t := record.Of(record.Int)
		if k.c.ansi() {
			if t = x.typ; t.Kind == record.Decimal {
				t = record.DecimalOf(min(t.Precision-t.Scale+1, maxPrecision), 0)
			}
		}
		return k.typed(t, func(w *row) error {
			var v int64
			switch familyOf(x.typ.Kind) {
			case famFloat:
				f := fn(w.float(0))
				if familyOf(t.Kind) == famFloat {
					w.setFloat(f)
					return nil
				}
				v = wrapFloat(f)
			case famDecimal:
				d, err := rescale(w.dec(0), x.typ.Scale, 0, r)
				if t.Kind == record.Decimal {
					w.out.d[w.i] = d
					return err
				}
				if err != nil {
					return err
				}
				v = int64(d.LowBits())
			default:
				v = w.int(0)
			}
			w.setInt(wrap(v, t.Kind))
			return nil
		})
	}
}

// roundTo rounds argument 0 to the digits of argument 1, 0 without it.
func roundTo(k *call, t record.Type, mode rounding) (*node, error) {
	return k.typed(t, func(r *row) error {
		d := 0
		if len(r.a) == 2 {
			d = int(min(max(r.int(1), -400), 400))
		}
		switch familyOf(t.Kind) {
		case famFloat:
			r.setFloat(roundFloat(r.float(0), d, mode, t.Kind))
			return nil
		case famDecimal:
			v, s := r.dec(0), t.Scale
			if r.f.mode == ZETA {
				v, s = viaDouble(v, s)
			}
			if d < s {
				var err error
				if v, s, err = roundAt(v, s, d, mode); err != nil {
					return err
				}
			}
			v, err := rescale(v, s, t.Scale, halfUp)
			if err == nil && !fits(v, t.Precision) {
				err = tooWide(v, t)
			}
			r.out.d[r.i] = v
			return err
		}
		v := r.int(0)
		if d < 0 {
			whole, _, err := roundAt(fromInt(v), 0, d, mode)
			if err != nil {
				return err
			}
			v = int64(whole.LowBits())
		}
		if r.f.mode == ANSI && wrap(v, t.Kind) != v {
			return fmt.Errorf("%d is beyond the range of %s", v, t)
		}
		r.setInt(wrap(v, t.Kind))
		return nil
	})
}

// roundAt rounds v, of scale s, to d < s digits behind the point, or, for d < 0, to a multiple of
// 10^-d. It returns the result and its scale.
func roundAt(v num, s, d int, mode rounding) (num, int, error) {
	cut, err := rescale(v, s, d, mode)
	if err == nil && d < 0 {
		cut, err = rescale(cut, 0, -d, down)
		d = 0
	}
	return cut, d, err
}

// roundFloat rounds the decimal a double is printed as.
func roundFloat(x float64, d int, mode rounding, kind record.Kind) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || d > 308 {
		return x
	}
	if d >= 0 && d <= 15 {
		scaled := math.Abs(x) * tenFloat[d]
		whole := math.Floor(scaled)
		frac := scaled - whole
		// far enough from a tie and from the next number that the product's error is nothing
		if scaled < 1<<40 && frac > 1e-3 && frac < 1-1e-3 && math.Abs(frac-0.5) > 1e-3 {
			if mode == halfUp && frac > 0.5 {
				whole++
			}
			return math.Copysign(whole/tenFloat[d], x)
		}
	}
	bits := 64
	if kind == record.Float {
		bits = 32
	}
	v, s, err := decimalOfText(strconv.FormatFloat(x, 'e', -1, bits))
	if err != nil || d >= s {
		return x // more than 38 digits in front of the point, or nothing to cut
	}
	if v, s, err = roundAt(v, s, d, mode); err != nil {
		return x
	}
	return toFloat(v, s)
}
