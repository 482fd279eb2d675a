package expr

import (
	"fmt"
	"strings"
	"time"

	"seikan/engine/expr/datepattern"
	"seikan/engine/record"
)

var timeFunctions = []builtin{
	{name: "CURRENT_DATE", volatile: true, doc: "Today.", make: clock(record.Date)},
	{name: "CURRENT_TIME", volatile: true, doc: "The time of day.", make: clock(record.Time)},
	{name: "CURRENT_TIMESTAMP NOW", volatile: true, doc: "Date and time.", make: clock(record.Timestamp)},
	{name: "DATEADD TIMESTAMPADD", params: "t:temporal n:int unit:unit?", doc: "t moved by n units, days without one: YEAR, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND.", make: dateAdd},
	{name: "DATEDIFF", params: "a:temporal b:temporal unit:unit?", doc: "Units from a to b, days without one: YEAR, MONTH, WEEK, DAY, DAYTIME, HOUR, MINUTE, SECOND, MILLISECOND.", make: dateDiff},
	{name: "DATE_TRUNC", params: "t:stamp unit:unit?", doc: "A timestamp cut to YEAR, MONTH, DAY (without a unit), HOUR, MINUTE or SECOND.", make: dateTrunc},
	{name: "FORMATDATETIME", params: "t:temporal fmt:text", doc: "Date and time by a Java pattern.", make: formatMoment},
	{name: "PARSEDATETIME TO_DATE", params: "s:text fmt:text", doc: "Reads a text by a Java pattern, which must be a literal: TIMESTAMP when it has yy and mm, DATE when only yy, TIME when only mm.", make: parseByPattern},
	{name: "IS_DATE", params: "s:text fmt:text", doc: "Whether PARSEDATETIME can read the text; in ZETA true for null.", make: isDate},
	{name: "FROM_UNIXTIME", params: "sec:int fmt:text zone:text?", doc: "Seconds since 1970 by a Java pattern, in a zone such as UTC+8.", make: fromUnix},
}

func clock(kind record.Kind) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		return k.rows(kind, func(r *row) error {
			return r.out.setTime(r.i, wall(r.f.now(), r.f.env.Zone))
		})
	}
}

