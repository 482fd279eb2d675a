package datepattern

import (
	"errors"
	"fmt"
	"time"
)

var errNoHour = errors.New("a 12-hour clock needs AM or PM (pattern letter a)")

func (f *fields) has(bits uint32) bool { return f.set&bits == bits }

// resolve puts the fields together as Java's SMART resolver does: a day past the end of its
// month is the month's last day.
func (f *fields) resolve() (Parsed, error) {
	out := Parsed{}
	year := f.year
	if !f.has(hasYear) && f.has(hasYearOfEra) {
		year = f.yearOfEra
		if f.has(hasEra) && f.era == 0 {
			year = 1 - year
		}
	}
	y, m, d := 1970, time.January, 1
	if f.set&(hasYear|hasYearOfEra) != 0 {
		switch {
		case f.has(hasMonth | hasDay):
			y, m, d = year, time.Month(f.month), min(f.day, daysIn(year, time.Month(f.month)))
			out.HasDate = true
		case f.has(hasYearDay):
			if f.yearDay == 366 && daysIn(year, time.February) == 28 {
				return out, fmt.Errorf("%d has no day 366", year)
			}
			y, d = year, f.yearDay
			out.HasDate = true
		}
	}
	nanos, hasTime, err := f.timeOfDay()
	if err != nil {
		return out, err
	}
	out.HasTime = hasTime
	loc := time.UTC
	switch {
	case f.has(hasZone):
		loc, out.HasZone = f.zone, true
	case f.has(hasOffset):
		loc, out.HasZone = time.FixedZone("", f.offset), true
	}
	out.Time = time.Date(y, m, d, 0, 0, int(nanos/1e9), int(nanos%1e9), loc)
	if f.has(hasWeekday) && out.HasDate && int(out.Time.Weekday()) != f.weekday {
		return out, fmt.Errorf("%s is a %s, not a %s", out.Time.Format(time.DateOnly), out.Time.Weekday(), time.Weekday(f.weekday))
	}
	return out, nil
}

func (f *fields) timeOfDay() (nanos int64, ok bool, err error) {
	hour := f.hour
	switch {
	case f.has(hasNanoOfDay):
		return f.nanoOfDay, true, nil
	case f.has(hasMilliOfDay):
		return f.milliOfDay * 1e6, true, nil
	case f.has(hasHour):
	case f.has(hasClock24):
		hour = f.clock24 % 24
	case f.set&(hasClock12|hasHour12) != 0:
		if !f.has(hasPM) {
			return 0, false, errNoHour
		}
		hour = f.hour12
		if f.has(hasClock12) {
			hour = f.clock12 % 12
		}
		hour += 12 * f.pm
	default:
		return 0, false, nil
	}
	return int64(hour*3600+f.minute*60+f.second)*1e9 + int64(f.nano), true, nil
}

func daysIn(year int, m time.Month) int {
	switch m {
	case time.April, time.June, time.September, time.November:
		return 30
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
