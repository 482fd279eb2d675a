package cli

import (
	"math"
	"testing"
)

// TestAControlGroupLowersTheMemoryLimit: -Xmx asks for memory, MemoryMax= of the unit gives it.
func TestAControlGroupLowersTheMemoryLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked   int64
		group   uint64
		limited bool
		want    int64
	}{{2 << 30, 0, false, 2 << 30}, {2 << 30, 400 << 20, true, 377487360}, {100 << 20, 400 << 20, true, 100 << 20}, {2 << 30, math.MaxUint64, true, 2 << 30}} {
		if got := withinGroup(c.asked, c.group, c.limited); got != c.want {
			t.Errorf("%+v gives %d", c, got)
		}
	}
}
