// Package parquetfile writes Apache Parquet files (format version 2.11, data pages V1) out of
// Arrow batches. It exists because arrow-go's writer takes several times the CPU: here columns
// are encoded a batch at a time into reused buffers, and a dictionary is kept only where it pays.
package parquetfile

import (
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/format/parquet/blocks"
	"seikan/engine/record"
)

// A row group ends at this many rows, by default, or compressed bytes.
const (
	groupRows  = 1 << 20
	groupBytes = 32 << 20
)

// A batch is taken in pieces of about this many rows or bytes, which bounds a page.
const (
	pieceRows  = 8192
	pieceBytes = 1 << 20
)

// Options choose among the forms a file may have.
type Options struct {
	Codec Codec
	// Message is the name of the schema's root.
	Message string
	// TimestampsAsInt96 writes timestamps as Impala's int96, which old Hive needs.
	TimestampsAsInt96 bool
	// Int96Columns are columns of type BYTES, 12 bytes a value, written as int96.
	Int96Columns []string
}

// Writer writes one file. The first error sticks.
type Writer struct {
	// GroupRows is the number of rows at which a row group ends. It may be set before the
	// first row.
	GroupRows int64

	out      io.Writer
	offset   int64
	codec    *compressor
	root     *node
	columns  []*column // leaves, in file order
	rows     int64     // in the file
	open     int64     // rows of the row group being filled
	buffered int64     // its compressed bytes
	groups   []rowGroup
	err      error

	limits limits
	header thrift
	body   []byte
	free   blocks.Free
}

var magic = []byte("PAR1")

// NewWriter prepares a file of rows of schema. Nothing is written before the first row group is full.
func NewWriter(out io.Writer, schema *record.Schema, opts Options) (*Writer, error) {
	root, err := tree(schema, opts)
	if err != nil {
		return nil, err
	}
	codec, err := newCompressor(opts.Codec)
	if err != nil {
		return nil, err
	}
	w := &Writer{GroupRows: groupRows, out: out, codec: codec, root: root}
	w.collect(root, &scratch{}, nil, 0, 0)
	w.limits = share(max(1, len(w.columns)))
	for _, c := range w.columns {
		c.begin()
	}
	return w, nil
}

// Check reports why a file cannot hold rows of schema, or nil.
func Check(schema *record.Schema, opts Options) error {
	_, err := tree(schema, opts)
	return err
}

func tree(schema *record.Schema, opts Options) (*node, error) {
	root := group(opts.Message, required, convNone, nil)
	for _, c := range schema.Columns {
		n, err := build(c.Name, c.Type, opts.TimestampsAsInt96)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		if slices.Contains(opts.Int96Columns, c.Name) {
			if c.Type.Kind != record.Bytes {
				return nil, fmt.Errorf("column %q is %s; only BYTES columns can be written as int96", c.Name, c.Type)
			}
			n.physical, n.width = int96s, 12
		}
		root.children = append(root.children, n)
	}
	return root, nil
}

// collect makes a column of each leaf.
func (w *Writer) collect(n *node, memory *scratch, path []string, def, rep uint8) {
	for _, c := range n.children {
		d, r := def, rep
		if c.repetition != required {
			d++
		}
		if c.repetition == repeated {
			r++
		}
		p := append(slices.Clone(path), c.name)
		if len(c.children) > 0 {
			w.collect(c, memory, p, d, r)
			continue
		}
		c.column = &column{node: c, path: p, maxDef: d, maxRep: r, file: w, scratch: memory}
		w.columns = append(w.columns, c.column)
	}
}

// Write adds the rows of rec, whose columns have the Arrow types of the schema.
func (w *Writer) Write(rec arrow.RecordBatch) error {
	if w.err != nil {
		return w.err
	}
	if int(rec.NumCols()) != len(w.root.children) {
		w.err = fmt.Errorf("the batch has %d columns, the file %d", rec.NumCols(), len(w.root.children))
		return w.err
	}
	rows := rec.NumRows()
	piece := int64(pieceRows)
	if size := record.SizeOf(rec); size > 0 {
		piece = max(1, min(piece, rows*pieceBytes/size))
	}
	for from := int64(0); from < rows; from += piece {
		to := min(from+piece, rows)
		part := rec
		if to-from < rows {
			part = rec.NewSlice(from, to)
		}
		w.err = w.piece(part)
		if to-from < rows {
			part.Release()
		}
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

func (w *Writer) piece(rec arrow.RecordBatch) error {
	n := int(rec.NumRows())
	for i, c := range w.root.children {
		var err error
		if c.column != nil {
			err = c.column.addFlat(rec.Column(i))
		} else {
			err = c.shred(rec.Column(i), topLevel(n), 0)
		}
		if err != nil {
			return err
		}
	}
	w.open += int64(n)
	if w.open >= w.GroupRows || w.buffered >= groupBytes {
		return w.endGroup()
	}
	return nil
}

// Close writes the last row group and the footer.
func (w *Writer) Close() error {
	if w.err == nil && w.open > 0 {
		w.err = w.endGroup()
	}
	if w.err != nil {
		return w.err
	}
	if w.err = w.start(); w.err == nil {
		w.err = w.write(w.footer())
	}
	return w.err
}

// start writes the magic number once.
func (w *Writer) start() error {
	if w.offset > 0 {
		return nil
	}
	return w.write(magic)
}

func (w *Writer) write(p []byte) error {
	n, err := w.out.Write(p)
	w.offset += int64(n)
	return err
}

type counting struct{ w *Writer }

func (c counting) Write(p []byte) (int, error) {
	err := c.w.write(p)
	return len(p), err
}
