package delimited

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/value"
)

// texts is a column of STRING.
type texts struct {
	base
	offsets          []int32
	values           []byte
	usual, usualRows int // bytes of values and rows to make room for
}

func (c *texts) add(b *block, col int) {
	if c.offsets == nil {
		c.offsets = make([]int32, 1, c.usualRows+1)
		c.values = make([]byte, 0, c.usual)
	}
	start := c.rows
	c.rows += b.Rows
	values, offsets := c.values, c.offsets
	for i, cell := range b.Cells[col*b.Max:][:b.Rows] {
		if plain(b.data, cell) && !c.rules.JSON {
			values = append(values, b.data[cell.From:cell.From+cell.N]...)
		} else if s, ok := c.text(b, i, cell); !ok {
			c.null(start + i)
		} else if c.rules.JSON && cell.N&Quoted == 0 {
			values, _ = value.JSONScalar(values, s, c.typ)
		} else {
			values = append(values, s...)
		}
		offsets = append(offsets, int32(len(values)))
	}
	c.values, c.offsets = values, offsets
	if b.valid {
		return
	}
	for i := range b.Rows {
		if s := c.values[c.offsets[start+i]:c.offsets[start+i+1]]; !utf8.Valid(s) {
			b.Fail(i, c.name, notUTF8(s))
		}
	}
}

func (c *texts) build() arrow.Array {
	if c.offsets == nil {
		c.offsets = make([]int32, 1)
	}
	c.usual, c.usualRows = len(c.values)+len(c.values)/8, c.rows+c.rows/8
	raw := arrow.Int32Traits.CastToBytes(c.offsets)
	a := c.data(nil, memory.NewBufferBytes(raw), memory.NewBufferBytes(c.values))
	c.offsets, c.values = nil, nil
	return a
}

// built is a column that goes through an Arrow builder: what is rare, nested or null.
type built struct {
	base
	builder array.Builder
	append  value.Append
	json    bool
}

func (c *built) add(b *block, col int) {
	for i, cell := range b.Cells[col*b.Max:][:b.Rows] {
		c.addCell(b, i, cell)
	}
}

func (c *built) addCell(b *block, i int, cell Cell) {
	var s []byte
	if c.json && cell.N != 0 {
		s = b.data[cell.From : cell.From+cell.N&length]
		if cell.N&Quoted != 0 { // a nested type needs the value as it was, to refuse it
			s = b.data[cell.From-1 : cell.From+cell.N&length+1]
		}
	} else if t, ok := c.text(b, i, cell); ok {
		s = t
	} else {
		c.builder.AppendNull()
		return
	}
	if err := c.append(c.builder, s); err != nil {
		b.Fail(i, c.name, err)
	}
}

func (c *built) build() arrow.Array { return c.builder.NewArray() }

func notUTF8(s []byte) error {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Errorf("byte %d of the value, 0x%02x, is not UTF-8; name the file's encoding in the option %q", i+1, s[i], Encoding.Key)
		}
		i += n
	}
	return nil
}
