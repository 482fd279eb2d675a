package parquetfile

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/parquet/blocks"
	"seikan/engine/format/parquet/dictionary"
)

// limits bound what a column holds in memory besides its finished pages.
type limits struct {
	pageBytes, pageValues int // a page ends here
	dictSize, entries     int // past them, pages are plain
}

// share divides 32 MiB for pages and as much for dictionaries among the columns of a file.
func share(columns int) limits {
	l := limits{pageBytes: min(32<<20/columns, 512<<10), dictSize: min(32<<20/columns, 1<<20)}
	l.pageBytes, l.dictSize = max(l.pageBytes, 16<<10), max(l.dictSize, 16<<10)
	l.pageValues, l.entries = l.pageBytes/8, l.dictSize/16
	return l
}

// scratch is memory for the values of one piece of a batch.
type scratch struct {
	ints    []int64
	places  []int32
	fixed   []byte
	offsets []int32
}

// sample is the number of values after which a dictionary must have paid.
const sample = 4096

// column writes the column chunks of one leaf of the schema, one after the other.
type column struct {
	node           *node
	path           []string
	maxDef, maxRep uint8
	file           *Writer

	// The page being filled.
	slots    int     // values, nulls too
	def, rep []uint8 // levels; def is empty while a column that is not nested has no null
	plain    []byte  // values, or
	numbers  []uint32

	// The dictionary of the chunk being filled.
	numbered  bool // new values go to the dictionary
	ints64    dictionary.Ints
	strings   dictionary.Bytes
	seen      int // values since the chunk's begin, without nulls
	plainSize int // what numbers would take in PLAIN

	chunk chunk

	*scratch // shared by all columns
}

// chunk is what is known of the column chunk being filled.
type chunk struct {
	pages        blocks.Bytes
	values       int64 // nulls too
	nulls        int64
	uncompressed int64
	numbered     bool // has pages with dictionary numbers
	plain        bool // has pages in PLAIN
	bounds       bounds
}

// raw reports whether values are handled as byte strings, not as int64.
func (n *node) raw() bool {
	return n.physical == byteArray || n.physical == int96s || n.physical == fixed && n.precision > 18
}

// begin starts a chunk.
func (c *column) begin() {
	c.chunk.bounds.reset()
	c.chunk = chunk{pages: c.chunk.pages, bounds: c.chunk.bounds}
	c.seen, c.plainSize = 0, 0
	c.numbered = c.node.physical != boolean
	switch {
	case !c.numbered:
	case c.node.raw():
		c.strings.Reset()
	default:
		c.ints64.Reset()
	}
}

// addFlat takes the rows of a column that is not nested.
func (c *column) addFlat(arr arrow.Array) error {
	n := arr.Len()
	var at []int32
	if nulls := arr.NullN(); nulls > 0 {
		for len(c.def) < c.slots {
			c.def = append(c.def, 1)
		}
		at = c.places[:0]
		for i := range n {
			if arr.IsValid(i) {
				at = append(at, int32(i))
				c.def = append(c.def, 1)
			} else {
				c.def = append(c.def, 0)
			}
		}
		c.places = at
		c.chunk.nulls += int64(nulls)
	} else if len(c.def) > 0 {
		for range n {
			c.def = append(c.def, 1)
		}
	}
	c.slots += n
	if n == arr.NullN() {
		return c.settle()
	}
	return c.values(arr, at)
}

// addNested takes the slots of a leaf inside lists, maps or structs.
func (c *column) addNested(arr arrow.Array, s slots) error {
	at := c.places[:0]
	for _, p := range s.at {
		if p != absent {
			at = append(at, p)
		}
	}
	c.places = at
	c.chunk.nulls += int64(len(s.at) - len(at))
	c.def = append(c.def, s.def...)
	c.rep = append(c.rep, s.rep...)
	c.slots += len(s.at)
	if len(at) == 0 {
		return c.settle()
	}
	return c.values(arr, at)
}

