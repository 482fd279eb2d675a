package excel

import (
	"math"
	"strings"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// dateKind is what a number format shows of a number that is a date.
type dateKind uint8

const (
	noDate dateKind = iota
	dateOnly
	timeOnly
	dateAndTime
)

// builtin is the kind of the formats whose codes are not written (ECMA-376 part 1, 18.8.30).
func builtin(format int) dateKind {
	switch {
	case format >= 14 && format <= 17, format >= 27 && format <= 31, format == 36, format >= 50 && format <= 54, format >= 57 && format <= 58:
		return dateOnly
	case format >= 18 && format <= 21, format >= 32 && format <= 35, format >= 45 && format <= 47, format >= 55 && format <= 56:
		return timeOnly
	case format == 22:
		return dateAndTime
	}
	return noDate
}

// kindOf reads a number format: texts in quotes, escaped characters and brackets do not count,
// but for elapsed times such as [h].
func kindOf(code string) dateKind {
	code, _, _ = strings.Cut(strings.ToLower(code), ";")
	var day, clock, month bool
	for i := 0; i < len(code); i++ {
		switch code[i] {
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				end = len(code) - i - 2
			}
			i += end + 1
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				end = len(code) - i - 1
			}
			inner := strings.Trim(code[i+1:i+max(end, 1)], "hms")
			clock = clock || inner == "" && end > 1
			i += end
		case 'y', 'd':
			day = true
		case 'h', 's':
			clock = true
		case 'm':
			month = true
		case 'g':
			if strings.HasPrefix(code[i:], "general") {
				return noDate
			}
		}
	}
	switch {
	case day && clock:
		return dateAndTime
	case day, month && !clock:
		return dateOnly
	case clock:
		return timeOnly
	}
	return noDate
}

// instant is the moment of a serial number, to the millisecond, which is what Excel keeps. It is
// false outside of the years 1900 to 9999.
func (b *book) instant(serial float64) (value.Instant, bool) {
	if !(serial >= 0 && serial < 2958466) {
		return value.Instant{}, false
	}
	if b.epoch == epoch1900 && serial >= 1 && serial < 60 {
		serial++ // Excel counts a 29 February 1900 that never was
	}
	millis := int64(math.Round(serial*86400e3)) - b.epoch*86400e3
	at := value.Instant{Seconds: millis / 1000}
	if millis%1000 < 0 {
		at.Seconds--
	}
	at.Nanos = int32(millis-at.Seconds*1000) * 1e6
	return at, true
}

// momentText is an instant as the text of a type; as the text a format shows for others.
func momentText(buf []byte, at value.Instant, t record.Type, kind dateKind) []byte {
	days := (at.Seconds + 1<<40*86400) / 86400
	clock := (at.Seconds+1<<40*86400-days*86400)*1e9 + int64(at.Nanos)
	days -= 1 << 40
	switch {
	case t.Kind == record.Date, !t.Kind.Temporal() && kind == dateOnly:
		return value.AppendDate(buf, int32(days), value.DateDash)
	case t.Kind == record.Time, !t.Kind.Temporal() && kind == timeOnly:
		return value.AppendTime(buf, clock, value.TimeISO)
	}
	return value.AppendDateTime(buf, at, value.DateTimeDashShort)
}
