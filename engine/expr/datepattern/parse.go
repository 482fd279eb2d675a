package datepattern

import (
	"fmt"
	"strings"
	"time"
)

// Parsed is what a text held.
type Parsed struct {
	// Time is the reading; parts that the text does not have are those of 1970-01-01T00:00.
	// It is in UTC unless HasZone.
	Time             time.Time
	HasDate, HasTime bool
	HasZone          bool
}

// fields collects the numbers of a text; the zero value of the set bits means absent.
type fields struct {
	set                                uint32
	year, month, day, yearDay, weekday int
	hour, hour12, clock24, clock12, pm int
	minute, second, nano               int
	milliOfDay, nanoOfDay              int64
	offset                             int
	zone                               *time.Location
	era                                int
	yearOfEra                          int
}

const (
	hasYear uint32 = 1 << iota
	hasYearOfEra
	hasEra
	hasMonth
	hasDay
	hasYearDay
	hasWeekday
	hasHour
	hasHour12
	hasClock24
	hasClock12
	hasPM
	hasMinute
	hasSecond
	hasNano
	hasMilliOfDay
	hasNanoOfDay
	hasOffset
	hasZone
)

// Parse reads the whole of s. Errors say where s departs from the pattern, counted from 1.
func (p *Pattern) Parse(s string) (Parsed, error) {
	var f fields
	at, err := parseItems(p.items, s, 0, &f)
	if err == nil && at < len(s) {
		err = fmt.Errorf("unexpected %q at position %d", s[at:], at+1)
	}
	var out Parsed
	if err == nil {
		out, err = f.resolve()
	}
	if err != nil {
		return Parsed{}, fmt.Errorf("text %q does not match the date pattern %q: %w", s, p.text, err)
	}
	return out, nil
}

