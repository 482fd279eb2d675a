package parquetfile

import "io"

// blockSize is small, so that a table of a thousand columns does not take much for its last,
// half empty ones.
const blockSize = 32 << 10

// blocks is a byte string in pieces, which go back to a free list when it is written. Growing
// never copies, so a row group takes no more memory than its bytes.
type blocks struct {
	list [][]byte
	size int64
}

func (b *blocks) append(free *[][]byte, p []byte) {
	b.size += int64(len(p))
	for len(p) > 0 {
		last := len(b.list) - 1
		if last < 0 || len(b.list[last]) == blockSize {
			if n := len(*free); n > 0 {
				b.list = append(b.list, (*free)[n-1][:0])
				*free = (*free)[:n-1]
			} else {
				b.list = append(b.list, make([]byte, 0, blockSize))
			}
			last++
		}
		at := len(b.list[last])
		n := min(len(p), blockSize-at)
		b.list[last] = append(b.list[last], p[:n]...)
		p = p[n:]
	}
}

// flush writes all and gives the blocks back.
func (b *blocks) flush(w io.Writer, free *[][]byte) error {
	var failed error
	for _, p := range b.list {
		if failed == nil {
			_, failed = w.Write(p)
		}
		*free = append(*free, p)
	}
	b.list, b.size = b.list[:0], 0
	return failed
}
