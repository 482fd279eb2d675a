package parquetfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// gather returns the values at the places at (all of them, without nulls, when at is nil) of an
// array whose values fit eight bytes; floats come as their bits. The result is valid until
// the next call.
func (c *column) gather(arr arrow.Array, at []int32) ([]int64, error) {
	switch a := arr.(type) {
	case *array.Int8:
		return widen(c, a.Int8Values(), at), nil
	case *array.Int16:
		return widen(c, a.Int16Values(), at), nil
	case *array.Int32:
		return widen(c, a.Int32Values(), at), nil
	case *array.Date32:
		return widen(c, a.Date32Values(), at), nil
	case *array.Int64:
		return same(c, a.Int64Values(), at), nil
	case *array.Time64:
		return same(c, a.Time64Values(), at), nil
	case *array.Timestamp:
		return same(c, a.TimestampValues(), at), nil
	case *array.Float32:
		v := a.Float32Values()
		return widen(c, unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(v))), len(v)), at), nil
	case *array.Float64:
		v := a.Float64Values()
		return same(c, unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(v))), len(v)), at), nil
	case *array.Decimal128:
		return c.unscaled(a.Values(), at)
	}
	return nil, c.node.mismatch(arr)
}

func widen[T ~int8 | ~int16 | ~int32](c *column, from []T, at []int32) []int64 {
	out := c.ints[:0]
	if at == nil {
		for _, v := range from {
			out = append(out, int64(v))
		}
	} else {
		for _, p := range at {
			out = append(out, int64(from[p]))
		}
	}
	c.ints = out
	return out
}

func same[T ~int64](c *column, from []T, at []int32) []int64 {
	if at == nil {
		return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(from))), len(from))
	}
	out := c.ints[:0]
	for _, p := range at {
		out = append(out, int64(from[p]))
	}
	c.ints = out
	return out
}

// unscaled takes the low words of decimals of up to 18 digits.
func (c *column) unscaled(from []decimal128.Num, at []int32) ([]int64, error) {
	out := c.ints[:0]
	wide := int64(0) // not 0 when a high word is not the sign of its low word
	if at == nil {
		for i := range from {
			low := int64(from[i].LowBits())
			wide |= from[i].HighBits() ^ low>>63
			out = append(out, low)
		}
	} else {
		for _, p := range at {
			low := int64(from[p].LowBits())
			wide |= from[p].HighBits() ^ low>>63
			out = append(out, low)
		}
	}
	c.ints = out
	limit := int64(math.Pow10(c.node.precision))
	for _, v := range out {
		if v >= limit || v <= -limit {
			wide = 1
		}
	}
	if wide != 0 {
		return nil, fmt.Errorf("column %q: a number has more digits than DECIMAL(%d,%d) holds", c.node.name, c.node.precision, c.node.scale)
	}
	return out, nil
}

// spans returns the bytes of an array of byte strings: value p is data[offsets[p]:offsets[p+1]].
// Wide decimals and int96 come in their file form, and at is then nil.
func (c *column) spans(arr arrow.Array, at []int32) (data []byte, offsets, places []int32, err error) {
	switch a := arr.(type) {
	case *array.String:
		return bytesOf(a), a.ValueOffsets(), at, nil
	case *array.Binary:
		if c.node.width > 0 {
			return c.checkWidth(a, at)
		}
		return bytesOf(a), a.ValueOffsets(), at, nil
	case *array.Decimal128:
		data, err = c.bigEndian(a.Values(), at)
	case *array.Timestamp:
		data = c.int96(a, at)
	default:
		err = c.node.mismatch(arr)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	offsets = c.offsets[:0]
	for i := 0; i <= len(data); i += c.node.width {
		offsets = append(offsets, int32(i))
	}
	c.fixed, c.offsets = data, offsets
	return data, offsets, nil, nil
}

// bytesOf is the whole data buffer, which ValueOffsets point into.
func bytesOf(a arrow.Array) []byte {
	if b := a.Data().Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

func (c *column) checkWidth(a *array.Binary, at []int32) ([]byte, []int32, []int32, error) {
	offsets := a.ValueOffsets()
	for i := range a.Len() {
		if n := int(offsets[i+1] - offsets[i]); n != c.node.width && a.IsValid(i) {
			return nil, nil, nil, fmt.Errorf("column %q: a value has %d bytes; int96 needs %d", c.node.name, n, c.node.width)
		}
	}
	return bytesOf(a), offsets, at, nil
}

// bigEndian writes decimals of more than 18 digits as the file holds them.
func (c *column) bigEndian(from []decimal128.Num, at []int32) ([]byte, error) {
	out, n := c.fixed[:0], len(from)
	if at != nil {
		n = len(at)
	}
	for i := range n {
		v := from[i]
		if at != nil {
			v = from[at[i]]
		}
		if !v.FitsInPrecision(int32(c.node.precision)) {
			return nil, fmt.Errorf("column %q: a number has more digits than DECIMAL(%d,%d) holds", c.node.name, c.node.precision, c.node.scale)
		}
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], uint64(v.HighBits()))
		binary.BigEndian.PutUint64(b[8:], v.LowBits())
		out = append(out, b[16-c.node.width:]...)
	}
	return out, nil
}

// julianEpoch is the Julian day number of 1970-01-01.
const julianEpoch = 2440588

// int96 writes timestamps as Impala and Hive do: nanoseconds of the day, Julian day.
func (c *column) int96(a *array.Timestamp, at []int32) []byte {
	day, nanos := int64(86_400_000_000), int64(1000)
	if a.DataType().(*arrow.TimestampType).Unit == arrow.Nanosecond {
		day, nanos = 86_400_000_000_000, 1
	}
	out := c.fixed[:0]
	for _, v := range same(c, a.TimestampValues(), at) {
		d := v / day
		if v%day < 0 {
			d--
		}
		out = binary.LittleEndian.AppendUint64(out, uint64((v-d*day)*nanos))
		out = binary.LittleEndian.AppendUint32(out, uint32(d+julianEpoch))
	}
	return out
}
