// Package blocks holds byte strings that grow without copying.
package blocks

import "io"

// size is small, so that a table of a thousand columns does not take much for its last, half
// empty ones.
const size = 32 << 10

// Free are blocks to use again.
type Free [][]byte

// Bytes is a byte string in pieces, which go back to a free list when it is written. It takes
// no more memory than its bytes.
type Bytes struct {
	list [][]byte
	size int64
}

// Len is the number of bytes.
func (b *Bytes) Len() int64 { return b.size }

// Append appends p.
func (b *Bytes) Append(free *Free, p []byte) {
	b.size += int64(len(p))
	for len(p) > 0 {
		last := len(b.list) - 1
		if last < 0 || len(b.list[last]) == size {
			if n := len(*free); n > 0 {
				b.list = append(b.list, (*free)[n-1][:0])
				*free = (*free)[:n-1]
			} else {
				b.list = append(b.list, make([]byte, 0, size))
			}
			last++
		}
		n := min(len(p), size-len(b.list[last]))
		b.list[last] = append(b.list[last], p[:n]...)
		p = p[n:]
	}
}

// Flush writes all and gives the blocks back.
func (b *Bytes) Flush(w io.Writer, free *Free) error {
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
