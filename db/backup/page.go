package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// pageSize is the unit in which a backup may refer to its base. SQLite changes whole pages of
// this size.
const pageSize = 4096

// pageSum is half of a SHA-256: the whole file's decides in the end.
type pageSum [16]byte

func sumOf(page []byte) pageSum {
	s := sha256.Sum256(page)
	return pageSum(s[:16])
}

// pager takes the checksums of a file that is written to it.
type pager struct {
	whole hash.Hash
	sums  []pageSum
	rest  []byte
	size  int64
}

func newPager() *pager { return &pager{whole: sha256.New()} }

func (p *pager) Write(b []byte) (int, error) {
	n := len(b)
	p.whole.Write(b)
	p.size += int64(n)
	if len(p.rest) > 0 {
		more := min(pageSize-len(p.rest), len(b))
		p.rest, b = append(p.rest, b[:more]...), b[more:]
		if len(p.rest) < pageSize {
			return n, nil
		}
		p.sums, p.rest = append(p.sums, sumOf(p.rest)), p.rest[:0]
	}
	for ; len(b) >= pageSize; b = b[pageSize:] {
		p.sums = append(p.sums, sumOf(b[:pageSize]))
	}
	p.rest = append(p.rest, b...)
	return n, nil
}

// image is what is known of a file without its bytes: 16 bytes a page.
type image struct {
	size int64
	sum  string // SHA-256, hex
	sums []pageSum
}

func (p *pager) image() image {
	sums := p.sums
	if len(p.rest) > 0 {
		sums = append(sums, sumOf(p.rest))
	}
	return image{size: p.size, sum: hex.EncodeToString(p.whole.Sum(nil)), sums: sums}
}

// length of a page: the last one may be short.
func (i image) length(page uint32) int64 { return pageLength(i.size, page) }

func pageLength(size int64, page uint32) int64 {
	return max(0, min(pageSize, size-int64(page)*pageSize))
}

// differing are the pages that base does not have, in order, and the bytes they take as a delta.
func (i image) differing(base image) (pages []uint32, bytes int64) {
	for n, sum := range i.sums {
		if n < len(base.sums) && base.sums[n] == sum && base.length(uint32(n)) == i.length(uint32(n)) {
			continue
		}
		pages = append(pages, uint32(n))
		bytes += 4 + i.length(uint32(n))
	}
	return pages, bytes
}

// writeDelta writes pages of f, each behind its number.
func writeDelta(w io.Writer, f io.ReaderAt, i image, pages []uint32) error {
	record := make([]byte, 4+pageSize)
	for _, n := range pages {
		binary.BigEndian.PutUint32(record, n)
		r := record[:4+i.length(n)]
		if _, err := f.ReadAt(r[4:], int64(n)*pageSize); err != nil {
			return fmt.Errorf("read page %d again: %w", n, err)
		}
		if _, err := w.Write(r); err != nil {
			return err
		}
	}
	return nil
}

// deltaReader reads the pages of a delta in order.
type deltaReader struct {
	r    *bufio.Reader
	size int64 // of the restored file
	next int64 // lowest number the next page may have
	buf  [pageSize]byte
}

func newDeltaReader(r io.Reader, size int64) *deltaReader {
	return &deltaReader{r: bufio.NewReaderSize(r, 1<<16), size: size}
}

// page gives the next page, which is valid until the next call; EOF after the last.
func (d *deltaReader) page() (uint32, []byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(d.r, head[:]); err == io.EOF {
		return 0, nil, io.EOF
	} else if err != nil {
		return 0, nil, damaged("a page of it ends early", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	length := pageLength(d.size, n)
	if int64(n) < d.next || length == 0 {
		return 0, nil, fmt.Errorf("%w: page %d is out of place", ErrDamaged, n)
	}
	d.next = int64(n) + 1
	if _, err := io.ReadFull(d.r, d.buf[:length]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, damaged("a page of it ends early", err)
	}
	return n, d.buf[:length], nil
}

// merge writes the file that a delta makes of its base.
func merge(w io.Writer, base io.Reader, baseSize int64, delta *deltaReader) error {
	old := bufio.NewReaderSize(base, 1<<16)
	buf := make([]byte, pageSize)
	n, page, err := delta.page()
	for at := uint32(0); int64(at)*pageSize < delta.size; at++ {
		have := buf[:pageLength(baseSize, at)]
		if _, rerr := io.ReadFull(old, have); rerr != nil {
			return damaged("its base ends early", rerr)
		}
		if err != nil && err != io.EOF {
			return err
		}
		if err == nil && n == at {
			if _, werr := w.Write(page); werr != nil {
				return werr
			}
			n, page, err = delta.page()
			continue
		}
		if int64(len(have)) != pageLength(delta.size, at) {
			return fmt.Errorf("%w: page %d is neither in it nor in its base", ErrDamaged, at)
		}
		if _, werr := w.Write(have); werr != nil {
			return werr
		}
	}
	if err == nil {
		return fmt.Errorf("%w: page %d is out of place", ErrDamaged, n)
	}
	if err != io.EOF {
		return err
	}
	if _, err := io.Copy(io.Discard, old); err != nil {
		return err
	}
	return nil
}
