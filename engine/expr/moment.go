package expr

import (
	"fmt"
	"math"
	"time"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// time is value i of a temporal column as a reading in UTC; a TIME is on 1970-01-01.
func (v *vec) time(i int) time.Time {
	x := v.i[i&v.mask]
	switch {
	case v.typ.Kind == record.Date:
		return time.Unix(x*86400, 0).UTC()
	case v.typ.Nanos():
		return time.Unix(floorDiv(x, 1e9), floorMod(x, 1e9)).UTC()
	}
	return time.UnixMicro(x).UTC()
}

// setTime sets value i of a temporal column to a reading. It fails outside the range of the
// type.
func (v *vec) setTime(i int, t time.Time) error {
	switch {
	case v.typ.Kind == record.Date:
		v.i[i] = floorDiv(t.Unix(), 86400)
		return nil
	case v.typ.Kind == record.Time:
		nanos := floorMod(t.Unix(), 86400)*1e9 + int64(t.Nanosecond())
		if !v.typ.Nanos() {
			nanos /= 1e3
		}
		v.i[i] = nanos
		return nil
	case v.typ.Nanos():
		if y := t.Year(); y < 1678 || y > 2261 {
			return fmt.Errorf("the year %d is outside 1678 to 2261, the range of %s", y, v.typ)
		}
		v.i[i] = t.UnixNano()
		return nil
	}
	if y := t.Year(); y < -9999 || y > 99999 {
		return fmt.Errorf("the year %d is out of range", y)
	}
	v.i[i] = t.UnixMicro()
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 {
	if m := a % b; m < 0 {
		return m + b
	} else {
		return m
	}
}

// wall is the reading of t in a zone, as if it were UTC.
func wall(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

// local turns a TIMESTAMP_TZ into the TIMESTAMP the zone of the job shows; others stay.
func (c *compiler) local(e syntax.Expr, n *node) *node {
	if n.typ.Kind != record.TimestampTZ {
		return n
	}
	t := record.Type{Kind: record.Timestamp, Scale: n.typ.Scale}
	return c.raw(e, t, func(f *frame, out *vec) {
		in := n.run(f)
		out.strictNulls(f.n, in)
		for i := range f.n {
			if !out.isNull(i) {
				if err := out.setTime(i, wall(in.time(i), f.env.Zone)); err != nil {
					f.fail(i, err)
				}
			}
		}
	})
}

// parseMoment reads a SQL date, time or timestamp text: 2024-05-01 10:20:30.123456.
func parseMoment(kind record.Kind, text string) (time.Time, error) {
	layouts := map[record.Kind][]string{
		record.Date:      {time.DateOnly},
		record.Time:      {"15:04:05.999999999", "15:04"},
		record.Timestamp: {"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly},
	}[kind]
	for _, l := range layouts {
		if t, err := time.Parse(l, text); err == nil {
			if kind == record.Time {
				t = time.Unix(0, 0).UTC().Add(t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not a %s; expected it as in %s", quoted(text), kind, map[record.Kind]string{
		record.Date: "2024-05-31", record.Time: "23:59:59", record.Timestamp: "2024-05-31 23:59:59"}[kind])
}

func (c *compiler) moment(x *syntax.Moment) (*node, error) {
	kind := map[string]record.Kind{"DATE": record.Date, "TIME": record.Time, "TIMESTAMP": record.Timestamp}[x.Kind]
	t, err := parseMoment(kind, x.Value)
	if err != nil {
		return nil, at(x, "%s", err)
	}
	var bad error
	n := c.constant(x, record.Of(kind), func(v *vec) { bad = v.setTime(0, t) })
	if bad != nil {
		return nil, at(x, "%s", bad)
	}
	return n, nil
}

// addMonths moves a reading by months; a day past the end of the month is its last one.
func addMonths(t time.Time, months int64) time.Time {
	y, m, d := t.Date()
	total := int64(y)*12 + int64(m) - 1 + months
	ny, nm := int(floorDiv(total, 12)), time.Month(floorMod(total, 12)+1)
	last := time.Date(ny, nm+1, 0, 0, 0, 0, 0, time.UTC).Day()
	h, mi, s := t.Clock()
	return time.Date(ny, nm, min(d, last), h, mi, s, t.Nanosecond(), time.UTC)
}

// period is the calendar distance from a to b in whole months and the days beyond, as
// java.time.Period counts it.
func period(a, b time.Time) (months int64) {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	months = int64(by-ay)*12 + int64(bm-am)
	switch {
	case months > 0 && bd < ad:
		months--
	case months < 0 && bd > ad:
		months++
	}
	return months
}

// epochLimit bounds seconds and milliseconds that become a moment.
const epochLimit = math.MaxInt64 / 1_000_000