// unitNames are the units of DATEADD and DATEDIFF.
var unitNames = []string{"YEAR", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"}

var clockUnits = map[string]time.Duration{"HOUR": time.Hour, "MINUTE": time.Minute, "SECOND": time.Second, "MILLISECOND": time.Millisecond}

func (k *call) unitOr(otherwise string, known ...string) (string, error) {
	if k.unit == "" {
		return otherwise, nil
	}
	for _, u := range known {
		if u == k.unit {
			return u, nil
		}
	}
	return "", at(k.e, "%s does not know the unit %s; known are %s", k.name, quoted(k.unit), strings.Join(known, ", "))
}

func dateAdd(k *call) (*node, error) {
	unit, err := k.unitOr("DAY", unitNames...)
	if err != nil {
		return nil, err
	}
	t := k.args[0].typ
	step, isClock := clockUnits[unit]
	if isClock && t.Kind == record.Date || !isClock && t.Kind == record.Time { // does not fit
		if k.c.ansi() {
			return nil, at(k.e, "%s cannot be added to a %s", unit, t.Kind)
		}
		return k.typed(t, func(r *row) error { r.setInt(r.int(0)); return nil })
	}
	return k.typed(t, func(r *row) error {
		v, n := r.a[0].time(r.i), r.int(1)
		const most = 400_000_000_000_000 // more than the range of any unit
		if n > most || n < -most {
			return fmt.Errorf("%s: %d %s are out of range", k.name, n, unit)
		}
		if isClock {
			per := int64(time.Second / step)
			if step >= time.Second {
				seconds := n * int64(step/time.Second)
				if t.Kind == record.Time {
					seconds %= 86400
				}
				return r.out.setTime(r.i, time.Unix(v.Unix()+seconds, int64(v.Nanosecond())).UTC())
			}
			return r.out.setTime(r.i, time.Unix(v.Unix()+floorDiv(n, per), int64(v.Nanosecond())+floorMod(n, per)*int64(step)).UTC())
		}
		if n > 200_000*366 || n < -200_000*366 {
			return fmt.Errorf("%s: %d %s are out of range", k.name, n, unit)
		}
		switch unit {
		case "YEAR":
			v = addMonths(v, 12*n)
		case "MONTH":
			v = addMonths(v, n)
		case "WEEK":
			v = v.AddDate(0, 0, int(7*n))
		default:
			v = v.AddDate(0, 0, int(n))
		}
		return r.out.setTime(r.i, v)
	})
}

func dateDiff(k *call) (*node, error) {
	unit, err := k.unitOr("DAY", append([]string{"DAYTIME"}, unitNames...)...)
	if err != nil {
		return nil, err
	}
	ansi := k.c.ansi()
	if (k.args[0].typ.Kind == record.Time) != (k.args[1].typ.Kind == record.Time) {
		return nil, at(k.e, "%s: there is no distance from a %s to a %s", k.name, k.args[0].typ, k.args[1].typ)
	}
	return k.rows(record.BigInt, func(r *row) error {
		a, b := r.a[0].time(r.i), r.a[1].time(r.i)
		switch unit {
		case "YEAR":
			r.setInt(period(a, b) / 12)
		case "MONTH":
			m := period(a, b)
			if !ansi {
				m %= 12 // the months beyond whole years
			}
			r.setInt(m)
		default:
			r.setInt(elapsed(a, b, unit))
		}
		return nil
	})
}

// elapsed is the time from a to b in whole units, cut towards zero.
func elapsed(a, b time.Time, unit string) int64 {
	seconds, nanos := b.Unix()-a.Unix(), int64(b.Nanosecond()-a.Nanosecond())
	if seconds > 0 && nanos < 0 {
		seconds, nanos = seconds-1, nanos+1e9
	} else if seconds < 0 && nanos > 0 {
		seconds, nanos = seconds+1, nanos-1e9
	}
	switch unit {
	case "WEEK":
		return seconds / (7 * 86400)
	case "HOUR":
		return seconds / 3600
	case "MINUTE":
		return seconds / 60
	case "SECOND":
		return seconds
	case "MILLISECOND":
		return seconds*1000 + nanos/1e6
	}
	return seconds / 86400
}

func dateTrunc(k *call) (*node, error) {
	unit, err := k.unitOr("DAY", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
	if err != nil {
		return nil, err
	}
	return k.typed(k.args[0].typ, func(r *row) error {
		t := r.a[0].time(r.i)
		y, m, d := t.Date()
		h, mi, s := t.Clock()
		switch unit {
		case "YEAR":
			m, d, h, mi, s = 1, 1, 0, 0, 0
		case "MONTH":
			d, h, mi, s = 1, 0, 0, 0
		case "DAY":
			h, mi, s = 0, 0, 0
		case "HOUR":
			mi, s = 0, 0
		case "MINUTE":
			s = 0
		}
		return r.out.setTime(r.i, time.Date(y, m, d, h, mi, s, 0, time.UTC))
	})
}

// patternKind is the type PARSEDATETIME has for a pattern.
func patternKind(pattern string) (record.Kind, bool) {
	year, minute := strings.Contains(pattern, "yy"), strings.Contains(pattern, "mm")
	switch {
	case year && minute:
		return record.Timestamp, true
	case year:
		return record.Date, true
	case minute:
		return record.Time, true
	}
	return record.Null, false
}

// readMoment parses a text into what a column of kind holds.
func readMoment(p *datepattern.Pattern, kind record.Kind, text string) (time.Time, error) {
	got, err := p.Parse(text)
	if err != nil {
		return time.Time{}, err
	}
	if kind != record.Time && !got.HasDate || kind != record.Date && !got.HasTime {
		return time.Time{}, fmt.Errorf("the date pattern %q gives no whole %s", p, kind)
	}
	_, offset := got.Time.Zone()
	return got.Time.Add(time.Duration(offset) * time.Second).UTC(), nil
}

func parseByPattern(k *call) (*node, error) {
	text, ok := k.literal(1)
	if !ok {
		return nil, k.fail(1, "the date pattern must be a text literal, since the column's type depends on it")
	}
	kind, ok := patternKind(text)
	if !ok {
		return nil, k.fail(1, "the date pattern %s has neither yy nor mm", quoted(text))
	}
	p, err := datepattern.Compile(text)
	if err != nil {
		return nil, k.fail(1, "%s", err)
	}
	t := record.Of(kind)
	if kind != record.Date && strings.Count(text, "S") > 6 {
		t.Scale = 9
	}
	return k.typed(t, func(r *row) error {
		v, err := readMoment(p, kind, r.str(0))
		if err != nil {
			return err
		}
		return r.out.setTime(r.i, v)
	})
}

func isDate(k *call) (*node, error) {
	pattern, err := k.datePattern(1)
	if err != nil {
		return nil, err
	}
	ansi := k.c.ansi()
	return k.loose(record.Boolean, ansi, func(r *row) error {
		r.setBool(true)
		if r.isNull(0) {
			return nil
		}
		if r.isNull(1) {
			r.null = true
			return nil
		}
		p, err := pattern(r)
		if err != nil {
			return err
		}
		kind, ok := patternKind(p.String())
		if ok {
			_, err = readMoment(p, kind, strings.Clone(r.str(0)))
		}
		r.setBool(ok && err == nil)
		return nil
	})
}

func fromUnix(k *call) (*node, error) {
	pattern, err := k.datePattern(1)
	if err != nil {
		return nil, err
	}
	var fixed *time.Location
	if name, ok := k.literal(2); ok {
		if fixed, err = datepattern.Zone(name); err != nil {
			return nil, k.fail(2, "%s", err)
		}
	}
	args := k.given()
	set := func(r *row) error {
		p, err := pattern(r)
		if err != nil {
			return err
		}
		zone := fixed
		switch {
		case zone != nil:
		case len(r.a) < 3:
			zone = r.f.env.Zone
		default:
			if zone, err = datepattern.Zone(strings.Clone(r.str(2))); err != nil {
				return err
			}
		}
		sec := r.int(0)
		if sec > epochLimit || sec < -epochLimit {
			return fmt.Errorf("%d seconds since 1970 are out of range", sec)
		}
		r.out.data = p.Append(r.out.data, time.Unix(sec, 0).In(zone))
		return nil
	}
	return k.c.raw(k.e, record.Of(record.String), func(f *frame, out *vec) { runRows(f, out, args, true, set) }), nil
}
