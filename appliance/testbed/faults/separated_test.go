//go:build faults

package faults

import (
	"slices"
	"testing"
	"time"
)

// TestMastersRunNoTasksAndWorkersDoNotVote is a separated cluster: a master and a worker are killed,
// and the job is whole at its end.
func TestMastersRunNoTasksAndWorkersDoNotVote(t *testing.T) {
	t.Parallel()
	o := shared()
	o.Masters = 3
	c := Start(t, 5, o)
	c.WaitVoters(3)
	masters, workers := c.Nodes[:3], c.Nodes[3:]
	id := c.Submit(workers[0], Spread(spreadRows, 2000, 2))
	at := c.WaitTasks(id, 3)
	for n := range at {
		if !slices.Contains(workers, n) {
			t.Errorf("tasks run on node %d, a master", n.Index)
		}
	}
	s, err := workers[0].Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Nodes {
		if slices.ContainsFunc(workers, func(n *Node) bool { return m.Addr == address(n.Index)+":5801" }) && m.Voter {
			t.Errorf("%s votes, a worker", m.Addr)
		}
	}
	master := c.WaitMaster(masters...)
	master.Kill9()
	left := c.Others(master, workers[0], workers[1])
	c.WaitMaster(left...)
	workers[1].Kill9()
	c.Wait("the tasks run on the other worker", 30*time.Second, running(c, id, workers[1], append(left, workers[0])))
	exact(t, c.WaitStatus(id, "FINISHED", time.Minute, append(left, workers[0])...))
}
