package datepattern

import (
	"strconv"
	"time"
)

// Format writes t, as its own zone shows it.
func (p *Pattern) Format(t time.Time) string { return string(p.Append(nil, t)) }

// Append is Format into dst.
func (p *Pattern) Append(dst []byte, t time.Time) []byte {
	return appendItems(dst, p.items, t)
}

func appendItems(dst []byte, items []item, t time.Time) []byte {
	for i := range items {
		it := &items[i]
		switch {
		case it.letter != 0:
			dst = it.append(dst, t)
		case it.section != nil:
			dst = appendItems(dst, it.section, t)
		default:
			dst = append(dst, it.text...)
		}
	}
	return dst
}

func (it *item) append(dst []byte, t time.Time) []byte {
	switch it.letter {
	case 'y':
		y := t.Year()
		if y <= 0 {
			y = 1 - y
		}
		return it.year(dst, y)
	case 'u':
		return it.year(dst, t.Year())
	case 'Y':
		y, _ := localWeek(t)
		return it.year(dst, y)
	case 'w':
		_, w := localWeek(t)
		return pad(dst, int64(w), it.count)
	case 'G':
		return append(dst, eraName(t.Year() > 0, it.count)...)
	case 'D':
		return pad(dst, int64(t.YearDay()), it.count)
	case 'M', 'L':
		if it.count > 2 {
			return append(dst, cut(t.Month().String(), it.count)...)
		}
		return pad(dst, int64(t.Month()), it.count)
	case 'Q', 'q':
		q := (int(t.Month())-1)/3 + 1
		switch it.count {
		case 3:
			return append(dst, 'Q', byte('0'+q))
		case 4:
			return append(dst, quarterNames[q-1]...)
		}
		return pad(dst, int64(q), min(it.count, 2))
	case 'd':
		return pad(dst, int64(t.Day()), it.count)
	case 'E':
		return append(dst, cut(t.Weekday().String(), max(it.count, 3))...)
	case 'a':
		if t.Hour() < 12 {
			return append(dst, "AM"...)
		}
		return append(dst, "PM"...)
	case 'H':
		return pad(dst, int64(t.Hour()), it.count)
	case 'k':
		return pad(dst, int64((t.Hour()+23)%24+1), it.count)
	case 'K':
		return pad(dst, int64(t.Hour()%12), it.count)
	case 'h':
		return pad(dst, int64((t.Hour()+11)%12+1), it.count)
	case 'm':
		return pad(dst, int64(t.Minute()), it.count)
	case 's':
		return pad(dst, int64(t.Second()), it.count)
	case 'S':
		n := t.Nanosecond()
		for k := it.count; k < 9; k++ {
			n /= 10
		}
		return pad(dst, int64(n), it.count)
	case 'n':
		return pad(dst, int64(t.Nanosecond()), it.count)
	case 'A':
		return pad(dst, nanoOfDay(t)/1e6, it.count)
	case 'N':
		return pad(dst, nanoOfDay(t), it.count)
	}
	return it.zone(dst, t)
}

func (it *item) year(dst []byte, y int) []byte {
	if it.count == 2 {
		return pad(dst, int64(((y%100)+100)%100), 2)
	}
	if it.count >= 4 && y >= pow10[min(it.count, 9)] {
		dst = append(dst, '+')
	}
	return pad(dst, int64(y), it.count)
}

// zone writes offsets and zone names.
func (it *item) zone(dst []byte, t time.Time) []byte {
	name, offset := t.Zone()
	switch it.letter {
	case 'V':
		return append(dst, t.Location().String()...)
	case 'z':
		return append(dst, name...)
	case 'O':
		dst = append(dst, "GMT"...)
		if offset == 0 {
			return dst
		}
		if it.count == 4 {
			return appendOffset(dst, offset, true, true)
		}
		sign, h, m := split(offset)
		dst = strconv.AppendInt(append(dst, sign), int64(h), 10)
		if m != 0 {
			dst = pad(append(dst, ':'), int64(m), 2)
		}
		return dst
	case 'Z':
		switch {
		case it.count == 4:
			dst = append(dst, "GMT"...)
			if offset == 0 {
				return dst
			}
			return appendOffset(dst, offset, true, true)
		case it.count == 5 && offset == 0:
			return append(dst, 'Z')
		}
		return appendOffset(dst, offset, true, it.count == 5)
	case 'X':
		if offset == 0 {
			return append(dst, 'Z')
		}
	}
	_, _, m := split(offset)
	return appendOffset(dst, offset, it.count > 1 || m != 0, it.count == 3 || it.count == 5)
}

func split(offset int) (sign byte, h, m int) {
	sign = '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return sign, offset / 3600, offset / 60 % 60
}

func appendOffset(dst []byte, offset int, minutes, colon bool) []byte {
	sign, h, m := split(offset)
	dst = pad(append(dst, sign), int64(h), 2)
	if !minutes {
		return dst
	}
	if colon {
		dst = append(dst, ':')
	}
	return pad(dst, int64(m), 2)
}

var (
	quarterNames = [4]string{"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"}
	pow10        = [10]int{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}
)

func eraName(ad bool, count int) string {
	names := [2][3]string{{"BC", "Before Christ", "B"}, {"AD", "Anno Domini", "A"}}
	k := 0
	if ad {
		k = 1
	}
	return names[k][max(count-3, 0)]
}

// cut shortens an English name to the text form of count letters: 3 short, 4 full, 5 narrow.
func cut(name string, count int) string {
	switch count {
	case 3:
		return name[:3]
	case 5:
		return name[:1]
	}
	return name
}

// pad writes v with at least width digits.
func pad(dst []byte, v int64, width int) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	if width == 2 && v < 100 {
		return append(dst, byte('0'+v/10), byte('0'+v%10))
	}
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], v, 10)
	for k := len(digits); k < width; k++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

func nanoOfDay(t time.Time) int64 {
	h, m, s := t.Clock()
	return int64(h*3600+m*60+s)*1e9 + int64(t.Nanosecond())
}

// localWeek is the week-based year and week of the English (US) locale: weeks begin on Sunday
// and week 1 is the one with January 1st.
func localWeek(t time.Time) (year, week int) {
	year = t.Year()
	day := t.YearDay()
	first := (int(t.Weekday()) - (day-1)%7 + 7) % 7 // weekday of January 1st
	week = (day-1+first)/7 + 1
	days := 365
	if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days = 366
	}
	last := (first + days) % 7 // weekday of next January 1st
	if day > days-last {
		return year + 1, 1
	}
	return year, week
}
