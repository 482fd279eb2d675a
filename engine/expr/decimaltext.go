package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// toFloat is the nearest double to n.
func toFloat(n num, scale int) float64 {
	if v, ok := small(n); ok && v < 1<<53 && v > -1<<53 && scale < len(tenFloat) {
		return float64(v) / tenFloat[scale]
	}
	x, _ := strconv.ParseFloat(n.BigInt().Text(10)+"e"+strconv.Itoa(-scale), 64)
	return x
}

// viaDouble is what is left of n after a way through double and back: all of it up to 15
// digits.
func viaDouble(n num, scale int) (num, int) {
	if v, ok := small(n); ok && v < 1e15 && v > -1e15 {
		return n, scale
	}
	back, s, err := decimalOfFloat(toFloat(n, scale))
	if err != nil {
		return n, scale
	}
	return back, s
}

var errNotFinite = errors.New("NaN and Infinity have no DECIMAL value")

// decimalOfFloat is the decimal that Java prints for x: the shortest that reads back as x.
func decimalOfFloat(x float64) (num, int, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return num{}, 0, errNotFinite
	}
	for s := range 7 {
		t := x * tenFloat[s]
		if t >= 1e15 || t <= -1e15 {
			break
		}
		if v := int64(t); float64(v) == t && t/tenFloat[s] == x {
			return fromInt(v), s, nil
		}
	}
	return decimalOfText(strconv.FormatFloat(x, 'e', -1, 64))
}

// plainDecimal reads a short number without an exponent.
func plainDecimal(text string) (v int64, scale int, ok bool) {
	if text == "" || len(text) > 18 {
		return 0, 0, false
	}
	start, point := 0, -1
	if text[0] == '-' || text[0] == '+' {
		start = 1
	}
	for i := start; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			v = v*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	digits := len(text) - start
	if point >= 0 {
		scale = len(text) - point - 1
		digits--
	}
	if text[0] == '-' {
		v = -v
	}
	return v, scale, digits > 0
}

// decimalOfText reads a number as java.math.BigDecimal does.
func decimalOfText(text string) (num, int, error) {
	if v, scale, ok := plainDecimal(text); ok {
		return fromInt(v), scale, nil
	}
	bad := func() (num, int, error) {
		return num{}, 0, fmt.Errorf("%s is not a number", quoted(text))
	}
	mantissa, exponent := text, 0
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		x, err := strconv.ParseInt(text[e+1:], 10, 32)
		if err != nil {
			return bad()
		}
		mantissa, exponent = text[:e], int(x)
	}
	neg := false
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		neg = mantissa[0] == '-'
		mantissa = mantissa[1:]
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	if whole == "" && frac == "" || len(mantissa) > 4096 {
		return bad()
	}
	scale := len(frac) - exponent
	all := whole + frac
	var v int64
	for i := range len(all) {
		if all[i] < '0' || all[i] > '9' {
			return bad()
		}
		if i < 18 {
			v = v*10 + int64(all[i]-'0')
		}
	}
	if neg {
		v = -v
	}
	n := fromInt(v)
	if len(all) > 18 {
		b, _ := new(big.Int).SetString(all, 10)
		if neg {
			b.Neg(b)
		}
		for scale > 0 && b.CmpAbs(bigTen[maxPrecision]) >= 0 { // digits no DECIMAL can hold
			cut := max(len(b.Text(10))-maxPrecision-1, 1)
			cut = min(cut, scale, len(bigTen)-1)
			b = divideBig(b, bigTen[cut], halfUp)
			scale -= cut
		}
		var err error
		if n, err = fromBig(b); err != nil {
			return n, 0, err
		}
	}
	if scale < 0 {
		if n == (num{}) {
			return n, 0, nil
		}
		up, err := rescale(n, 0, -scale, halfUp)
		return up, 0, err
	}
	if scale > 2*maxPrecision {
		return num{}, 0, nil
	}
	return n, scale, nil
}
