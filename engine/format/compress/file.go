package compress

import (
	"context"
	"fmt"
	"io"

	"seikan/engine/plugin"
)

// File is f with its content decompressed; f itself when the codec is none. The result cannot
// be read at random places.
func File(f plugin.File, codec Codec) plugin.File {
	if codec.None() {
		return f
	}
	return &packed{f, codec}
}

type packed struct {
	plugin.File
	codec Codec
}

func (p *packed) Size() int64 { return -1 }

// Relative is the path below the source's root, when the file below knows it.
func (p *packed) Relative() string { return relative(p.File) }

func (p *packed) OpenAt(context.Context) (plugin.ReaderAtCloser, error) {
	return nil, plugin.ErrNotSeekable
}

func (p *packed) Open(ctx context.Context) (io.ReadCloser, error) {
	below, err := p.File.Open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := p.codec.NewReader(below)
	if err != nil {
		below.Close()
		return nil, fmt.Errorf("decompress %s: %w", p.Name(), err)
	}
	return &stacked{r, []io.Closer{r, below}}, nil
}

// stacked reads from the top of several readers and closes all, top first.
type stacked struct {
	io.Reader
	layers []io.Closer
}

func (s *stacked) Close() error {
	var first error
	for _, l := range s.layers {
		if err := l.Close(); first == nil {
			first = err
		}
	}
	return first
}

func relative(f plugin.File) string {
	if r, ok := f.(interface{ Relative() string }); ok {
		return r.Relative()
	}
	return f.Name()
}
