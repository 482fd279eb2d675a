package jdbc

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// misfit is the error for a stored value that is none of its column's type. SQLite lets any
// column hold any value.
func misfit(v driver.Value, t record.Type) error {
	switch x := v.(type) {
	case string:
		return value.Wrong([]byte(x), t, value.Expected(t))
	case []byte:
		return fmt.Errorf("a blob of %d bytes is no %s: expected %s", len(x), t, value.Expected(t))
	}
	return value.Wrong(fmt.Append(nil, v), t, value.Expected(t))
}

// viewed is s as bytes for the time of a call.
func viewed(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (sqliteDialect) reader(t record.Type, builder array.Builder) (func(driver.Value) error, error) {
	switch b := builder.(type) {
	case *array.Int64Builder:
		return integers(t, b, func(n int64) { b.Append(n) }), nil
	case *array.Int32Builder:
		return integers(t, b, func(n int64) { b.Append(int32(n)) }), nil
	case *array.Int16Builder:
		return integers(t, b, func(n int64) { b.Append(int16(n)) }), nil
	case *array.Int8Builder:
		return integers(t, b, func(n int64) { b.Append(int8(n)) }), nil
	case *array.Float64Builder:
		return func(v driver.Value) error {
			switch x := v.(type) {
			case float64:
				b.Append(x)
			case int64:
				b.Append(float64(x))
			default:
				return absent(v, t, b)
			}
			return nil
		}, nil
	case *array.StringBuilder:
		return func(v driver.Value) error { return sqliteText(v, t, b) }, nil
	case *array.BinaryBuilder:
		return func(v driver.Value) error {
			switch x := v.(type) {
			case []byte:
				if x == nil { // the driver's form of an empty blob
					b.AppendEmptyValue()
					return nil
				}
				b.Append(x)
			case string:
				b.AppendString(x)
			default:
				return absent(v, t, b)
			}
			return nil
		}, nil
	case *array.BooleanBuilder:
		return func(v driver.Value) error {
			switch x := v.(type) {
			case int64:
				b.Append(x != 0)
				return nil
			case string:
				if is, ok := value.ParseBool(viewed(x)); ok {
					b.Append(is)
					return nil
				}
			}
			return absent(v, t, b)
		}, nil
	case *array.Decimal128Builder:
		return func(v driver.Value) error {
			if n, ok := sqliteDecimal(v, t); ok {
				b.Append(n)
				return nil
			}
			return absent(v, t, b)
		}, nil
	case *array.Date32Builder, *array.Time64Builder, *array.TimestampBuilder:
		text := value.Appender(t, value.Options{})
		stamps, _ := b.(*array.TimestampBuilder)
		var buf []byte
		return func(v driver.Value) error {
			if x, ok := v.(string); ok && stamps != nil { // the usual case
				if n, ok := value.ParseTimestamp(viewed(x), t); ok {
					stamps.Append(arrow.Timestamp(n))
					return nil
				}
			}
			var ok bool
			if buf, ok = sqliteMoment(buf[:0], v, t); !ok {
				return absent(v, t, b)
			}
			return text(b, buf)
		}, nil
	}
	return nil, fmt.Errorf("SQLite has no values of type %s", t)
}

// absent appends a null, and says why when v is not one.
func absent(v driver.Value, t record.Type, b array.Builder) error {
	b.AppendNull()
	if v == nil {
		return nil
	}
	return misfit(v, t)
}

func integers(t record.Type, b array.Builder, add func(int64)) func(driver.Value) error {
	low, high := value.IntBounds(t.Kind)
	return func(v driver.Value) error {
		switch x := v.(type) {
		case int64:
			if x >= low && x <= high {
				add(x)
				return nil
			}
		case float64:
			if n := int64(x); float64(n) == x && n >= low && n <= high && math.Abs(x) < 1<<63 {
				add(n)
				return nil
			}
		}
		return absent(v, t, b)
	}
}

func sqliteText(v driver.Value, t record.Type, b *array.StringBuilder) error {
	switch x := v.(type) {
	case string:
		if utf8.ValidString(x) {
			b.Append(x)
			return nil
		}
	case []byte:
		if utf8.Valid(x) {
			b.BinaryBuilder.Append(append([]byte{}, x...))
			return nil
		}
	case int64:
		b.Append(strconv.FormatInt(x, 10))
		return nil
	case float64:
		b.Append(strconv.FormatFloat(x, 'g', -1, 64))
		return nil
	}
	return absent(v, t, b)
}

// sqliteDecimal reads a number. What is stored as a binary float is rounded to the scale, since
// its last digits are those of the float and not of the number once written; a text is not.
func sqliteDecimal(v driver.Value, t record.Type) (decimal128.Num, bool) {
	var text [400]byte
	switch x := v.(type) {
	case int64:
		return value.ParseDecimal(strconv.AppendInt(text[:0], x, 10), t.Precision, t.Scale)
	case string:
		return value.ParseDecimal(viewed(x), t.Precision, t.Scale)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return decimal128.Num{}, false
		}
		shortest := strconv.AppendFloat(text[:0], x, 'f', -1, 64)
		if n, ok := value.ParseDecimal(shortest, t.Precision, t.Scale); ok {
			return n, true
		}
		return value.ParseDecimal(strconv.AppendFloat(text[:0], x, 'f', t.Scale, 64), t.Precision, t.Scale)
	}
	return decimal128.Num{}, false
}

