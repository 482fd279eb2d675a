package cli_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"seikan/appliance/testbed"
)

// cluster is what seikan dev starts.
type cluster struct {
	*bench
	dev  *process
	dir  string
	port int
}

// startDev starts a cluster of n nodes and waits until it says how to use it.
func (b *bench) startDev(n int) *cluster {
	b.t.Helper()
	c := &cluster{bench: b, dir: filepath.Join(b.dir, "dev"), port: freeRun(b.t, 2*n)}
	c.dev = b.start("dev", "--nodes", strconv.Itoa(n), "--dir", c.dir, "--port", strconv.Itoa(c.port), "--http-port", strconv.Itoa(c.port+n))
	c.dev.waitFor("cluster", func() bool { return strings.Contains(c.dev.out.String(), "stop:    Ctrl-C") })
	b.t.Cleanup(func() { _ = c.dev.cmd.Process.Signal(syscall.SIGTERM); <-c.dev.ended })
	return c
}

// freeRun finds n free ports in a row.
func freeRun(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		first, open := l.Addr().(*net.TCPAddr).Port, []net.Listener{l}
		for port := first + 1; port < first+n && port < 65536; port++ {
			if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				open = append(open, l)
			}
		}
		for _, l := range open {
			_ = l.Close()
		}
		if len(open) == n {
			return first
		}
	}
	t.Fatal("no ports are free")
	return 0
}

// run runs a command whose SEATUNNEL_HOME is that of the first node.
func (c *cluster) run(args ...string) result { return c.finish(c.command("seikan", args...)) }

func (c *cluster) command(name string, args ...string) (cmd *exec.Cmd) {
	c.t.Helper()
	cmd = testbed.Command(c.t, c.state, args...)
	cmd.Env = append(cmd.Env, "SEATUNNEL_HOME="+filepath.Join(c.dir, "node-1"))
	if name != "seikan" {
		link := filepath.Join(c.bench.dir, name)
		if err := os.Symlink(cmd.Path, link); err != nil && !os.IsExist(err) {
			c.t.Fatal(err)
		}
		cmd.Path, cmd.Args[0] = link, link
	}
	return cmd
}

// json runs a command and decodes what it prints.
func (c *cluster) json(v any, args ...string) {
	c.t.Helper()
	r := c.run(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(r.out), v); err != nil || r.code != 0 {
		c.t.Fatalf("%v: exit code %d, %v\n%s%s", args, r.code, err, r.out, r.err)
	}
}

var breaks = regexp.MustCompile(`kill -9 (\d+)`)

