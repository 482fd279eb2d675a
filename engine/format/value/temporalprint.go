package value

import "strconv"

// DateFormat is a date_format of SeaTunnel.
type DateFormat uint8

// The date formats, by their Java patterns.
const (
	DateDash  DateFormat = iota // yyyy-MM-dd
	DateDot                     // yyyy.MM.dd
	DateSlash                   // yyyy/MM/dd
)

// DateTimeFormat is a datetime_format of SeaTunnel.
type DateTimeFormat uint8

// The date-time formats, by their Java patterns.
const (
	DateTimeISO       DateTimeFormat = iota // yyyy-MM-dd'T'HH:mm:ss and as many fraction digits as needed
	DateTimeDash                            // yyyy-MM-dd HH:mm:ss
	DateTimeDash6                           // yyyy-MM-dd HH:mm:ss.SSSSSS
	DateTimeDot                             // yyyy.MM.dd HH:mm:ss
	DateTimeSlash                           // yyyy/MM/dd HH:mm:ss
	DateTimeCompact                         // yyyyMMddHHmmss
	DateTimeT                               // yyyy-MM-dd'T'HH:mm:ss
	DateTimeT3                              // yyyy-MM-dd'T'HH:mm:ss.SSS
	DateTimeT6                              // yyyy-MM-dd'T'HH:mm:ss.SSSSSS
	DateTimeT9                              // yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS
	DateTimeDashShort                       // yyyy-MM-dd HH:mm:ss and as many fraction digits as needed; not a job's option
)

// TimeFormat is a time_format of SeaTunnel.
type TimeFormat uint8

// The time formats, by their Java patterns.
const (
	TimeISO    TimeFormat = iota // HH:mm:ss and as many fraction digits as needed
	TimeSecond                   // HH:mm:ss
	TimeMilli                    // HH:mm:ss.SSS
)

// minimal stands for as many fraction digits as are not zero at the end.
const minimal = 10

var dateTimeParts = [...]struct{ sep, mid, fraction byte }{
	DateTimeISO: {'-', 'T', minimal}, DateTimeDash: {'-', ' ', 0}, DateTimeDash6: {'-', ' ', 6},
	DateTimeDot: {'.', ' ', 0}, DateTimeSlash: {'/', ' ', 0}, DateTimeCompact: {},
	DateTimeT: {'-', 'T', 0}, DateTimeT3: {'-', 'T', 3}, DateTimeT6: {'-', 'T', 6}, DateTimeT9: {'-', 'T', 9},
	DateTimeDashShort: {'-', ' ', minimal},
}

// AppendDate writes days since 1970-01-01.
func AppendDate(dst []byte, days int32, f DateFormat) []byte {
	return appendDate(dst, int64(days), [...]byte{'-', '.', '/'}[f])
}

func appendDate(dst []byte, days int64, sep byte) []byte {
	year, month, day := dateOf(days)
	if year < 0 || year > 9999 {
		dst = strconv.AppendInt(dst, year, 10)
	} else {
		a, b := 2*(year/100), 2*(year%100)
		dst = append(dst, pairs[a], pairs[a+1], pairs[b], pairs[b+1])
	}
	if sep == 0 {
		return append(dst, pairs[2*month], pairs[2*month+1], pairs[2*day], pairs[2*day+1])
	}
	return append(dst, sep, pairs[2*month], pairs[2*month+1], sep, pairs[2*day], pairs[2*day+1])
}

// AppendTime writes nanoseconds since midnight.
func AppendTime(dst []byte, nanos int64, f TimeFormat) []byte {
	return appendClock(dst, nanos, ':', [...]byte{minimal, 0, 3}[f])
}

func appendClock(dst []byte, nanos int64, sep, fraction byte) []byte {
	sec := uint64(nanos) / 1e9
	h, m, s := 2*(sec/3600%24), 2*(sec/60%60), 2*(sec%60)
	if sep == 0 {
		dst = append(dst, pairs[h], pairs[h+1], pairs[m], pairs[m+1], pairs[s], pairs[s+1])
	} else {
		dst = append(dst, pairs[h], pairs[h+1], sep, pairs[m], pairs[m+1], sep, pairs[s], pairs[s+1])
	}
	rest := uint64(nanos) % 1e9
	switch {
	case fraction == 0, fraction == minimal && rest == 0:
		return dst
	case fraction == minimal:
		fraction = 9
		for rest%10 == 0 {
			rest /= 10
			fraction--
		}
	default:
		rest /= uint64(pow10[9-fraction])
	}
	return appendPadded(append(dst, '.'), rest, int(fraction))
}

// AppendDateTime writes an instant as the wall clock of UTC shows it.
func AppendDateTime(dst []byte, at Instant, f DateTimeFormat) []byte {
	days := at.Seconds / secondsADay
	if at.Seconds < days*secondsADay {
		days--
	}
	p := dateTimeParts[f]
	dst = appendDate(dst, days, p.sep)
	clock := (at.Seconds-days*secondsADay)*1e9 + int64(at.Nanos)
	if p.mid == 0 {
		return appendClock(dst, clock, 0, 0)
	}
	return appendClock(append(dst, p.mid), clock, ':', p.fraction)
}

// instantOf splits a count of units since 1970, so many a second.
func instantOf(v, perSecond int64) Instant {
	sec := v / perSecond
	rest := v - sec*perSecond
	if rest < 0 {
		sec--
		rest += perSecond
	}
	return Instant{Seconds: sec, Nanos: int32(rest * (1e9 / perSecond))}
}
