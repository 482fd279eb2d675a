// Package orcfile reads and writes Apache ORC files (specification version 1) as Arrow batches.
package orcfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Reader reads one file. It is not safe for concurrent use.
type Reader struct {
	file    io.ReaderAt
	codec   *decompressor
	stripes []Stripe
	root    *node
	julian  bool // old dates
}

// maxTail bounds footers, whose size a damaged file could claim to be anything.
const maxTail = 256 << 20

// NewReader reads the footer of a file of size bytes.
func NewReader(file io.ReaderAt, size int64) (*Reader, error) {
	if size < 4 {
		return nil, fmt.Errorf("it is not an ORC file: %d bytes are too few", size)
	}
	tail := make([]byte, min(size, 16<<10))
	if err := readAt(file, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	n := int(tail[len(tail)-1])
	if n+1 > len(tail) {
		return nil, errors.New("it is not an ORC file: the postscript is missing")
	}
	ps, err := parsePostscript(tail[len(tail)-1-n : len(tail)-1])
	if err != nil {
		return nil, err
	}
	end := uint64(size) - uint64(n) - 1
	if ps.footer > end || ps.footer > maxTail {
		return nil, fmt.Errorf("the file is damaged: it claims a footer of %d bytes", ps.footer)
	}
	r := &Reader{file: file}
	if r.codec, err = newDecompressor(ps.codec, ps.block); err != nil {
		return nil, err
	}
	msg, err := r.section(int64(end-ps.footer), int64(end))
	if err != nil {
		return nil, fmt.Errorf("reading the footer: %w", err)
	}
	foot, err := parseFooter(msg)
	if err != nil {
		return nil, fmt.Errorf("reading the footer: %w", err)
	}
	for i, s := range foot.stripes {
		if s.Rows < 0 || s.offset > end || s.index > end-s.offset || s.data > end-s.offset-s.index || s.footer > end-s.offset-s.index-s.data || s.footer > maxTail {
			return nil, fmt.Errorf("the file is damaged: stripe %d lies outside of it", i)
		}
	}
	r.stripes, r.julian = foot.stripes, foot.julian()
	r.root, err = newTree(foot.types)
	return r, err
}

// section decompresses a part of the file at once.
func (r *Reader) section(from, to int64) ([]byte, error) {
	s := &stream{file: r.file, at: from, end: to, codec: r.codec}
	var out []byte
	for s.at < s.end {
		if err := s.fill(); err != nil {
			return nil, err
		}
		if out = append(out, s.buf...); len(out) > maxTail {
			return nil, errors.New("it is too large")
		}
	}
	return out, nil
}

// Stripes lists the file's stripes.
func (r *Reader) Stripes() []Stripe { return r.stripes }

// Fields are the top-level columns, in the Arrow types they are read as: timestamps in
// microseconds.
func (r *Reader) Fields() []arrow.Field {
	out := make([]arrow.Field, len(r.root.children))
	for i, c := range r.root.children {
		out[i] = arrow.Field{Name: c.name, Type: c.arrow(false), Nullable: true}
	}
	return out
}

// Supported says why top-level column i cannot be read, or nil.
func (r *Reader) Supported(i int) error { return r.root.children[i].supported() }

// Column asks for a top-level column.
type Column struct {
	Index int
	Nanos bool // timestamps in nanoseconds
}

// Rows reads the rows of one stripe.
type Rows struct {
	columns []decoder
	names   []string
	rows    int64
	left    int64
}

// Open begins to read a stripe.
func (r *Reader) Open(stripe int, columns []Column) (*Rows, error) {
	s := r.stripes[stripe]
	foot := int64(s.offset + s.index + s.data)
	msg, err := r.section(foot, foot+int64(s.footer))
	if err != nil {
		return nil, fmt.Errorf("reading the footer of stripe %d: %w", stripe, err)
	}
	sf, err := parseStripeFooter(msg)
	if err != nil {
		return nil, fmt.Errorf("reading the footer of stripe %d: %w", stripe, err)
	}
	zone := time.UTC
	if sf.zone != "" {
		if zone, err = time.LoadLocation(sf.zone); err != nil {
			return nil, fmt.Errorf("stripe %d was written in time zone %q, which this machine does not know: %w", stripe, sf.zone, err)
		}
	}
	open := &opener{reader: r, encodings: sf.encodings, zone: zone, streams: map[streamKey]*stream{}}
	at := s.offset
	for _, sec := range sf.sections {
		if sec.length > uint64(foot)-at {
			return nil, fmt.Errorf("the file is damaged: a stream lies outside of stripe %d", stripe)
		}
		if sec.kind <= secondary {
			open.streams[streamKey{sec.column, sec.kind}] = &stream{file: r.file, at: int64(at), end: int64(at + sec.length), codec: r.codec}
		}
		at += sec.length
	}
	out := &Rows{rows: s.Rows, left: s.Rows}
	for _, c := range columns {
		open.nanos = c.Nanos
		d, err := open.decoder(r.root.children[c.Index])
		if err != nil {
			return nil, fmt.Errorf("column %q, stripe %d: %w", r.root.children[c.Index].name, stripe, err)
		}
		out.columns, out.names = append(out.columns, d), append(out.names, r.root.children[c.Index].name)
	}
	return out, nil
}

// Left is the number of rows not yet read.
func (r *Rows) Left() int64 { return r.left }

// Next reads the next n rows, at most Left.
func (r *Rows) Next(ctx context.Context, n int) ([]arrow.Array, error) {
	out := make([]arrow.Array, 0, len(r.columns))
	for i, c := range r.columns {
		a, err := c.read(n, nil)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			for _, o := range out {
				o.Release()
			}
			return nil, fmt.Errorf("column %q, rows from %d of the stripe on: %w", r.names[i], r.rows-r.left+1, err)
		}
		out = append(out, a)
	}
	r.left -= int64(n)
	return out, nil
}

// Skip passes over the next n rows.
func (r *Rows) Skip(ctx context.Context, n int64) error {
	for n > 0 {
		step := min(n, 4096)
		arrays, err := r.Next(ctx, int(step))
		if err != nil {
			return err
		}
		for _, a := range arrays {
			a.Release()
		}
		n -= step
	}
	return nil
}

// Type is the Arrow type a column is read as.
func (r *Reader) Type(c Column) arrow.DataType { return r.root.children[c.Index].arrow(c.Nanos) }
