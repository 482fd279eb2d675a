package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
)

// stopAt ends a node without handing anything over.
func (c *cluster) stopAt(i int) {
	c.nodes[i].close()
	c.nodes[i] = nil
}

func (c *cluster) configOf(i int) *config.Config {
	return &config.Config{StateDir: filepath.Join(c.dir, "node-"+string(rune('0'+i)))}
}

// When the majority is lost for good, the surviving disk goes on as a cluster of its own: loudly,
// with numbers that were never given out, and the lost nodes are not let in with their old disks.
func TestALostMajorityIsRecoveredLoudly(t *testing.T) {
	c := startCluster(t, 3)
	log := &heard{}
	c.also = slog.NewTextHandler(log, nil)
	j, err := c.nodes[0].Submit(t.Context(), ClusterJob{Format: "hocon", Text: `
		env { parallelism = 1 }
		source { FakeSource { row.num = 10, schema { fields { id = bigint } } } }
		sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 10 } ] } } }`})
	if err != nil {
		t.Fatal(err)
	}
	c.ended(j.ID, 20*time.Second)
	old := c.nodes[0].disk.cluster()
	epoch, err := c.nodes[0].Jobs().Epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	survivor, lost := c.nodes[0].raft.ID(), c.configOf(1).StateDir
	if _, err := Recover(c.configOf(0)); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Errorf("a running node is recovered: %v", err)
	}
	for i := range 3 {
		c.stopAt(i)
	}
	kept := t.TempDir()
	if err := os.CopyFS(kept, os.DirFS(lost)); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 3; i++ {
		if err := os.RemoveAll(c.configOf(i).StateDir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Recover(c.configOf(1)); err == nil || !strings.Contains(err.Error(), "no state") {
		t.Errorf("an empty directory is recovered: %v", err)
	}
	if _, err := Recover(c.configOf(0)); err != nil {
		t.Fatal(err)
	}

	c.start(0)
	c.wait("the surviving node serves", 30*time.Second, func() bool { return c.nodes[0].Ready(t.Context()) })
	log.wait(t, "THIS CLUSTER GOES ON FROM ONE DISK", old)
	c.wait("it begins a new incarnation", 30*time.Second, func() bool {
		now, err := c.nodes[0].Jobs().Epoch(t.Context())
		i, err2 := c.nodes[0].Jobs().Incarnation(t.Context())
		return err == nil && err2 == nil && now > epoch+1000 && i.Settled && i.ID == c.nodes[0].disk.cluster() && strings.Contains(i.RestoredFrom, old)
	})
	if got, err := c.nodes[0].Jobs().Job(t.Context(), j.ID); err != nil || got.Status != state.Finished {
		t.Errorf("job is %s (%v)", got.Status, err)
	}
	if c.nodes[0].disk.cluster() == old || c.nodes[0].disk.lost() != "" {
		t.Errorf("cluster is %s, lost %q", c.nodes[0].disk.cluster(), c.nodes[0].disk.lost())
	}

	c.start(2) // with an empty disk
	c.wait("the node with an empty disk has joined", 30*time.Second, func() bool { return c.nodes[2].disk.cluster() == c.nodes[0].disk.cluster() })
	if err := os.CopyFS(lost, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	c.start(1) // with its old one
	log.wait(t, "listed nodes are not of this cluster", "do not merge")
	if c.nodes[1].disk.cluster() != old || c.nodes[1].Ready(t.Context()) {
		t.Error("a lost node takes part again")
	}
	members, err := c.nodes[0].raft.Members()
	if err != nil || len(members) != 2 {
		t.Errorf("members are %v (%v)", members, err)
	}
	for _, m := range members {
		if m.ID == survivor && !m.Voter {
			t.Error("the survivor has no vote")
		}
	}
}
