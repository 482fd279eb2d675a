package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// maxPrecision is the most digits a DECIMAL holds.
const maxPrecision = 38

type num = decimal128.Num

// rounding is a direction for digits that are cut off.
type rounding uint8

const (
	halfUp  rounding = iota // to the nearest, ties away from zero
	up                      // away from zero
	down                    // towards zero
	ceiling                 // towards +∞
	floor                   // towards -∞
)

var (
	errDivideByZero = errors.New("division by zero")
	errTooLarge     = fmt.Errorf("the number has more than %d digits", maxPrecision)

	tenTo    [19]int64
	tenFloat [23]float64
	bigTen   [128]*big.Int
)

func init() {
	n := int64(1)
	for i := range tenTo {
		tenTo[i] = n
		n *= 10
	}
	x := 1.0
	for i := range tenFloat {
		tenFloat[i] = x
		x *= 10
	}
	for i := range bigTen {
		bigTen[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
}

// small returns n as an int64 when it fits.
func small(n num) (int64, bool) {
	v := int64(n.LowBits())
	return v, n.HighBits() == v>>63
}

func fromInt(v int64) num { return decimal128.FromI64(v) }

// fromBig fails when v has more than maxPrecision digits.
func fromBig(v *big.Int) (num, error) {
	if v.CmpAbs(bigTen[maxPrecision]) >= 0 {
		return num{}, errTooLarge
	}
	return decimal128.FromBigInt(v), nil
}

// fits reports whether n has at most p digits.
func fits(n num, p int) bool {
	if v, ok := small(n); ok && p < len(tenTo) {
		return v > -tenTo[p] && v < tenTo[p]
	}
	return n.FitsInPrecision(int32(p))
}

// digits counts the digits of n without leading zeros.
func digits(n num) int { return len(strings.TrimLeft(n.BigInt().Text(10), "-0")) }

// divide returns x / y rounded; y is not zero.
func divide(x, y int64, r rounding) int64 {
	q, rem := x/y, x%y
	if rem == 0 {
		return q
	}
	sign := int64(1)
	if (x < 0) != (y < 0) {
		sign = -1
	}
	twice := absU(rem)
	ahead := twice >= absU(y)-twice
	return q + sign*step(r, sign > 0, ahead)
}

// step tells whether a remainder pushes the quotient away from zero.
func step(r rounding, positive, half bool) int64 {
	if r == up || r == halfUp && half || r == ceiling && positive || r == floor && !positive {
		return 1
	}
	return 0
}

func absU(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

func divideBig(x, y *big.Int, r rounding) *big.Int {
	q, rem := new(big.Int).QuoRem(x, y, new(big.Int))
	if rem.Sign() == 0 {
		return q
	}
	positive := x.Sign() == y.Sign()
	half := new(big.Int).Lsh(rem, 1).CmpAbs(y) >= 0
	if step(r, positive, half) == 1 {
		if positive {
			return q.Add(q, big.NewInt(1))
		}
		return q.Sub(q, big.NewInt(1))
	}
	return q
}

// rescale changes the number of digits behind the point.
func rescale(n num, from, to int, r rounding) (num, error) {
	if from == to {
		return n, nil
	}
	if v, ok := small(n); ok {
		if d := from - to; d > 0 && d < len(tenTo) {
			return fromInt(divide(v, tenTo[d], r)), nil
		}
		if d := to - from; d > 0 && d < len(tenTo) {
			if p, ok := mulSmall(v, tenTo[d]); ok {
				return fromInt(p), nil
			}
		}
	}
	b := n.BigInt()
	switch {
	case b.Sign() == 0:
		return num{}, nil
	case to-from > maxPrecision:
		return num{}, errTooLarge
	case to > from:
		return fromBig(b.Mul(b, bigTen[to-from]))
	case from-to >= len(bigTen):
		return fromInt(step(r, b.Sign() > 0, false) * int64(b.Sign())), nil
	}
	return fromBig(divideBig(b, bigTen[from-to], r))
}

func mulSmall(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(absU(a), absU(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// decimalOp computes x op y, where x has sx and y sy digits behind the point, with so of them
// in the result. Divisions round by r, everything else to the nearest.
func decimalOp(op byte, x num, sx int, y num, sy, so int, r rounding) (num, error) {
	a, okA := small(x)
	b, okB := small(y)
	if okA && okB {
		if n, ok, err := decimalSmall(op, a, sx, b, sy, so, r); ok || err != nil {
			return n, err
		}
	}
	return decimalBig(op, x.BigInt(), sx, y.BigInt(), sy, so, r)
}

func decimalSmall(op byte, a int64, sx int, b int64, sy, so int, r rounding) (num, bool, error) {
	if op == '*' {
		p, ok := mulSmall(a, b)
		d := sx + sy - so
		if !ok || d < 0 || d >= len(tenTo) {
			return num{}, false, nil
		}
		if d > 0 {
			p = divide(p, tenTo[d], halfUp)
		}
		return fromInt(p), true, nil
	}
	if (op == '/' || op == '%') && b == 0 {
		return num{}, false, errDivideByZero
	}
	if op == '/' {
		d := so - sx + sy
		if d < 0 || d >= len(tenTo) {
			return num{}, false, nil
		}
		p, ok := mulSmall(a, tenTo[d])
		if !ok {
			return num{}, false, nil
		}
		return fromInt(divide(p, b, r)), true, nil
	}
	s := max(sx, sy)
	if s-sx >= len(tenTo) || s-sy >= len(tenTo) {
		return num{}, false, nil
	}
	ok := true
	if s > sx {
		a, ok = mulSmall(a, tenTo[s-sx])
	}
	if ok && s > sy {
		b, ok = mulSmall(b, tenTo[s-sy])
	}
	const safe = 1 << 62
	if !ok || a >= safe || a <= -safe || b >= safe || b <= -safe {
		return num{}, false, nil
	}
	switch op {
	case '+':
		a += b
	case '-':
		a -= b
	case '%':
		a %= b
	}
	n, err := rescale(fromInt(a), s, so, halfUp)
	return n, err == nil, err
}

func decimalBig(op byte, a *big.Int, sx int, b *big.Int, sy, so int, r rounding) (num, error) {
	if (op == '/' || op == '%') && b.Sign() == 0 {
		return num{}, errDivideByZero
	}
	shift := func(v *big.Int, by int) *big.Int {
		return v.Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(by)), nil))
	}
	s := max(sx, sy)
	switch op {
	case '*':
		a.Mul(a, b)
		s = sx + sy
	case '/':
		if d := so - sx + sy; d >= 0 {
			shift(a, d)
		} else {
			shift(b, -d)
		}
		return fromBig(divideBig(a, b, r))
	default:
		shift(a, s-sx)
		shift(b, s-sy)
		switch op {
		case '+':
			a.Add(a, b)
		case '-':
			a.Sub(a, b)
		case '%':
			a.Rem(a, b)
		}
	}
	if so >= s {
		return fromBig(shift(a, so-s))
	}
	return fromBig(divideBig(a, shift(big.NewInt(1), s-so), halfUp))
}
