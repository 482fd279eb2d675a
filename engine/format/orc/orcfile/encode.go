package orcfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"seikan/engine/record"
)

// column encodes one column of the file, stripe after stripe.
type column struct {
	node     *node
	arrow    arrow.DataType // of the values; nil of lists, maps and structs
	children []*column
	stats    statistics // of the stripe
	total    statistics // of the file

	slots       int // values of the stripe, nulls too
	presentBits *bitWriter
	data        *out
	lengths     *intWriter
	ints        *intWriter
	fractions   *intWriter
	bytes       *byteWriter
	bits        *bitWriter
	texts       *texts
	places      []int32
}

// kindOf is the ORC type of a column type.
func kindOf(t record.Type) (kind, error) {
	switch t.Kind {
	case record.Boolean:
		return kBoolean, nil
	case record.TinyInt:
		return kByte, nil
	case record.SmallInt:
		return kShort, nil
	case record.Int:
		return kInt, nil
	case record.BigInt:
		return kLong, nil
	case record.Float:
		return kFloat, nil
	case record.Double:
		return kDouble, nil
	case record.String:
		return kString, nil
	case record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return kBinary, nil
	case record.Time, record.Timestamp:
		return kTimestamp, nil
	case record.TimestampTZ:
		return kInstant, nil
	case record.Date:
		return kDate, nil
	case record.Decimal:
		return kDecimal, nil
	case record.Array, record.FloatVector:
		return kList, nil
	case record.Map, record.SparseFloatVector:
		return kMap, nil
	case record.Row:
		if len(t.Fields) > 0 {
			return kStruct, nil
		}
	}
	return 0, fmt.Errorf("orc cannot hold type %s", t)
}

// add makes the column of a type, behind those made before, and the columns below it.
func (w *Writer) add(name string, t record.Type) (*column, error) {
	k, err := kindOf(t)
	if err != nil {
		return nil, err
	}
	c := &column{node: &node{id: uint64(len(w.columns)), name: name, kind: k, precision: t.Precision, scale: t.Scale}}
	c.stats = statistics{kind: k, scale: t.Scale}
	c.total = c.stats
	w.columns = append(w.columns, c)
	stream := func() *out {
		o := &out{w: w}
		w.outs = append(w.outs, o)
		return o
	}
	c.presentBits = &bitWriter{bytes: byteWriter{out: stream()}}
	integers := func(signed bool) *intWriter { return &intWriter{out: stream(), signed: signed} }
	switch k {
	case kBoolean:
		c.bits = &bitWriter{bytes: byteWriter{out: stream()}}
	case kByte:
		c.bytes = &byteWriter{out: stream()}
	case kShort, kInt, kLong, kDate:
		c.ints = integers(true)
	case kFloat, kDouble:
		c.data = stream()
	case kTimestamp, kInstant:
		c.ints, c.fractions = integers(true), integers(false)
	case kDecimal:
		c.data, c.fractions = stream(), integers(true)
	case kString:
		c.texts = newTexts(stream)
	case kBinary:
		c.data, c.lengths = stream(), integers(false)
	case kList, kMap:
		c.lengths = integers(false)
	}
	below := t.Fields
	switch t.Kind {
	case record.Array:
		below = []record.Field{{Type: *t.Elem}}
	case record.FloatVector:
		below = []record.Field{{Type: record.Of(record.Float)}}
	case record.Map:
		below = []record.Field{{Type: *t.Key}, {Type: *t.Elem}}
	case record.SparseFloatVector:
		below = []record.Field{{Type: record.Of(record.Int)}, {Type: record.Of(record.Float)}}
	}
	if len(below) == 0 {
		c.arrow = t.Arrow()
	}
	for _, f := range below {
		child, err := w.add(f.Name, f.Type)
		if err != nil {
			return nil, err
		}
		c.children = append(c.children, child)
		c.node.children = append(c.node.children, child.node)
	}
	return c, nil
}

var errMismatch = errors.New("not the type that the schema says")

// write encodes the values of arr at the places at, in order; nil means all.
func (c *column) write(arr arrow.Array, at []int32) error {
	at = c.nulls(arr, at)
	c.stats.values += uint64(len(at))
	err := c.encode(arr, at)
	if err == errMismatch {
		err = fmt.Errorf("field %q: the batch has arrow type %s, which is not what the schema says", c.node.name, arr.DataType())
	}
	return err
}

