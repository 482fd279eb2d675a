package expr

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"seikan/engine/record"
)

// appendText writes value i of v, which is not null: as Java's toString does, or, in ANSI
// mode, in the plain forms of SQL.
func appendText(dst []byte, v *vec, i int, ansi bool) []byte {
	k := i & v.mask
	switch v.typ.Kind {
	case record.String, record.Bytes:
		return append(dst, v.text(i)...)
	case record.Boolean:
		return strconv.AppendBool(dst, v.b[k])
	case record.Float:
		return appendFloat(dst, v.f[k], 32)
	case record.Double:
		return appendFloat(dst, v.f[k], 64)
	case record.Decimal:
		return appendDecimal(dst, v.d[k], v.typ.Scale, ansi)
	case record.Date:
		return appendDate(dst, v.time(i))
	case record.Time:
		return appendClock(dst, v.time(i), ansi)
	case record.Timestamp, record.TimestampTZ:
		t := v.time(i)
		dst = appendDate(dst, t)
		if ansi {
			dst = append(dst, ' ')
		} else {
			dst = append(dst, 'T')
		}
		return appendClock(dst, t, ansi)
	}
	if v.arr != nil {
		return append(dst, v.arr.ValueStr(k)...)
	}
	return strconv.AppendInt(dst, v.i[k], 10)
}

// appendFloat is Double.toString and Float.toString: a plain number from 10^-3 up to 10^7,
// else one digit, the point and an exponent.
func appendFloat(dst []byte, x float64, size int) []byte {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return append(dst, "NaN"...)
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...)
	case a == 0 || a >= 1e-3 && a < 1e7:
		start := len(dst)
		dst = strconv.AppendFloat(dst, x, 'f', -1, size)
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	var buf [32]byte
	s := string(strconv.AppendFloat(buf[:0], x, 'e', -1, size))
	mantissa, exponent, _ := strings.Cut(s, "e")
	dst = append(dst, mantissa...)
	if !strings.Contains(mantissa, ".") {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, strings.TrimLeft(exponent[1:], "0")...)
}

// appendDecimal is BigDecimal.toString, which turns to an exponent below 10^-6, or
// toPlainString.
func appendDecimal(dst []byte, n num, scale int, plain bool) []byte {
	var digits []byte
	var buf [48]byte
	neg := n.Sign() < 0
	if v, ok := small(n); ok {
		digits = strconv.AppendUint(buf[:0], absU(v), 10)
	} else {
		digits = append(buf[:0], decimal128.Num(n).Abs().BigInt().Text(10)...)
	}
	if neg {
		dst = append(dst, '-')
	}
	adjusted := len(digits) - 1 - scale
	if !plain && adjusted < -6 {
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		return strconv.AppendInt(append(dst, 'E'), int64(adjusted), 10)
	}
	if scale == 0 {
		return append(dst, digits...)
	}
	point := len(digits) - scale
	if point <= 0 {
		dst = append(dst, '0', '.')
		for range -point {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:point]...)
	return append(append(dst, '.'), digits[point:]...)
}

func appendDate(dst []byte, t time.Time) []byte {
	y, m, d := t.Date()
	switch {
	case y > 9999:
		dst = append(dst, '+')
	case y < 0:
		dst, y = append(dst, '-'), -y
	}
	dst = appendPadded(dst, y, 4)
	dst = appendPadded(append(dst, '-'), int(m), 2)
	return appendPadded(append(dst, '-'), d, 2)
}

// appendClock is LocalTime.toString, which leaves out seconds that are zero and writes
// fractions in groups of three digits; SQL always writes seconds, and fractions without
// zeros at the end.
func appendClock(dst []byte, t time.Time, ansi bool) []byte {
	h, m, s := t.Clock()
	nano := t.Nanosecond()
	dst = appendPadded(dst, h, 2)
	dst = appendPadded(append(dst, ':'), m, 2)
	if s == 0 && nano == 0 && !ansi {
		return dst
	}
	dst = appendPadded(append(dst, ':'), s, 2)
	if nano == 0 {
		return dst
	}
	dst = append(dst, '.')
	switch {
	case ansi:
		dst = appendPadded(dst, nano, 9)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
		return dst
	case nano%1e6 == 0:
		return appendPadded(dst, nano/1e6, 3)
	case nano%1e3 == 0:
		return appendPadded(dst, nano/1e3, 6)
	}
	return appendPadded(dst, nano, 9)
}

func appendPadded(dst []byte, v, width int) []byte {
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], int64(v), 10)
	for k := len(digits); k < width; k++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// quoted shows a value in a message, cut short.
func quoted(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}
