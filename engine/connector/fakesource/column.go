package fakesource

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/float16"

	"seikan/engine/option"
	"seikan/engine/record"
)

// maxRow is the most bytes a row may be expected to take.
const maxRow = 256 << 20

// maker makes generators for one table; now gives dates their year.
type maker struct {
	opts *option.Values
	year int
}

// column returns the generator of values of type t, texts of textLength letters, and about how
// many bytes a value takes.
func (m *maker) column(t record.Type, textLength int) (generator, int64, error) {
	switch t.Kind {
	case record.Null:
		return nulls, 0, nil
	case record.String:
		if list := m.opts.List("string.template"); len(list) > 0 {
			return texts(list), int64(longest(list)), nil
		}
		return letters(textLength), int64(textLength) + 4, nil
	case record.Boolean:
		return booleans, 1, nil
	case record.TinyInt:
		g, err := whole[int8](m, "tinyint", t.Arrow())
		return g, 1, err
	case record.SmallInt:
		g, err := whole[int16](m, "smallint", t.Arrow())
		return g, 2, err
	case record.Int:
		g, err := whole[int32](m, "int", t.Arrow())
		return g, 4, err
	case record.BigInt:
		g, err := whole[int64](m, "bigint", t.Arrow())
		return g, 8, err
	case record.Float:
		g, err := real[float32](m, "float", t.Arrow(), math.MaxFloat32)
		return g, 4, err
	case record.Double:
		g, err := real[float64](m, "double", t.Arrow(), math.MaxFloat64)
		return g, 8, err
	case record.Decimal:
		return decimals(t.Arrow(), t.Precision), 16, nil
	case record.Bytes:
		n := int(m.opts.Int("bytes.length"))
		return octets(n), int64(n) + 4, nil
	case record.Date, record.Time, record.Timestamp, record.TimestampTZ:
		g, err := m.temporal(t)
		return g, 8, err
	case record.Array, record.Map, record.Row:
		return m.nested(t)
	}
	return m.vector(t)
}

func (m *maker) nested(t record.Type) (generator, int64, error) {
	length := int(m.opts.Int("string.length"))
	switch t.Kind {
	case record.Array:
		size := int(m.opts.Int("array.size"))
		g, width, err := m.column(*t.Elem, length)
		return lists(t.Arrow(), size, g), 4 + int64(size)*width, err
	case record.Map:
		size := int(m.opts.Int("map.size"))
		key, kw, err := m.column(*t.Key, length)
		if err != nil {
			return nil, 0, err
		}
		if t.Key.Kind == record.Null {
			return nil, 0, m.opts.Problem("schema", "a map key cannot be null", "cannot make up values of type %s", t)
		}
		value, vw, err := m.column(*t.Elem, length)
		return maps(t.Arrow().(*arrow.MapType), size, key, value), 4 + int64(size)*(kw+vw), err
	}
	members, width := make([]generator, len(t.Fields)), int64(0)
	for i, f := range t.Fields {
		g, w, err := m.column(f.Type, length)
		if err != nil {
			return nil, 0, err
		}
		members[i], width = g, width+w
	}
	return structs(t.Arrow(), members), width, nil
}

func (m *maker) vector(t record.Type) (generator, int64, error) {
	size := int(m.opts.Int("vector.dimension"))
	low, high := m.opts.Double("vector.float.min"), m.opts.Double("vector.float.max")
	limit := math.MaxFloat32
	if t.Kind == record.Float16Vector {
		limit = 65504 // the largest half-precision number
	}
	low, high = max(low, -limit), min(high, limit)
	if low > high {
		return nil, 0, m.opts.Problem("vector.float.min", "at most vector.float.max", "%v is more than %v", low, high)
	}
	elements := floats[float32](arrow.PrimitiveTypes.Float32, low, high)
	switch t.Kind {
	case record.BinaryVector:
		bytes := int(m.opts.Int("binary.vector.dimension")+7) / 8
		return octets(bytes), int64(bytes) + 4, nil
	case record.FloatVector:
		return lists(t.Arrow(), size, elements), int64(size)*4 + 4, nil
	case record.Float16Vector:
		return halves(size, low, high, func(f float32) uint16 { return float16.New(f).Uint16() }), int64(size)*2 + 4, nil
	case record.BFloat16Vector:
		return halves(size, low, high, func(f float32) uint16 { return uint16(math.Float32bits(f) >> 16) }), int64(size)*2 + 4, nil
	case record.SparseFloatVector:
		return maps(t.Arrow().(*arrow.MapType), size, dimensions(size), elements), int64(size)*8 + 4, nil
	}
	return nil, 0, fmt.Errorf("FakeSource cannot make up values of type %s", t)
}

// halves are vectors of two bytes an element, little endian.
func halves(size int, low, high float64, narrow func(float32) uint16) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		bytes := make([]byte, 0, n*size*2)
		for i := range int64(n * size) {
			u := unit(draw(key, from*int64(size)+i))
			h := narrow(float32(low*(1-u) + high*u))
			bytes = append(bytes, byte(h), byte(h>>8))
		}
		return binaries(n, size*2, bytes)
	}
}

// dimensions are the ascending keys of sparse vectors, one of 16 numbers each.
func dimensions(size int) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		values := make([]int32, n)
		for i := range values {
			number := from + int64(i)
			values[i] = int32(number%int64(size))*16 + int32(below(draw(key, number), 16))
		}
		return fixed(arrow.PrimitiveTypes.Int32, values)
	}
}

