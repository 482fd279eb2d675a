package fakesource

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

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
