package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
	_ "seikan/engine/connector/assert"
	_ "seikan/engine/connector/fakesource"
	_ "seikan/engine/connector/localfile"
	blobs "seikan/storage/local"
)

type logTo struct{ t testing.TB }

func (w logTo) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// cluster is some nodes in this process, on loopback ports of their own.
type cluster struct {
	t     testing.TB
	nodes []*Server
	dir   string
	ports []int
	cfg   config.Config // what is not of one node alone
	also  slog.Handler  // gets what nodes that are started from now on log; nil: nobody
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l.Addr().(*net.TCPAddr).Port)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// usual is a node's configuration, apart from what is its own.
func usual() config.Config {
	return config.Config{Role: config.Hybrid, ClusterName: "test", BackupCount: 1, Slots: config.Slots{Dynamic: true},
		Checkpoint: config.Checkpoint{Interval: time.Second, Timeout: 30 * time.Second, MaxRetained: 3}, Lease: 4 * time.Second,
		VoterReplace: time.Minute}
}

func startCluster(t testing.TB, n int, change ...func(*config.Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), ports: freePorts(t, n)}
	c.cfg = usual()
	for _, f := range change {
		f(&c.cfg)
	}
	c.nodes = make([]*Server, n)
	for i := range n {
		c.start(i)
	}
	t.Cleanup(func() {
		for _, s := range c.nodes {
			if s != nil {
				s.Stop(context.Background())
			}
		}
	})
	c.waitReady(n)
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	var members []config.Member
	for _, p := range c.ports {
		members = append(members, config.Member{Host: "127.0.0.1", Port: p})
	}
	store, err := blobs.Open(filepath.Join(c.dir, "checkpoints"))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.cfg.ClusterName == "" {
		c.cfg = usual()
	}
	cfg := c.cfg
	cfg.StateDir, cfg.ClusterKeyFile = filepath.Join(c.dir, fmt.Sprintf("node-%d", i)), filepath.Join(c.dir, fmt.Sprintf("key-%d", i))
	cfg.Network = config.Network{Port: c.ports[i], PortCount: 1, Members: members}
	log := slog.New(slog.NewTextHandler(logTo{c.t}, &slog.HandlerOptions{Level: slog.LevelInfo})).With("node", i)
	if c.also != nil {
		log = slog.New(c.also).With("node", i)
	}
	s, err := Start(c.t.Context(), StartOptions{Config: &cfg, Blobs: store, Version: "test", Log: log, Fatal: func(err error) { c.t.Error(err) }})
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = s
}

func (c *cluster) wait(what string, within time.Duration, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited %v in vain: %s", within, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *cluster) waitReady(n int) {
	c.t.Helper()
	c.wait("all nodes are ready and report", 20*time.Second, func() bool {
		for _, s := range c.nodes {
			if s == nil {
				continue
			}
			if !s.Ready(c.t.Context()) {
				return false
			}
		}
		nodes, err := c.nodes[0].Nodes(c.t.Context())
		return err == nil && len(nodes) >= n
	})
}

func (c *cluster) ended(id string, within time.Duration) state.Job {
	c.t.Helper()
	var j state.Job
	c.wait("job "+id+" ends", within, func() bool {
		for _, s := range c.nodes {
			if s == nil {
				continue
			}
			got, err := s.Jobs().Job(c.t.Context(), id)
			if err == nil {
				j = got
				return j.Status.Ended()
			}
		}
		return false
	})
	return j
}

func TestAJobRunsOnACluster(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := startCluster(t, n)
			began := time.Now()
			j, err := c.nodes[n-1].Submit(t.Context(), ClusterJob{Format: "hocon", Text: `
				env { parallelism = 3 }
				source { FakeSource { row.num = 1000, schema { fields { id = bigint, name = string } } } }
				sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 3000 }, { rule_type = MAX_ROW, rule_value = 3000 } ] } } }`})
			if err != nil {
				t.Fatal(err)
			}
			if j = c.ended(j.ID, 20*time.Second); j.Status != state.Finished {
				t.Fatalf("job is %s: %s", j.Status, j.Error)
			}
			t.Logf("submit to FINISHED: %v; %s", time.Since(began), j.Metrics)
			if !strings.Contains(j.Metrics, `"SourceReceivedCount#fake":3000`) {
				t.Errorf("metrics: %s", j.Metrics)
			}
		})
	}
}