// julianEpoch is 1970-01-01T00:00 as a Julian day.
const julianEpoch = 2440587.5

// sqliteMoment gives a date or time as the text of its type. Whole numbers are milliseconds since
// 1970, as sqlite-jdbc stores them; fractions are Julian days, as SQLite's own functions do.
func sqliteMoment(buf []byte, v driver.Value, t record.Type) ([]byte, bool) {
	var millis int64
	switch x := v.(type) {
	case string:
		return sqliteMomentText(buf, viewed(x), t)
	case int64:
		millis = x
	case float64:
		if !(math.Abs(x) < 1e8) {
			return buf, false
		}
		millis = int64(math.Round((x - julianEpoch) * 86400e3))
	default:
		return buf, false
	}
	const farthest = 253402300799999 // the end of the year 9999
	if millis > farthest || millis < -62135596800000 {
		return buf, false
	}
	at := value.Instant{Seconds: floorDiv(millis, 1000)}
	at.Nanos = int32(millis-at.Seconds*1000) * 1e6
	return momentText(buf, at, t), true
}

func sqliteMomentText(buf, text []byte, t record.Type) ([]byte, bool) {
	switch t.Kind {
	case record.Date:
		if at, ok := value.ParseDateTime(text); ok && at.Nanos == 0 && at.Seconds%86400 == 0 {
			return momentText(buf, at, t), true
		}
	case record.Timestamp, record.TimestampTZ:
		if days, ok := value.ParseDate(text); ok {
			return momentText(buf, value.Instant{Seconds: int64(days) * 86400}, t), true
		}
		if at, ok := value.ParseInstant(text); ok {
			return momentText(buf, at, t), true
		}
	}
	return append(buf, text...), true
}

// momentText writes the part of an instant that t keeps.
func momentText(buf []byte, at value.Instant, t record.Type) []byte {
	days := floorDiv(at.Seconds, 86400)
	switch t.Kind {
	case record.Date:
		return value.AppendDate(buf, int32(days), value.DateDash)
	case record.Time:
		return value.AppendTime(buf, (at.Seconds-days*86400)*1e9+int64(at.Nanos), value.TimeISO)
	}
	return value.AppendDateTime(buf, at, value.DateTimeDashShort)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

var errNaN = errors.New("SQLite stores NaN as null")

func (sqliteDialect) binder(t record.Type) (func(arrow.Array) cell, error) {
	switch t.Kind {
	case record.String:
		return func(a arrow.Array) cell {
			col := a.(*array.String)
			return func(i int) (driver.Value, error) { return col.Value(i), nil }
		}, nil
	case record.Boolean:
		return func(a arrow.Array) cell {
			col := a.(*array.Boolean)
			return func(i int) (driver.Value, error) { return col.Value(i), nil }
		}, nil
	case record.TinyInt:
		return bindInts[int8, *array.Int8], nil
	case record.SmallInt:
		return bindInts[int16, *array.Int16], nil
	case record.Int:
		return bindInts[int32, *array.Int32], nil
	case record.BigInt:
		return bindInts[int64, *array.Int64], nil
	case record.Float:
		return bindFloats[float32, *array.Float32], nil
	case record.Double:
		return bindFloats[float64, *array.Float64], nil
	case record.Bytes:
		return func(a arrow.Array) cell {
			col := a.(*array.Binary)
			return func(i int) (driver.Value, error) {
				if v := col.Value(i); v != nil {
					return v, nil
				}
				return []byte{}, nil
			}
		}, nil
	case record.Null:
		return func(arrow.Array) cell {
			return func(int) (driver.Value, error) { return nil, nil }
		}, nil
	case record.Decimal, record.Date, record.Time, record.Timestamp, record.TimestampTZ:
		print := value.Printer(t, value.Options{DateTime: value.DateTimeDashShort})
		return func(a arrow.Array) cell {
			var buf []byte
			return func(i int) (driver.Value, error) {
				buf = print(buf[:0], a, i)
				return string(buf), nil
			}
		}, nil
	}
	return nil, fmt.Errorf("SQLite has no values of type %s", t)
}

func bindInts[T int8 | int16 | int32 | int64, A interface{ Value(int) T }](a arrow.Array) cell {
	col := a.(A)
	return func(i int) (driver.Value, error) { return int64(col.Value(i)), nil }
}

func bindFloats[T float32 | float64, A interface{ Value(int) T }](a arrow.Array) cell {
	col := a.(A)
	return func(i int) (driver.Value, error) {
		f := float64(col.Value(i))
		if f != f {
			return nil, errNaN
		}
		return f, nil
	}
}
