//go:build faults

package faults

import (
	"math"
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

// vitals are what must not grow from job to job.
var vitals = []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"}

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
	measure := func() (out []map[string]float64) {
		for _, n := range c.Nodes {
			v, err := n.Metrics(t.Context(), vitals...)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	run(jobs / 2)
	before := measure()
	run(jobs / 2)
	after := measure()
	t.Logf("measured: one-row job, submit to FINISHED: %v of the first half, %v of the second", median(took[:jobs/2]), median(took[jobs/2:]))
	for i := range before {
		for _, name := range vitals {
			t.Logf("measured: node %d, %s: %.0f, then %.0f", i, name, before[i][name], after[i][name])
			// What comes and goes with one job is far less than what half of the jobs would leave.
			room := float64(jobs) / 10
			if name == "process_resident_memory_bytes" {
				room = math.Max(64<<20, before[i][name]/2)
			}
			if after[i][name] > before[i][name]+room {
				t.Errorf("node %d: %s grew from %.0f to %.0f in %d jobs", i, name, before[i][name], after[i][name], jobs/2)
			}
		}
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Round(time.Millisecond)
}