// values takes the values at the places at, all when it is nil.
func (c *column) values(arr arrow.Array, at []int32) error {
	switch {
	case !arrow.TypeEqual(arr.DataType(), c.node.arrow):
		return c.node.mismatch(arr)
	case c.node.physical == boolean:
		c.booleans(arr.(*array.Boolean), at)
	case c.node.raw():
		data, offsets, at, err := c.spans(arr, at)
		if err != nil {
			return err
		}
		c.byteStrings(data, offsets, at)
	default:
		v, err := c.gather(arr, at)
		if err != nil {
			return err
		}
		c.seen += len(v)
		if c.numbered {
			c.numbers = c.ints64.Number(c.numbers, v)
			c.plainSize += len(v) * c.node.width
		} else {
			c.plain = appendPlain(c.plain, v, c.node)
			c.bound(v)
		}
	}
	return c.settle()
}

// booleans keeps one byte a value until the page is written.
func (c *column) booleans(a *array.Boolean, at []int32) {
	n := a.Len()
	if at != nil {
		n = len(at)
	}
	from := len(c.plain)
	for i := range n {
		p := i
		if at != nil {
			p = int(at[i])
		}
		v := byte(0)
		if a.Value(p) {
			v = 1
		}
		c.plain = append(c.plain, v)
	}
	c.ints = c.ints[:0]
	for _, v := range c.plain[from:] {
		c.ints = append(c.ints, int64(v))
	}
	c.chunk.bounds.ints(c.ints)
}

func (c *column) byteStrings(data []byte, offsets, at []int32) {
	n := len(offsets) - 1
	if at != nil {
		n = len(at)
	}
	c.seen += max(n, 0)
	for i := range n {
		p := i
		if at != nil {
			p = int(at[i])
		}
		v := data[offsets[p]:offsets[p+1]]
		if c.numbered {
			c.numbers = append(c.numbers, c.strings.Number(v))
			c.plainSize += len(v) + 4
			continue
		}
		c.appendRaw(v)
		c.chunk.bounds.raw(v, c.node.physical == fixed)
	}
}

func (c *column) appendRaw(v []byte) {
	if c.node.physical == byteArray {
		c.plain = binary.LittleEndian.AppendUint32(c.plain, uint32(len(v)))
	}
	c.plain = append(c.plain, v...)
}

func (c *column) bound(v []int64) {
	if c.node.physical == float32s || c.node.physical == float64s {
		c.chunk.bounds.floats(v, c.node.width)
	} else {
		c.chunk.bounds.ints(v)
	}
}

// entries and size are those of the dictionary.
func (c *column) entries() int {
	if c.node.raw() {
		return c.strings.Len()
	}
	return len(c.ints64.Values())
}

func (c *column) size() int {
	if c.node.raw() {
		return c.strings.Size() + 4*c.strings.Len()
	}
	return len(c.ints64.Values()) * c.node.width
}

// settle gives up a dictionary that does not pay, and writes a full page.
func (c *column) settle() error {
	if c.numbered {
		first := !c.chunk.numbered
		switch {
		case first && c.seen >= sample && c.seen < 4*sample && c.entries()*5 > c.seen*4:
			c.giveUp()
		case c.entries() > c.file.limits.entries || c.size() > c.file.limits.dictSize:
			if first {
				c.giveUp()
				break
			}
			err := c.writePage()
			c.numbered = false
			return err
		}
	}
	if c.slots >= c.file.limits.pageValues || len(c.plain) >= c.file.limits.pageBytes {
		return c.writePage()
	}
	return nil
}

// giveUp turns the first page's numbers back into values and drops the dictionary.
func (c *column) giveUp() {
	c.boundDictionary()
	c.numbered = false
	if c.node.raw() {
		for _, n := range c.numbers {
			c.appendRaw(c.strings.Entry(n))
		}
	} else {
		v := c.ints[:0]
		for _, n := range c.numbers {
			v = append(v, c.ints64.Values()[n])
		}
		c.ints = v
		c.plain = appendPlain(c.plain, v, c.node)
	}
	c.numbers = c.numbers[:0]
}

// boundDictionary takes all entries into the chunk's bounds; each of them stands somewhere.
func (c *column) boundDictionary() {
	if !c.node.raw() {
		c.bound(c.ints64.Values())
		return
	}
	for i := range c.strings.Len() {
		c.chunk.bounds.raw(c.strings.Entry(uint32(i)), c.node.physical == fixed)
	}
}
