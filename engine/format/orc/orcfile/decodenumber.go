package orcfile

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// timestamps are seconds since 2015-01-01 in the writer's zone, and nanoseconds.
type timestamps struct {
	core
	seconds, fractions *intReader
	zone               *time.Location
	base               int64 // 2015-01-01 in zone, in seconds since 1970 in UTC
	nanos              bool
	julian             bool
	nano               []int64
	from, to, offset   int64 // the zone's offset holds in [from, to)
}

func newTimestamps(c core, seconds, fractions *intReader, zone *time.Location, nanos, julian bool) *timestamps {
	return &timestamps{core: c, seconds: seconds, fractions: fractions, zone: zone, nanos: nanos, julian: julian,
		base: time.Date(2015, 1, 1, 0, 0, 0, 0, zone).Unix(), from: 1}
}

func (d *timestamps) read(n int, parent []bool) (arrow.Array, error) {
	valid, count, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	d.ints, d.nano = d.nano, d.ints // values uses d.ints: the fractions go to the other one
	nano, err := d.values(d.fractions, count)
	if err != nil {
		return nil, err
	}
	d.ints, d.nano = d.nano, d.ints
	sec, err := d.values(d.seconds, count)
	if err != nil {
		return nil, err
	}
	for i, s := range sec {
		if sec[i], err = d.value(s, nano[i]); err != nil {
			return nil, err
		}
	}
	out := spread(n, valid, func(i int) int64 { return sec[i] })
	return d.build(n, valid, nil, memory.NewBufferBytes(arrow.GetBytes(out))), nil
}

// maxSecond is about the year 290000, the last that microseconds reach.
const maxSecond = 9_000_000_000_000

// value is the reading of the writer's clock, in the wanted unit.
func (d *timestamps) value(sec, fraction int64) (int64, error) {
	if sec > maxSecond || sec < -maxSecond {
		return 0, fmt.Errorf("a timestamp of %d seconds from 2015 is out of range", sec)
	}
	nano := fraction >> 3
	if zeros := fraction & 7; zeros != 0 {
		for range zeros + 1 {
			if nano *= 10; nano > 999_999_999 || nano < -999_999_999 {
				break
			}
		}
	}
	if nano > 999_999_999 || nano < -999_999_999 {
		return 0, errors.New("a timestamp has more than a second of nanoseconds")
	}
	sec += d.base
	switch {
	case nano < 0: // pyarrow writes times before 1970 so
		sec--
		nano += 1_000_000_000
	case sec < 0 && nano > 999_999:
		sec-- // the format's own rounding towards zero
	}
	sec += d.offsetAt(sec)
	if d.julian && sec < firstGregorian*86400 {
		day := floorDiv(sec, 86400)
		sec += (gregorian(day) - day) * 86400
	}
	if !d.nanos {
		return sec*1_000_000 + nano/1000, nil
	}
	if sec > math.MaxInt64/1_000_000_000-1 || sec < math.MinInt64/1_000_000_000+1 {
		return 0, fmt.Errorf("%s is out of the range of TIMESTAMP(9); read it as TIMESTAMP", time.Unix(sec, nano).UTC())
	}
	return sec*1_000_000_000 + nano, nil
}

func (d *timestamps) offsetAt(sec int64) int64 {
	if d.zone == time.UTC {
		return 0
	}
	if sec < d.from || sec >= d.to {
		t := time.Unix(sec, 0).In(d.zone)
		_, offset := t.Zone()
		from, to := t.ZoneBounds()
		d.from, d.to, d.offset = math.MinInt64, math.MaxInt64, int64(offset)
		if !from.IsZero() {
			d.from = from.Unix()
		}
		if !to.IsZero() {
			d.to = to.Unix()
		}
	}
	return d.offset
}

// decimals are numbers of any length and their scales.
type decimals struct {
	core
	data   *stream
	scales *intReader
	scale  int
}

func (d *decimals) read(n int, parent []bool) (arrow.Array, error) {
	valid, count, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	scales, err := d.values(d.scales, count)
	if err != nil {
		return nil, err
	}
	out := make([]decimal128.Num, n)
	at := 0
	precision := d.typ.(*arrow.Decimal128Type).Precision
	for i := range n {
		if valid != nil && !valid[i] {
			continue
		}
		v, err := d.number()
		if err != nil {
			return nil, err
		}
		if s := scales[at]; s != int64(d.scale) {
			if v, err = rescale(v, s, d.scale); err != nil {
				return nil, err
			}
		}
		at++
		if !v.FitsInPrecision(precision) {
			return nil, fmt.Errorf("a number has more digits than %s holds", d.typ)
		}
		out[i] = v
	}
	return d.build(n, valid, nil, memory.NewBufferBytes(arrow.GetBytes(out))), nil
}

// rescale moves the decimal point: Hive leaves zeros at the end out, value by value.
func rescale(v decimal128.Num, from int64, to int) (decimal128.Num, error) {
	if from < 0 || from > 38 {
		return v, fmt.Errorf("a decimal has a scale of %d", from)
	}
	if up := to - int(from); up >= 0 {
		if up > 37 && v != (decimal128.Num{}) || up <= 37 && !v.FitsInPrecision(int32(38-up)) {
			return v, fmt.Errorf("a decimal of scale %d has too many digits for scale %d", from, to)
		}
		return v.Mul(decimal128.GetScaleMultiplier(up)), nil
	}
	q, r := v.Div(decimal128.GetScaleMultiplier(int(from) - to))
	if r != (decimal128.Num{}) {
		return v, fmt.Errorf("a decimal of scale %d does not fit scale %d", from, to)
	}
	return q, nil
}

// number reads a zigzag varint of up to 128 bits.
func (d *decimals) number() (decimal128.Num, error) {
	var lo, hi uint64
	for shift := uint(0); ; shift += 7 {
		b, err := d.data.byte()
		if err != nil {
			return decimal128.Num{}, err
		}
		v := uint64(b & 0x7f)
		switch {
		case shift > 126 || shift == 126 && v > 3:
			return decimal128.Num{}, errors.New("a decimal has more than 128 bits")
		case shift < 64:
			lo |= v << shift
			if shift > 57 {
				hi |= v >> (64 - shift)
			}
		default:
			hi |= v << (shift - 64)
		}
		if b < 0x80 {
			break
		}
	}
	sign := -(lo & 1)
	lo, hi = (lo>>1|hi<<63)^sign, hi>>1^sign
	return decimal128.New(int64(hi), lo), nil
}
