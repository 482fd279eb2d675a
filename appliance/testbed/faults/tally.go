package faults

import (
	"fmt"
	"sync/atomic"
)

// tally is what was done to clusters by this process, and what came of it.
var tally struct{ kills, pauses, cuts, rows, missing, doubled atomic.Int64 }

// Tally says it in a line.
func Tally() string {
	return fmt.Sprintf("%d processes killed, %d paused, %d networks cut; of %d rows %d are missing and %d doubled",
		tally.kills.Load(), tally.pauses.Load(), tally.cuts.Load(), tally.rows.Load(), tally.missing.Load(), tally.doubled.Load())
}
