package console

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// cell appends entry row of col, which is not null.
type cell func(dst []byte, col arrow.Array, row int) []byte

func cellOf(t record.Type) cell {
	switch t.Kind {
	case record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return appendBytes
	case record.Array:
		return list(cellOf(*t.Elem))
	case record.FloatVector:
		return list(cellOf(record.Of(record.Float)))
	case record.Row:
		members := make([]cell, len(t.Fields))
		for i, f := range t.Fields {
			members[i] = cellOf(f.Type)
		}
		return func(dst []byte, col arrow.Array, row int) []byte {
			s := col.(*array.Struct)
			return bracketed(dst, len(members), func(dst []byte, i int) []byte { return orNull(dst, members[i], s.Field(i), row) })
		}
	}
	return cell(value.Printer(t, value.Options{}))
}

func list(element cell) cell {
	return func(dst []byte, col arrow.Array, row int) []byte {
		l := col.(array.ListLike)
		from, to := l.ValueOffsets(row)
		values := l.ListValues()
		return bracketed(dst, int(to-from), func(dst []byte, i int) []byte { return orNull(dst, element, values, int(from)+i) })
	}
}

// appendBytes writes bytes as Java does: signed numbers.
func appendBytes(dst []byte, col arrow.Array, row int) []byte {
	bytes := col.(*array.Binary).Value(row)
	return bracketed(dst, len(bytes), func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(int8(bytes[i])), 10) })
}

func orNull(dst []byte, c cell, col arrow.Array, row int) []byte {
	if col.IsNull(row) {
		return append(dst, "null"...)
	}
	return c(dst, col, row)
}

func bracketed(dst []byte, n int, element func(dst []byte, i int) []byte) []byte {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = element(dst, i)
	}
	return append(dst, ']')
}
