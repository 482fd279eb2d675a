// Package conform turns the Arrow arrays of a file that carries its own types into the physical
// form of a record.Type: widths, units, encodings, and the narrower types a job's schema may ask for.
package columnar

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/record"
)

// Bad is told of a row whose value does not fit the wanted type. The row must then be dropped.
type Bad func(row int, err error)

// Converter turns an array into the form it was made for. The caller owns both arrays.
type Converter func(arr arrow.Array, bad Bad) (arrow.Array, error)

var errNever = errors.New("no conversion")

// To returns the converter from a file's type to t. An error says that values of the one are never
// values of the other.
func To(from arrow.DataType, t record.Type) (Converter, error) {
	c, err := to(from, t)
	if errors.Is(err, errNever) {
		return nil, fmt.Errorf("the file holds %s, which cannot be read as %s", from, t)
	}
	return c, err
}

func to(from arrow.DataType, t record.Type) (Converter, error) {
	want := t.Arrow()
	if !arrow.IsNested(from.ID()) && arrow.TypeEqual(from, want) {
		return keep, nil
	}
	switch f := from.(type) {
	case *arrow.NullType:
		return func(arr arrow.Array, _ Bad) (arrow.Array, error) {
			return array.MakeArrayOfNull(memory.DefaultAllocator, want, arr.Len()), nil
		}, nil
	case *arrow.DictionaryType:
		return decoded(f, t)
	case arrow.ExtensionType:
		inner, err := to(f.StorageType(), t)
		if err != nil {
			return nil, err
		}
		return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
			return inner(arr.(array.ExtensionArray).Storage(), bad)
		}, nil
	}
	switch t.Kind {
	case record.TinyInt, record.SmallInt, record.Int, record.BigInt:
		return toInteger(from, t)
	case record.Float, record.Double:
		return toFloat(from, t)
	case record.Decimal:
		return toDecimal(from, t)
	case record.String, record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return toBytes(from, t)
	case record.Date, record.Time, record.Timestamp, record.TimestampTZ:
		return toTemporal(from, t)
	case record.Array:
		return toList(from, want, *t.Elem)
	case record.FloatVector:
		return toList(from, want, record.Of(record.Float))
	case record.Map:
		return toMap(from, want, *t.Key, *t.Elem)
	case record.SparseFloatVector:
		return toMap(from, want, record.Of(record.Int), record.Of(record.Float))
	case record.Row:
		return toRow(from, t)
	}
	return nil, errNever
}

func keep(arr arrow.Array, _ Bad) (arrow.Array, error) {
	arr.Retain()
	return arr, nil
}

// validity is arr's validity bitmap for an array without offset, nil without nulls.
func validity(arr arrow.Array) *memory.Buffer {
	if arr.NullN() == 0 {
		return nil
	}
	bits := make([]byte, (arr.Len()+7)/8)
	for i := range arr.Len() {
		if arr.IsValid(i) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return memory.NewBufferBytes(bits)
}

// assemble makes an array with arr's nulls.
func assemble(arr arrow.Array, want arrow.DataType, children []arrow.ArrayData, buffers ...*memory.Buffer) arrow.Array {
	d := array.NewData(want, arr.Len(), append([]*memory.Buffer{validity(arr)}, buffers...), children, arr.NullN(), 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// mapped makes an array of fixed-width values out of arr's, one by one.
func mapped[T arrow.FixedWidthType](arr arrow.Array, want arrow.DataType, bad Bad, value func(i int) (T, error)) arrow.Array {
	out := make([]T, arr.Len())
	for i := range out {
		if arr.IsNull(i) {
			continue
		}
		v, err := value(i)
		if err != nil {
			bad(i, err)
			continue
		}
		out[i] = v
	}
	return assemble(arr, want, nil, memory.NewBufferBytes(arrow.GetBytes(out)))
}

// decoded looks up the values of a dictionary column.
func decoded(from *arrow.DictionaryType, t record.Type) (Converter, error) {
	values, err := to(from.ValueType, t)
	if err != nil {
		return nil, err
	}
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		d := arr.(*array.Dictionary)
		wrong := map[int]error{}
		dict, err := values(d.Dictionary(), func(i int, err error) { wrong[i] = err })
		if err != nil {
			return nil, err
		}
		defer dict.Release()
		parts := make([]arrow.Array, 0, d.Len())
		defer func() {
			for _, p := range parts {
				p.Release()
			}
		}()
		for i := range d.Len() {
			at := -1
			if d.IsValid(i) {
				at = d.GetValueIndex(i)
			}
			switch err := wrong[at]; {
			case err != nil:
				bad(i, err)
				fallthrough
			case at < 0:
				parts = append(parts, array.MakeArrayOfNull(memory.DefaultAllocator, dict.DataType(), 1))
			case at >= dict.Len():
				return nil, fmt.Errorf("dictionary index %d of %d entries", at, dict.Len())
			default:
				parts = append(parts, array.NewSlice(dict, int64(at), int64(at)+1))
			}
		}
		if len(parts) == 0 {
			return array.NewSlice(dict, 0, 0), nil
		}
		return array.Concatenate(parts, memory.DefaultAllocator)
	}, nil
}
