package columnar

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/record"
)

// toBytes makes texts and byte strings. Numbers and booleans become text.
func toBytes(from arrow.DataType, t record.Type) (Converter, error) {
	want := t.Arrow()
	text := t.Kind == record.String
	switch id := from.ID(); {
	case id == arrow.STRING && !text:
		return retyped(want), nil
	case arrow.IsBaseBinary(id), id == arrow.STRING_VIEW, id == arrow.BINARY_VIEW, id == arrow.FIXED_SIZE_BINARY:
	case text && (arrow.IsInteger(id) || arrow.IsDecimal(id) || id == arrow.BOOL):
	default:
		return nil, errNever
	}
	check := text && from.ID() != arrow.STRING && from.ID() != arrow.LARGE_STRING && from.ID() != arrow.STRING_VIEW
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		get := byteStrings(arr)
		b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		defer b.Release()
		b.Reserve(arr.Len())
		for i := range arr.Len() {
			if arr.IsNull(i) {
				b.AppendNull()
				continue
			}
			v := get(i)
			if check && !utf8.Valid(v) {
				bad(i, fmt.Errorf("the bytes are not text in UTF-8"))
			}
			b.Append(v)
		}
		out := b.NewBinaryArray()
		defer out.Release()
		return retyped(want)(out, bad)
	}, nil
}

func byteStrings(arr arrow.Array) func(int) []byte {
	switch a := arr.(type) {
	case *array.Binary:
		return a.Value
	case *array.LargeBinary:
		return a.Value
	case *array.BinaryView:
		return a.Value
	case *array.FixedSizeBinary:
		return a.Value
	case array.StringLike:
		return func(i int) []byte { return []byte(a.Value(i)) }
	}
	return func(i int) []byte { return []byte(arr.ValueStr(i)) }
}

// retyped gives the same buffers another type of the same layout.
func retyped(want arrow.DataType) Converter {
	return func(arr arrow.Array, _ Bad) (arrow.Array, error) {
		d := arr.Data()
		out := array.NewData(want, d.Len(), d.Buffers(), d.Children(), d.NullN(), d.Offset())
		defer out.Release()
		return array.MakeFromData(out), nil
	}
}
