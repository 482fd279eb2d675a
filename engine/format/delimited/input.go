package delimited

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"seikan/engine/plugin"
)

// bufferSize is how much of a file is read at once.
const bufferSize = 1 << 20

// MaxRow is the greatest length of one row in bytes. A longer one is an error, so that a file
// without line ends, or with a quote that is never closed, cannot eat the memory.
const MaxRow = 32 << 20

// input is a stretch of a file's text in UTF-8, seen through a buffer.
type input struct {
	src    io.Reader
	close  io.Closer
	buf    []byte
	lo, hi int   // what is not consumed yet: buf[lo:hi]
	offset int64 // of buf[lo] in the text
	eof    bool
	room   int // size of the first buffer
}

// openInput reads the text of f from offset from up to offset to, or to the end when to < 0.
func openInput(ctx context.Context, f plugin.File, c *Charset, from, to int64) (*input, error) {
	in := &input{offset: from, room: bufferSize}
	if end := max(to, f.Size()); end >= from {
		in.room = int(min(end-from+16, bufferSize)) // small files need no large buffer
	}
	if !c.recodes() && (from > 0 || to >= 0) { // a whole file comes best as one stream
		switch ra, err := f.OpenAt(ctx); {
		case err == nil:
			n := int64(1<<63-1) - from
			if to >= 0 {
				n = to - from
			}
			in.src, in.close = io.NewSectionReader(ra, from, n), ra
			return in, in.skipMark()
		case !errors.Is(err, plugin.ErrNotSeekable):
			return nil, fmt.Errorf("opening %s: %w", f.Name(), err)
		}
	}
	r, err := f.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", f.Name(), err)
	}
	in.src, in.close = c.decode(r), r
	if _, err := io.CopyN(io.Discard, in.src, from); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: going to byte %d: %w", f.Name(), from, err), r.Close())
	}
	if to >= 0 {
		in.src = io.LimitReader(in.src, to-from)
	}
	return in, in.skipMark()
}

// skipMark leaves out a byte order mark at the start of the file.
func (in *input) skipMark() error {
	if in.offset != 0 {
		return nil
	}
	if err := in.fill(); err != nil {
		return errors.Join(err, in.close.Close())
	}
	if bytes.HasPrefix(in.data(), mark) {
		in.consume(3)
	}
	return nil
}

// data is what can be looked at.
func (in *input) data() []byte { return in.buf[in.lo:in.hi] }

func (in *input) consume(n int) {
	in.lo += n
	in.offset += int64(n)
}

// fill reads more: until the buffer is full or the text ends. A buffer that is full already
// grows.
func (in *input) fill() error {
	if in.buf == nil {
		in.buf = make([]byte, in.room)
	}
	if in.lo == 0 && in.hi == len(in.buf) {
		grown := make([]byte, min(2*len(in.buf), MaxRow))
		copy(grown, in.buf)
		in.buf = grown
	} else if in.lo > 0 {
		in.hi = copy(in.buf, in.buf[in.lo:in.hi])
		in.lo = 0
	}
	for in.hi < len(in.buf) && !in.eof {
		n, err := in.src.Read(in.buf[in.hi:])
		in.hi += n
		if errors.Is(err, io.EOF) {
			in.eof = true
		} else if err != nil {
			return err
		}
	}
	return nil
}

// full reports that the buffer holds the most it may and still no whole row.
func (in *input) full() bool { return in.lo == 0 && in.hi == len(in.buf) && len(in.buf) >= MaxRow }

// lines counts the line ends of the text of f before offset.
func lines(ctx context.Context, f plugin.File, c *Charset, offset int64) (int64, error) {
	in, err := openInput(ctx, f, c, 0, offset)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	for {
		n += int64(bytes.Count(in.data(), []byte{'\n'}))
		in.consume(len(in.data()))
		if in.eof {
			return n, in.close.Close()
		}
		if err := ctx.Err(); err != nil {
			return 0, errors.Join(err, in.close.Close())
		}
		if err := in.fill(); err != nil {
			return 0, errors.Join(err, in.close.Close())
		}
	}
}
