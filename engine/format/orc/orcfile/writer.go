package orcfile

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/format/parquet/blocks"
	"seikan/engine/record"
)

// stripeBytes is Writer.StripeBytes by default.
const stripeBytes = 64 << 20

// Writer writes one file: integers in run lengths of version 2, texts by dictionary where it
// pays, no row indexes. The first error sticks.
type Writer struct {
	// StripeBytes is the size in memory at which a stripe ends: compressed chunks, and those
	// that are not full yet. It may be set before the first row.
	StripeBytes int64

	out      io.Writer
	offset   uint64
	codec    *compressor
	root     *column
	columns  []*column // all, in the order of their ids
	rows     int64     // of the stripe being filled
	total    uint64
	buffered int64 // compressed bytes of the stripe
	outs     []*out
	stripes  []Stripe
	metadata message // statistics of the stripes
	free     blocks.Free
	err      error
}

// Check reports why a file cannot hold rows of schema, or nil.
func Check(schema *record.Schema) error {
	_, err := NewWriter(io.Discard, schema, None)
	return err
}

// NewWriter prepares a file of rows of schema. Nothing is written before the first stripe is full.
func NewWriter(to io.Writer, schema *record.Schema, codec Codec) (*Writer, error) {
	c, err := newCompressor(codec)
	if err != nil {
		return nil, err
	}
	w := &Writer{StripeBytes: stripeBytes, out: to, codec: c}
	w.root = &column{node: &node{kind: kStruct}, presentBits: &bitWriter{bytes: byteWriter{out: &out{w: w}}}}
	w.columns = append(w.columns, w.root)
	for _, col := range schema.Columns {
		child, err := w.add(col.Name, col.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", col.Name, err)
		}
		w.root.children = append(w.root.children, child)
		w.root.node.children = append(w.root.node.children, child.node)
	}
	for _, c := range w.columns {
		c.stats.kind, c.total.kind = c.node.kind, c.node.kind
	}
	return w, nil
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// pieceRows is how many rows of a batch are taken before the size of the stripe is looked at.
const pieceRows = 4096

// Write adds the rows of rec, whose columns have the Arrow types of the schema.
func (w *Writer) Write(rec arrow.RecordBatch) error {
	if w.err == nil && int(rec.NumCols()) != len(w.root.children) {
		w.fail(fmt.Errorf("the batch has %d columns, the file %d", rec.NumCols(), len(w.root.children)))
	}
	for from := int64(0); from < rec.NumRows() && w.err == nil; from += pieceRows {
		part := rec.NewSlice(from, min(from+pieceRows, rec.NumRows()))
		for i, c := range w.root.children {
			if err := c.write(part.Column(i), nil); err != nil {
				w.fail(err)
			}
		}
		w.rows += part.NumRows()
		part.Release()
		if w.buffered+w.pending() >= w.StripeBytes || w.full() {
			w.endStripe()
		}
	}
	return w.err
}

// full reports whether a dictionary is, so that the stripe must end.
func (w *Writer) full() bool {
	for _, c := range w.columns {
		if c.texts != nil && c.texts.full && c.texts.state == asNumbers {
			return true
		}
	}
	return false
}

// pending is the size of the chunks that are not full.
func (w *Writer) pending() int64 {
	n := 0
	for _, o := range w.outs {
		n += len(o.buf)
	}
	return int64(n)
}

// Close writes the last stripe and the footer.
func (w *Writer) Close() error {
	if w.rows > 0 {
		w.endStripe()
	}
	w.start()
	content := w.offset
	metadata := w.section(w.metadata)
	footer := w.section(w.footer(content))
	var ps message
	ps.number(1, footer)
	ps.number(2, uint64(w.codec.codec))
	if w.codec.codec != None {
		ps.number(3, blockSize)
	}
	ps.packed(4, 0, 12)
	ps.number(5, metadata)
	ps.number(6, 9) // ORC-14, the newest of the Java writer's numbers
	ps.bytes(8000, []byte("ORC"))
	w.write(append(ps, byte(len(ps))))
	return w.err
}

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	_, err := w.out.Write(p)
	if err != nil {
		w.fail(err)
	}
	w.offset += uint64(len(p))
}

// start writes the magic word once.
func (w *Writer) start() {
	if w.offset == 0 {
		w.write([]byte("ORC"))
	}
}

