package value

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// put adds v, or a zero and the error when ok is false. Not a null: b may build the keys of a
// map, which Arrow does not allow to be null.
func put[T any](b interface {
	Append(T)
	AppendEmptyValue()
}, v T, ok bool, text []byte, t record.Type, expected string) error {
	if !ok {
		b.AppendEmptyValue()
		return Wrong(text, t, expected)
	}
	b.Append(v)
	return nil
}

// Expected tells what the text of a scalar type looks like, for messages.
func Expected(t record.Type) string {
	switch t.Kind {
	case record.String:
		return "text in UTF-8"
	case record.Boolean:
		return "true or false"
	case record.TinyInt, record.SmallInt, record.Int, record.BigInt:
		return intExpected(t.Kind)
	case record.Float, record.Double:
		return "a number such as -1.5 or 2.5E10"
	case record.Decimal:
		return "a number with at most " + strconv.Itoa(t.Precision-t.Scale) + " digits before and " +
			strconv.Itoa(t.Scale) + " after the decimal point"
	case record.Date:
		return expectedDate
	case record.Time:
		return expectedTime
	case record.Timestamp:
		return expectedDateTime + nanoYears(t)
	case record.TimestampTZ:
		return expectedInstant + nanoYears(t)
	case record.Null:
		return "nothing"
	}
	return "Base64"
}

func nanoYears(t record.Type) string {
	if t.Nanos() {
		return ", between the years 1678 and 2261 because the type keeps nanoseconds"
	}
	return ""
}

// ParseBool reads true or false in any case.
func ParseBool(s []byte) (value, ok bool) {
	switch len(s) {
	case 4:
		return true, (s[0]|32) == 't' && (s[1]|32) == 'r' && (s[2]|32) == 'u' && (s[3]|32) == 'e'
	case 5:
		return false, (s[0]|32) == 'f' && (s[1]|32) == 'a' && (s[2]|32) == 'l' && (s[3]|32) == 's' && (s[4]|32) == 'e'
	}
	return false, false
}

// ParseTimestamp reads a TIMESTAMP or TIMESTAMP_TZ in the type's own unit.
func ParseTimestamp(s []byte, t record.Type) (int64, bool) {
	var at Instant
	var ok bool
	if t.Kind == record.TimestampTZ {
		at, ok = ParseInstant(s)
	} else {
		at, ok = ParseDateTime(s)
	}
	if !ok || !t.Nanos() {
		return at.Micros(), ok
	}
	return at.UnixNanos()
}

func scalarAppender(t record.Type) Append {
	expected := Expected(t)
	switch t.Kind {
	case record.Boolean:
		return func(b array.Builder, s []byte) error {
			v, ok := ParseBool(s)
			return put(b.(*array.BooleanBuilder), v, ok, s, t, expected)
		}
	case record.TinyInt:
		return intAppender[int8, *array.Int8Builder](t)
	case record.SmallInt:
		return intAppender[int16, *array.Int16Builder](t)
	case record.Int:
		return intAppender[int32, *array.Int32Builder](t)
	case record.BigInt:
		return intAppender[int64, *array.Int64Builder](t)
	case record.Float:
		return func(b array.Builder, s []byte) error {
			v, ok := ParseFloat(s)
			return put(b.(*array.Float32Builder), v, ok, s, t, expected)
		}
	case record.Double:
		return func(b array.Builder, s []byte) error {
			v, ok := ParseDouble(s)
			return put(b.(*array.Float64Builder), v, ok, s, t, expected)
		}
	case record.Decimal:
		return func(b array.Builder, s []byte) error {
			v, ok := ParseDecimal(s, t.Precision, t.Scale)
			return put(b.(*array.Decimal128Builder), v, ok, s, t, expected)
		}
	case record.Date:
		return func(b array.Builder, s []byte) error {
			v, ok := ParseDate(s)
			return put(b.(*array.Date32Builder), arrow.Date32(v), ok, s, t, expected)
		}
	case record.Time:
		unit := int64(1e3)
		if t.Nanos() {
			unit = 1
		}
		return func(b array.Builder, s []byte) error {
			v, ok := ParseTime(s)
			return put(b.(*array.Time64Builder), arrow.Time64(v/unit), ok, s, t, expected)
		}
	case record.Timestamp, record.TimestampTZ:
		return func(b array.Builder, s []byte) error {
			v, ok := ParseTimestamp(s, t)
			return put(b.(*array.TimestampBuilder), arrow.Timestamp(v), ok, s, t, expected)
		}
	case record.Null:
		return func(b array.Builder, s []byte) error {
			b.AppendNull()
			return nil
		}
	}
	return func(b array.Builder, s []byte) error {
		return put(b.(*array.StringBuilder), textOf(s), utf8.Valid(s), s, t, expected)
	}
}

