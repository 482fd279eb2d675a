// Package lzo is LZO1X, as described in the Linux kernel's Documentation/staging/lzo.rst. A stream is
// a row of instructions, each a match (copy from earlier output) that carries up to three literals,
// or a run of literals. What an instruction below 16 means depends on the literals before it.
package lzo

import (
	"encoding/binary"
	"errors"
)

// ErrDamaged says that the bytes are no LZO1X stream of this length.
var ErrDamaged = errors.New("the lzo data is damaged")

const (
	m2Distance = 2048  // reach of the two-byte match
	m3Distance = 16384 // reach of the three-byte match
	m4Distance = 49151 // reach of the far match
)

// Decode appends the plain form of src to dst and returns it; dst never grows beyond limit.
func Decode(dst, src []byte, limit int) ([]byte, error) {
	d := decoder{src: src, dst: dst, limit: limit}
	err := d.run()
	return d.dst, err
}

type decoder struct {
	src, dst []byte
	limit    int
	at       int
}

func (d *decoder) run() error {
	state := 0 // literals copied by the previous instruction; 4 for a run of them
	if len(d.src) > 0 && d.src[0] > 17 {
		n := int(d.src[0]) - 17
		d.at = 1
		if err := d.literals(n); err != nil {
			return err
		}
		state = min(n, 4)
	}
	for {
		op, err := d.next()
		if err != nil {
			return err
		}
		var length, distance, follow int
		switch {
		case op >= 64: // M2
			high, err := d.next()
			if err != nil {
				return err
			}
			distance = high<<3 + op>>2&7 + 1
			length = op>>5 + 1 // 0 1 L: 3 + L; 1 L L: 5 + L
			follow = op & 3
		case op >= 32: // M3
			if length, err = d.length(op&31, 31); err != nil {
				return err
			}
			low, err := d.two()
			if err != nil {
				return err
			}
			length += 2
			distance, follow = low>>2+1, low&3
		case op >= 16: // M4, or the end
			if length, err = d.length(op&7, 7); err != nil {
				return err
			}
			low, err := d.two()
			if err != nil {
				return err
			}
			length += 2
			distance, follow = 16384+(op&8)<<11+low>>2, low&3
			if distance == 16384 {
				if d.at != len(d.src) || length != 3 {
					return ErrDamaged
				}
				return nil
			}
		case state == 0:
			if length, err = d.length(op, 15); err != nil {
				return err
			}
			if err := d.literals(length + 3); err != nil {
				return err
			}
			state = 4
			continue
		default: // M1
			high, err := d.next()
			if err != nil {
				return err
			}
			distance, length, follow = high<<2+op>>2+1, 2, op&3
			if state == 4 {
				distance, length = distance+m2Distance, 3
			}
		}
		if err := d.match(distance, length); err != nil {
			return err
		}
		if err := d.literals(follow); err != nil {
			return err
		}
		state = follow
	}
}

func (d *decoder) next() (int, error) {
	if d.at >= len(d.src) {
		return 0, ErrDamaged
	}
	d.at++
	return int(d.src[d.at-1]), nil
}

func (d *decoder) two() (int, error) {
	if d.at+2 > len(d.src) {
		return 0, ErrDamaged
	}
	d.at += 2
	return int(binary.LittleEndian.Uint16(d.src[d.at-2:])), nil
}

// length reads a length that does not fit into the instruction: zeros count 255 each.
func (d *decoder) length(bits, mask int) (int, error) {
	if bits != 0 {
		return bits, nil
	}
	for n := mask; n <= d.limit; n += 255 {
		b, err := d.next()
		if err != nil {
			return 0, err
		}
		if b != 0 {
			return n + b, nil
		}
	}
	return 0, ErrDamaged
}

func (d *decoder) literals(n int) error {
	if n > len(d.src)-d.at || n > d.limit-len(d.dst) {
		return ErrDamaged
	}
	d.dst = append(d.dst, d.src[d.at:d.at+n]...)
	d.at += n
	return nil
}

func (d *decoder) match(distance, n int) error {
	from := len(d.dst) - distance
	if from < 0 || n > d.limit-len(d.dst) {
		return ErrDamaged
	}
	for n > 0 { // a match may overlap its own output
		k := min(n, len(d.dst)-from)
		d.dst = append(d.dst, d.dst[from:from+k]...)
		from, n = from+k, n-k
	}
	return nil
}

const hashBits = 14

// Table is the scratch space of Encode.
type Table [1 << hashBits]int32

// Encode appends the LZO1X form of src to dst.
func Encode(dst, src []byte, table *Table) []byte {
	clear(table[:])
	start := len(dst)
	literal := 0 // first byte not yet written
	for i := 0; i+8 <= len(src); {
		word := binary.LittleEndian.Uint32(src[i:])
		slot := &table[word*2654435761>>(32-hashBits)]
		candidate := int(*slot) - 1
		*slot = int32(i + 1)
		if candidate < 0 || i-candidate > m4Distance || binary.LittleEndian.Uint32(src[candidate:]) != word {
			i += 1 + (i-literal)>>6 // hurry through what does not compress
			continue
		}
		n := 4
		for i+n < len(src) && src[i+n] == src[candidate+n] {
			n++
		}
		dst = literalRun(dst, start, src[literal:i])
		dst = matchCode(dst, i-candidate, n)
		i += n
		literal = i
	}
	dst = literalRun(dst, start, src[literal:])
	return append(dst, 0x11, 0, 0)
}

func literalRun(dst []byte, start int, literals []byte) []byte {
	n := len(literals)
	switch {
	case n == 0:
		return dst
	case len(dst) == start && n <= 238:
		dst = append(dst, byte(17+n))
	case n <= 3 && len(dst) > start:
		dst[len(dst)-2] |= byte(n) // both match forms keep these bits one byte before the last
	case n <= 18:
		dst = append(dst, byte(n-3))
	default:
		dst = longLength(append(dst, 0), n-18)
	}
	return append(dst, literals...)
}

func matchCode(dst []byte, distance, n int) []byte {
	switch {
	case distance <= m2Distance && n <= 8:
		d := distance - 1
		return append(dst, byte((n-1)<<5|d&7<<2), byte(d>>3))
	case distance <= m3Distance:
		if n <= 33 {
			dst = append(dst, byte(32|(n-2)))
		} else {
			dst = longLength(append(dst, 32), n-33)
		}
		return binary.LittleEndian.AppendUint16(dst, uint16((distance-1)<<2))
	}
	d := distance - 16384
	op := byte(16 | d>>11&8)
	if n <= 9 {
		dst = append(dst, op|byte(n-2))
	} else {
		dst = longLength(append(dst, op), n-9)
	}
	return binary.LittleEndian.AppendUint16(dst, uint16(d<<2))
}

func longLength(dst []byte, n int) []byte {
	for n > 255 {
		dst, n = append(dst, 0), n-255
	}
	return append(dst, byte(n))
}
