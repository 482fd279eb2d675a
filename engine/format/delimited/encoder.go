package delimited

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"seikan/engine/record"
)

// chunk is how many bytes are handed on at once, or a row more. What a batch leaves over is
// handed on at its end, so that a sink with many open files holds no buffer for each.
const chunk = 256 << 10

var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunk+chunk/8)
	return &b
}}

// RowPrinter adds the text of one row of a batch to dst.
type RowPrinter func(dst []byte, row int) []byte

// Join prints the cells of a row with delim between them.
func Join(cells []RowPrinter, delim string) RowPrinter {
	if len(delim) == 1 {
		d := delim[0]
		return func(dst []byte, row int) []byte {
			for i, cell := range cells {
				if i > 0 {
					dst = append(dst, d)
				}
				dst = cell(dst, row)
			}
			return dst
		}
	}
	return func(dst []byte, row int) []byte {
		for i, cell := range cells {
			if i > 0 {
				dst = append(dst, delim...)
			}
			dst = cell(dst, row)
		}
		return dst
	}
}

// Encoder is a plugin.FileEncoder for rows with a delimiter between them.
type Encoder struct {
	w      io.Writer
	bind   func(b *record.Batch) RowPrinter
	delim  string
	header []byte // still to be written
	begun  bool   // there is a row
	empty  bool   // the last row has no text
	marked bool   // the file has its first bytes
}

// mark is the byte order mark, which readers take off the beginning of a file.
var mark = []byte("\ufeff")

// NewEncoder makes an Encoder that writes to w in the character set c. header is the first
// row unless it is nil.
func NewEncoder(w io.Writer, c *Charset, delim string, header []byte, bind func(b *record.Batch) RowPrinter) *Encoder {
	return &Encoder{w: c.encode(w), bind: bind, delim: delim, header: header, begun: header != nil, empty: header != nil && len(header) == 0}
}

// Write implements plugin.FileEncoder.
func (e *Encoder) Write(b *record.Batch) error {
	print := e.bind(b)
	pooled := chunks.Get().(*[]byte)
	defer chunks.Put(pooled)
	buf := append((*pooled)[:0], e.header...)
	e.header = nil
	for row := range b.Rows() {
		if e.begun {
			buf = append(buf, e.delim...)
		}
		e.begun = true
		start := len(buf)
		buf = print(buf, row)
		e.empty = len(buf) == start
		if len(buf) >= chunk {
			if err := e.write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if cap(buf) <= 2*chunk {
		*pooled = buf
	}
	return e.write(buf)
}

// Close implements plugin.FileEncoder. A last row without any text gets its delimiter, or
// readers would not see it.
func (e *Encoder) Close() error {
	if e.empty {
		e.header = append(e.header[:len(e.header):len(e.header)], e.delim...) // the header is shared by files
	}
	if err := e.write(e.header); err != nil {
		return err
	}
	e.header = nil
	if c, ok := e.w.(charsetWriter); ok {
		return c.Close()
	}
	return nil
}

func (e *Encoder) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if !e.marked && bytes.HasPrefix(p, mark) { // it belongs to a value: readers take off the other
		p = append(mark[:len(mark):len(mark)], p...)
	}
	e.marked = true
	if _, err := e.w.Write(p); err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	return nil
}
