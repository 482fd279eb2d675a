package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seikan/storage/local"
)

// checkpoints measures what taking checkpoints costs.
func (b *bench) checkpoints() error {
	fmt.Println("\n| checkpoints | ms | note |")
	fmt.Println("|---|---|---|")
	for _, n := range []int{1, 3} {
		took, put, err := b.latency(n)
		if err != nil {
			return err
		}
		fmt.Printf("| of a stateless job, %d node(s), beyond the storage's own latency | %.1f | must ≤ 20, aim 5; %.1f in all, %.1f of it a write of the manifest's size |\n", n, took-put, took, put)
	}
	return b.stopped()
}

// latency runs a job on a cluster of n nodes and gives the medians of how long its checkpoints
// took, and of writes of as many bytes to the same folder, in ms.
func (b *bench) latency(n int) (took, put float64, err error) {
	dir, err := os.MkdirTemp(b.dir, "cluster-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	c := &cluster{dir: dir, bin: b.bin}
	defer c.stop()
	if err := c.start(n); err != nil {
		return 0, 0, err
	}
	job := filepath.Join(dir, "job.conf")
	text := `env { job.mode = STREAMING, checkpoint.interval = 100, read_limit.rows_per_second = 1000 }
source { FakeSource { row.num = 100000000, split.num = 100, split.read-interval = 0, schema { fields { id = bigint } } } }
sink { Console { log.print.data = false } }`
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		return 0, 0, err
	}
	if out, err := c.command(0, "seatunnel.sh", "-c", job, "--async", "--set-job-id", "1").CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("submit: %w\n%s", err, out)
	}
	var shown struct { // the newest ones
		Checkpoints []struct {
			ID                   int64
			Status               string
			Triggered, Completed time.Time
			Bytes                int
		}
	}
	const wanted = 60
	each, size := map[int64]float64{}, 0 // ms
	for deadline := time.Now().Add(time.Minute); len(each) < wanted; {
		if time.Now().After(deadline) {
			return 0, 0, fmt.Errorf("only %d checkpoints in a minute", len(each))
		}
		time.Sleep(500 * time.Millisecond)
		out, err := c.command(0, "seikan", "job", "show", "1", "-o", "json").Output()
		if err == nil {
			err = json.Unmarshal(out, &shown)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("ask for checkpoints: %w", err)
		}
		for _, cp := range shown.Checkpoints {
			if cp.Status == "COMPLETED" {
				each[cp.ID], size = float64(cp.Completed.Sub(cp.Triggered).Milliseconds()), cp.Bytes
			}
		}
	}
	put, err = putLatency(filepath.Join(dir, "own"), size)
	return median(slices.Collect(maps.Values(each))), put, err
}

func putLatency(dir string, size int) (ms float64, err error) {
	s, err := local.Open(dir)
	if err != nil {
		return 0, err
	}
	var all []float64
	for i := range 60 {
		time.Sleep(100 * time.Millisecond) // as the job does
		began := time.Now()
		if _, err := s.Put(context.Background(), fmt.Sprint(i), bytes.NewReader(make([]byte, size))); err != nil {
			return 0, err
		}
		all = append(all, float64(time.Since(began).Microseconds())/1000)
	}
	return median(all), s.Close()
}