// master is the pid of the last master that dev named.
func (c *cluster) master() int {
	c.t.Helper()
	all := breaks.FindAllStringSubmatch(c.dev.out.String(), -1)
	if len(all) == 0 {
		c.t.Fatal("dev named no master")
	}
	pid, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// paced runs for some seconds and can run on any node.
const paced = `env { job.name = "paced", checkpoint.interval = 500, read_limit.rows_per_second = 100 }
source { FakeSource { row.num = 600, split.num = 60, split.read-interval = 0, schema { fields { id = bigint } } } }
sink { Console { log.print.data = false } }`

func TestDevShowsANewcomerWhatToDoAndTheJobOutlivesTheMaster(t *testing.T) {
	b := newBench(t)
	c := b.startDev(3)
	for _, line := range []string{"submit:  SEATUNNEL_HOME=" + c.dir + "/node-1 bin/seatunnel.sh --config job.conf", "the master; its jobs go on", "node-1 | ", "node-2 | ", "node-3 | "} {
		if !strings.Contains(c.dev.out.String(), line) {
			t.Errorf("dev does not say %q", line)
		}
	}
	first := c.master()
	if strings.Contains(c.dev.out.String(), fmt.Sprintf("node-1  pid %d ", first)) {
		t.Error("the master is the one node that seatunnel.sh knows by itself: without it a newcomer finds nothing")
	}
	p := b.begin(c.command("seatunnel.sh", "--config", b.file("paced.conf", paced), "--set-job-id", id))
	p.waitFor("running job", func() bool { return strings.Contains(c.run("job", "show", id).out, "pipeline 1: RUNNING") })
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	logs := b.begin(c.command("seikan", "job", "logs", "-f", id))
	p.wait().check(t, 0, []string{"end with state FINISHED", "Total Read Count          :                 600"}, nil)
	logs.wait().check(t, 0, []string{"job ended status=FINISHED"}, nil)
	c.dev.waitFor("new master", func() bool { return strings.Contains(c.dev.out.String(), "is master now: kill -9") })
	if !strings.Contains(c.dev.err.String(), "has ended: signal: killed; start it again in another terminal: seikan server --home ") {
		t.Errorf("dev says %q of the node that was killed", c.dev.err.String())
	}
}

func TestDevLeavesOtherClustersOfItsNameAlone(t *testing.T) {
	b := newBench(t)
	c := b.startDev(1)
	again := b.run("dev", "--nodes", "1", "--dir", filepath.Join(b.dir, "other"), "--port", strconv.Itoa(c.port), "--http-port", strconv.Itoa(freeRun(t, 1)))
	again.check(t, 1, nil, []string{`a node of cluster "seatunnel" listens at 127.0.0.1:` + strconv.Itoa(c.port)})
	b.run("dev", "--nodes", "2", "--dir", c.dir).check(t, 2, nil, []string{"holds a cluster of 1 nodes, not 2"})
	b.run("dev", "--nodes", "1", "--dir", c.dir, "--port", strconv.Itoa(c.port+7)).check(t, 2, nil, []string{"leave out --port"})
	b.run("dev", "--nodes", "3", "--port", "65534").check(t, 2, nil, []string{"--port 65534"})
	b.run("dev", "--nodes", "3", "--port", "7000", "--http-port", "7002").check(t, 2, nil, []string{"overlap"})
	// What the environment says of another cluster must not reach the nodes.
	own := testbed.Command(t, b.state, "dev", "--nodes", "1", "--dir", filepath.Join(b.dir, "third"), "--port", strconv.Itoa(freeRun(t, 1)), "--http-port", strconv.Itoa(freeRun(t, 1)))
	own.Env = append(own.Env, fmt.Sprintf("ST_DOCKER_MEMBER_LIST=127.0.0.1:%d", c.port), "HAZELCAST_CONFIG="+filepath.Join(c.dir, "node-1", "config", "hazelcast.yaml"))
	p := b.begin(own)
	p.waitFor("cluster of its own", func() bool { return strings.Contains(p.out.String(), "formed a new cluster") })
	p.signal(syscall.SIGTERM)
	p.wait()
	var s struct{ Nodes []struct{ Addr string } }
	if c.json(&s, "cluster", "status"); len(s.Nodes) != 1 {
		t.Errorf("another node has joined: %+v", s)
	}
}

func TestClusterCommands(t *testing.T) {
	b := newBench(t)
	c := b.startDev(3)
	node := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", c.port+i-1) }
	var status struct {
		Name  string
		Nodes []struct {
			Addr, ID      string
			Master, Voter bool
		}
	}
	c.json(&status, "cluster", "status")
	if status.Name != "seatunnel" || len(status.Nodes) != 3 {
		t.Fatalf("%+v", status)
	}
	var done struct{ Result string }
	for _, n := range status.Nodes {
		if n.Master {
			c.json(&done, "cluster", "transfer", n.Addr)
			if !strings.Contains(done.Result, "is the master already") {
				t.Errorf("%+v", done)
			}
		} else if done.Result == "" || !n.Master {
			c.json(&done, "node", "tags", n.Addr, "team=red")
			c.json(&done, "node", "drain", n.Addr)
			c.json(&done, "node", "drain", n.Addr, "--off")
		}
	}
	c.run("node", "list").check(t, 0, []string{"team=red", "VOTE", node(3)}, nil)
	c.run("node", "tags", node(1), "team").check(t, 2, nil, []string{`tag "team": expected key=value`})
	c.run("node", "tags").check(t, 2, nil, []string{"--help"})
	c.run("node", "drain", "nobody").check(t, 1, nil, []string{`no node "nobody"`})
	c.run("cluster", "transfer", "nobody").check(t, 5, nil, []string{`no node "nobody"`})
	c.run("cluster", "remove", "10.9.9.9:1").check(t, 5, nil, []string{`no node "10.9.9.9:1"`})
	c.run("cluster", "remove", node(2)).check(t, 1, nil, []string{"answers, and would join again", "--force"})
	c.run("cluster", "bootstrap").check(t, 1, nil, []string{"is in cluster"})
	c.run("cluster", "join", node(2), "--at", node(1)).check(t, 1, nil, []string{"is in cluster"})
	c.run("cluster", "recover").check(t, 2, nil, []string{"--the-others-are-gone"})
	c.run("cluster", "stats").check(t, 2, nil, []string{`did you mean "status"?`})
	c.run("cluster", "status", "more").check(t, 2, nil, []string{"--help"})
	c.run("cluster", "status", "--cluster", "other").check(t, 1, nil, []string{`is called "seatunnel", not "other"`, "the name is that of -cn"})
	c.run("cluster", "status", "--at", "127.0.0.1:1").check(t, 1, nil, []string{"127.0.0.1:1", "--at takes a node's own port"})
	c.run("cluster", "status", "--at", fmt.Sprintf("127.0.0.1:%d", c.port+3)).check(t, 1, nil, []string{"not that of HTTP"})
	c.run("cluster", "status", "--at", "a b").check(t, 2, nil, []string{"--at"})
	c.run("cluster", "transfer").check(t, 0, []string{"another node is master now"}, nil)
}

func TestJobCommandsOnACluster(t *testing.T) {
	b := newBench(t)
	c := b.startDev(1)
	good := b.file("good.conf", good)
	slow := b.file("slow.conf", `env { job.mode = STREAMING, job.name = "slow", checkpoint.interval = 200, read_limit.rows_per_second = 50 }
source { FakeSource { row.num = 100000, split.num = 1000, split.read-interval = 0, schema { fields { id = bigint } } } }
sink { Console { log.print.data = false } }`)
	text, err := os.ReadFile(slow)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(name, from, to string) string { return b.file(name, strings.Replace(string(text), from, to, 1)) }
	bad := changed("bad.conf", "FakeSource", "FakeSourc")

	var job struct {
		ID, Status string
		Read       int64
	}
	c.json(&job, "job", "submit", good, "--job-id", "55", "--wait")
	if job.ID != "55" || job.Status != "FINISHED" || job.Read != 32 {
		t.Errorf("%+v", job)
	}
	c.run("job", "submit", bad).check(t, 3, nil, []string{"bad.conf:2:10", `did you mean "FakeSource"?`})
	c.finish(c.command("seatunnel.sh", "-c", bad)).check(t, 1, nil, []string{"Config Error:", `did you mean "FakeSource"?`})
	c.run("job", "submit", b.file("half.conf", "env { env {")).check(t, 3, nil, []string{"never closed"})
	c.run("job", "submit", good, "--job-id", "55").check(t, 1, nil, []string{"job id 55 is taken", "seikan job restore 55"})
	c.run("job", "submit", good, "--job-id", "x1").check(t, 2, nil, []string{"expected a whole number"})
	c.run("job", "submit", b.file("assert.conf", failing), "--job-id", "56", "--wait").check(t, 1, nil, []string{"MIN_ROW", "seikan job restore 56"})
	for _, command := range []string{"show", "stop", "savepoint", "logs", "restore"} {
		c.run("job", command, "x1").check(t, 2, nil, []string{`job id "x1": expected a whole number`})
		c.run("job", command, "404").check(t, 5, nil, []string{"there is no job 404; seikan job list lists"})
	}
	c.run("job", "restore", "404", good).check(t, 5, nil, []string{"there is no job 404"})
	c.run("job", "savepoint", "55").check(t, 1, nil, []string{"has ended already: FINISHED"})
	c.run("job", "restore", "55").check(t, 1, nil, []string{"it has FINISHED"})
	c.run("job", "list", "x").check(t, 2, nil, []string{"--help"})
	c.run("job", "diff", "55").check(t, 2, nil, []string{"--help"})

	c.json(&job, "job", "submit", slow, "--job-id", "57")
	c.run("job", "restore", "57").check(t, 1, nil, []string{"seikan job savepoint 57 stops it"})
	c.dev.waitFor("rows", func() bool { c.json(&job, "job", "show", "57"); return job.Read > 0 })
	c.json(&job, "job", "savepoint", "57")
	if job.Status != "SAVEPOINT_DONE" {
		t.Errorf("%+v", job)
	}
	var diff struct {
		Same  bool
		Lines []string
	}
	if c.json(&diff, "job", "diff", "57", slow); !diff.Same {
		t.Errorf("%+v", diff)
	}
	faster := changed("faster.conf", "= 50 }", "= 60 }")
	c.run("job", "diff", "57", faster).check(t, 1, []string{`"read_limit.rows_per_second": 50`, `"read_limit.rows_per_second": 60`}, nil)
	c.run("job", "restore", "57", bad).check(t, 3, nil, []string{"FakeSourc"})
	c.run("job", "restore", "57", changed("assert.conf", "Console { log.print.data = false }", "Assert { rules { row_rules = [] } }")).
		check(t, 1, nil, []string{"cannot be restored from its savepoint", "sink 1 was Console and is Assert", `+       "plugin_name": "Assert"`})
	c.json(&job, "job", "show", "57")
	if job.Status != "SAVEPOINT_DONE" {
		t.Errorf("a refused restore changed the job: %+v", job)
	}
	c.run("job", "restore", "57", faster).check(t, 0, []string{"job 57 (slow)"}, []string{"goes on with a changed file", `: 60`, "fits: every source and sink"})
	c.json(&job, "job", "stop", "57")
	if job.Status != "CANCELED" {
		t.Errorf("%+v", job)
	}
	var jobs []struct{ ID string }
	if c.json(&jobs, "job", "list"); len(jobs) < 3 {
		t.Errorf("%+v", jobs)
	}
	if r := c.finish(c.command("seatunnel.sh", "-j", "55")); strings.Contains(r.out, "pipelineId=0") || !strings.Contains(r.out, "pipelineId=1)\":\"FINISHED\"") {
		t.Errorf("%s", r.out)
	}
	r := c.run("job", "logs", "57", "-o", "json")
	var line struct{ Node, Line string }
	if err := json.Unmarshal([]byte(strings.SplitN(r.out, "\n", 2)[0]), &line); err != nil || line.Node == "" || line.Line == "" {
		t.Errorf("%v\n%s", err, r.out)
	}
}
