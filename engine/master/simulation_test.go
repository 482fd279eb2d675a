package master

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestInvariantsHoldUnderFaults (P1 to P5). SEIKAN_SIM_SEED replays one seed with its story,
// SEIKAN_SIM_SEEDS says how many are run, SEIKAN_SIM_FROM from which one on: the Makefile takes that
// from the commit.
func TestInvariantsHoldUnderFaults(t *testing.T) {
	t.Parallel()
	if s := os.Getenv("SEIKAN_SIM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := strconv.Atoi(os.Getenv("SEIKAN_SIM_MUTANT"))
		w := newWorld(seed, mutant(m))
		w.trace = func(format string, args ...any) { t.Logf(format, args...) }
		if problem := w.run(); problem != "" {
			t.Fatal(problem)
		}
		return
	}
	seeds := uint64(20_000)
	if testing.Short() {
		seeds = 1000
	}
	if s := os.Getenv("SEIKAN_SIM_SEEDS"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = n
	}
	var sum simStats
	first, _ := strconv.ParseUint(os.Getenv("SEIKAN_SIM_FROM"), 10, 64)
	began := time.Now()
	for seed := first; seed < first+seeds; seed++ {
		w := newWorld(seed, mutantNone)
		if problem := w.run(); problem != "" {
			t.Fatalf("SEIKAN_SIM_SEED=%d go test -run TestInvariantsHoldUnderFaults -v ./engine/master: %s", seed, problem)
		}
		sum.events += w.stats.events
		sum.writes += w.stats.writes
		sum.checkpoints += w.stats.checkpoints
		sum.restarts += w.stats.restarts
		sum.moves += w.stats.moves
		sum.reigns += w.stats.reigns
		sum.stops += w.stats.stops
		sum.checkpointWrites += w.stats.checkpointWrites
	}
	t.Logf("%d seeds from %d, %.0f a second: %+v", seeds, first, float64(seeds)/time.Since(began).Seconds(), sum)
}

// TestASeedReplaysIdentically.
func TestASeedReplaysIdentically(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		a, b := newWorld(seed, mutantNone), newWorld(seed, mutantNone)
		pa, pb := a.run(), b.run()
		if a.sum != b.sum || pa != pb || a.stats != b.stats {
			t.Errorf("seed %d runs in two ways: %+v %q, %+v %q", seed, a.stats, pa, b.stats, pb)
		}
	}
}