func parseItems(items []item, s string, at int, f *fields) (int, error) {
	for i := range items {
		it := &items[i]
		var err error
		switch {
		case it.section != nil:
			saved := *f
			next, miss := parseItems(it.section, s, at, f)
			if miss != nil {
				*f = saved
				continue
			}
			at = next
		case it.letter == 0:
			if !strings.HasPrefix(s[at:], it.text) {
				return at, fmt.Errorf("expected %q at position %d", it.text, at+1)
			}
			at += len(it.text)
		case it.max > 0:
			at, err = it.number(s, at, f)
		default:
			at, err = it.word(s, at, f)
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

// number reads the digits of a numeric item.
func (it *item) number(s string, at int, f *fields) (int, error) {
	start, sign := at, byte(0)
	year := it.max == 19 && (it.letter == 'u' || it.letter == 'y' || it.letter == 'Y')
	if year && at < len(s) && (s[at] == '-' || s[at] == '+' && it.count >= 4) {
		sign = s[at]
		at++
	}
	end := at
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	digits := min(end-at, it.max)
	if it.reserve > 0 {
		digits = min(digits, max(it.min, end-at-it.reserve))
	}
	if digits < it.min {
		return at, fmt.Errorf("expected %d digits for %s at position %d", it.min, strings.Repeat(string(it.letter), it.count), start+1)
	}
	if year && it.count >= 4 && sign != '-' && (digits > it.count) != (sign == '+') {
		return at, fmt.Errorf("a year of more than %d digits has a + in front, others have none, at position %d", it.count, start+1)
	}
	if digits > 18 {
		return at, fmt.Errorf("the number at position %d is too long", start+1)
	}
	var v int64
	for _, c := range []byte(s[at : at+digits]) {
		v = v*10 + int64(c-'0')
	}
	if sign == '-' {
		v = -v
	}
	if err := it.assign(v, digits, f); err != nil {
		return at, fmt.Errorf("%w at position %d", err, start+1)
	}
	return at + digits, nil
}

// limits bound the numbers of a letter.
var limits = [128][2]int64{
	'M': {1, 12}, 'L': {1, 12}, 'd': {1, 31}, 'D': {1, 366}, 'H': {0, 23}, 'h': {1, 12}, 'K': {0, 11},
	'k': {1, 24}, 'm': {0, 59}, 's': {0, 59}, 'S': {0, 999999999}, 'n': {0, 999999999},
	'A': {0, 86400000 - 1}, 'N': {0, 86400e9 - 1}, 'Q': {1, 4}, 'q': {1, 4}, 'w': {1, 54},
	'y': {1, 999999999}, 'u': {-999999999, 999999999}, 'Y': {-999999999, 999999999},
}

func (it *item) assign(v int64, digits int, f *fields) error {
	if lim := limits[it.letter]; (v < lim[0] || v > lim[1]) && !(it.letter == 'y' && it.count == 2) {
		return fmt.Errorf("%d is not between %d and %d", v, lim[0], lim[1])
	}
	n := int(v)
	switch it.letter {
	case 'y', 'u':
		if it.count == 2 {
			n += 2000
		}
		if it.letter == 'y' {
			f.yearOfEra, f.set = n, f.set|hasYearOfEra
		} else {
			f.year, f.set = n, f.set|hasYear
		}
	case 'M', 'L':
		f.month, f.set = n, f.set|hasMonth
	case 'd':
		f.day, f.set = n, f.set|hasDay
	case 'D':
		f.yearDay, f.set = n, f.set|hasYearDay
	case 'H':
		f.hour, f.set = n, f.set|hasHour
	case 'k':
		f.clock24, f.set = n, f.set|hasClock24
	case 'K':
		f.hour12, f.set = n, f.set|hasHour12
	case 'h':
		f.clock12, f.set = n, f.set|hasClock12
	case 'm':
		f.minute, f.set = n, f.set|hasMinute
	case 's':
		f.second, f.set = n, f.set|hasSecond
	case 'S':
		for k := digits; k < 9; k++ {
			n *= 10
		}
		f.nano, f.set = n, f.set|hasNano
	case 'n':
		f.nano, f.set = n, f.set|hasNano
	case 'A':
		f.milliOfDay, f.set = v, f.set|hasMilliOfDay
	case 'N':
		f.nanoOfDay, f.set = v, f.set|hasNanoOfDay
	}
	return nil // Q, w and Y are read past: they do not settle a date
}

// word reads a name, an offset or a zone.
func (it *item) word(s string, at int, f *fields) (int, error) {
	rest := s[at:]
	switch it.letter {
	case 'M', 'L':
		for m := time.January; m <= time.December; m++ {
			if name := cut(m.String(), it.count); it.count < 5 && strings.HasPrefix(rest, name) {
				f.month, f.set = int(m), f.set|hasMonth
				return at + len(name), nil
			}
		}
	case 'E':
		for d := time.Sunday; d <= time.Saturday; d++ {
			if name := cut(d.String(), max(it.count, 3)); it.count < 5 && strings.HasPrefix(rest, name) {
				f.weekday, f.set = int(d), f.set|hasWeekday
				return at + len(name), nil
			}
		}
	case 'a':
		for k, name := range []string{"AM", "PM"} {
			if strings.HasPrefix(rest, name) {
				f.pm, f.set = k, f.set|hasPM
				return at + 2, nil
			}
		}
	case 'G':
		for k, ad := range []bool{false, true} {
			if name := eraName(ad, it.count); strings.HasPrefix(rest, name) {
				f.era, f.set = k, f.set|hasEra
				return at + len(name), nil
			}
		}
	case 'Q', 'q':
		if len(rest) >= 2 && rest[0] == 'Q' && it.count == 3 {
			return at + 2, nil
		}
		for _, name := range quarterNames {
			if it.count == 4 && strings.HasPrefix(rest, name) {
				return at + len(name), nil
			}
		}
	case 'V', 'z':
		end := 0
		for end < len(rest) && (isLetter(rest[end]) || strings.IndexByte("/_+-:0123456789", rest[end]) >= 0) {
			end++
		}
		if loc, err := Zone(rest[:end]); err == nil && end > 0 {
			f.zone, f.set = loc, f.set|hasZone
			return at + end, nil
		}
	default:
		return it.offset(s, at, f)
	}
	return at, fmt.Errorf("no match for %s at position %d", strings.Repeat(string(it.letter), it.count), at+1)
}

// offset reads Z, ±HH, ±HHmm or ±HH:mm, after GMT where the letter writes it.
func (it *item) offset(s string, at int, f *fields) (int, error) {
	start := at
	f.set |= hasOffset
	if it.letter == 'O' || it.letter == 'Z' && it.count == 4 {
		if !strings.HasPrefix(s[at:], "GMT") {
			return at, fmt.Errorf("expected GMT at position %d", at+1)
		}
		if at += 3; at == len(s) || s[at] != '+' && s[at] != '-' {
			f.offset = 0
			return at, nil
		}
	} else if at < len(s) && s[at] == 'Z' && (it.letter == 'X' || it.count == 5) {
		f.offset = 0
		return at + 1, nil
	}
	seconds, n := scanOffset(s[at:])
	if n == 0 {
		return at, fmt.Errorf("expected an offset such as +08:00 at position %d", start+1)
	}
	f.offset = seconds
	return at + n, nil
}
