package expr

import (
	"time"

	"seikan/engine/record"
)

var partFunctions = []builtin{
	{name: "DAYNAME", params: "t:temporal", doc: "English name of the day.", make: dateName(func(t time.Time) string { return t.Weekday().String() })},
	{name: "MONTHNAME", params: "t:temporal", doc: "English name of the month.", make: dateName(func(t time.Time) string { return t.Month().String() })},
	{name: "DAY_OF_MONTH", params: "t:temporal", doc: "1 to 31.", make: part("DAY")},
	{name: "DAY_OF_WEEK", params: "t:temporal", doc: "1 (Monday) to 7 (Sunday).", make: part("DAYOFWEEK")},
	{name: "DAY_OF_YEAR", params: "t:temporal", doc: "1 to 366.", make: part("DAYOFYEAR")},
	{name: "MONTH", params: "t:temporal", doc: "1 to 12.", make: part("MONTH")},
	{name: "QUARTER", params: "t:temporal", doc: "1 to 4.", make: part("QUARTER")},
	{name: "YEAR", params: "t:temporal", doc: "The year.", make: part("YEAR")},
	{name: "WEEK", params: "t:temporal", doc: "The ISO week; in ZETA the week of the year, which may be 0, plus 1.", make: part("WEEK")},
	{name: "HOUR", params: "t:temporal", doc: "0 to 23.", make: part("HOUR")},
	{name: "MINUTE", params: "t:temporal", doc: "0 to 59.", make: part("MINUTE")},
	{name: "SECOND", params: "t:temporal", doc: "0 to 59.", make: part("SECOND")},
	{name: "EXTRACT", params: "unit:unit t:temporal", form: "EXTRACT(unit FROM t)", doc: "A part of a date or time: YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND, DAYOFWEEK, DAYOFYEAR.", make: extract},
}

// dateParts and timeParts take readings apart.
var dateParts = map[string]func(t time.Time) int{
	"YEAR": time.Time.Year, "MONTH": func(t time.Time) int { return int(t.Month()) }, "DAY": time.Time.Day,
	"DAYOFWEEK": isoDay, "DAYOFYEAR": time.Time.YearDay,
	"QUARTER": func(t time.Time) int { return (int(t.Month()) + 2) / 3 },
}

var timeParts = map[string]func(t time.Time) int{
	"HOUR": time.Time.Hour, "MINUTE": time.Time.Minute, "SECOND": time.Time.Second,
	"MILLISECOND": func(t time.Time) int { return t.Nanosecond() / 1e6 },
}

// isoDay is 1 for Monday, 7 for Sunday.
func isoDay(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

// weekOfYear is Java's WeekFields.ISO.weekOfYear: weeks begin on Monday, the first has at
// least four days of the year, days before it are in week 0.
func weekOfYear(t time.Time) int {
	first := isoDay(t.AddDate(0, 0, 1-t.YearDay())) // weekday of January 1st
	offset := first - 1                             // days of its week in the old year
	week := (t.YearDay() - 1 + offset) / 7
	if offset <= 3 {
		week++
	}
	return week
}

func dateName(name func(t time.Time) string) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		if k.args[0].typ.Kind == record.Time {
			return nil, k.fail(0, "a TIME has no date")
		}
		return k.rows(record.String, func(r *row) error { r.append([]byte(name(r.a[0].time(r.i)))...); return nil })
	}
}

// part makes a function of one part of a date or time.
func part(unit string) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		fn, err := partOf(k, unit, 0)
		if err != nil {
			return nil, err
		}
		return k.rows(record.Int, func(r *row) error { r.setInt(int64(fn(r.a[0].time(r.i)))); return nil })
	}
}

// partOf finds the function of a part and checks that argument arg has it.
func partOf(k *call, unit string, arg int) (func(t time.Time) int, error) {
	kind := k.args[arg].typ.Kind
	if unit == "WEEK" && kind != record.Time {
		if k.c.ansi() {
			return func(t time.Time) int { _, w := t.ISOWeek(); return w }, nil
		}
		return func(t time.Time) int { return weekOfYear(t) + 1 }, nil
	}
	if fn := dateParts[unit]; fn != nil && kind != record.Time {
		return fn, nil
	}
	if fn := timeParts[unit]; fn != nil && kind != record.Date {
		return fn, nil
	}
	return nil, k.fail(arg, "a %s has no %s", kind, unit)
}

// extract is EXTRACT; in ZETA a part the value does not have is null.
func extract(k *call) (*node, error) {
	unit, err := k.unitOr("", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "DAYOFWEEK", "DAYOFYEAR")
	if err != nil {
		return nil, err
	}
	fn, err := partOf(k, unit, 1)
	if err != nil {
		if k.c.ansi() {
			return nil, err
		}
		return k.c.nullOf(k.e.At(), record.Of(record.Int)), nil
	}
	return k.rows(record.Int, func(r *row) error { r.setInt(int64(fn(r.a[0].time(r.i)))); return nil })
}
