package expr

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Positions and lengths count UTF-16 units, as in Java. ASCII texts take the short way.

// isASCII looks at eight bytes at a time.
func isASCII(s []byte) bool {
	for len(s) >= 8 {
		if binary.LittleEndian.Uint64(s)&0x8080808080808080 != 0 {
			return false
		}
		s = s[8:]
	}
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unitLen is the length of s in units.
func unitLen(s []byte) int {
	if isASCII(s) {
		return len(s)
	}
	n := 0
	for _, b := range s {
		if b&0xc0 != 0x80 { // a character begins
			n++
		}
		if b >= 0xf0 { // and takes two units
			n++
		}
	}
	return n
}

// byteAt is the byte offset of unit number unit, which is at most unitLen(s); half tells that
// it falls between the two units of one character, whose offset it is then.
func byteAt(s []byte, unit int) (at int, half bool) {
	for at < len(s) && unit > 0 {
		r, size := utf8.DecodeRune(s[at:])
		if r >= 0x10000 {
			if unit == 1 {
				return at, true
			}
			unit--
		}
		unit--
		at += size
	}
	return at, false
}

// appendUnits appends units [from, to) of s. A character cut in half becomes U+FFFD.
func appendUnits(dst, s []byte, from, to int) []byte {
	if isASCII(s) {
		return append(dst, s[from:to]...)
	}
	if from >= to {
		return dst
	}
	a, halfA := byteAt(s, from)
	b, halfB := byteAt(s, to)
	if halfA {
		dst = append(dst, "\uFFFD"...)
		_, size := utf8.DecodeRune(s[a:])
		a += size
	}
	if a < b {
		dst = append(dst, s[a:b]...)
	}
	if halfB && b >= a {
		dst = append(dst, "\uFFFD"...)
	}
	return dst
}

// unitAtByte is the number of units before byte offset at.
func unitAtByte(s []byte, at int) int { return unitLen(s[:at]) }

// units is s in UTF-16.
func units(s []byte) []uint16 { return utf16.Encode([]rune(string(s))) }
