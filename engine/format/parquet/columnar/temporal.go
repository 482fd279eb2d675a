package columnar

import (
	"fmt"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

const nanosPerDay = 86_400_000_000_000

// toTemporal converts between units; a timestamp may be read as its date or its time of day.
func toTemporal(from arrow.DataType, t record.Type) (Converter, error) {
	want := t.Arrow()
	var unit int64 // nanoseconds of one step in the file
	moment := false
	switch f := from.(type) {
	case *arrow.TimestampType:
		unit, moment = nanos(f.Unit), true
		if w, ok := want.(*arrow.TimestampType); ok && w.Unit == f.Unit {
			return retyped(want), nil
		}
	case *arrow.Date32Type:
		unit, moment = nanosPerDay, true
	case *arrow.Date64Type:
		unit, moment = 1_000_000, true
	case *arrow.Time32Type:
		unit = nanos(f.Unit)
	case *arrow.Time64Type:
		unit = nanos(f.Unit)
	default:
		return nil, errNever
	}
	date := from.ID() == arrow.DATE32 || from.ID() == arrow.DATE64
	switch {
	case t.Kind == record.Time && date, t.Kind != record.Time && !moment:
		return nil, errNever
	case t.Kind == record.Date:
		return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
			get := ticks(arr)
			return mapped(arr, want, bad, func(i int) (int32, error) {
				d, ok := scale(get(i), unit, nanosPerDay)
				if !ok || int64(int32(d)) != d {
					return 0, fmt.Errorf("%s is out of the range of %s", arr.ValueStr(i), t)
				}
				return int32(d), nil
			}), nil
		}, nil
	}
	step := int64(1000)
	if t.Nanos() {
		step = 1
	}
	ofDay := t.Kind == record.Time && moment
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		get := ticks(arr)
		return mapped(arr, want, bad, func(i int) (int64, error) {
			v := get(i)
			if ofDay {
				if v %= nanosPerDay / unit; v < 0 {
					v += nanosPerDay / unit
				}
			}
			out, ok := scale(v, unit, step)
			if !ok {
				return 0, fmt.Errorf("%d × %d ns is out of the range of %s", v, unit, t)
			}
			return out, nil
		}), nil
	}, nil
}

func nanos(u arrow.TimeUnit) int64 { return int64(u.Multiplier()) }

// scale counts v steps of length from in steps of length to, rounding down; ok is false when
// the result does not fit.
func scale(v, from, to int64) (int64, bool) {
	if from >= to {
		by := from / to
		hi, lo := bits.Mul64(abs(v), uint64(by))
		if hi != 0 || lo >= 1<<63 {
			return 0, false
		}
		return v * by, true
	}
	by := to / from
	q := v / by
	if v%by < 0 {
		q--
	}
	return q, true
}

func abs(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

func ticks(arr arrow.Array) func(int) int64 {
	switch a := arr.(type) {
	case *array.Timestamp:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Date32:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Date64:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Time32:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Time64:
		return func(i int) int64 { return int64(a.Value(i)) }
	}
	return nil
}
