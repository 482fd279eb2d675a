// Package delimitedtest holds what the tests of line formats share: files in memory, options
// from text, and reading and writing whole files.
package delimitedtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type file struct {
	name    string
	data    []byte
	stream  bool
	trickle bool
}

// File is a file that can be read at any place.
func File(name string, data []byte) plugin.File { return file{name: name, data: data} }

// Stream is a file that can only be read from its start.
func Stream(name string, data []byte) plugin.File { return file{name: name, data: data, stream: true} }

// Trickle is a Stream that gives few bytes at a time.
func Trickle(name string, data []byte) plugin.File {
	return file{name: name, data: data, stream: true, trickle: true}
}

func (f file) Name() string { return f.name }

func (f file) Size() int64 {
	if f.stream {
		return -1
	}
	return int64(len(f.data))
}

func (f file) Open(context.Context) (io.ReadCloser, error) {
	r := io.Reader(bytes.NewReader(f.data))
	if f.trickle {
		r = iotest.OneByteReader(r)
	}
	return io.NopCloser(r), nil
}

type readerAt struct{ *bytes.Reader }

func (readerAt) Close() error { return nil }

func (f file) OpenAt(context.Context) (plugin.ReaderAtCloser, error) {
	if f.stream {
		return nil, plugin.ErrNotSeekable
	}
	return readerAt{bytes.NewReader(f.data)}, nil
}

// Options parses a block of options as a job file has them.
func Options(t testing.TB, known []option.Option, text string) *option.Values {
	t.Helper()
	tree, err := hocon.Parse("test.conf", []byte(text), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec := option.Spec{Name: "Test", Kind: "source", Options: known}
	values, problems := spec.Parse(tree)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// Read reads a piece of f from at on and calls each with every batch.
func Read(ctx context.Context, task plugin.Task, r plugin.FileReading, f plugin.File, piece plugin.Range, at record.Position, each func(*record.Batch)) error {
	schema, err := r.Schema(ctx, f)
	if err != nil {
		return err
	}
	split, err := r.Open(ctx, task, plugin.Split{ID: "s", At: at}, f, piece, schema)
	if err != nil {
		return err
	}
	for {
		b, err := split.Next(ctx)
		if errors.Is(err, plugin.ErrEnd) {
			return split.Close()
		}
		if err != nil {
			return errors.Join(err, split.Close())
		}
		each(b)
		b.Release()
	}
}

// Write writes batches into one file.
func Write(w plugin.FileWriting, batches ...*record.Batch) ([]byte, error) {
	var out bytes.Buffer
	e, err := w.Create(&out)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		if err := e.Write(b); err != nil {
			return nil, err
		}
	}
	err = e.Close()
	return out.Bytes(), err
}