// whole reads the template or the range of an integer type.
func whole[T int8 | int16 | int32 | int64](m *maker, what string, dt arrow.DataType) (generator, error) {
	bits := dt.(arrow.FixedWidthDataType).BitWidth()
	if list := m.opts.List(what + ".template"); len(list) > 0 {
		values, err := numbers[T](m.opts, what+".template", math.MinInt64>>(64-bits), math.MaxInt64>>(64-bits))
		return picks(dt, values), err
	}
	low, high := m.opts.Int(what+".min"), m.opts.Int(what+".max")
	for key, n := range map[string]int64{what + ".min": low, what + ".max": high} {
		if int64(T(n)) != n {
			return nil, m.opts.Problem(key, "a "+what, "%d does not fit", n)
		}
	}
	if low > high {
		return nil, m.opts.Problem(what+".min", "at most "+what+".max", "%d is more than %d", low, high)
	}
	return integers(dt, T(low), uint64(high)-uint64(low)), nil
}

// numbers reads a list of whole numbers.
func numbers[T int8 | int16 | int32 | int64](opts *option.Values, key string, low, high int64) ([]T, error) {
	list := opts.List(key)
	out := make([]T, len(list))
	for i, text := range list {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || n < low || n > high {
			return nil, opts.Problem(key, fmt.Sprintf("whole numbers from %d to %d", low, high), "%q cannot be used", text)
		}
		out[i] = T(n)
	}
	return out, nil
}

// real reads the template or the range of a floating point type.
func real[T float32 | float64](m *maker, what string, dt arrow.DataType, limit float64) (generator, error) {
	if list := m.opts.List(what + ".template"); len(list) > 0 {
		values := make([]T, len(list))
		for i, text := range list {
			f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil || math.Abs(f) > limit {
				return nil, m.opts.Problem(what+".template", "numbers", "%q is not a %s", text, what)
			}
			values[i] = T(f)
		}
		return picks(dt, values), nil
	}
	low, high := m.opts.Double(what+".min"), m.opts.Double(what+".max")
	if low > high || low < -limit || high > limit {
		return nil, m.opts.Problem(what+".min", "at most "+what+".max", "there is no %s from %v to %v", what, low, high)
	}
	return floats[T](dt, low, high), nil
}

func longest(list []string) int {
	n := 0
	for _, s := range list {
		n = max(n, len(s)+4)
	}
	return n
}

// temporal makes dates and times from their parts.
func (m *maker) temporal(t record.Type) (generator, error) {
	first, last := int64(1), int64(9999)
	if t.Nanos() && t.Kind != record.Time {
		first, last = 1678, 2261
	}
	year, err := m.part("date.year", first, last, []int32{int32(m.year)})
	if err != nil {
		return nil, err
	}
	month, err := m.part("date.month", 1, 12, span(1, 12))
	if err != nil {
		return nil, err
	}
	day, err := m.part("date.day", 1, 31, span(1, 28))
	if err != nil {
		return nil, err
	}
	hour, err := m.part("time.hour", 0, 23, span(0, 23))
	if err != nil {
		return nil, err
	}
	minute, err := m.part("time.minute", 0, 59, span(0, 59))
	if err != nil {
		return nil, err
	}
	second, err := m.part("time.second", 0, 59, span(0, 59))
	if err != nil {
		return nil, err
	}
	date := func(key uint64, i int64) int64 {
		y, mo := pick(year, key, 1, i), time.Month(pick(month, key, 2, i))
		d := min(int(pick(day, key, 3, i)), time.Date(int(y), mo+1, 0, 0, 0, 0, 0, time.UTC).Day())
		return time.Date(int(y), mo, d, 0, 0, 0, 0, time.UTC).Unix()
	}
	clock := func(key uint64, i int64) int64 {
		return int64(pick(hour, key, 4, i))*3600 + int64(pick(minute, key, 5, i))*60 + int64(pick(second, key, 6, i))
	}
	dt, scale := t.Arrow(), int64(1_000_000)
	if t.Nanos() {
		scale = 1_000_000_000
	}
	switch t.Kind {
	case record.Date:
		return each(dt, func(key uint64, i int64) int32 { return int32(date(key, i) / 86400) }), nil
	case record.Time:
		return each(dt, func(key uint64, i int64) int64 { return clock(key, i) * scale }), nil
	}
	return each(dt, func(key uint64, i int64) int64 { return (date(key, i) + clock(key, i)) * scale }), nil
}

func (m *maker) part(what string, low, high int64, otherwise []int32) ([]int32, error) {
	if len(m.opts.List(what+".template")) == 0 {
		return otherwise, nil
	}
	return numbers[int32](m.opts, what+".template", low, high)
}

func span(from, to int32) []int32 {
	out := make([]int32, 0, to-from+1)
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func pick(from []int32, key uint64, part int, i int64) int32 {
	return from[below(draw(key+uint64(part)*0xd1b54a32d192ed03, i), uint64(len(from)))]
}

func each[T arrow.FixedWidthType](dt arrow.DataType, value func(key uint64, i int64) T) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		values := make([]T, n)
		for i := range values {
			values[i] = value(key, from+int64(i))
		}
		return fixed(dt, values)
	}
}
