//go:build faults

package faults

import (
	"testing"
	"time"
)

const spreadRows = 24_000

// spread starts a job whose tasks may run anywhere, in the middle of its rows.
func spread(t *testing.T, o Options, parallelism int) (c *Cluster, id string, at map[*Node][]Task) {
	t.Helper()
	t.Parallel()
	c = Start(t, 3, o)
	c.WaitVoters(3)
	id = c.Submit(c.Nodes[0], Spread(spreadRows, 2000, parallelism))
	return c, id, c.WaitTasks(id, 1+parallelism)
}

func exact(t *testing.T, j Job) {
	t.Helper()
	if j.Metrics.Read != spreadRows || j.Metrics.Written != 2*spreadRows { // of two sinks
		t.Errorf("the job counts %d rows read and %d written, of %d for two sinks", j.Metrics.Read, j.Metrics.Written, spreadRows)
	}
}

// TestTasksOfADeadNodeGoOnElsewhere kills a node for good. Its tasks are nobody's data.
func TestTasksOfADeadNodeGoOnElsewhere(t *testing.T) {
	t.Parallel()
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

// TestAMasterOfOthersTasksMayGo hands leadership over and takes the master away by kill, pause and
// cut network, on a node without tasks: the attempt stays, and rows go on meanwhile. (P4)
func TestAMasterOfOthersTasksMayGo(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*Cluster, *Node){
		"killed":  func(_ *Cluster, n *Node) { n.Kill9() },
		"paused":  func(_ *Cluster, n *Node) { n.Pause() },
		"cut off": func(c *Cluster, n *Node) { c.Partition(n) },
	} {
		t.Run(name, func(t *testing.T) {
			c, id, at := spread(t, calm(), 1)
			free, reader := roles(c, at)
			enough := watch(t, "nothing is wrong", reader.Said)
			c.WaitMore(reader, 2000)
			enough()
			enough = watch(t, "leadership transferred", reader.Said)
			hand(t, c, c.Others(free)[0])
			hand(t, c, free)
			enough()
			left := c.Others(free)
			enough = watch(t, "master "+name, reader.Said)
			began := time.Now()
			fault(c, free)
			rows := reader.Said()
			c.WaitMaster(left...)
			t.Logf("measured: master %s to new master: %d ms", name, time.Since(began).Milliseconds())
			if reader.Said() == rows {
				t.Error("no row passed while nobody was master")
			}
			c.WaitMore(reader, 2000)
			enough()
			exact(t, c.WaitStatus(id, "FINISHED", time.Minute, left...))
			attempts, err := left[0].Attempts(t.Context(), id)
			if err != nil || len(attempts) != 1 || attempts[0] != 1 {
				t.Errorf("the attempts of the pipelines are %v, %v: its tasks were touched", attempts, err)
			}
		})
	}
}

// roles finds a node without tasks and the node with the reader.
func roles(c *Cluster, at map[*Node][]Task) (free, reader *Node) {
	for _, n := range c.Nodes {
		if at[n] == nil {
			free = n
		}
		for _, task := range at[n] {
			if task.Role != "head" {
				reader = n
			}
		}
	}
	return free, reader
}

// hand makes a node master.
func hand(t testing.TB, c *Cluster, to *Node) {
	t.Helper()
	master := c.WaitMaster()
	if master == to {
		return
	}
	a, err := to.About(t.Context())
	if err == nil {
		err = master.Transfer(t.Context(), a.Node)
	}
	if err != nil {
		t.Fatal(err)
	}
	if now := c.WaitMaster(); now != to {
		t.Fatalf("node %d is master, not node %d", now.Index, to.Index)
	}
}
