package value

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// AppendJSON writes entry row of col, which holds values of t, as JSON: null, numbers in Java's
// form, DECIMAL with all its digits, dates and times as ISO strings, BYTES as Base64, a ROW with
// all its fields. Numbers that are not finite are strings, as JSON has none.
func AppendJSON(dst []byte, t record.Type, col arrow.Array, row int) []byte {
	if col.IsNull(row) {
		return append(dst, "null"...)
	}
	switch t.Kind {
	case record.String:
		return AppendJSONString(dst, col.(*array.String).Value(row))
	case record.Boolean:
		return strconv.AppendBool(dst, col.(*array.Boolean).Value(row))
	case record.TinyInt:
		return AppendInt(dst, int64(col.(*array.Int8).Value(row)))
	case record.SmallInt:
		return AppendInt(dst, int64(col.(*array.Int16).Value(row)))
	case record.Int:
		return AppendInt(dst, int64(col.(*array.Int32).Value(row)))
	case record.BigInt:
		return AppendInt(dst, col.(*array.Int64).Value(row))
	case record.Float:
		return appendJSONFloat(dst, float64(col.(*array.Float32).Value(row)), 32)
	case record.Double:
		return appendJSONFloat(dst, col.(*array.Float64).Value(row), 64)
	case record.Decimal:
		return AppendDecimal(dst, col.(*array.Decimal128).Value(row), t.Scale)
	case record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), col.(*array.Binary).Value(row))
		return append(dst, '"')
	case record.Date:
		return append(AppendDate(append(dst, '"'), int32(col.(*array.Date32).Value(row)), DateDash), '"')
	case record.Time:
		v := int64(col.(*array.Time64).Value(row))
		if !t.Nanos() {
			v *= 1e3
		}
		return append(AppendTime(append(dst, '"'), v, TimeISO), '"')
	case record.Timestamp, record.TimestampTZ:
		perSecond := int64(1e6)
		if t.Nanos() {
			perSecond = 1e9
		}
		at := instantOf(int64(col.(*array.Timestamp).Value(row)), perSecond)
		dst = AppendDateTime(append(dst, '"'), at, DateTimeISO)
		if t.Kind == record.TimestampTZ {
			dst = append(dst, 'Z')
		}
		return append(dst, '"')
	case record.Array, record.FloatVector:
		list, elem := col.(*array.List), elemType(t)
		from, to := list.ValueOffsets(row)
		dst = append(dst, '[')
		for i := from; i < to; i++ {
			if i > from {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, elem, list.ListValues(), int(i))
		}
		return append(dst, ']')
	case record.Map, record.SparseFloatVector:
		return appendJSONMap(dst, t, col.(*array.Map), row)
	case record.Row:
		s := col.(*array.Struct)
		dst = append(dst, '{')
		for i := range t.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendJSONString(dst, t.Fields[i].Name), ':')
			dst = AppendJSON(dst, t.Fields[i].Type, s.Field(i), row)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

func appendJSONMap(dst []byte, t record.Type, m *array.Map, row int) []byte {
	from, to := m.ValueOffsets(row)
	entries := m.ListValues().(*array.Struct)
	keys, items := entries.Field(0), entries.Field(1)
	var key []byte
	dst = append(dst, '{')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		key = AppendJSON(key[:0], keyType(t), keys, int(i))
		if key[0] == '"' {
			dst = append(dst, key...)
		} else {
			dst = AppendJSONString(dst, textOf(key))
		}
		dst = AppendJSON(append(dst, ':'), elemType(t), items, int(i))
	}
	return append(dst, '}')
}

func appendJSONFloat(dst []byte, f float64, size int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(appendFloat(append(dst, '"'), f, size), '"')
	}
	return appendFloat(dst, f, size)
}

const hexDigits = "0123456789ABCDEF"

// AppendJSONString writes s as a JSON string, escaping only what JSON demands.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}
