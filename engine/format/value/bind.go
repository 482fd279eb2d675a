package value

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// Bind returns a Print of one column, faster than Printer where many rows of it are written.
func Bind(t record.Type, o Options, col arrow.Array) func(dst []byte, row int) []byte {
	p := bindValue(t, o, col)
	if p == nil {
		print := Printer(t, o)
		return func(dst []byte, row int) []byte { return print(dst, col, row) }
	}
	if col.NullN() == 0 {
		return p
	}
	return func(dst []byte, row int) []byte {
		if col.IsNull(row) {
			return dst
		}
		return p(dst, row)
	}
}

func bindValue(t record.Type, o Options, col arrow.Array) func(dst []byte, row int) []byte {
	switch t.Kind {
	case record.Int:
		values := col.(*array.Int32).Int32Values()
		return func(dst []byte, row int) []byte { return AppendInt(dst, int64(values[row])) }
	case record.BigInt:
		values := col.(*array.Int64).Int64Values()
		return func(dst []byte, row int) []byte { return AppendInt(dst, values[row]) }
	case record.Double:
		values := col.(*array.Float64).Float64Values()
		return func(dst []byte, row int) []byte { return AppendDouble(dst, values[row]) }
	case record.Decimal:
		values := col.(*array.Decimal128).Values()
		return func(dst []byte, row int) []byte { return AppendDecimal(dst, values[row], t.Scale) }
	case record.Date:
		values := col.(*array.Date32).Date32Values()
		sep := [...]byte{'-', '.', '/'}[o.Date]
		return func(dst []byte, row int) []byte { return appendDate(dst, int64(values[row]), sep) }
	case record.Timestamp:
		values := col.(*array.Timestamp).TimestampValues()
		perSecond := int64(1e6)
		if t.Nanos() {
			perSecond = 1e9
		}
		return func(dst []byte, row int) []byte {
			return AppendDateTime(dst, instantOf(int64(values[row]), perSecond), o.DateTime)
		}
	case record.String:
		values := col.(*array.String)
		return func(dst []byte, row int) []byte { return append(dst, values.Value(row)...) }
	}
	return nil
}
