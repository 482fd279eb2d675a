package delimited

import (
	"fmt"
	"io"

	"seikan/engine/record"
)

// chunk is how many bytes are handed on at once, or a row more.
const chunk = 256 << 10

// RowPrinter adds the text of one row of a batch to dst.
type RowPrinter func(dst []byte, row int) []byte

// Encoder is a plugin.FileEncoder for rows with a delimiter between them.
type Encoder struct {
	w     io.Writer
	bind  func(b *record.Batch) RowPrinter
	buf   []byte
	delim string
	begun bool // there is a row
	empty bool // the last row has no text
}

// NewEncoder makes an Encoder that writes to w in the character set c, in chunks. header is
// the first row unless it is nil.
func NewEncoder(w io.Writer, c *Charset, delim string, header []byte, bind func(b *record.Batch) RowPrinter) *Encoder {
	e := &Encoder{w: c.encode(w), bind: bind, delim: delim, buf: make([]byte, 0, chunk+chunk/8)}
	if header != nil {
		e.buf, e.begun, e.empty = append(e.buf, header...), true, len(header) == 0
	}
	return e
}

// Write implements plugin.FileEncoder.
func (e *Encoder) Write(b *record.Batch) error {
	print := e.bind(b)
	buf := e.buf
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
	e.buf = buf
	return nil
}

// Close implements plugin.FileEncoder. A last row without any text gets its delimiter, or
// readers would not see it.
func (e *Encoder) Close() error {
	if e.empty {
		e.buf = append(e.buf, e.delim...)
	}
	if err := e.write(e.buf); err != nil {
		return err
	}
	e.buf = nil
	if c, ok := e.w.(charsetWriter); ok {
		return c.Close()
	}
	return nil
}

func (e *Encoder) write(p []byte) error {
	if _, err := e.w.Write(p); err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	return nil
}
