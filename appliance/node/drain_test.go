package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/db/state"
)

// TestADrainedNodeIsLeftWithoutARowReadTwice drains every node that has tasks, the master too: the
// job, which may not fail once, goes on from a checkpoint each time.
func TestADrainedNodeIsLeftWithoutARowReadTwice(t *testing.T) {
	c := startCluster(t, 3)
	ctx := t.Context()
	job, err := c.nodes[0].Submit(ctx, ClusterJob{Format: "hocon", Text: `
		env { parallelism = 2, job.retry.times = 0, read_limit.rows_per_second = 600 }
		source { FakeSource { row.num = 3000, split.num = 3, schema { fields { id = bigint, name = string } } } }
		sink { Assert { rules { field_rules = [ { field_name = id, field_type = bigint, field_value = [ { rule_type = NOT_NULL } ] } ] } } }`})
	if err != nil {
		t.Fatal(err)
	}
	tasksOn := func(addr string) (n int) {
		views, err := c.nodes[0].Nodes(ctx)
		if err != nil {
			return -1
		}
		for _, v := range views {
			for _, task := range v.Tasks {
				if v.Info.Addr == addr && !task.State.Ended() {
					n++
				}
			}
		}
		return n
	}
	nodes := slices.Clone(c.nodes)
	slices.SortFunc(nodes, func(a, b *Server) int { // the master first
		switch {
		case a.raft.IsLeader():
			return -1
		case b.raft.IsLeader():
			return 1
		}
		return 0
	})
	for _, s := range nodes[:2] {
		c.wait("the pipeline runs", 20*time.Second, func() bool {
			rows, err := s.Jobs().Pipelines(ctx, job.ID)
			return err == nil && slices.ContainsFunc(rows, func(p state.Pipeline) bool { return p.ID == 1 && p.Status == state.PipelineRunning })
		})
		if _, err := s.drainNode(ctx, NodeQuestion{Node: s.Addr(), On: true}); err != nil {
			t.Fatal(err)
		}
		c.wait("no task is on the drained node, nor is it the master", 20*time.Second, func() bool {
			return tasksOn(s.Addr()) == 0 && !s.raft.IsLeader() && c.nodes[0].masterAddr() != ""
		})
		if _, err := nodes[2].transfer(ctx, NodeQuestion{Node: s.Addr()}); err == nil || !strings.Contains(err.Error(), "is drained") {
			t.Errorf("leadership is handed to a drained node: %v", err)
		}
	}
	if j := c.ended(job.ID, 40*time.Second); j.Status != state.Finished || !strings.Contains(j.Metrics, `"SourceReceivedCount#fake":6000`) {
		t.Errorf("job is %s: %s %s", j.Status, j.Error, j.Metrics)
	}
	events, err := c.nodes[2].Jobs().Events(ctx, job.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, e := range events {
		switch state.Fall(e.Kind) {
		case state.FallMoved:
			moved++
		case state.FallFailure, state.FallOffline:
			t.Errorf("%s: %s", e.Kind, e.Message)
		}
	}
	if moved == 0 {
		t.Error("nothing was moved")
	}
}
