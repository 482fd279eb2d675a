package testbed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/appliance/node"
)

// clusterPatience is how long anything that must happen is waited for; a busy machine takes its time.
const clusterPatience = 45 * time.Second

// processes is a cluster whose nodes are processes, on loopback ports of their own.
type processes struct {
	t     *testing.T
	dir   string
	ports []int
	nodes []*exec.Cmd // nil: not running
	ended []chan struct{}
	logs  []*synced
}

type synced struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *synced) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *synced) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

// startProcesses starts n nodes and waits until the cluster is formed and every planned vote given.
func startProcesses(t *testing.T, n int) *processes {
	t.Helper()
	c := &processes{t: t, dir: t.TempDir(), nodes: make([]*exec.Cmd, n), ended: make([]chan struct{}, n), logs: make([]*synced, n)}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at once, so that no port is given twice
		c.ports = append(c.ports, l.Addr().(*net.TCPAddr).Port)
	}
	for i := range n {
		c.writeHome(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.kill(i)
		}
		if t.Failed() && testing.Verbose() {
			for i, l := range c.logs {
				t.Logf("node %d:\n%s", i, l)
			}
		}
	})
	return c
}

func (c *processes) home(i int) string { return filepath.Join(c.dir, fmt.Sprintf("node-%d", i)) }

func (c *processes) writeHome(i int) {
	c.t.Helper()
	config := filepath.Join(c.home(i), "config")
	bin := filepath.Join(c.home(i), "bin")
	var members strings.Builder
	for _, p := range c.ports {
		fmt.Fprintf(&members, "          - 127.0.0.1:%d\n", p)
	}
	files := map[string]string{
		"seatunnel.yaml": fmt.Sprintf(`seatunnel:
  engine:
    http: { enable-http: false }
    checkpoint:
      interval: 200
      storage:
        type: hdfs
        plugin-config: { namespace: %s, storage.type: hdfs, "fs.defaultFS": "file:///" }
  seikan:
    lease-ms: 2000
    cluster-key-file: %s
`, filepath.Join(c.dir, "checkpoints"), filepath.Join(c.dir, "seikan-cluster.key")),
		"hazelcast.yaml": fmt.Sprintf(`hazelcast:
  cluster-name: testbed
  network:
    rest-api: { enabled: true, endpoint-groups: { DATA: { enabled: true } } }
    join:
      tcp-ip:
        enabled: true
        member-list:
%s    port: { auto-increment: false, port: %d }
`, members.String(), c.ports[i]),
		"hazelcast-client.yaml": fmt.Sprintf(`hazelcast-client:
  cluster-name: testbed
  connection-strategy: { connection-retry: { cluster-connect-timeout-millis: 20000 } }
  network: { cluster-members: [ "127.0.0.1:%d" ] }
`, c.ports[i]),
	}
	for _, dir := range []string{config, bin} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(config, name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, name := range []string{"seikan", "seatunnel.sh", "seatunnel-cluster.sh"} {
		if err := os.Symlink(Seikan(c.t), filepath.Join(bin, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			c.t.Fatal(err)
		}
	}
}

// command is the program called by a name, as in the home of node i.
func (c *processes) command(i int, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.home(i), "bin", name), args...)
	cmd.Env = append(os.Environ(), "SEATUNNEL_HOME="+c.home(i), "SEIKAN_STATE_DIR="+filepath.Join(c.home(i), "state"))
	return cmd
}

func (c *processes) start(i int) {
	c.t.Helper()
	cmd := c.command(i, "seatunnel-cluster.sh")
	if c.logs[i] == nil {
		c.logs[i] = &synced{}
	}
	cmd.Stdout, cmd.Stderr = c.logs[i], c.logs[i]
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // it is killed, as often as not
	c.nodes[i], c.ended[i] = cmd, ended
}

func (c *processes) startAll() {
	c.t.Helper()
	for i := range c.nodes {
		c.start(i)
	}
	c.waitWhole()
}

// kill ends a node as kill -9 does.
func (c *processes) kill(i int) {
	if c.nodes[i] == nil {
		return
	}
	_ = c.nodes[i].Process.Kill() // it may have ended
	<-c.ended[i]
	c.nodes[i] = nil
}

// call runs the program and returns what it printed and whether it ended well.
func (c *processes) call(i int, name string, args ...string) (string, error) {
	c.t.Helper()
	out, err := c.command(i, name, args...).CombinedOutput()
	return string(out), err
}

