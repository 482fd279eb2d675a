package value

import "math"

const (
	secondsADay = 86400
	nanosADay   = secondsADay * 1e9
)

// Instant is a moment as seconds since 1970-01-01 00:00:00 and nanoseconds within the second.
type Instant struct {
	Seconds int64
	Nanos   int32
}

// Micros returns the instant in microseconds; finer digits are cut off.
func (i Instant) Micros() int64 { return i.Seconds*1e6 + int64(i.Nanos)/1e3 }

// UnixNanos returns the instant in nanoseconds, and false outside the years 1678 to 2261.
func (i Instant) UnixNanos() (int64, bool) {
	const limit = math.MaxInt64/1_000_000_000 - 1
	return i.Seconds*1e9 + int64(i.Nanos), i.Seconds < limit && i.Seconds > -limit
}

// Expectations of temporal texts, for messages.
const (
	expectedDate     = "a day such as 2024-12-31, 2024/12/31, 2024.12.31, 20241231 or 2024年12月31日"
	expectedTime     = "a time such as 23:59:58 or 23:59:58.123"
	expectedDateTime = "a date and time such as 2024-12-31 23:59:58.123, 2024/12/31T23:59:58 or 20241231235958, without time zone"
	expectedInstant  = "an instant such as 2024-12-31T23:59:58Z or 2024-12-31 23:59:58+02:00"
)

func two(s []byte, i int) uint {
	a, b := uint(s[i]-'0'), uint(s[i+1]-'0')
	if a > 9 || b > 9 {
		return 1000
	}
	return a*10 + b
}

// ParseDate reads a day in any of the shapes yyyy-MM-dd, yyyy/MM/dd, yyyy.MM.dd, yyyyMMdd and
// yyyy年MM月dd日 as days since 1970-01-01. No two of them can be taken for each other, so the
// shape need not be known, nor be the same in every row.
func ParseDate(s []byte) (int32, bool) {
	switch len(s) {
	case 10:
		if sep := s[4]; s[7] == sep && (sep == '-' || sep == '/' || sep == '.') {
			return civil(two(s, 0), two(s, 2), two(s, 5), two(s, 8))
		}
	case 8:
		return civil(two(s, 0), two(s, 2), two(s, 4), two(s, 6))
	case 17:
		if string(s[4:7]) == "年" && string(s[9:12]) == "月" && string(s[14:]) == "日" {
			return civil(two(s, 0), two(s, 2), two(s, 7), two(s, 12))
		}
	}
	return 0, false
}

var daysIn = [13]uint{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// civil counts the days since 1970-01-01 (Hinnant, "chrono-compatible low-level date
// algorithms", days_from_civil), for years 0 to 9999.
func civil(century, rest, month, day uint) (int32, bool) {
	if century > 99 || rest > 99 || month-1 > 11 || day-1 > 30 {
		return 0, false
	}
	year := century*100 + rest
	if day > daysIn[month] || month == 2 && day == 29 && !leap(year) {
		return 0, false
	}
	if month <= 2 {
		year += 399 // one year less, and 400 more to stay positive
		month += 9
	} else {
		year += 400
		month -= 3
	}
	era, yoe := year/400, year%400
	doy := (153*month+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int32(era*146097+doe) - 719468 - 146097, true
}

func leap(year uint) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// dateOf is the inverse of civil (Hinnant, civil_from_days). It holds for every int32 day.
func dateOf(days int64) (year int64, month, day uint) {
	z := days + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := uint(z - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	year = int64(yoe) + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// ParseTime reads HH:mm, HH:mm:ss or HH:mm:ss with up to nine fraction digits as nanoseconds
// since midnight.
func ParseTime(s []byte) (int64, bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, false
	}
	h, m := two(s, 0), two(s, 3)
	if h > 23 || m > 59 {
		return 0, false
	}
	nanos := int64(h*3600+m*60) * 1e9
	if len(s) == 5 {
		return nanos, true
	}
	if len(s) < 8 || s[5] != ':' {
		return 0, false
	}
	sec := two(s, 6)
	if sec > 59 {
		return 0, false
	}
	nanos += int64(sec) * 1e9
	if len(s) == 8 {
		return nanos, true
	}
	f := s[9:]
	if s[8] != '.' || len(f) == 0 || len(f) > 9 {
		return 0, false
	}
	n, ok := ParseInt(f)
	if !ok || f[0] == '+' || f[0] == '-' {
		return 0, false
	}
	return nanos + n*pow10[9-len(f)], true
}

// ParseDateTime reads a date and a time separated by one blank or T, in any shape of
// ParseDate and ParseTime; yyyyMMddHHmmss; and yyyy年MM月dd日 HH时mm分ss秒.
func ParseDateTime(s []byte) (Instant, bool) {
	if len(s) >= 16 && (s[10] == ' ' || s[10] == 'T') {
		return joined(s[:10], s[11:])
	}
	switch {
	case len(s) == 14:
		h, m, sec := two(s, 8), two(s, 10), two(s, 12)
		days, ok := ParseDate(s[:8])
		if !ok || h > 23 || m > 59 || sec > 59 {
			return Instant{}, false
		}
		return Instant{Seconds: int64(days)*secondsADay + int64(h*3600+m*60+sec)}, true
	case len(s) > 13 && (s[8] == ' ' || s[8] == 'T'):
		return joined(s[:8], s[9:])
	case len(s) == 33 && s[17] == ' ' && string(s[20:23]) == "时" && string(s[25:28]) == "分" && string(s[30:]) == "秒":
		clock := []byte{s[18], s[19], ':', s[23], s[24], ':', s[28], s[29]}
		return joined(s[:17], clock)
	case len(s) > 18 && (s[17] == ' ' || s[17] == 'T'):
		return joined(s[:17], s[18:])
	}
	return Instant{}, false
}

func joined(date, clock []byte) (Instant, bool) {
	days, ok := ParseDate(date)
	if !ok {
		return Instant{}, false
	}
	nanos, ok := ParseTime(clock)
	sec := nanos / 1e9
	return Instant{Seconds: int64(days)*secondsADay + sec, Nanos: int32(nanos - sec*1e9)}, ok
}

// ParseInstant reads a date and time followed by Z or an offset such as +02:00, +0200 or +02.
// Without one it is taken as UTC.
func ParseInstant(s []byte) (Instant, bool) {
	if n := len(s); n > 0 && (s[n-1] == 'Z' || s[n-1] == 'z') {
		return ParseDateTime(s[:n-1])
	}
	for _, tail := range [...]int{6, 5, 3} {
		cut := len(s) - tail
		if cut < 14 || s[cut] != '+' && s[cut] != '-' {
			continue
		}
		offset, ok := parseOffset(s[cut+1:])
		if !ok {
			continue
		}
		if s[cut] == '-' {
			offset = -offset
		}
		local, ok := ParseDateTime(s[:cut])
		local.Seconds -= offset
		return local, ok
	}
	return ParseDateTime(s)
}

func parseOffset(s []byte) (int64, bool) {
	h, m := two(s, 0), uint(0)
	switch {
	case len(s) == 5 && s[2] == ':':
		m = two(s, 3)
	case len(s) == 4:
		m = two(s, 2)
	case len(s) != 2:
		return 0, false
	}
	return int64(h*3600 + m*60), h <= 18 && m <= 59
}
