package delimited

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"seikan/engine/plugin"
)

// Cut implements plugin.FileReading: it moves cuts at equal distances to the next place that is
// proved to be between two rows. Where fields may be quoted the proof is reading the file
// once, from quote to quote, with the very rules by which it is read later.
func (s *Source) Cut(ctx context.Context, f plugin.File, target int64) ([]plugin.Range, error) {
	whole := []plugin.Range{{From: 0, To: -1}}
	size := f.Size()
	if target < 1 || size < 2*target || s.Charset.recodes() {
		return whole, nil
	}
	l, _ := s.Scanner.(*Lines)
	quotes := l != nil && l.Quotes
	if quotes && overlaps(l.Delim) {
		return whole, nil
	}
	ra, err := f.OpenAt(ctx)
	if errors.Is(err, plugin.ErrNotSeekable) {
		return whole, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", f.Name(), err)
	}
	defer ra.Close()
	first, err := s.firstRow(ctx, f)
	if err != nil {
		return nil, err
	}
	c := &cutter{ra: ra, size: size, step: size / (size / target), least: first}
	if quotes {
		c.delim = l.Delim
		err = c.byQuotes(ctx)
	} else {
		err = c.byLines(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for rows to cut %s at: %w", f.Name(), err)
	}
	out := make([]plugin.Range, 0, len(c.cuts)+1)
	from := int64(0)
	for _, at := range c.cuts {
		out = append(out, plugin.Range{From: from, To: at})
		from = at
	}
	return append(out, plugin.Range{From: from, To: -1}), nil
}

// firstRow is the offset of the first row behind the header.
func (s *Source) firstRow(ctx context.Context, f plugin.File) (int64, error) {
	if s.Header == 0 {
		return 0, nil
	}
	in, err := openInput(ctx, f, s.Charset, 0, -1)
	if err != nil {
		return 0, err
	}
	r := &reader{builder: &builder{grid: newGrid(len(s.Cells))}, source: s, file: f, in: in}
	err = r.skip(ctx, s.Header)
	return in.offset, errors.Join(err, r.Close())
}

// overlaps reports whether d can begin inside itself, so that where it stands depends on where
// one begins to look.
func overlaps(d []byte) bool {
	for n := 1; n < len(d); n++ {
		if bytes.Equal(d[:n], d[len(d)-n:]) {
			return true
		}
	}
	return false
}

type cutter struct {
	ra    io.ReaderAt
	size  int64
	step  int64
	least int64 // no cut before this offset
	delim []byte
	cuts  []int64
}

// wanted is where the next cut should be.
func (c *cutter) wanted() int64 {
	n := int64(len(c.cuts)) + 1
	if len(c.cuts) > 0 {
		n = max(n, c.cuts[len(c.cuts)-1]/c.step+1)
	}
	return max(n*c.step, c.least)
}

func (c *cutter) byLines(ctx context.Context) error {
	buf := make([]byte, 64<<10)
	for {
		at := c.wanted() - 1 // a cut right there is behind a line end at the byte before
		for found := false; !found; {
			if err := ctx.Err(); err != nil || at >= c.size-1 {
				return err
			}
			n, err := c.ra.ReadAt(buf, at)
			if n == 0 && err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if n == 0 {
				return nil
			}
			i := bytes.IndexByte(buf[:n], '\n')
			if found = i >= 0; found {
				if at += int64(i) + 1; at >= c.size {
					return nil
				}
				c.cuts = append(c.cuts, at)
			}
			if !found {
				at += int64(n)
			}
		}
	}
}

// byQuotes goes from quote to quote. Outside a quoted field every line end ends a row, and a
// quote opens a field exactly if a delimiter, a line end or nothing stands before it.
func (c *cutter) byQuotes(ctx context.Context) error {
	in := &input{src: io.NewSectionReader(c.ra, 0, c.size), close: io.NopCloser(nil), room: int(min(c.size+16, bufferSize))}
	if err := in.skipMark(); err != nil {
		return err
	}
	start := in.offset
	inside := false
	keep := max(len(c.delim), 1) // bytes before the current one that are still needed
	i := 0                       // the current byte, in in.data()
	for {
		data := in.data()
		rest := data[min(i, len(data)):]
		k := bytes.IndexByte(rest, '"')
		switch {
		case inside && k >= 0 && (i+k+1 < len(data) || in.eof):
			if i += k + 1; i < len(data) && data[i] == '"' {
				i++
			} else {
				inside = false
			}
			continue
		case !inside && k >= 0:
			c.outside(data[:i+k], i, in.offset)
			i += k
			inside = in.offset+int64(i) == start || data[i-1] == '\n' || bytes.HasSuffix(data[:i], c.delim)
			i++
			continue
		case inside && k >= 0: // the byte behind the quote is needed
			i += k
		default:
			if !inside {
				c.outside(data, i, in.offset)
			}
			i = len(data)
		}
		if in.eof || c.wanted() >= c.size {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if n := min(i, len(data)) - keep; n > 0 {
			in.consume(n)
			i -= n
		}
		if err := in.fill(); err != nil {
			return err
		}
	}
}

// outside looks for cuts in data[from:], which no quotes hold.
func (c *cutter) outside(data []byte, from int, offset int64) {
	for {
		at := max(c.wanted()-1-offset, int64(from))
		if at >= int64(len(data)) {
			return
		}
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			return
		}
		cut := offset + at + int64(n) + 1
		if cut >= c.size {
			return
		}
		c.cuts = append(c.cuts, cut)
	}
}
