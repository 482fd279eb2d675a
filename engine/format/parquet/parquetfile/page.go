package parquetfile

import (
	"encoding/binary"
	"hash/crc32"

	"seikan/engine/format/parquet/blocks"
)

// Numbers of parquet.thrift's PageType and Encoding.
const (
	dataPage       = 0
	dictionaryPage = 2

	encPlain         = 0
	encRLE           = 3
	encRLEDictionary = 8
)

// writePage ends the page being filled.
func (c *column) writePage() error {
	if c.slots == 0 {
		return nil
	}
	numbered := c.numbered
	if numbered && !c.chunk.numbered {
		// The first page decides whether numbers are really smaller.
		numbered = 4*(c.size()+len(c.numbers)*widthOf(uint32(c.entries()))/8) < 3*c.plainSize
		if !numbered {
			c.giveUp()
		}
	}
	body := c.appendLevels(c.file.body[:0])
	encoding := int32(encPlain)
	switch {
	case numbered:
		encoding = encRLEDictionary
		width := max(1, widthOf(uint32(c.entries()-1)))
		body = append(body, byte(width))
		body = appendHybrid(body, c.numbers, width)
		c.chunk.numbered = true
	case c.node.physical == boolean:
		for i := 0; i < len(c.plain); i += 8 {
			b := byte(0)
			for k, v := range c.plain[i:min(i+8, len(c.plain))] {
				b |= v << k
			}
			body = append(body, b)
		}
		c.chunk.plain = true
	default:
		body = append(body, c.plain...)
		c.chunk.plain = true
	}
	c.file.body = body

	values := int32(c.slots)
	c.chunk.values += int64(values)
	c.slots, c.plainSize = 0, 0
	c.def, c.rep, c.plain, c.numbers = c.def[:0], c.rep[:0], c.plain[:0], c.numbers[:0]
	return c.file.page(&c.chunk.pages, &c.chunk.uncompressed, body, dataPage, values, encoding)
}

// appendLevels writes repetition and definition levels, each with its length in front.
func (c *column) appendLevels(body []byte) []byte {
	if c.maxRep > 0 {
		body = appendSized(body, c.rep, c.maxRep)
	}
	switch {
	case c.maxDef == 0:
	case len(c.def) == 0: // one run of ones
		at := len(body)
		body = binary.AppendUvarint(append(body, 0, 0, 0, 0), uint64(c.slots)<<1)
		body = append(body, 1)
		binary.LittleEndian.PutUint32(body[at:], uint32(len(body)-at-4))
	default:
		body = appendSized(body, c.def, c.maxDef)
	}
	return body
}

func appendSized(body []byte, levels []uint8, most uint8) []byte {
	at := len(body)
	body = appendHybrid(append(body, 0, 0, 0, 0), levels, widthOf(uint32(most)))
	binary.LittleEndian.PutUint32(body[at:], uint32(len(body)-at-4))
	return body
}

// dictionaryBody is the dictionary in PLAIN encoding.
func (c *column) dictionaryBody(body []byte) []byte {
	if !c.node.raw() {
		return appendPlain(body, c.ints64.Values(), c.node)
	}
	for i := range c.strings.Len() {
		v := c.strings.Entry(uint32(i))
		if c.node.physical == byteArray {
			body = binary.LittleEndian.AppendUint32(body, uint32(len(v)))
		}
		body = append(body, v...)
	}
	return body
}

// page compresses a page and puts it, behind its header, into to.
func (w *Writer) page(to *blocks.Bytes, uncompressed *int64, body []byte, kind, values, encoding int32) error {
	packed, err := w.codec.compress(body)
	if err != nil {
		return err
	}
	t := &w.header
	t.reset()
	t.i32(1, kind)
	t.i32(2, int32(len(body)))
	t.i32(3, int32(len(packed)))
	t.i32(4, int32(crc32.ChecksumIEEE(packed)))
	if kind == dictionaryPage {
		t.open(7)
		t.i32(1, values)
		t.i32(2, encoding)
	} else {
		t.open(5)
		t.i32(1, values)
		t.i32(2, encoding)
		t.i32(3, encRLE)
		t.i32(4, encRLE)
	}
	t.shut()
	header := t.end()
	*uncompressed += int64(len(header) + len(body))
	w.buffered += int64(len(header) + len(packed))
	to.Append(&w.free, header)
	to.Append(&w.free, packed)
	return nil
}
