package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSize reads a number of bytes as the JVM writes it: digits and one of k, m, g, t in either
// case, powers of 1024. A b or ib after the unit is allowed.
func ParseSize(s string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	if short, ok := strings.CutSuffix(t, "ib"); ok {
		t = short
	} else {
		t = strings.TrimSuffix(t, "b")
	}
	shift := 0
	if t != "" {
		if i := strings.IndexByte("kmgt", t[len(t)-1]); i >= 0 {
			shift = 10 * (i + 1)
			t = t[:len(t)-1]
		}
	}
	n, err := strconv.ParseUint(t, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not a size such as 512m, 2g or 1048576", s)
	}
	return int64(n) << shift, nil
}

func formatSize(n int64) string {
	for i, unit := range []string{"t", "g", "m", "k"} {
		if size := int64(1) << (40 - 10*i); n >= size && n%size == 0 {
			return strconv.FormatInt(n/size, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}
