package value

import (
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"seikan/engine/record"
)

// ParseInt reads a whole number of 64 bits: digits with an optional sign, nothing else.
func ParseInt(s []byte) (int64, bool) {
	if len(s) == 0 {
		return 0, false
	}
	neg := false
	if c := s[0]; c == '-' || c == '+' {
		neg = c == '-'
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 18 {
		return parseLongInt(s, neg)
	}
	var n uint64
	for _, c := range s {
		d := uint64(c - '0')
		if d > 9 {
			return 0, false
		}
		n = n*10 + d
	}
	if neg {
		return -int64(n), true
	}
	return int64(n), true
}

func parseLongInt(s []byte, neg bool) (int64, bool) {
	if len(s) == 0 || s[0] == '-' || s[0] == '+' {
		return 0, false
	}
	text := string(s)
	if neg {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// IntBounds are the least and the greatest value of an integer kind.
func IntBounds(k record.Kind) (low, high int64) {
	size := 8 << (k - record.TinyInt) // 8, 16, 32, 64 bits
	return -1 << (size - 1), 1<<(size-1) - 1
}

// intExpected tells what an integer of kind k looks like, for messages.
func intExpected(k record.Kind) string {
	low, high := IntBounds(k)
	return "a whole number from " + strconv.FormatInt(low, 10) + " to " + strconv.FormatInt(high, 10)
}

var pow10 = [19]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// ParseDecimal reads a number exactly into precision and scale: sign, digits, fraction,
// exponent. It fails when a digit other than zero would be lost.
func ParseDecimal(s []byte, precision, scale int) (decimal128.Num, bool) {
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		i = 1
	}
	if len(s) == i || len(s)-i > 18 {
		return parseLongDecimal(s[i:], neg, precision, scale)
	}
	var n int64
	j := i
	for ; j < len(s); j++ {
		d := s[j] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int64(d)
	}
	fraction := 0
	if j < len(s) {
		if s[j] != '.' {
			return parseLongDecimal(s[i:], neg, precision, scale)
		}
		start := j + 1
		for j = start; j < len(s); j++ {
			d := s[j] - '0'
			if d > 9 {
				return parseLongDecimal(s[i:], neg, precision, scale)
			}
			n = n*10 + int64(d)
		}
		if fraction = j - start; j-i == 1 { // only a dot
			return decimal128.Num{}, false
		}
	}
	up := scale - fraction
	if up < 0 || up > 18 || n > (1<<63-1)/pow10[up] {
		return parseLongDecimal(s[i:], neg, precision, scale)
	}
	if n *= pow10[up]; precision < 19 && n >= pow10[precision] {
		return decimal128.Num{}, false
	}
	if neg {
		n = -n
	}
	return decimal128.FromI64(n), true
}

// parseLongDecimal reads what does not fit 64 bits on the way, or has an exponent.
func parseLongDecimal(s []byte, neg bool, precision, scale int) (decimal128.Num, bool) {
	exponent, digits, seen, dot := 0, 0, false, false
	var hi, lo uint64
	zeros := 0 // zeros not yet multiplied in: trailing ones may be dropped
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			seen = true
			if dot {
				exponent--
			}
			if c == '0' {
				if digits > 0 {
					zeros++
				}
				continue
			}
			if digits += zeros + 1; digits > 38 {
				return decimal128.Num{}, false
			}
			for ; zeros > 0; zeros-- {
				hi, lo = times10(hi, lo, 0)
			}
			hi, lo = times10(hi, lo, uint64(c-'0'))
			zeros = 0
		case c == '.' && !dot:
			dot = true
		case (c == 'e' || c == 'E') && seen:
			e, ok := ParseInt(s[i+1:])
			if !ok || e > 1<<20 || e < -1<<20 {
				return decimal128.Num{}, false
			}
			exponent += int(e)
			i = len(s)
		default:
			return decimal128.Num{}, false
		}
	}
	if !seen {
		return decimal128.Num{}, false
	}
	up := scale + exponent + zeros
	if digits == 0 {
		return decimal128.Num{}, true
	}
	if up < 0 || digits+up > precision {
		return decimal128.Num{}, false
	}
	for ; up > 0; up-- {
		hi, lo = times10(hi, lo, 0)
	}
	n := decimal128.New(int64(hi), lo)
	if neg {
		n = n.Negate()
	}
	return n, true
}

func times10(hi, lo, add uint64) (uint64, uint64) {
	h, l := bits.Mul64(lo, 10)
	l, carry := bits.Add64(l, add, 0)
	return hi*10 + h + carry, l
}

// AppendDecimal writes n with scale digits after the dot, never with an exponent.
func AppendDecimal(dst []byte, n decimal128.Num, scale int) []byte {
	hi, lo := uint64(n.HighBits()), n.LowBits()
	if int64(hi) < 0 {
		dst = append(dst, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	if hi == 0 && scale <= 18 {
		if scale == 0 {
			return AppendUint(dst, lo)
		}
		unit := uint64(pow10[scale])
		whole := lo / unit
		dst = AppendUint(dst, whole)
		if scale == 2 { // money
			r := 2 * (lo - whole*100)
			return append(dst, '.', pairs[r], pairs[r+1])
		}
		dst = append(dst, '.')
		return appendPadded(dst, lo-whole*unit, scale)
	}
	var buf [40]byte // 2^127 has 39 digits
	i := len(buf)
	for hi != 0 || lo != 0 || len(buf)-i <= scale {
		var r uint64
		hi, r = hi/10, hi%10
		lo, r = bits.Div64(r, lo, 10)
		i--
		buf[i] = byte('0' + r)
	}
	dst = append(dst, buf[i:len(buf)-scale]...)
	if scale > 0 {
		dst = append(dst, '.')
	}
	return append(dst, buf[len(buf)-scale:]...)
}

// pairs holds "00" to "99".
var pairs = func() (p [200]byte) {
	for i := range 100 {
		p[2*i], p[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return p
}()

// appendPadded writes the last width digits of v.
func appendPadded(dst []byte, v uint64, width int) []byte {
	n := len(dst)
	dst = append(dst, "00000000000000000000"[:width]...)
	i := n + width
	for v >= 10 && i >= n+2 {
		q := v / 100
		r := 2 * (v - q*100)
		dst[i-1], dst[i-2] = pairs[r+1], pairs[r]
		v, i = q, i-2
	}
	if v > 0 && i > n {
		dst[i-1] = byte('0' + v%10)
	}
	return dst
}

// AppendUint writes v in decimal.
func AppendUint(dst []byte, v uint64) []byte {
	if v < 10 {
		return append(dst, byte('0'+v))
	}
	if v < 100 {
		return append(dst, pairs[2*v], pairs[2*v+1])
	}
	return strconv.AppendUint(dst, v, 10)
}

// AppendInt writes v in decimal.
func AppendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	return AppendUint(dst, uint64(v))
}
