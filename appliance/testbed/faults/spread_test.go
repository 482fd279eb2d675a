package faults

import (
	"testing"
	"time"
)

const spreadRows = 30_000

// spread starts a job whose tasks may run anywhere, in the middle of its rows.
func spread(t *testing.T, o Options, parallelism int) (c *Cluster, id string, at map[*Node][]Task) {
	t.Helper()
	t.Parallel()
	c = Start(t, 3, o)
	c.WaitVoters(3)
	id = c.Submit(c.Nodes[0], Spread(spreadRows, 2500, parallelism))
	return c, id, c.WaitTasks(id, 1+parallelism)
}

func exact(t *testing.T, j Job) {
	t.Helper()
	if j.Metrics.Read != spreadRows || j.Metrics.Written != spreadRows {
		t.Errorf("the job counts %d rows read and %d written, of %d", j.Metrics.Read, j.Metrics.Written, spreadRows)
	}
}

// TestTasksOfADeadNodeGoOnElsewhere kills a node for good. Its tasks are nobody's data.
func TestTasksOfADeadNodeGoOnElsewhere(t *testing.T) {
	for name, fault := range map[string]func(*Node){"killed": (*Node).Kill9, "paused": (*Node).Pause} {
		t.Run(name, func(t *testing.T) {
			c, id, at := spread(t, shared(), 2)
			master := c.WaitMaster()
			for n := range at {
				if n == master && len(at) > 1 {
					continue
				}
				began := time.Now()
				fault(n)
				left := c.Others(n)
				c.Wait("the tasks run elsewhere", 30*time.Second, running(c, id, n, left))
				t.Logf("measured: node %s to its tasks running elsewhere: %d ms", name, time.Since(began).Milliseconds())
				exact(t, c.WaitStatus(id, "FINISHED", time.Minute, left...))
				return
			}
		})
	}
}

// TestAMasterOfOthersTasksMayDie kills a master on a node without tasks: the attempt stays. (P4)
func TestAMasterOfOthersTasksMayDie(t *testing.T) {
	c, id, at := spread(t, calm(), 1)
	var free *Node
	for _, n := range c.Nodes {
		if at[n] == nil {
			free = n
		}
	}
	if master := c.WaitMaster(); master != free {
		a, err := free.About(t.Context())
		if err == nil {
			err = master.Transfer(t.Context(), a.Node)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if c.WaitMaster() != free {
		t.Fatal("leadership went elsewhere")
	}
	free.Kill9()
	left := c.Others(free)
	exact(t, c.WaitStatus(id, "FINISHED", time.Minute, left...))
	attempts, err := left[0].Attempts(t.Context(), id)
	if err != nil || len(attempts) != 1 || attempts[0] != 1 {
		t.Errorf("the attempts of the pipelines are %v, %v: its tasks were touched", attempts, err)
	}
}
