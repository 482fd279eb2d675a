package orcfile

import (
	"encoding/binary"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"seikan/engine/format/parquet/blocks"
)

// blockSize is the size of a chunk before compression.
const blockSize = 256 << 10

// out is a stream of the stripe being filled: compressed chunks, and the bytes of the next one.
type out struct {
	w    *Writer
	done blocks.Bytes
	buf  []byte
}

func (o *out) write(p ...byte) { o.append(p) }

func (o *out) append(p []byte) {
	o.buf = append(o.buf, p...)
	for len(o.buf) >= blockSize {
		o.w.chunk(&o.done, o.buf[:blockSize])
		o.buf = append(o.buf[:0], o.buf[blockSize:]...)
	}
}

func (o *out) varint(v uint64) {
	var b [10]byte
	o.append(binary.AppendUvarint(b[:0], v))
}

// finish compresses what is left.
func (o *out) finish() {
	if len(o.buf) > 0 {
		o.w.chunk(&o.done, o.buf)
		o.buf = o.buf[:0]
	}
}

// chunk compresses p into to. A failure sticks in the writer.
func (w *Writer) chunk(to *blocks.Bytes, p []byte) {
	before := to.Len()
	defer func() { w.buffered += to.Len() - before }()
	if w.codec.codec == None {
		to.Append(&w.free, p)
		return
	}
	packed, err := w.codec.chunk(p)
	if err != nil {
		w.fail(err)
		return
	}
	n, original := len(packed)<<1, packed
	if len(packed) >= len(p) {
		n, original = len(p)<<1|1, p
	}
	to.Append(&w.free, []byte{byte(n), byte(n >> 8), byte(n >> 16)})
	to.Append(&w.free, original)
}

// byteWriter encodes byte run lengths.
type byteWriter struct {
	out     *out
	pending []byte // literals, or a run of one value
	run     int    // equal values at the end of pending
}

func (w *byteWriter) write(b byte) {
	if n := len(w.pending); n > 0 && w.pending[n-1] == b {
		w.run++
	} else {
		if w.run >= 3 {
			w.flush()
		}
		w.run = 1
	}
	if w.run == 3 && len(w.pending) > 2 {
		// A run begins behind literals.
		w.literals(w.pending[:len(w.pending)-2])
		w.pending = append(w.pending[:0], b, b)
	}
	w.pending = append(w.pending, b)
	if w.run >= 3 && w.run == 130 || w.run < 3 && len(w.pending) == 128 {
		w.flush()
	}
}

func (w *byteWriter) literals(p []byte) {
	w.out.write(byte(-len(p)))
	w.out.append(p)
}

func (w *byteWriter) flush() {
	switch {
	case len(w.pending) == 0:
	case w.run >= 3:
		w.out.write(byte(w.run-3), w.pending[0])
	default:
		w.literals(w.pending)
	}
	w.pending, w.run = w.pending[:0], 0
}

// bitWriter encodes booleans.
type bitWriter struct {
	bytes byteWriter
	bits  byte
	n     int
}

func (w *bitWriter) write(v bool) {
	w.bits <<= 1
	if v {
		w.bits |= 1
	}
	if w.n++; w.n == 8 {
		w.bytes.write(w.bits)
		w.bits, w.n = 0, 0
	}
}

func (w *bitWriter) flush() {
	if w.n > 0 {
		w.bytes.write(w.bits << (8 - w.n))
		w.bits, w.n = 0, 0
	}
	w.bytes.flush()
}

// intWriter encodes integer run lengths of version 2, without patched bases.
type intWriter struct {
	out    *out
	signed bool
	run    []int64
	packed []byte
}

func (w *intWriter) write(v int64) {
	if w.run = append(w.run, v); len(w.run) == maxRun {
		w.flush()
	}
}

// worthRun is the number of equal values that end a stretch of different ones.
const worthRun = 8

