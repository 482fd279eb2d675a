package rowwise

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"seikan/engine/format/delimited"
)

// ErrTooLong says that one piece of a file is longer than a row may be.
var ErrTooLong = errors.New("too long")

// Limit is a reader that fails when more than delimited.MaxRow bytes are read without a call of
// Reset, so that a parser that gathers them does not take all memory.
type Limit struct {
	in   *bufio.Reader
	read int
}

// NewLimit reads from in.
func NewLimit(in io.Reader) *Limit { return &Limit{in: bufio.NewReaderSize(in, 64<<10)} }

// Reset begins a new piece.
func (l *Limit) Reset() { l.read = 0 }

// Peek returns the next n bytes without reading them.
func (l *Limit) Peek(n int) ([]byte, error) { return l.in.Peek(n) }

// Read implements io.Reader.
func (l *Limit) Read(p []byte) (int, error) {
	if err := l.check(); err != nil {
		return 0, err
	}
	n, err := l.in.Read(p)
	l.read += n
	return n, err
}

// ReadByte implements io.ByteReader.
func (l *Limit) ReadByte() (byte, error) {
	if err := l.check(); err != nil {
		return 0, err
	}
	l.read++
	return l.in.ReadByte()
}

func (l *Limit) check() error {
	if l.read > delimited.MaxRow {
		return fmt.Errorf("%w: a text, a tag or a comment is longer than %d MiB", ErrTooLong, delimited.MaxRow>>20)
	}
	return nil
}
