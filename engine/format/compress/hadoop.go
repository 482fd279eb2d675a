package compress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxBlock bounds the memory a block may ask for; writers use 256 KiB to a few MiB.
const maxBlock = 64 << 20

var errBlock = errors.New("a compressed block is longer than its header says")

// hadoopReader reads Hadoop's BlockDecompressorStream: blocks of
// [length of the plain block][length of a chunk][chunk]…, big endian, 4 bytes each, where the
// chunks of a block add up to its plain length.
type hadoopReader struct {
	in     io.Reader
	decode func(dst, src []byte) (int, error)
	left   int // plain bytes of the block not yet decoded
	src    []byte
	dst    []byte
	ready  []byte
}

func (r *hadoopReader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		if err := r.chunk(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

func (r *hadoopReader) chunk() error {
	for r.left == 0 {
		n, err := r.length()
		if err != nil {
			return err // io.EOF here is the regular end
		}
		r.left = n
	}
	n, err := r.length()
	if err != nil {
		return truncated(err)
	}
	r.src = resize(r.src, n)
	if _, err := io.ReadFull(r.in, r.src); err != nil {
		return truncated(err)
	}
	r.dst = resize(r.dst, r.left)
	m, err := r.decode(r.dst, r.src)
	if err != nil {
		return fmt.Errorf("decompress a block of %d bytes: %w", n, err)
	}
	if m == 0 || m > r.left {
		return errBlock
	}
	r.left -= m
	r.ready = r.dst[:m]
	return nil
}

func (r *hadoopReader) length() (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > maxBlock {
		return 0, fmt.Errorf("a block of %d bytes is announced; at most %d are expected: the file has another format or is damaged", n, maxBlock)
	}
	return int(n), nil
}

func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