// must is call for what must end well.
func (c *processes) must(i int, name string, args ...string) string {
	c.t.Helper()
	out, err := c.call(i, name, args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// wait waits until ok.
func (c *processes) wait(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(clusterPatience); !ok(); {
		if time.Now().After(deadline) {
			for i, n := range c.nodes {
				if n != nil {
					status, _ := c.call(i, "seikan", "cluster", "status", "-o", "json")
					jobs, _ := c.call(i, "seikan", "job", "list")
					c.t.Logf("node %d:\n%s\n%s", i, status, jobs)
				}
			}
			c.t.Fatalf("waited %v in vain until %s", clusterPatience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// status is the cluster as a node that runs sees it.
func (c *processes) status() (node.ClusterStatus, bool) {
	var s node.ClusterStatus
	for i, n := range c.nodes {
		if n == nil {
			continue
		}
		out, err := c.command(i, "seikan", "cluster", "status", "-o", "json", "--at", fmt.Sprintf("127.0.0.1:%d", c.ports[i])).Output()
		if err == nil && json.Unmarshal(out, &s) == nil && s.Master != "" {
			return s, true
		}
	}
	return s, false
}

// waitWhole waits until every node is there, votes and reports to a master.
func (c *processes) waitWhole() {
	c.t.Helper()
	c.wait("all nodes are there and vote", func() bool {
		s, ok := c.status()
		n := 0
		for _, x := range s.Nodes {
			if x.Reachable && x.Voter && x.Heard > 0 && x.Heard < time.Second {
				n++
			}
		}
		return ok && n == len(c.nodes)
	})
}

// find is the first node that fits; the index is that of c.nodes.
func (c *processes) find(what string, fits func(node.NodeStatus) bool) int {
	c.t.Helper()
	found := -1
	c.wait("there is "+what, func() bool {
		s, _ := c.status()
		for _, x := range s.Nodes {
			for i, p := range c.ports {
				if x.Addr == fmt.Sprintf("127.0.0.1:%d", p) && c.nodes[i] != nil && fits(x) {
					found = i
				}
			}
		}
		return found >= 0
	})
	return found
}

// job is the state of a job, asked through a node that runs.
func (c *processes) job(id string) (status string) {
	for i, n := range c.nodes {
		if n == nil {
			continue
		}
		var j struct{ Status string }
		out, err := c.command(i, "seikan", "job", "show", id, "-o", "json").Output()
		if err == nil && json.Unmarshal(out, &j) == nil {
			return j.Status
		}
	}
	return ""
}

func (c *processes) file(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

const oneRow = `
env { job.retry.times = 20 }
source { FakeSource { row.num = 1, schema { fields { id = bigint } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 1 }, { rule_type = MAX_ROW, rule_value = 1 } ] } } }`

const endless = `
env { job.mode = "STREAMING", checkpoint.interval = 200, job.retry.times = 20, read_limit.rows_per_second = 1000, job.retry.interval.seconds = 0 }
source { FakeSource { row.num = 100000000, split.num = 10000, split.read-interval = 0, schema { fields { id = bigint } } } }
sink { Console { log.print.data = false } }`

// ledger writes the ledger job for a cluster: slow enough to be hit while it runs.
func (c *processes) ledger(to target, rate int) string {
	c.t.Helper()
	in := filepath.Join(c.dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		c.t.Fatal(err)
	}
	writeInput(c.t, in)
	text := strings.Replace(fmt.Sprintf(ledgerJob, in, to.sink(c.dir)), "read_limit.rows_per_second = 20000",
		fmt.Sprintf("job.retry.times = 100, job.retry.interval.seconds = 0, read_limit.rows_per_second = %d", rate), 1)
	return c.file("ledger.conf", strings.Replace(text, "checkpoint.interval = 60", "checkpoint.interval = 200", 1))
}

// TestAClusterServesItsClients submits through every node, cancels, savepoints and restores, as
// users of SeaTunnel do.
func TestAClusterServesItsClients(t *testing.T) {
	t.Parallel()
	c := startProcesses(t, 3)
	c.startAll()
	one, forever := c.file("one.conf", oneRow), c.file("endless.conf", endless)
	for i := range c.nodes {
		out := c.must(i, "seatunnel.sh", "-c", one)
		for _, want := range []string{"Submit job finished, job id: ", "end with state FINISHED", "Total Write Count         :                   1"} {
			if !strings.Contains(out, want) {
				t.Errorf("through node %d: %q is missing in\n%s", i, want, out)
			}
		}
	}
	out := c.must(1, "seatunnel.sh", "-c", forever, "--async", "--set-job-id", "4711")
	if !strings.Contains(out, "job id: 4711") {
		t.Errorf("async submit: %s", out)
	}
	c.wait("the job runs", func() bool { return c.job("4711") == "RUNNING" })
	tasks := func(n node.NodeStatus) bool { return n.SlotsUsed > 0 }
	killed := c.find("a node that runs tasks", tasks)
	c.kill(killed)
	c.find("another node that runs them", func(n node.NodeStatus) bool { return tasks(n) && n.Reachable })
	c.start(killed)
	c.waitWhole()
	c.must(2, "seatunnel.sh", "-can", "4711")
	if got := c.job("4711"); got != "CANCELED" {
		t.Errorf("after -can: %s", got)
	}
	if out := c.must(0, "seatunnel.sh", "-l"); !strings.Contains(out, "4711") || !strings.Contains(out, "CANCELED") {
		t.Errorf("-l: %s", out)
	}
	if out, err := c.call(0, "seatunnel.sh", "-cn", "elsewhere", "-l"); err == nil || !strings.Contains(out, `is called "testbed", not "elsewhere"`) {
		t.Errorf("a wrong cluster name: %v, %s", err, out)
	}

	to := fileTarget()
	conf := c.ledger(to, 20000)
	c.must(0, "seatunnel.sh", "-c", conf, "--async", "--set-job-id", "4712")
	c.wait("the ledger job runs", func() bool { return c.job("4712") == "RUNNING" })
	c.must(1, "seatunnel.sh", "-s", "4712")
	if got := c.job("4712"); got != "SAVEPOINT_DONE" {
		t.Fatalf("after -s: %s", got)
	}
	c.must(2, "seatunnel.sh", "-c", conf, "-r", "4712")
	count(t, to, c.dir, "savepoint and restore")
}

// TestAClientThatIsInterruptedEndsItsJob unless -cj says that the job goes on without it.
func TestAClientThatIsInterruptedEndsItsJob(t *testing.T) {
	t.Parallel()
	c := startProcesses(t, 1)
	c.startAll()
	forever := c.file("endless.conf", endless)
	for id, flags := range map[string][]string{"4716": nil, "4717": {"-cj"}} {
		client := c.command(0, "seatunnel.sh", append([]string{"-c", forever, "--set-job-id", id}, flags...)...)
		var said synced
		client.Stdout, client.Stderr = &said, &said
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		c.wait("the job runs", func() bool { return c.job(id) == "RUNNING" })
		if err := client.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = client.Wait() // what it exits with is tested with the command
		if flags == nil {
			c.wait("the job is cancelled", func() bool { return c.job(id) == "CANCELED" })
		} else if got := c.job(id); got != "RUNNING" {
			t.Errorf("with %v the job is %s\n%s", flags, got, &said)
		}
	}
}

// TestKillsInAClusterLoseAndDoubleNothing kills the master, then a node with tasks, then all, with
// -9 while a job runs, and counts its rows. (P1, P2, P4)
func TestKillsInAClusterLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	c := startProcesses(t, 3)
	c.startAll()
	to := fileTarget()
	conf := c.ledger(to, 6000)
	client := c.command(0, "seatunnel.sh", "-c", conf, "--set-job-id", "4713")
	var said synced
	client.Stdout, client.Stderr = &said, &said
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	tasks := func(n node.NodeStatus) bool { return n.SlotsUsed > 0 }

	c.find("a node that runs tasks", tasks)
	killed := c.find("a master", func(n node.NodeStatus) bool { return n.Master })
	c.kill(killed)
	c.find("another master", func(n node.NodeStatus) bool { return n.Master && n.Reachable })
	c.start(killed)
	c.waitWhole()

	killed = c.find("a node that runs tasks", tasks)
	c.kill(killed)
	c.start(killed)
	c.waitWhole()
	c.find("the tasks again", tasks)

	for i := range c.nodes {
		c.kill(i)
	}
	c.startAll()
	select {
	case err := <-ended:
		if err != nil || !strings.Contains(said.String(), "end with state FINISHED") {
			t.Fatalf("the client that waited: %v\n%s", err, &said)
		}
	case <-time.After(clusterPatience):
		_ = client.Process.Kill()
		t.Fatalf("the job does not end\n%s", &said)
	}
	count(t, to, c.dir, "kills")
}
