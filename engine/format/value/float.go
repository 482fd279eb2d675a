package value

import (
	"math"
	"strconv"
	"unsafe"
)

// exact holds the powers of ten that a float64 holds exactly.
var exact = [23]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
	1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// ParseDouble reads a float64, correctly rounded. NaN and Infinity are known by these names.
//
// Numbers with a mantissa below 2^53 and a power of ten up to 22 need one exact division or
// multiplication (Clinger, "How to read floating point numbers accurately", 1990); the rest
// goes through strconv.
func ParseDouble(s []byte) (float64, bool) {
	m, exponent, neg, ok := mantissa(s)
	if ok && m < 1<<53 && exponent >= -22 && exponent <= 22 {
		f := float64(m)
		if exponent < 0 {
			f /= exact[-exponent]
		} else {
			f *= exact[exponent]
		}
		if neg {
			f = -f
		}
		return f, true
	}
	f, err := strconv.ParseFloat(textOf(s), 64)
	return f, err == nil && !hasUnderscore(s)
}

// ParseFloat reads a float32, correctly rounded.
func ParseFloat(s []byte) (float32, bool) {
	m, exponent, neg, ok := mantissa(s)
	if ok && m < 1<<24 && exponent >= -10 && exponent <= 10 {
		f := float32(m)
		if exponent < 0 {
			f /= float32(exact[-exponent])
		} else {
			f *= float32(exact[exponent])
		}
		if neg {
			f = -f
		}
		return f, true
	}
	f, err := strconv.ParseFloat(textOf(s), 32)
	return float32(f), err == nil && !hasUnderscore(s)
}

// mantissa splits a plain decimal number of at most 18 digits.
func mantissa(s []byte) (m uint64, exponent int, neg, ok bool) {
	i := 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		i = 1
	}
	if len(s)-i > 19 || len(s) == i {
		return 0, 0, false, false
	}
	start, dot := i, -1
	for ; i < len(s); i++ {
		d := s[i] - '0'
		if d <= 9 {
			m = m*10 + uint64(d)
			continue
		}
		if s[i] != '.' || dot >= 0 {
			break
		}
		dot = i
	}
	digits := i - start
	if dot >= 0 {
		digits--
		exponent = dot + 1 - i
	}
	if digits == 0 || digits > 18 {
		return 0, 0, false, false
	}
	if i < len(s) {
		if s[i] != 'e' && s[i] != 'E' {
			return 0, 0, false, false
		}
		e, ok := ParseInt(s[i+1:])
		if !ok || e < -400 || e > 400 {
			return 0, 0, false, false
		}
		exponent += int(e)
	}
	return m, exponent, neg, true
}

// hasUnderscore finds the digit separators that Go's own syntax allows in hexadecimal.
func hasUnderscore(s []byte) bool {
	for _, c := range s {
		if c == '_' {
			return true
		}
	}
	return false
}

// textOf views s as a string for the time of a call.
func textOf(s []byte) string { return unsafe.String(unsafe.SliceData(s), len(s)) }

// AppendDouble writes f the way Java's Double.toString does: the shortest digits that read
// back as f, 1.0, 1.0E10 from ten million on and below a thousandth, NaN, Infinity.
func AppendDouble(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// AppendFloat writes f the way Java's Float.toString does.
func AppendFloat(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) }

func appendFloat(dst []byte, f float64, size int) []byte {
	abs := math.Abs(f)
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		if f == math.Trunc(f) {
			if f == 0 && math.Signbit(f) {
				dst = append(dst, '-')
			}
			return append(strconv.AppendInt(dst, int64(f), 10), '.', '0')
		}
		return strconv.AppendFloat(dst, f, 'f', -1, size)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'E', -1, size)
	// Go writes 1.5E+07 and 1E-05, Java 1.5E7 and 1.0E-5.
	e := len(dst) - 1
	for dst[e] != 'E' {
		e--
	}
	var exponent [4]byte
	n := 0
	for i := e + 1; i < len(dst); i++ {
		if c := dst[i]; c == '+' || c == '0' && n == 0 || c == '0' && n == 1 && exponent[0] == '-' {
			continue
		}
		exponent[n] = dst[i]
		n++
	}
	dst = dst[:e]
	if point := dst[start:]; len(point) == 1 || len(point) == 2 && point[0] == '-' {
		dst = append(dst, '.', '0')
	}
	return append(append(dst, 'E'), exponent[:n]...)
}
