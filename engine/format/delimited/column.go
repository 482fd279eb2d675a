package delimited

import (
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// block is a grid, the bytes its cells point into and what is known of them.
type block struct {
	*Grid
	data  []byte
	valid bool // data is UTF-8
}

// column collects the values of one column of a batch.
type column interface {
	// add converts the cells of column c of b.
	add(b *block, c int)
	// build returns the column and starts a new one.
	build() arrow.Array
}

// base is what all columns have: a name for messages, the type, and the validity bitmap, which
// is made at the first null.
type base struct {
	name    string
	typ     record.Type
	rules   *Rules
	rows    int
	nulls   int
	valid   []byte
	scratch []byte
}

func (c *base) null(row int) {
	c.extend(row + 1)
	c.valid[row>>3] &^= 1 << (row & 7)
	c.nulls++
}

// extend makes the bitmap long enough, with all bits set.
func (c *base) extend(rows int) {
	for n := len(c.valid); n*8 < rows; n++ {
		c.valid = append(c.valid, 0xff)
	}
}

func (c *base) data(buffers ...*memory.Buffer) arrow.Array {
	if c.nulls > 0 {
		c.extend(c.rows)
		buffers[0] = memory.NewBufferBytes(c.valid)
	}
	d := array.NewData(c.typ.Arrow(), c.rows, buffers, nil, c.nulls, 0)
	defer d.Release()
	c.rows, c.nulls, c.valid = 0, 0, nil
	return array.MakeFromData(d)
}

// text returns the text of a cell that is not plain: one that is empty, begins with a blank,
// was quoted or escaped. ok is false when the cell is null or was marked as bad.
func (c *base) text(b *block, row int, cell Cell) (s []byte, ok bool) {
	s = b.data[cell.From : cell.From+cell.N&length]
	if cell.N&Escaped != 0 {
		var err error
		if c.scratch, err = c.rules.Unescape(c.scratch[:0], s); err != nil {
			b.Fail(row, c.name, err)
			return nil, false
		}
		s = c.scratch
	}
	if cell.N&Quoted == 0 || c.rules.QuotedBlankIsNull && c.typ.Kind != record.String && c.typ.Kind != record.Bytes {
		return s, !value.Blank(s)
	}
	return s, true
}

// plain reports whether a cell's bytes are its text. Its bytes are then never empty.
func plain(data []byte, cell Cell) bool {
	return cell.N-1 < length && data[cell.From] > ' '
}

func (c *base) wrong(b *block, row int, s []byte) {
	b.Fail(row, c.name, value.Wrong(s, c.typ, value.Expected(c.typ)))
}

// fixed is a column of values of equal size.
type fixed[T any] struct {
	base
	values []T
	usual  int // rows to make room for
	parse  func(s []byte) (T, bool)
}

func (c *fixed[T]) room(rows int) []T {
	if c.values == nil {
		c.values = make([]T, 0, c.usual)
	}
	c.rows += rows
	c.values = slices.Grow(c.values, rows)[:c.rows]
	return c.values[c.rows-rows:]
}

func (c *fixed[T]) add(b *block, col int) {
	start := c.rows
	out := c.room(b.Rows)
	cells := b.Cells[col*b.Max:][:len(out)]
	for i, cell := range cells {
		if plain(b.data, cell) {
			if v, ok := c.parse(b.data[cell.From : cell.From+cell.N]); ok {
				out[i] = v
				continue
			}
		}
		c.odd(b, out, i, start, cell)
	}
}

// odd handles a cell that is null, quoted or wrong.
func (c *fixed[T]) odd(b *block, out []T, i, start int, cell Cell) {
	if s, ok := c.text(b, i, cell); ok {
		if v, ok := c.parse(s); ok {
			out[i] = v
			return
		}
		c.wrong(b, i, s)
	}
	c.null(start + i)
}

func (c *fixed[T]) build() arrow.Array {
	var zero T
	size := int(unsafe.Sizeof(zero))
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c.values))), len(c.values)*size)
	c.usual, c.values = c.rows+c.rows/8, nil
	return c.data(nil, memory.NewBufferBytes(raw))
}

// ints is a column of whole numbers.
type ints[T int8 | int16 | int32 | int64] struct{ fixed[T] }

func (c *ints[T]) add(b *block, col int) {
	start := c.rows
	out := c.room(b.Rows)
	cells := b.Cells[col*b.Max:][:len(out)]
	data := b.data
	for i, cell := range cells {
		if n := cell.N; n-1 < 18 {
			var v uint64
			for _, d := range data[cell.From : cell.From+n] {
				if d -= '0'; d > 9 {
					goto odd
				}
				v = v*10 + uint64(d)
			}
			if w := T(v); uint64(w) == v && w >= 0 {
				out[i] = w
				continue
			}
		}
	odd:
		c.odd(b, out, i, start, cell)
	}
}

// decimals is a column of DECIMAL.
type decimals struct {
	fixed[decimal128.Num]
	precision, scale int
}

func (c *decimals) add(b *block, col int) {
	start := c.rows
	out := c.room(b.Rows)
	cells := b.Cells[col*b.Max:][:len(out)]
	for i, cell := range cells {
		if plain(b.data, cell) {
			if v, ok := value.ParseDecimal(b.data[cell.From:cell.From+cell.N], c.precision, c.scale); ok {
				out[i] = v
				continue
			}
		}
		c.odd(b, out, i, start, cell)
	}
}

// newColumn makes the column of one type.
func newColumn(name string, t record.Type, rules *Rules, opts value.Options) column {
	b := base{name: name, typ: t, rules: rules}
	switch t.Kind {
	case record.TinyInt:
		return &ints[int8]{fixed[int8]{base: b, parse: parseInt[int8](rules)}}
	case record.SmallInt:
		return &ints[int16]{fixed[int16]{base: b, parse: parseInt[int16](rules)}}
	case record.Int:
		return &ints[int32]{fixed[int32]{base: b, parse: parseInt[int32](rules)}}
	case record.BigInt:
		return &ints[int64]{fixed[int64]{base: b, parse: parseInt[int64](rules)}}
	case record.Float:
		return &fixed[float32]{base: b, parse: value.ParseFloat}
	case record.Double:
		return &fixed[float64]{base: b, parse: value.ParseDouble}
	case record.Decimal:
		parse := func(s []byte) (decimal128.Num, bool) { return value.ParseDecimal(s, t.Precision, t.Scale) }
		return &decimals{fixed[decimal128.Num]{base: b, parse: parse}, t.Precision, t.Scale}
	case record.Date:
		return &fixed[int32]{base: b, parse: value.ParseDate}
	case record.Timestamp, record.TimestampTZ:
		return &fixed[int64]{base: b, parse: func(s []byte) (int64, bool) { return value.ParseTimestamp(s, t) }}
	case record.String:
		return &texts{base: b}
	}
	out := &built{base: b, builder: array.NewBuilder(memory.DefaultAllocator, t.Arrow())}
	if out.json = rules.JSON; out.json {
		out.append = value.JSONPart(t)
	} else {
		out.append = value.Appender(t, opts)
	}
	return out
}

func parseInt[T int8 | int16 | int32 | int64](rules *Rules) func(s []byte) (T, bool) {
	parse := value.ParseInt
	if rules.JSON {
		parse = value.ParseJSONInt
	}
	return func(s []byte) (T, bool) {
		v, ok := parse(s)
		return T(v), ok && int64(T(v)) == v
	}
}
