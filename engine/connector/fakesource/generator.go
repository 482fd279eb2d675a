package fakesource

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// generator makes values number from to from+n-1 of the stream key. Values of nested types
// take their parts from a branch of the stream, numbered on from part to part, so that the
// whole is again a function of key and number.
type generator func(key uint64, from int64, n int) arrow.Array

// fixed wraps n values that lie in one buffer, none of them null.
func fixed[T arrow.FixedWidthType](dt arrow.DataType, values []T) arrow.Array {
	return wrap(dt, len(values), memory.NewBufferBytes(arrow.GetBytes(values)))
}

func wrap(dt arrow.DataType, n int, buffers ...*memory.Buffer) arrow.Array {
	data := array.NewData(dt, n, append([]*memory.Buffer{nil}, buffers...), nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// nested wraps n values of a list, map or struct type over their parts, which it takes over.
func nested(dt arrow.DataType, n int, offsets []int32, parts ...arrow.Array) arrow.Array {
	children := make([]arrow.ArrayData, len(parts))
	for i, p := range parts {
		children[i] = p.Data()
		defer p.Release()
	}
	buffers := []*memory.Buffer{nil}
	if offsets != nil {
		buffers = append(buffers, memory.NewBufferBytes(arrow.GetBytes(offsets)))
	}
	data := array.NewData(dt, n, buffers, children, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// steps are the offsets of n values of one width.
func steps(n, width int) []int32 {
	out := make([]int32, n+1)
	for i := range out {
		out[i] = int32(i * width)
	}
	return out
}

// integers are uniform in [low, low+span).
func integers[T int8 | int16 | int32 | int64](dt arrow.DataType, low T, span uint64) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		values := make([]T, n)
		for i := range values {
			values[i] = low + T(below(draw(key, from+int64(i)), span))
		}
		return fixed(dt, values)
	}
}

// floats are uniform in [low, high), whose difference may be more than a float holds.
func floats[T float32 | float64](dt arrow.DataType, low, high float64) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		values := make([]T, n)
		for i := range values {
			u := unit(draw(key, from+int64(i)))
			values[i] = T(low*(1-u) + high*u)
		}
		return fixed(dt, values)
	}
}

func booleans(key uint64, from int64, n int) arrow.Array {
	bits := make([]byte, (n+7)/8)
	for i := range n {
		bits[i/8] |= byte(draw(key, from+int64(i))>>63) << (i % 8)
	}
	return wrap(arrow.FixedWidthTypes.Boolean, n, memory.NewBufferBytes(bits))
}

func nulls(_ uint64, _ int64, n int) arrow.Array { return array.NewNull(n) }

// picks takes one of the values at random.
func picks[T arrow.FixedWidthType](dt arrow.DataType, from []T) generator {
	return func(key uint64, first int64, n int) arrow.Array {
		values := make([]T, n)
		for i := range values {
			values[i] = from[below(draw(key, first+int64(i)), uint64(len(from)))]
		}
		return fixed(dt, values)
	}
}

// texts takes one of the texts at random.
func texts(from []string) generator {
	return func(key uint64, first int64, n int) arrow.Array {
		offsets, bytes := make([]int32, n+1), make([]byte, 0, n*len(from[0]))
		for i := range n {
			bytes = append(bytes, from[below(draw(key, first+int64(i)), uint64(len(from)))]...)
			offsets[i+1] = int32(len(bytes))
		}
		return wrap(arrow.BinaryTypes.String, n, memory.NewBufferBytes(arrow.GetBytes(offsets)), memory.NewBufferBytes(bytes))
	}
}

const (
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	perDraw  = 5 // letters made of one draw, 12 bits each
)

// letters are texts of the given length.
func letters(length int) generator {
	draws := int64((length + perDraw - 1) / perDraw)
	return func(key uint64, from int64, n int) arrow.Array {
		bytes := make([]byte, n*length)
		rest, number := bytes, from*draws
		for range n {
			text := rest[:length]
			rest = rest[length:]
			for len(text) > 0 {
				x := draw(key, number)
				number++
				for j := range min(perDraw, len(text)) {
					text[j] = alphabet[x&0xfff*uint64(len(alphabet))>>12]
					x >>= 12
				}
				text = text[min(perDraw, len(text)):]
			}
		}
		return wrap(arrow.BinaryTypes.String, n, memory.NewBufferBytes(arrow.GetBytes(steps(n, length))), memory.NewBufferBytes(bytes))
	}
}

// octets are byte strings of the given length.
func octets(length int) generator {
	draws := int64((length + 7) / 8)
	return func(key uint64, from int64, n int) arrow.Array {
		bytes := make([]byte, n*length)
		rest, number := bytes, from*draws
		for range n {
			for j := 0; j < length; number++ {
				for x := draw(key, number); j < length; x >>= 8 {
					rest[j] = byte(x)
					if j++; j%8 == 0 {
						break
					}
				}
			}
			rest = rest[length:]
		}
		return binaries(n, length, bytes)
	}
}

func binaries(n, length int, bytes []byte) arrow.Array {
	return wrap(arrow.BinaryTypes.Binary, n, memory.NewBufferBytes(arrow.GetBytes(steps(n, length))), memory.NewBufferBytes(bytes))
}

// lists have size elements each.
func lists(dt arrow.DataType, size int, element generator) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		return nested(dt, n, steps(n, size), element(key, from*int64(size), n*size))
	}
}

// structs take each member from its own branch.
func structs(dt arrow.DataType, members []generator) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		parts := make([]arrow.Array, len(members))
		for i, m := range members {
			parts[i] = m(branch(key, i), from, n)
		}
		return nested(dt, n, nil, parts...)
	}
}

// maps have up to size entries; of entries with the same key the first stays.
func maps(dt *arrow.MapType, size int, key, value generator) generator {
	return func(stream uint64, from int64, n int) arrow.Array {
		keys := key(branch(stream, 0), from*int64(size), n*size)
		values := value(branch(stream, 1), from*int64(size), n*size)
		keep, offsets := distinct(keys, n, size)
		if len(keep) < n*size {
			keys, values = at(keys, keep), at(values, keep)
		}
		return nested(dt, n, offsets, nested(dt.Elem(), keys.Len(), nil, keys, values))
	}
}

// distinct finds the entries whose key is not that of an earlier one of the same row.
func distinct(keys arrow.Array, n, size int) (keep []int64, offsets []int32) {
	keep, offsets = make([]int64, 0, n*size), make([]int32, n+1)
	seen := make(map[string]bool, size)
	for row := range n {
		clear(seen)
		for i := row * size; i < (row+1)*size; i++ {
			if text := keys.ValueStr(i); !seen[text] {
				seen[text], keep = true, append(keep, int64(i))
			}
		}
		offsets[row+1] = int32(len(keep))
	}
	return keep, offsets
}

// at takes the values at the given places; it takes values over.
func at(values arrow.Array, places []int64) arrow.Array {
	defer values.Release()
	index := fixed(arrow.PrimitiveTypes.Int64, places)
	defer index.Release()
	out, err := compute.TakeArray(context.Background(), values, index)
	if err != nil { // only for types and places that cannot come up here
		panic("fakesource: " + err.Error())
	}
	return out
}

// constant repeats the only value of one; it takes one over.
func constant(one arrow.Array) (generator, error) {
	for one.Len() < maxBatch {
		twice, err := array.Concatenate([]arrow.Array{one, one}, memory.DefaultAllocator)
		one.Release()
		if err != nil {
			return nil, err
		}
		one = twice
	}
	return func(_ uint64, _ int64, n int) arrow.Array { return array.NewSlice(one, 0, int64(n)) }, nil
}
