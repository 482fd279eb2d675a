package compress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"

	"seikan/engine/format/lzo"
)

// The container of the lzop program and of Hadoop's LzopCodec: a header, then blocks of
// [plain length][stored length][checksums][data], big endian, ended by a zero length.

const lzopMagic = "\x89LZO\x00\r\n\x1a\n"

// Flags of an lzop header.
const (
	lzopAdlerPlain  = 0x1
	lzopAdlerStored = 0x2
	lzopExtra       = 0x40
	lzopCrcPlain    = 0x100
	lzopCrcStored   = 0x200
	lzopFilter      = 0x800
	lzopCrcHeader   = 0x1000
)

var errLzopSum = errors.New("a checksum of the lzo file is wrong: the file is damaged")

type lzopReader struct {
	in    io.Reader
	flags uint32
	src   []byte
	dst   []byte
	ready []byte
	done  bool
}

// NewLzopReader reads an lzop file and checks its checksums.
func NewLzopReader(r io.Reader) (io.Reader, error) {
	l := &lzopReader{in: r}
	magic := make([]byte, len(lzopMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, truncated(err)
	}
	if string(magic) != lzopMagic {
		return nil, fmt.Errorf("it starts with % x instead of the lzop signature", magic)
	}
	return l, l.header()
}

func (l *lzopReader) header() error {
	h := lzopHeader{in: l.in}
	version := h.number(2)
	h.number(2) // version of the library
	if version >= 0x0940 {
		h.number(2) // version needed to extract
	}
	method := h.number(1)
	if version >= 0x0940 {
		h.number(1) // level
	}
	l.flags = h.number(4)
	if l.flags&lzopFilter != 0 {
		h.number(4)
	}
	h.number(4) // mode
	h.number(4) // mtime
	if version >= 0x0940 {
		h.number(4)
	}
	h.bytes(int(h.number(1))) // name
	var sum hash.Hash32 = adler32.New()
	if l.flags&lzopCrcHeader != 0 {
		sum = crc32.NewIEEE()
	}
	sum.Write(h.seen)
	want := sum.Sum32()
	switch got := h.number(4); {
	case h.err != nil:
		return truncated(h.err)
	case got != want:
		return errLzopSum
	case l.flags&lzopFilter != 0:
		return errors.New("lzop filters are not supported; write the file without them")
	case method < 1 || method > 3:
		return fmt.Errorf("lzop method %d is unknown; LZO1X (1 to 3) is expected", method)
	}
	if l.flags&lzopExtra != 0 {
		n := h.number(4)
		if n > maxBlock {
			return lzo.ErrDamaged
		}
		h.bytes(int(n))
		h.number(4)
	}
	return truncated(h.err)
}

// lzopHeader reads fields and remembers them for the checksum and the first error.
type lzopHeader struct {
	in   io.Reader
	seen []byte
	err  error
}

func (h *lzopHeader) bytes(n int) []byte {
	b := make([]byte, n)
	if h.err == nil {
		_, h.err = io.ReadFull(h.in, b)
	}
	h.seen = append(h.seen, b...)
	return b
}

func (h *lzopHeader) number(n int) uint32 {
	var v uint32
	for _, b := range h.bytes(n) {
		v = v<<8 | uint32(b)
	}
	return v
}

func (l *lzopReader) Read(p []byte) (int, error) {
	for len(l.ready) == 0 {
		if l.done {
			return 0, io.EOF
		}
		if err := l.block(); err != nil {
			return 0, truncated(err)
		}
	}
	n := copy(p, l.ready)
	l.ready = l.ready[n:]
	return n, nil
}

func (l *lzopReader) block() error {
	h := lzopHeader{in: l.in}
	plain := h.number(4)
	if h.err == nil && plain == 0 {
		l.done = true
		return nil
	}
	stored := h.number(4)
	if h.err == nil && (plain > maxBlock || stored > plain) {
		return fmt.Errorf("an lzop block of %d bytes in %d is announced: the file is damaged", plain, stored)
	}
	var sums [4]uint32
	for i, flag := range []uint32{lzopAdlerPlain, lzopCrcPlain, lzopAdlerStored, lzopCrcStored} {
		if l.flags&flag != 0 && (i < 2 || stored < plain) {
			sums[i] = h.number(4)
		}
	}
	if h.err != nil {
		return h.err
	}
	l.src = resize(l.src, int(stored))
	if _, err := io.ReadFull(l.in, l.src); err != nil {
		return err
	}
	l.ready = l.src
	if stored < plain {
		if l.flags&lzopAdlerStored != 0 && adler32.Checksum(l.src) != sums[2] ||
			l.flags&lzopCrcStored != 0 && crc32.ChecksumIEEE(l.src) != sums[3] {
			return errLzopSum
		}
		var err error
		if l.dst, err = lzo.Decode(resize(l.dst, int(plain))[:0], l.src, int(plain)); err != nil {
			return err
		}
		l.ready = l.dst
	}
	if len(l.ready) != int(plain) {
		return lzo.ErrDamaged
	}
	if l.flags&lzopAdlerPlain != 0 && adler32.Checksum(l.ready) != sums[0] ||
		l.flags&lzopCrcPlain != 0 && crc32.ChecksumIEEE(l.ready) != sums[1] {
		return errLzopSum
	}
	return nil
}

// lzopBlock is the plain length of a block, that of the lzop program.
const lzopBlock = 256 << 10

type lzopWriter struct {
	out   io.Writer
	plain []byte
	block []byte
	table lzo.Table
}

func newLzopWriter(w io.Writer) (io.WriteCloser, error) {
	head := []byte{
		0x10, 0x30, 0x20, 0xa0, 0x09, 0x40, // versions: program, library, needed to extract
		1, 1, // LZO1X-1, level 1
		0, 0, 0, lzopAdlerPlain,
		0, 0, 0x81, 0xa4, // mode of a regular file, 0644
		0, 0, 0, 0, 0, 0, 0, 0, // time: none, so that equal rows make equal files
		0, // no name
	}
	head = binary.BigEndian.AppendUint32(head, adler32.Checksum(head))
	_, err := w.Write(append([]byte(lzopMagic), head...))
	return &lzopWriter{out: w, plain: make([]byte, 0, lzopBlock)}, err
}

func (l *lzopWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), lzopBlock-len(l.plain))
		l.plain, p = append(l.plain, p[:k]...), p[k:]
		if len(l.plain) == lzopBlock {
			if err := l.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

func (l *lzopWriter) flush() error {
	if len(l.plain) == 0 {
		return nil
	}
	const head = 12
	l.block = lzo.Encode(resize(l.block, head), l.plain, &l.table)
	if len(l.block)-head >= len(l.plain) {
		l.block = append(l.block[:head], l.plain...)
	}
	binary.BigEndian.PutUint32(l.block, uint32(len(l.plain)))
	binary.BigEndian.PutUint32(l.block[4:], uint32(len(l.block)-head))
	binary.BigEndian.PutUint32(l.block[8:], adler32.Checksum(l.plain))
	l.plain = l.plain[:0]
	_, err := l.out.Write(l.block)
	return err
}

func (l *lzopWriter) Close() error {
	if err := l.flush(); err != nil {
		return err
	}
	_, err := l.out.Write([]byte{0, 0, 0, 0})
	return err
}
