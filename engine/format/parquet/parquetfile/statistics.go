package parquetfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// bounds are the least and greatest value of a column chunk.
type bounds struct {
	known        bool
	min, max     int64  // integers, booleans, decimals up to 18 digits; bits of floats
	minRaw, maxR []byte // byte strings and wide decimals
}

func (b *bounds) reset() { *b = bounds{minRaw: b.minRaw[:0], maxR: b.maxR[:0]} }

// ints takes integers into the bounds.
func (b *bounds) ints(values []int64) {
	if len(values) == 0 {
		return
	}
	lo, hi := b.min, b.max
	if !b.known {
		lo, hi = values[0], values[0]
	}
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
	}
	b.min, b.max, b.known = lo, hi, true
}

// floats takes floating point numbers, given as bits; NaN has no place in an order.
func (b *bounds) floats(values []int64, width int) {
	for _, v := range values {
		f := floatOf(v, width)
		if f != f {
			continue
		}
		if !b.known || f < floatOf(b.min, width) {
			b.min = v
		}
		if !b.known || f > floatOf(b.max, width) {
			b.max = v
		}
		b.known = true
	}
}

func floatOf(bits int64, width int) float64 {
	if width == 4 {
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(uint64(bits))
}

// raw takes one byte string.
func (b *bounds) raw(v []byte, signed bool) {
	if !b.known {
		b.minRaw, b.maxR, b.known = append(b.minRaw[:0], v...), append(b.maxR[:0], v...), true
		return
	}
	if less(v, b.minRaw, signed) {
		b.minRaw = append(b.minRaw[:0], v...)
	} else if less(b.maxR, v, signed) {
		b.maxR = append(b.maxR[:0], v...)
	}
}

// less compares byte strings, or big-endian two's complement numbers of one width.
func less(a, b []byte, signed bool) bool {
	if signed && a[0]>>7 != b[0]>>7 {
		return a[0]>>7 == 1
	}
	return bytes.Compare(a, b) < 0
}

// encode returns the bounds in the file's form, nil where there is none to write. Long texts
// are cut, and then not exact.
func (b *bounds) encode(n *node) (lo, hi []byte, exactLo, exactHi bool) {
	if !b.known || n.physical == int96s {
		return nil, nil, false, false
	}
	switch n.physical {
	case boolean:
		return []byte{byte(b.min)}, []byte{byte(b.max)}, true, true
	case byteArray:
		lo, exactLo = cutMin(b.minRaw)
		hi, exactHi = cutMax(b.maxR)
		return lo, hi, exactLo, exactHi
	case fixed:
		if n.raw() {
			return bytes.Clone(b.minRaw), bytes.Clone(b.maxR), true, true
		}
	case float32s, float64s:
		// Zeros are bounded with their outer sign, for readers that tell them apart.
		if floatOf(b.min, n.width) == 0 {
			b.min = int64(uint64(1) << (8*n.width - 1))
		}
		if floatOf(b.max, n.width) == 0 {
			b.max = 0
		}
	}
	return appendPlain(nil, []int64{b.min}, n), appendPlain(nil, []int64{b.max}, n), true, true
}

// maxBound is the length in bytes from which bounds are cut.
const maxBound = 64

// cutMin shortens a lower bound, which keeps it one, at the begin of a character.
func cutMin(v []byte) ([]byte, bool) {
	if len(v) <= maxBound {
		return append([]byte{}, v...), true
	}
	n := maxBound
	for n > maxBound-utf8.UTFMax && !utf8.RuneStart(v[n]) {
		n--
	}
	return bytes.Clone(v[:n]), false
}

// cutMax shortens an upper bound: up to the last ASCII character that has a successor, raised by one.
func cutMax(v []byte) ([]byte, bool) {
	if len(v) <= maxBound {
		return append([]byte{}, v...), true
	}
	for n := maxBound - 1; n >= 0; n-- {
		if v[n] < 0x7e {
			out := bytes.Clone(v[:n+1])
			out[n]++
			return out, false
		}
	}
	return nil, false
}

// appendPlain appends values of up to eight bytes in PLAIN encoding.
func appendPlain(dst []byte, values []int64, n *node) []byte {
	at := len(dst)
	need := at + len(values)*n.width + 8 // the loop for fixed writes eight bytes each time
	if cap(dst) < need {
		dst = append(make([]byte, 0, need+need/2), dst...)
	}
	dst = dst[:need]
	switch {
	case n.physical == fixed:
		shift := 8 * (8 - n.width)
		for _, v := range values {
			binary.BigEndian.PutUint64(dst[at:], uint64(v)<<shift)
			at += n.width
		}
	case n.width == 4:
		for _, v := range values {
			binary.LittleEndian.PutUint32(dst[at:], uint32(v))
			at += 4
		}
	default:
		for _, v := range values {
			binary.LittleEndian.PutUint64(dst[at:], uint64(v))
			at += 8
		}
	}
	return dst[:at]
}
