package fakesource

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/record"
)

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
