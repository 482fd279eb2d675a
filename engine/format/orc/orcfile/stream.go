package orcfile

import (
	"errors"
	"io"
)

// stream reads one stream of a stripe, a chunk at a time. A missing stream is empty.
type stream struct {
	file  io.ReaderAt
	at    int64 // where the next chunk is in the file
	end   int64
	codec *decompressor

	buf  []byte // decompressed and not yet read: buf[pos:]
	pos  int
	raw  []byte
	out  []byte // memory for decompressed chunks
	join []byte // memory for take
}

// plainChunk is how much is read at once of a file without compression.
const plainChunk = 64 << 10

var errShort = errors.New("a stream ends early")

// fill reads the next chunk.
func (s *stream) fill() error {
	for {
		if s.at >= s.end {
			return errShort
		}
		if s.codec.codec == None {
			n := min(s.end-s.at, plainChunk)
			s.raw = grow(s.raw, int(n))
			if err := readAt(s.file, s.raw, s.at); err != nil {
				return err
			}
			s.at += n
			s.buf, s.pos = s.raw, 0
			return nil
		}
		if s.end-s.at < 3 {
			return errShort
		}
		var head [3]byte
		if err := readAt(s.file, head[:], s.at); err != nil {
			return err
		}
		n := int64(head[0]) | int64(head[1])<<8 | int64(head[2])<<16
		original := n&1 == 1
		n >>= 1
		if s.at += 3; n > s.end-s.at {
			return errShort
		}
		s.raw = grow(s.raw, int(n))
		if err := readAt(s.file, s.raw, s.at); err != nil {
			return err
		}
		s.at += n
		s.buf, s.pos = s.raw, 0
		if !original {
			out, err := s.codec.chunk(s.out, s.raw)
			if err != nil {
				return err
			}
			s.out, s.buf = out, out
		}
		if len(s.buf) > 0 {
			return nil
		}
	}
}

func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *stream) byte() (byte, error) {
	if s.pos >= len(s.buf) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	b := s.buf[s.pos]
	s.pos++
	return b, nil
}

// take returns the next n bytes, valid until the next call. n must be small, since memory is
// taken before it is known that they are there.
func (s *stream) take(n int) ([]byte, error) {
	if len(s.buf)-s.pos >= n {
		b := s.buf[s.pos : s.pos+n]
		s.pos += n
		return b, nil
	}
	s.join = s.join[:0]
	var err error
	s.join, err = s.append(s.join, n)
	return s.join, err
}

// append appends the next n bytes to dst, which grows only with what is there.
func (s *stream) append(dst []byte, n int) ([]byte, error) {
	for n > 0 {
		if s.pos >= len(s.buf) {
			if err := s.fill(); err != nil {
				return dst, err
			}
		}
		part := s.buf[s.pos:min(len(s.buf), s.pos+n)]
		dst = append(dst, part...)
		s.pos += len(part)
		n -= len(part)
	}
	return dst, nil
}

// varint reads an unsigned base 128 number of up to 64 bits.
func (s *stream) varint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("a number has more than 64 bits")
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
