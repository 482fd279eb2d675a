package columnar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"seikan/engine/plugin"
)

// Source is random access to a file. It remembers that reading failed below, to tell a broken
// file from a broken connection.
type Source struct {
	Name   string // "parquet file /data/x", for messages
	below  plugin.ReaderAtCloser
	failed atomic.Bool
}

// OpenSource opens f, a file of the format that is named.
func OpenSource(ctx context.Context, format string, f plugin.File) (*Source, error) {
	s := &Source{Name: format + " file " + f.Name()}
	below, err := f.OpenAt(ctx)
	if errors.Is(err, plugin.ErrNotSeekable) {
		return nil, plugin.Permanent(fmt.Errorf("%s: it lies in an archive or is compressed as a whole, and %s needs random access; unpack it first", s.Name, format))
	}
	s.below = below
	return s, err
}

// ReadAt implements io.ReaderAt.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.below.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed.Store(true)
	}
	return n, err
}

// Close closes the file.
func (s *Source) Close() error { return s.below.Close() }

// Fail names the file in an error, which is permanent unless the storage caused it.
func (s *Source) Fail(err error) error {
	err = fmt.Errorf("%s: %w", s.Name, err)
	if s.failed.Load() {
		return err
	}
	return plugin.Permanent(err)
}

// Guard runs f and turns a panic, which a damaged file can cause in a library, into an error.
func Guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	return f()
}