// stopped compares runs with and without checkpoints: what one takes longer, divided by the number of
// checkpoints, is how long each stopped the rows.
func (b *bench) stopped() error {
	const every = 100 // ms
	fakes := func(interval string) string {
		return fmt.Sprintf(`env { %s }
source { FakeSource { row.num = 200000000, split.num = 200, split.read-interval = 0, schema { fields { id = bigint, name = string, age = int } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 200000000 } ] } } }
`, interval)
	}
	files := func(interval string) string {
		return strings.Replace(b.source(1), "env {", "env { "+interval+",", 1) + b.fileSink("lineitem", "csv", "")
	}
	for _, c := range []struct {
		name string
		job  func(interval string) string
	}{{"FakeSource → Assert", fakes}, {"CSV → CSV, a file for each", files}} {
		walls := [2]float64{math.Inf(1), math.Inf(1)} // the shortest of five: what else the machine does only adds
		for range 5 {
			for i, interval := range []string{"job.mode = BATCH", fmt.Sprintf("job.mode = BATCH, checkpoint.interval = %d", every)} {
				path, err := b.job("stopped", c.job(interval))
				if err != nil {
					return err
				}
				cost, err := b.once(func() error { return os.RemoveAll(filepath.Join(b.dir, "out")) }, b.bin, "run", "-q", path)
				if err != nil {
					return err
				}
				walls[i] = min(walls[i], cost.wall)
			}
		}
		number := walls[1] * 1000 / every
		fmt.Printf("| rows stopped while one is taken, %s | %.1f | must ≤ 50, aim 0; %.2f s without, %.2f s with one every %d ms |\n", c.name, (walls[1]-walls[0])*1000/number, walls[0], walls[1], every)
	}
	return nil
}

// cluster is nodes on loopback ports.
type cluster struct {
	dir, bin string
	nodes    []*exec.Cmd
}

func (c *cluster) home(i int) string { return filepath.Join(c.dir, fmt.Sprint("node-", i)) }

func (c *cluster) command(i int, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.home(i), "bin", name), args...)
	cmd.Env = append(os.Environ(), "SEATUNNEL_HOME="+c.home(i), "SEIKAN_STATE_DIR="+filepath.Join(c.home(i), "state"))
	return cmd
}

func (c *cluster) start(n int) error {
	var ports []int
	var members strings.Builder
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // all at once, so that no port is given twice
		port := l.Addr().(*net.TCPAddr).Port
		ports = append(ports, port)
		fmt.Fprintf(&members, "          - 127.0.0.1:%d\n", port)
		_ = l.Close()
	}
	for i, port := range ports {
		if err := c.configure(i, port, members.String()); err != nil {
			return err
		}
		cmd := c.command(i, "seatunnel-cluster.sh")
		if err := cmd.Start(); err != nil {
			return err
		}
		c.nodes = append(c.nodes, cmd)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var s struct {
			Nodes []struct{ Reachable, Voter bool }
		}
		out, err := c.command(0, "seikan", "cluster", "status", "-o", "json").Output()
		if err == nil && json.Unmarshal(out, &s) == nil && len(s.Nodes) == n {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the cluster is not formed: %w\n%s", err, out)
		}
	}
}

func (c *cluster) configure(i, port int, members string) error {
	files := map[string]string{
		"config/seatunnel.yaml": fmt.Sprintf(`seatunnel:
  engine:
    http: { enable-http: false }
    checkpoint:
      storage: { type: hdfs, max-retained: 1000, plugin-config: { namespace: %s, storage.type: hdfs, "fs.defaultFS": "file:///" } }
  seikan: { cluster-key-file: %s }
`, filepath.Join(c.dir, "checkpoints"), filepath.Join(c.dir, "seikan-cluster.key")),
		"config/hazelcast.yaml": fmt.Sprintf(`hazelcast:
  cluster-name: bench
  network:
    rest-api: { enabled: true, endpoint-groups: { DATA: { enabled: true } } }
    join:
      tcp-ip:
        enabled: true
        member-list:
%s    port: { auto-increment: false, port: %d }
`, members, port),
		"config/hazelcast-client.yaml": fmt.Sprintf("hazelcast-client:\n  cluster-name: bench\n  network: { cluster-members: [ \"127.0.0.1:%d\" ] }\n", port),
	}
	for _, dir := range []string{"config", "bin"} {
		if err := os.MkdirAll(filepath.Join(c.home(i), dir), 0o700); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.home(i), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"seikan", "seatunnel.sh", "seatunnel-cluster.sh"} {
		if err := os.Symlink(c.bin, filepath.Join(c.home(i), "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) stop() {
	for _, n := range c.nodes {
		_ = n.Process.Kill()
		_ = n.Wait()
	}
}
