//go:build faults

package faults

import (
	"errors"
	"maps"
	"os"
	"slices"
	"testing"
	"time"
)

// oneRow is the shortest job there is.
const oneRow = `
env { job.name = "short", parallelism = 1 }
source { FakeSource { row.num = 1, schema { fields { id = bigint } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 1 }, { rule_type = MAX_ROW, rule_value = 1 } ] } } }
`

// room is how much each figure of a node may be higher after the second half of the jobs than
// after the first, however many they are. Nodes make connections to each other when they first
// need them: some 14 goroutines and 2 descriptors a pair, once.
var room = map[string]float64{
	"go_goroutines":                 50,
	"process_open_fds":              16,
	"go_memstats_next_gc_bytes":     16 << 20, // twice what is alive
	"process_resident_memory_bytes": 64 << 20,
}

// TestShortJobsLeaveNothingBehind runs one short job after another. (P5)
func TestShortJobsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	jobs := 500
	if os.Getenv("SEIKAN_SOAK") != "" {
		jobs = 10_000
	}
	c := Start(t, 3, calm())
	c.WaitVoters(3)
	var took []time.Duration
	run := func(n int) {
		for i := range n {
			began := time.Now()
			at := c.Nodes[i%3]
			c.WaitStatus(c.Submit(at, oneRow), "FINISHED", 20*time.Second, at)
			took = append(took, time.Since(began))
		}
	}
	names := slices.Sorted(maps.Keys(room))
	measure := func() (figures []map[string]float64, stacks []map[string]int) {
		for _, n := range c.Nodes {
			f, err1 := n.Metrics(t.Context(), names...)
			s, err2 := n.Stacks(t.Context())
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			figures, stacks = append(figures, f), append(stacks, s)
		}
		return figures, stacks
	}
	run(jobs / 2)
	before, stacksBefore := measure()
	run(jobs / 2)
	after, stacksAfter := measure()
	t.Logf("measured: one-row job, submit to FINISHED: %v of the first half, %v of the second", median(took[:jobs/2]), median(took[jobs/2:]))
	for i := range before {
		for _, name := range names {
			t.Logf("measured: node %d, %s: %.0f, then %.0f", i, name, before[i][name], after[i][name])
			if after[i][name] <= before[i][name]+room[name] {
				continue
			}
			t.Errorf("node %d: %s grew from %.0f to %.0f in %d jobs", i, name, before[i][name], after[i][name], jobs/2)
			for s, count := range stacksAfter[i] {
				if more := count - stacksBefore[i][s]; more > 1 {
					t.Logf("%d more goroutines at %s", more, s)
				}
			}
		}
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Round(time.Millisecond)
}
