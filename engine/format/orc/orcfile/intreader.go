package orcfile

import (
	"encoding/binary"
	"errors"
)

// maxRun is the most values of one run of either version.
const maxRun = 512

// intReader decodes integer run lengths of version 1 or 2.
type intReader struct {
	s      *stream
	signed bool
	v2     bool
	run    [maxRun]int64
	n, pos int
}

// read decodes into all of dst.
func (r *intReader) read(dst []int64) error {
	for len(dst) > 0 {
		if r.pos == r.n {
			if err := r.decode(); err != nil {
				return err
			}
		}
		k := copy(dst, r.run[r.pos:r.n])
		r.pos += k
		dst = dst[k:]
	}
	return nil
}

func (r *intReader) decode() error {
	control, err := r.s.byte()
	if err != nil {
		return err
	}
	r.pos, r.n = 0, 0
	if !r.v2 {
		return r.version1(control)
	}
	switch control >> 6 {
	case 0:
		return r.shortRepeat(control)
	case 1:
		return r.direct(control)
	case 2:
		return r.patchedBase(control)
	default:
		return r.delta(control)
	}
}

// number reads a varint in the stream's signedness.
func (r *intReader) number() (int64, error) {
	v, err := r.s.varint()
	return r.plain(v), err
}

func (r *intReader) plain(v uint64) int64 {
	if r.signed {
		return unzigzag(v)
	}
	return int64(v)
}

func (r *intReader) version1(control byte) error {
	if control < 0x80 {
		step, err := r.s.byte()
		if err != nil {
			return err
		}
		v, err := r.number()
		if err != nil {
			return err
		}
		r.n = int(control) + 3
		for i := range r.n {
			r.run[i] = v + int64(i)*int64(int8(step))
		}
		return nil
	}
	n := 256 - int(control)
	for i := range n {
		v, err := r.number()
		if err != nil {
			return err
		}
		r.run[i] = v
	}
	r.n = n
	return nil
}

func (r *intReader) shortRepeat(control byte) error {
	b, err := r.s.take(int(control>>3&7) + 1)
	if err != nil {
		return err
	}
	v := r.plain(bigEndian(b))
	r.n = int(control&7) + 3
	for i := range r.n {
		r.run[i] = v
	}
	return nil
}

func bigEndian(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// widths are the bit widths that five bits can say.
var widths = [32]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 32, 40, 48, 56, 64}

// header reads the second byte of a run: its length has nine bits.
func (r *intReader) header(control byte) (width, n int, err error) {
	low, err := r.s.byte()
	return widths[control>>1&31], int(control&1)<<8 + int(low) + 1, err
}

func (r *intReader) direct(control byte) error {
	width, n, err := r.header(control)
	if err != nil {
		return err
	}
	if err := r.unpack(r.run[:n], width); err != nil {
		return err
	}
	if r.signed {
		for i, v := range r.run[:n] {
			r.run[i] = unzigzag(uint64(v))
		}
	}
	r.n = n
	return nil
}

// unpack reads bit-packed numbers, the highest bit first, up to the end of a byte.
func (r *intReader) unpack(dst []int64, width int) error {
	b, err := r.s.take((len(dst)*width + 7) / 8)
	if err != nil {
		return err
	}
	switch width {
	case 8:
		for i := range dst {
			dst[i] = int64(b[i])
		}
	case 16:
		for i := range dst {
			dst[i] = int64(binary.BigEndian.Uint16(b[2*i:]))
		}
	case 32:
		for i := range dst {
			dst[i] = int64(binary.BigEndian.Uint32(b[4*i:]))
		}
	case 64:
		for i := range dst {
			dst[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
		}
	default:
		unpackBits(dst, b, width)
	}
	return nil
}

// unpackBits handles widths up to 56: 63 bits are enough for a number and what is left of the
// byte before.
func unpackBits(dst []int64, b []byte, width int) {
	var acc uint64
	have, at := 0, 0
	mask := uint64(1)<<width - 1
	for i := range dst {
		for have < width {
			acc = acc<<8 | uint64(b[at])
			at++
			have += 8
		}
		have -= width
		dst[i] = int64(acc >> have & mask)
	}
}

var errPatch = errors.New("a patched run is damaged")

func (r *intReader) patchedBase(control byte) error {
	width, n, err := r.header(control)
	if err != nil {
		return err
	}
	head, err := r.s.take(2)
	if err != nil {
		return err
	}
	baseBytes, patchWidth := int(head[0]>>5)+1, widths[head[0]&31]
	gapWidth, patches := int(head[1]>>5)+1, int(head[1]&31)
	b, err := r.s.take(baseBytes)
	if err != nil {
		return err
	}
	raw := bigEndian(b)
	sign := uint64(1) << (8*baseBytes - 1) // the base is sign and magnitude
	base := int64(raw &^ sign)
	if raw&sign != 0 {
		base = -base
	}
	if err := r.unpack(r.run[:n], width); err != nil {
		return err
	}
	entry := gapWidth + patchWidth
	for _, w := range widths {
		if w >= entry {
			entry = w
			break
		}
	}
	if entry > 64 {
		return errPatch
	}
	var list [32]int64
	if err := r.unpack(list[:patches], entry); err != nil {
		return err
	}
	at := 0
	for _, p := range list[:patches] {
		at += int(uint64(p) >> patchWidth & (1<<gapWidth - 1))
		if at >= n {
			return errPatch
		}
		if patchWidth < 64 {
			p &= 1<<patchWidth - 1
		}
		r.run[at] |= p << width
	}
	for i := range n {
		r.run[i] += base
	}
	r.n = n
	return nil
}

func (r *intReader) delta(control byte) error {
	width, n, err := r.header(control)
	if err != nil {
		return err
	}
	first, err := r.number()
	if err != nil {
		return err
	}
	raw, err := r.s.varint()
	if err != nil {
		return err
	}
	step := unzigzag(raw)
	r.run[0] = first
	switch {
	case control>>1&31 == 0: // a fixed step
		for i := 1; i < n; i++ {
			r.run[i] = r.run[i-1] + step
		}
	case n > 1:
		r.run[1] = first + step
		if err := r.unpack(r.run[2:max(n, 2)], width); err != nil {
			return err
		}
		for i := 2; i < n; i++ {
			if step < 0 {
				r.run[i] = r.run[i-1] - r.run[i]
			} else {
				r.run[i] += r.run[i-1]
			}
		}
	}
	r.n = n
	return nil
}