// encode encodes the values at the places at, none of them null.
func (c *column) encode(arr arrow.Array, at []int32) error {
	if dt := arr.DataType(); c.arrow == nil && !arrow.IsNested(dt.ID()) || c.arrow != nil && !arrow.TypeEqual(dt, c.arrow) {
		return errMismatch
	}
	switch a := arr.(type) {
	case *array.Boolean:
		for _, p := range at {
			v := a.Value(int(p))
			c.bits.write(v)
			if v {
				c.stats.sum++
			}
		}
	case *array.Int8:
		for _, p := range at {
			v := a.Value(int(p))
			c.bytes.write(byte(v))
			c.stats.integer(int64(v))
		}
	case *array.Int16:
		writeInts(c, a.Int16Values(), at)
	case *array.Int32:
		writeInts(c, a.Int32Values(), at)
	case *array.Int64:
		writeInts(c, a.Int64Values(), at)
	case *array.Date32:
		writeInts(c, a.Date32Values(), at)
	case *array.Float32:
		for _, p := range at {
			v := a.Value(int(p))
			c.data.buf = binary.LittleEndian.AppendUint32(c.data.buf, math.Float32bits(v))
			c.stats.float(float64(v))
		}
		c.data.append(nil)
	case *array.Float64:
		for _, p := range at {
			v := a.Value(int(p))
			c.data.buf = binary.LittleEndian.AppendUint64(c.data.buf, math.Float64bits(v))
			c.stats.float(v)
		}
		c.data.append(nil)
	case *array.String:
		c.writeBytes(a.ValueOffsets(), textOf(a), at)
	case *array.Binary:
		c.writeBytes(a.ValueOffsets(), textOf(a), at)
	case *array.Time64:
		return writeTimestamps(c, a.Time64Values(), a.DataType().(*arrow.Time64Type).Unit, at)
	case *array.Timestamp:
		return writeTimestamps(c, a.TimestampValues(), a.DataType().(*arrow.TimestampType).Unit, at)
	case *array.Decimal128:
		return c.writeDecimals(a.Values(), at)
	case *array.Map:
		if c.node.kind != kMap {
			return errMismatch
		}
		return c.writeLists(a.ValueOffsets, at, a.Keys(), a.Items())
	case *array.List:
		if c.node.kind != kList {
			return errMismatch
		}
		return c.writeLists(a.ValueOffsets, at, a.ListValues())
	case *array.Struct:
		if c.node.kind != kStruct || a.NumField() != len(c.children) {
			return errMismatch
		}
		for i, child := range c.children {
			if err := child.write(a.Field(i), at); err != nil {
				return err
			}
		}
	default:
		return errMismatch
	}
	return nil
}

// nulls writes which values are there, once one is not, and returns the places of those that are.
func (c *column) nulls(arr arrow.Array, at []int32) []int32 {
	out := c.places[:0]
	n := len(at)
	if at == nil {
		n = arr.Len()
	}
	none := arr.NullN() == 0
	for i := range n {
		p := int32(i)
		if at != nil {
			p = at[i]
		}
		if none || arr.IsValid(int(p)) {
			out = append(out, p)
		}
	}
	if len(out) < n && !c.stats.nulls {
		c.stats.nulls = true
		for range c.slots {
			c.presentBits.write(true)
		}
	}
	if c.stats.nulls {
		for i := range n {
			p := i
			if at != nil {
				p = int(at[i])
			}
			c.presentBits.write(none || arr.IsValid(p))
		}
	}
	c.slots += n
	c.places = out
	if out == nil {
		out = []int32{} // none, not all
	}
	return out
}

func writeInts[T ~int16 | ~int32 | ~int64](c *column, v []T, at []int32) {
	for _, p := range at {
		c.ints.write(int64(v[p]))
		c.stats.integer(int64(v[p]))
	}
}

func (c *column) writeBytes(offsets []int32, data []byte, at []int32) {
	for _, p := range at {
		v := data[offsets[p]:offsets[p+1]]
		if c.texts != nil {
			c.texts.write(v)
		} else {
			c.lengths.write(int64(len(v)))
			c.data.append(v)
		}
		c.stats.text(v)
	}
}

// textOf is the whole data buffer, which ValueOffsets point into.
func textOf(a arrow.Array) []byte {
	if b := a.Data().Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

// base is 2015-01-01 in UTC, from which ORC counts seconds.
const base = 1420070400

func writeTimestamps[T ~int64](c *column, v []T, unit arrow.TimeUnit, at []int32) error {
	perSecond := int64(1_000_000)
	if unit == arrow.Nanosecond {
		perSecond = 1_000_000_000
	}
	for _, p := range at {
		sec, nano := int64(v[p])/perSecond, int64(v[p])%perSecond
		if nano < 0 {
			sec--
			nano += perSecond
		}
		nano *= 1_000_000_000 / perSecond
		if sec < 0 && nano > 999_999 {
			// Readers take a second off again, but cannot know of the one before 1970.
			if sec++; sec == 0 {
				return fmt.Errorf("column %q: orc cannot hold a timestamp between 1969-12-31 23:59:59.001 and 1970-01-01 00:00:00", c.node.name)
			}
		}
		c.ints.write(sec - base)
		c.fractions.write(fraction(nano))
	}
	return nil
}

// fraction packs nanoseconds: without their zeros at the end, if two or more, and their number less one.
func fraction(nano int64) int64 {
	if nano == 0 || nano%100 != 0 {
		return nano << 3
	}
	nano /= 100
	zeros := int64(1)
	for nano%10 == 0 && zeros < 7 {
		nano /= 10
		zeros++
	}
	return nano<<3 | zeros
}

func (c *column) writeDecimals(v []decimal128.Num, at []int32) error {
	for _, p := range at {
		n := v[p]
		if !n.FitsInPrecision(int32(c.node.precision)) {
			return fmt.Errorf("column %q: a number has more digits than DECIMAL(%d,%d) holds", c.node.name, c.node.precision, c.node.scale)
		}
		c.stats.decimal(n)
		c.fractions.write(int64(c.node.scale))
		sign := uint64(n.HighBits() >> 63)
		lo, hi := n.LowBits()<<1^sign, (uint64(n.HighBits())<<1|n.LowBits()>>63)^sign
		for hi > 0 || lo >= 0x80 {
			c.data.buf = append(c.data.buf, byte(lo)|0x80)
			lo, hi = lo>>7|hi<<57, hi>>7
		}
		c.data.buf = append(c.data.buf, byte(lo))
	}
	c.data.append(nil)
	return nil
}

func (c *column) writeLists(offsets func(int) (int64, int64), at []int32, below ...arrow.Array) error {
	elements := []int32{}
	for _, p := range at {
		from, to := offsets(int(p))
		c.lengths.write(to - from)
		for e := from; e < to; e++ {
			elements = append(elements, int32(e))
		}
	}
	for i, child := range c.children {
		if err := child.write(below[i], elements); err != nil {
			return err
		}
	}
	return nil
}
