package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"seikan/engine/plugin"
)

// Buffers between encoder and file: large for one file, smaller when a writer has many open.
const (
	wholeBuffer     = 1 << 20
	partitionBuffer = 64 << 10
)

// part is a file being written.
type part struct {
	file    written
	path    string
	handle  Handle
	buffer  *bufio.Writer
	packed  io.WriteCloser // the codec, above the buffer
	encoder plugin.FileEncoder
	first   int64 // number of a binary file's first row here
	rows    int64
	bytes   int64
	used    int64 // when, in writes
}

func (s *sink) create(ctx context.Context, file written, path string) (*part, error) {
	handle, err := s.sys.Create(ctx, path)
	if err != nil {
		return nil, writeError("create", path, err)
	}
	size := wholeBuffer
	if s.layout != nil {
		size = partitionBuffer
	}
	p := &part{file: file, path: path, handle: handle}
	p.buffer = bufio.NewWriterSize(p, size)
	if p.packed, err = s.codec.NewWriter(p.buffer); err == nil {
		p.encoder, err = s.writing.Create(p.packed)
	}
	if err != nil {
		handle.Close()
		return nil, writeError("begin", path, err)
	}
	return p, nil
}

// Write counts what goes to the file.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.handle.Write(b)
	p.bytes += int64(n)
	return n, err
}

// end writes what encoder, codec and buffer hold back.
func (p *part) end() error {
	err := p.encoder.Close()
	if err == nil {
		err = p.packed.Close()
	}
	if err == nil {
		err = p.buffer.Flush()
	}
	return writeError("write", p.path, err)
}

// settle makes an ended part durable and closes it.
func (p *part) settle() error {
	err := p.handle.Sync()
	if cerr := p.handle.Close(); err == nil {
		err = cerr
	}
	return writeError("write", p.path, err)
}

// writeError names the file and says what to do where that is known.
func writeError(what, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%s %s: %w; free space there or set tmp_path and path to a place with more; what was committed before stays", what, path, err)
	case permanent(err):
		return plugin.Permanent(fmt.Errorf("%s %s: %w", what, path, err))
	}
	return fmt.Errorf("%s %s: %w", what, path, err)
}