func intAppender[T int8 | int16 | int32 | int64, B interface {
	Append(T)
	AppendEmptyValue()
}](t record.Type) Append {
	expected := intExpected(t.Kind)
	return func(b array.Builder, s []byte) error {
		v, ok := ParseInt(s)
		return put(b.(B), T(v), ok && int64(T(v)) == v, s, t, expected)
	}
}

func appendBytes(b array.Builder, s []byte) error {
	b.(*array.BinaryBuilder).Append(s)
	return nil
}

func appendBase64(b array.Builder, s []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, s)
	if err != nil {
		b.AppendEmptyValue()
		return Wrong(s, record.Of(record.Bytes), "Base64 (RFC 4648, with padding)")
	}
	b.(*array.BinaryBuilder).Append(raw)
	return nil
}

func printBytes(dst []byte, col arrow.Array, row int) []byte {
	if col.IsNull(row) {
		return dst
	}
	return append(dst, col.(*array.Binary).Value(row)...)
}

func printBase64(dst []byte, col arrow.Array, row int) []byte {
	if col.IsNull(row) {
		return dst
	}
	return base64.StdEncoding.AppendEncode(dst, col.(*array.Binary).Value(row))
}

func scalarPrinter(t record.Type, o Options) Print {
	p := valuePrinter(t, o)
	return func(dst []byte, col arrow.Array, row int) []byte {
		if col.IsNull(row) {
			return dst
		}
		return p(dst, col, row)
	}
}

// valuePrinter writes scalars that are not null.
func valuePrinter(t record.Type, o Options) Print {
	switch t.Kind {
	case record.Boolean:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return strconv.AppendBool(dst, col.(*array.Boolean).Value(row))
		}
	case record.TinyInt:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendInt(dst, int64(col.(*array.Int8).Value(row)))
		}
	case record.SmallInt:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendInt(dst, int64(col.(*array.Int16).Value(row)))
		}
	case record.Int:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendInt(dst, int64(col.(*array.Int32).Value(row)))
		}
	case record.BigInt:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendInt(dst, col.(*array.Int64).Value(row))
		}
	case record.Float:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendFloat(dst, col.(*array.Float32).Value(row))
		}
	case record.Double:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendDouble(dst, col.(*array.Float64).Value(row))
		}
	case record.Decimal:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendDecimal(dst, col.(*array.Decimal128).Value(row), t.Scale)
		}
	case record.Date:
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendDate(dst, int32(col.(*array.Date32).Value(row)), o.Date)
		}
	case record.Time:
		unit := int64(1e3)
		if t.Nanos() {
			unit = 1
		}
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendTime(dst, int64(col.(*array.Time64).Value(row))*unit, o.Time)
		}
	case record.Timestamp, record.TimestampTZ:
		perSecond := int64(1e6)
		if t.Nanos() {
			perSecond = 1e9
		}
		if t.Kind == record.TimestampTZ { // the zone must be told, so the format is fixed
			return func(dst []byte, col arrow.Array, row int) []byte {
				return append(AppendDateTime(dst, instantOf(int64(col.(*array.Timestamp).Value(row)), perSecond), DateTimeISO), 'Z')
			}
		}
		return func(dst []byte, col arrow.Array, row int) []byte {
			return AppendDateTime(dst, instantOf(int64(col.(*array.Timestamp).Value(row)), perSecond), o.DateTime)
		}
	case record.Null:
		return func(dst []byte, _ arrow.Array, _ int) []byte { return dst }
	}
	return func(dst []byte, col arrow.Array, row int) []byte {
		return append(dst, col.(*array.String).Value(row)...)
	}
}