// section compresses and writes a message and returns its length in the file.
func (w *Writer) section(m message) uint64 {
	var b blocks.Bytes
	for len(m) > 0 {
		n := min(len(m), blockSize)
		w.chunk(&b, m[:n])
		m = m[n:]
	}
	return w.flush(&b)
}

func (w *Writer) flush(b *blocks.Bytes) uint64 {
	n := uint64(b.Len())
	if err := b.Flush(w.out, &w.free); err != nil {
		w.fail(err)
	}
	w.offset += n
	return n
}

// named is a stream with its name in the stripe's footer.
type named struct {
	kind streamKind
	out  *out
}

// end ends the encoders of a column and returns what they wrote, and its ColumnEncoding message.
func (c *column) end() (list []named, enc message) {
	if c.stats.nulls {
		c.presentBits.flush()
		list = append(list, named{present, c.presentBits.bytes.out})
	}
	if c.texts != nil {
		more, kind, entries := c.texts.end()
		enc.number(1, uint64(kind))
		if kind == dictionaryV2 {
			enc.number(2, entries)
		}
		return append(list, more...), enc
	}
	enc.number(1, uint64(direct))
	if c.ints != nil || c.lengths != nil || c.fractions != nil {
		enc = nil
		enc.number(1, uint64(directV2))
	}
	switch {
	case c.bits != nil:
		c.bits.flush()
		list = append(list, named{data, c.bits.bytes.out})
	case c.bytes != nil:
		c.bytes.flush()
		list = append(list, named{data, c.bytes.out})
	case c.ints != nil:
		c.ints.flush()
		list = append(list, named{data, c.ints.out})
	case c.data != nil:
		list = append(list, named{data, c.data})
	}
	if c.lengths != nil {
		c.lengths.flush()
		list = append(list, named{length, c.lengths.out})
	}
	if c.fractions != nil {
		c.fractions.flush()
		list = append(list, named{secondary, c.fractions.out})
	}
	return list, enc
}

// endStripe writes the stripe being filled.
func (w *Writer) endStripe() {
	w.start()
	s := Stripe{Rows: w.rows, offset: w.offset}
	var foot, encodings, stats message
	w.root.stats.values = uint64(w.rows)
	for _, c := range w.columns {
		list, enc := c.end()
		encodings.bytes(2, enc)
		for _, n := range list {
			n.out.finish()
			size := w.flush(&n.out.done)
			s.data += size
			var m message
			m.number(1, uint64(n.kind))
			m.number(2, c.node.id)
			m.number(3, size)
			foot.bytes(1, m)
		}
		stats.bytes(1, c.stats.encode())
		c.total.merge(&c.stats)
		c.stats.reset()
		c.slots = 0
	}
	foot = append(foot, encodings...)
	foot.bytes(3, []byte("UTC"))
	s.footer = w.section(foot)
	w.stripes = append(w.stripes, s)
	w.metadata.bytes(1, stats)
	w.total += uint64(w.rows)
	w.rows, w.buffered = 0, 0
}

func (w *Writer) footer(content uint64) message {
	var m message
	m.number(1, 3) // the magic word
	m.number(2, content)
	for _, s := range w.stripes {
		var of message
		of.number(1, s.offset)
		of.number(2, s.index)
		of.number(3, s.data)
		of.number(4, s.footer)
		of.number(5, uint64(s.Rows))
		m.bytes(3, of)
	}
	for _, c := range w.columns {
		m.bytes(4, c.node.describe())
	}
	m.number(6, w.total)
	for _, c := range w.columns {
		m.bytes(7, c.total.encode())
	}
	m.number(8, 0) // no row index
	m.number(11, calendarGregorian)
	return m
}

// describe makes a Type message.
func (n *node) describe() message {
	var m message
	m.number(1, uint64(n.kind))
	if len(n.children) > 0 {
		ids := make([]uint64, len(n.children))
		for i, c := range n.children {
			ids[i] = c.id
		}
		m.packed(2, ids...)
	}
	if n.kind == kStruct {
		for _, c := range n.children {
			m.bytes(3, []byte(c.name))
		}
	}
	if n.kind == kDecimal {
		m.number(5, uint64(n.precision))
		m.number(6, uint64(n.scale))
	}
	return m
}