func (w *intWriter) flush() {
	v := w.run
	for len(v) > 0 {
		n := equal(v)
		if n >= worthRun || n >= 3 && n == len(v) {
			w.repeat(v[0], n)
			v = v[n:]
			continue
		}
		end := n
		for end < len(v) {
			k := equal(v[end:])
			if k >= worthRun {
				break
			}
			end += k
		}
		w.different(v[:end])
		v = v[end:]
	}
	w.run = w.run[:0]
}

func equal(v []int64) int {
	n := 1
	for n < len(v) && v[n] == v[0] {
		n++
	}
	return n
}

// raw is a value as an unsigned number.
func (w *intWriter) raw(v int64) uint64 {
	if w.signed {
		return protowire.EncodeZigZag(v)
	}
	return uint64(v)
}

func (w *intWriter) repeat(v int64, n int) {
	if n > 10 {
		w.delta(v, 0, nil, 0, n)
		return
	}
	raw := w.raw(v)
	size := max(1, (bits.Len64(raw)+7)/8)
	w.out.write(byte(size-1)<<3 | byte(n-3))
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], raw)
	w.out.append(b[8-size:])
}

// different writes a run as steps or as it is, whichever is smaller.
func (w *intWriter) different(v []int64) {
	var all uint64
	lo, hi := v[0], v[0]
	up, down, fixed := true, true, true
	for i, x := range v {
		all |= w.raw(x)
		lo, hi = min(lo, x), max(hi, x)
		if i > 0 {
			up, down = up && x >= v[i-1], down && x <= v[i-1]
			fixed = fixed && x-v[i-1] == v[1]-v[0]
		}
	}
	direct := code(bits.Len64(all))
	if n := len(v); n > 2 && hi-lo >= 0 && (up || down && v[1] < v[0]) { // hi-lo is negative when it overflows
		if fixed {
			w.delta(v[0], v[1]-v[0], nil, 0, n)
			return
		}
		var steps uint64
		for i := 2; i < n; i++ {
			d := v[i] - v[i-1]
			steps |= uint64(max(d, -d))
		}
		if c := max(1, code(bits.Len64(steps))); widths[c] < widths[direct] {
			first, step := v[0], v[1]-v[0]
			for i := n - 1; i >= 2; i-- {
				d := v[i] - v[i-1]
				v[i] = max(d, -d)
			}
			w.delta(first, step, v[2:], c, n)
			return
		}
	}
	w.header(1, direct, len(v))
	for i, x := range v {
		v[i] = int64(w.raw(x))
	}
	w.pack(v, widths[direct])
}

// code is the five bits that say the least width of at least n bits.
func code(n int) int {
	for i, w := range widths {
		if w >= n {
			return i
		}
	}
	return len(widths) - 1
}

func (w *intWriter) header(kind, code, n int) {
	w.out.write(byte(kind<<6|code<<1|(n-1)>>8), byte(n-1))
}

// delta writes n values that begin with first and step; code 0 means that all steps are the same.
func (w *intWriter) delta(first, step int64, steps []int64, code, n int) {
	w.header(3, code, n)
	w.out.varint(w.raw(first))
	w.out.varint(protowire.EncodeZigZag(step))
	w.pack(steps, widths[code])
}

// pack writes bit-packed numbers, the highest bit first, up to the end of a byte.
func (w *intWriter) pack(v []int64, width int) {
	b := w.packed[:0]
	if width == 64 {
		for _, x := range v {
			b = binary.BigEndian.AppendUint64(b, uint64(x))
		}
	} else {
		var acc uint64
		have := 0
		for _, x := range v {
			acc = acc<<width | uint64(x) // at most 7 bits are left of the one before
			for have += width; have >= 8; have -= 8 {
				b = append(b, byte(acc>>(have-8)))
			}
		}
		if have > 0 {
			b = append(b, byte(acc<<(8-have)))
		}
	}
	w.packed = b
	w.out.append(b)
}
