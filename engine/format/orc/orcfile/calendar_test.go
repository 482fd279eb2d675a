package orcfile

import (
	"testing"
	"time"
)

func TestJulianDaysKeepTheirNames(t *testing.T) {
	t.Parallel()
	for day, want := range map[int64]string{
		-719164: "0001-01-01", // what Hive writes for 0001-01-01
		-141428: "1582-10-04", // the last day of the Julian calendar
		-141427: "1582-10-15", // the next one
		0:       "1970-01-01",
		-141459: "1582-09-03",
	} {
		if got := time.Unix(gregorian(day)*86400, 0).UTC().Format("2006-01-02"); got != want {
			t.Errorf("day %d is %s, want %s", day, got, want)
		}
	}
}

func TestWritersWithoutCalendarAreJulianWhenTheyAreJava(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    footer
		want bool
	}{{footer{}, true}, {footer{writer: 1}, false}, {footer{calendar: calendarJulian}, true}, {footer{calendar: calendarGregorian}, false}} {
		if got := c.f.julian(); got != c.want {
			t.Errorf("%+v: %v", c.f, got)
		}
	}
}

func TestTimestampsAreTheReadingOfTheWritersClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, clock string }{
		{"UTC", "2020-07-01 12:00:00.5"},
		{"Asia/Shanghai", "2020-01-01 00:00:00"},
		{"America/New_York", "2020-07-01 12:00:00"}, // summer time, unlike the base in January
		{"America/New_York", "2020-01-01 12:00:00.000001"},
		{"Europe/Berlin", "1969-07-20 20:17:40.25"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		wall, err := time.ParseInLocation("2006-01-02 15:04:05.999999", c.clock, zone)
		if err != nil {
			t.Fatal(err)
		}
		// As Java's writer does it.
		sec, nano := wall.Unix(), int64(wall.Nanosecond())
		if sec < 0 && nano > 999_999 {
			sec++
		}
		d := newTimestamps(core{}, nil, nil, zone, false, false)
		got, err := d.value(sec-time.Date(2015, 1, 1, 0, 0, 0, 0, zone).Unix(), fraction(nano))
		if err != nil {
			t.Fatal(err)
		}
		if s := time.UnixMicro(got).UTC().Format("2006-01-02 15:04:05.999999"); s != c.clock {
			t.Errorf("%s in %s is read as %s", c.clock, c.zone, s)
		}
	}
}
