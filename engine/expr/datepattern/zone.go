package datepattern

import (
	"fmt"
	"strings"
	"time"
)

// scanOffset reads ±H, ±HH, ±HHmm or ±HH:mm and returns how many bytes it took, 0 for none.
func scanOffset(s string) (seconds, n int) {
	if len(s) < 2 || s[0] != '+' && s[0] != '-' {
		return 0, 0
	}
	digits := func(at int) int {
		k := at
		for k < len(s) && k < at+2 && s[k] >= '0' && s[k] <= '9' {
			k++
		}
		return k - at
	}
	number := func(at, n int) (v int) {
		for _, c := range []byte(s[at : at+n]) {
			v = v*10 + int(c-'0')
		}
		return v
	}
	h := digits(1)
	if h == 0 {
		return 0, 0
	}
	seconds, n = number(1, h)*3600, 1+h
	at := n
	if at < len(s) && s[at] == ':' {
		at++
	}
	if h == 2 && digits(at) == 2 {
		seconds += number(at, 2) * 60
		n = at + 2
	}
	if seconds > 18*3600 {
		return 0, 0
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, n
}

// Zone finds a zone by Java's names: a region (Asia/Shanghai), Z, an offset (+08:00), or
// UTC, GMT, UT with an offset (UTC+8).
func Zone(name string) (*time.Location, error) {
	rest := name
	for _, prefix := range []string{"UTC", "GMT", "UT"} {
		if cut, ok := strings.CutPrefix(name, prefix); ok && !strings.HasPrefix(cut, "/") {
			rest = cut
			break
		}
	}
	if rest == "" && name != "" || name == "Z" {
		return time.UTC, nil
	}
	if seconds, n := scanOffset(rest); n > 0 && n == len(rest) {
		return time.FixedZone(name, seconds), nil
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("unknown time zone %q; expected a region such as Europe/Rome or an offset such as UTC+8", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q; expected a region such as Europe/Rome or an offset such as UTC+8", name)
	}
	return loc, nil
}
