package parquetfile

import (
	"encoding/binary"

	"seikan/engine/format/parquet/blocks"
)

// rowGroup is a written row group.
type rowGroup struct {
	offset  int64
	rows    int64
	columns []columnMeta
}

// columnMeta is a written column chunk.
type columnMeta struct {
	dictionary, data         int64 // offsets; dictionary 0 without one
	values, nulls            int64
	uncompressed, compressed int64
	numbered, plain          bool
	min, max                 []byte
	exactMin, exactMax       bool
}

// endGroup writes the row group being filled, column after column.
func (w *Writer) endGroup() error {
	if err := w.start(); err != nil {
		return err
	}
	g := rowGroup{offset: w.offset, rows: w.open}
	for _, c := range w.columns {
		if err := c.writePage(); err != nil {
			return err
		}
		m := columnMeta{values: c.chunk.values, nulls: c.chunk.nulls, uncompressed: c.chunk.uncompressed,
			numbered: c.chunk.numbered, plain: c.chunk.plain}
		if c.chunk.numbered {
			c.boundDictionary()
			m.dictionary = w.offset
			var head blocks.Bytes
			w.body = c.dictionaryBody(w.body[:0])
			if err := w.page(&head, &m.uncompressed, w.body, dictionaryPage, int32(c.entries()), encPlain); err != nil {
				return err
			}
			if err := head.Flush(counting{w}, &w.free); err != nil {
				return err
			}
		}
		m.data = w.offset
		if err := c.chunk.pages.Flush(counting{w}, &w.free); err != nil {
			return err
		}
		m.compressed = w.offset - m.data
		if m.dictionary > 0 {
			m.compressed = w.offset - m.dictionary
		}
		m.min, m.max, m.exactMin, m.exactMax = c.chunk.bounds.encode(c.node)
		g.columns = append(g.columns, m)
		c.begin()
	}
	w.rows += w.open
	w.groups = append(w.groups, g)
	w.open, w.buffered = 0, 0
	return nil
}

// writer names the program. Readers that cannot take it apart distrust statistics.
const writer = "seikan version 1.0.0 (build 1)"

// footer is the FileMetaData with its length and the magic number.
func (w *Writer) footer() []byte {
	t := &thrift{}
	t.i32(1, 2)
	t.list(2, typeStruct, w.root.count())
	w.root.describe(t, true)
	t.i64(3, w.rows)
	t.list(4, typeStruct, len(w.groups))
	for i, g := range w.groups {
		w.describeGroup(t, i, g)
	}
	t.text(6, writer)
	t.list(7, typeStruct, len(w.columns))
	for range w.columns { // the order of a column is that of its type
		t.element()
		t.open(1)
		t.shut()
		t.shut()
	}
	out := t.end()
	out = binary.LittleEndian.AppendUint32(out, uint32(len(out)))
	return append(out, magic...)
}

func (n *node) count() int {
	total := 1
	for _, c := range n.children {
		total += c.count()
	}
	return total
}

// describe writes SchemaElements in depth-first order.
func (n *node) describe(t *thrift, root bool) {
	t.element()
	if len(n.children) == 0 && !root {
		t.i32(1, int32(n.physical))
		if n.physical == fixed {
			t.i32(2, int32(n.width))
		}
	}
	if !root {
		t.i32(3, n.repetition)
	}
	t.text(4, n.name)
	if len(n.children) > 0 || root {
		t.i32(5, int32(len(n.children)))
	}
	if n.converted != convNone {
		t.i32(6, n.converted)
	}
	if n.precision > 0 {
		t.i32(7, int32(n.scale))
		t.i32(8, int32(n.precision))
	}
	if n.logical != nil {
		t.open(10)
		n.logical(t)
		t.shut()
	}
	t.shut()
	for _, c := range n.children {
		c.describe(t, false)
	}
}

func (w *Writer) describeGroup(t *thrift, ordinal int, g rowGroup) {
	var uncompressed, compressed int64
	t.element()
	t.list(1, typeStruct, len(g.columns))
	for i, m := range g.columns {
		first := m.data
		if m.dictionary > 0 {
			first = m.dictionary
		}
		t.element()
		t.i64(2, first)
		t.open(3)
		w.describeColumn(t, w.columns[i], m)
		t.shut()
		t.shut()
		uncompressed += m.uncompressed
		compressed += m.compressed
	}
	t.i64(2, uncompressed)
	t.i64(3, g.rows)
	t.i64(5, g.offset)
	t.i64(6, compressed)
	t.i16(7, int16(ordinal))
	t.shut()
}

func (w *Writer) describeColumn(t *thrift, c *column, m columnMeta) {
	t.i32(1, int32(c.node.physical))
	encodings := []int64{encRLE}
	if m.plain || m.numbered { // a dictionary page is PLAIN too
		encodings = append(encodings, encPlain)
	}
	if m.numbered {
		encodings = append(encodings, encRLEDictionary)
	}
	t.list(2, typeI32, len(encodings))
	for _, e := range encodings {
		t.varint(e)
	}
	t.list(3, typeBinary, len(c.path))
	for _, p := range c.path {
		t.blob([]byte(p))
	}
	t.i32(4, int32(w.codec.codec))
	t.i64(5, m.values)
	t.i64(6, m.uncompressed)
	t.i64(7, m.compressed)
	t.i64(9, m.data)
	if m.dictionary > 0 {
		t.i64(11, m.dictionary)
	}
	t.open(12)
	t.i64(3, m.nulls)
	if m.max != nil {
		t.bytes(5, m.max)
	}
	if m.min != nil {
		t.bytes(6, m.min)
	}
	if m.max != nil {
		t.boolean(7, m.exactMax)
	}
	if m.min != nil {
		t.boolean(8, m.exactMin)
	}
	t.shut()
}
