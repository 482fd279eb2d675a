package orcfile

import "time"

// firstGregorian is 1582-10-15, in days since 1970.
const firstGregorian = -141427

// gregorian returns the day that has the same name in the Gregorian calendar as day has in the
// Julian one, if day is one of those that Java's old calendar gives Julian names. Both count from
// 1970-01-01. (Richards, "Calendars", in Explanatory Supplement to the Astronomical Almanac, 2013.)
func gregorian(day int64) int64 {
	if day >= firstGregorian || day < -2_400_000 {
		return day
	}
	c := day + 2440588 + 32082 // days since -4800-03-01 of the Julian calendar
	y := (4*c + 3) / 1461
	e := c - 1461*y/4
	m := (5*e + 2) / 153
	date := time.Date(int(y-4800+m/10), time.Month(m+3-12*(m/10)), int(e-(153*m+2)/5+1), 0, 0, 0, 0, time.UTC)
	return floorDiv(date.Unix(), 86400)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
