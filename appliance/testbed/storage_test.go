package testbed

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/engine/checkpoint"
	"seikan/storage"
	"seikan/storage/open"
)

// link is a TCP connection to a server that can be cut: it then takes what is sent and passes
// nothing on, as a network does that drops packets.
type link struct {
	listener net.Listener
	target   string

	mu   sync.Mutex
	pass chan struct{} // closed while bytes pass
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &link{listener: l, target: target, pass: make(chan struct{})}
	close(n.pass)
	t.Cleanup(func() { _ = l.Close(); n.heal() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			go n.carry(c)
		}
	}()
	return n
}

func (n *link) addr() string { return n.listener.Addr().String() }

func (n *link) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pass = make(chan struct{})
}

func (n *link) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.pass:
	default:
		close(n.pass)
	}
}

func (n *link) wait() {
	n.mu.Lock()
	pass := n.pass
	n.mu.Unlock()
	<-pass
}

func (n *link) carry(client net.Conn) {
	defer client.Close()
	n.wait()
	server, err := net.Dial("tcp", n.target)
	if err != nil {
		return // the client sees its connection close
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	copying := func(to, from net.Conn) {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 32<<10)
		for {
			read, err := from.Read(buf)
			n.wait()
			if read > 0 {
				if _, err := to.Write(buf[:read]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	go copying(server, client)
	go copying(client, server)
	<-done
}

// remote is a real store of checkpoints behind a link.
type remote struct {
	server *parts.Server
	link   *link
	keys   map[string]string // of plugin-config
	put    string            // how a message names a write there
}

func s3Remote(t *testing.T) remote {
	s := parts.Own(t, "s3")
	l := newLink(t, s.Env["S3_ADDR"])
	return remote{s, l, map[string]string{"storage.type": "s3", "s3.bucket": "s3a://" + s.Env["S3_BUCKET"], "fs.s3a.endpoint": "http://" + l.addr(),
		"fs.s3a.access.key": s.Env["S3_ACCESS_KEY"], "fs.s3a.secret.key": s.Env["S3_SECRET_KEY"], "namespace": "/ledger"},
		"put s3://" + s.Env["S3_BUCKET"] + "/ledger/seikan/"}
}

func hdfsRemote(t *testing.T) remote {
	s := parts.Own(t, "hdfs")
	u, err := url.Parse(s.Env["HDFS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t, u.Host)
	folder := "/user/" + s.Env["HDFS_USER"] + "/ledger"
	return remote{s, l, map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://" + l.addr(), "remote_user": s.Env["HDFS_USER"], "namespace": folder},
		"put hdfs://" + l.addr() + folder + "/seikan/"}
}

// open is the same store, past the link.
func (r remote) open(t *testing.T) storage.Store {
	t.Helper()
	keys := map[string]string{}
	for k, v := range r.keys {
		keys[k] = strings.ReplaceAll(v, r.link.addr(), r.link.target)
	}
	settings, errs := open.Parse("hdfs", keys)
	if errs != nil {
		t.Fatal(errs)
	}
	s, err := open.Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// keepCheckpointsAt rewrites the configuration of every node.
func (c *processes) keepCheckpointsAt(r remote) {
	c.t.Helper()
	var keys strings.Builder
	for k, v := range r.keys {
		fmt.Fprintf(&keys, "          %q: %q\n", k, v)
	}
	for i := range c.nodes {
		text := fmt.Sprintf(`seatunnel:
  engine:
    http: { enable-http: false }
    checkpoint:
      interval: 200
      timeout: 2000
      storage:
        type: hdfs
        max-retained: 5
        plugin-config:
%s  seikan:
    lease-ms: 2000
    cluster-key-file: %s
`, &keys, filepath.Join(c.dir, "seikan-cluster.key"))
		if err := os.WriteFile(filepath.Join(c.home(i), "config", "seatunnel.yaml"), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// seen is a job with its checkpoints, newest first.
type seen struct {
	Status, Error string
	Read          int64
	Checkpoints   []struct {
		ID            int64
		Status, Error string
	}
}

func (c *processes) look(id string) (j seen) {
	for i, n := range c.nodes {
		if n == nil {
			continue
		}
		out, err := c.command(i, "seikan", "job", "show", id, "-o", "json").Output()
		if err == nil && json.Unmarshal(out, &j) == nil {
			return j
		}
	}
	return j
}

// newest is the highest number of a completed checkpoint.
func (j seen) newest() int64 {
	for _, c := range j.Checkpoints {
		if c.Status == "COMPLETED" {
			return c.ID
		}
	}
	return 0
}

// complete waits until some more checkpoints are complete.
func (c *processes) complete(id string, more int64) {
	c.t.Helper()
	from := c.look(id).newest()
	c.wait("checkpoints are complete", func() bool { return c.look(id).newest() >= from+more })
}

// logged counts lines of the nodes' logs that hold all of the words.
func (c *processes) logged(words ...string) (n int) {
	for _, l := range c.logs {
		for line := range strings.Lines(l.String()) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				n++
			}
		}
	}
	return n
}

// TestCheckpointsAreLateWhileTheirStorageIsAwayAndNothingElseIs kills the server that keeps the
// checkpoints, then cuts the network to it, while ledger jobs run: warnings name the storage, rows
// go on, and in the end every row is there once. (P1, P2, P5)
func TestCheckpointsAreLateWhileTheirStorageIsAwayAndNothingElseIs(t *testing.T) {
	for name, start := range map[string]func(*testing.T) remote{"s3": s3Remote, "hdfs": hdfsRemote} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t)
			c := startProcesses(t, 3)
			c.keepCheckpointsAt(r)
			c.startAll()
			c.rideOut(r, "4714", "while its server is dead", r.server.Kill, r.server.Start)
			c.rideOut(r, "4715", "while the network is cut", r.link.cut, r.link.heal)
		})
	}
}

// rideOut runs the ledger job through an outage of its checkpoint storage.
func (c *processes) rideOut(r remote, id, when string, begin, end func()) {
	c.t.Helper()
	here := *c
	here.dir = filepath.Join(c.dir, id)
	if err := os.Mkdir(here.dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	to := fileTarget()
	conf := here.ledger(to, 1500)
	text, err := os.ReadFile(conf)
	if err != nil {
		c.t.Fatal(err)
	}
	here.file("ledger.conf", strings.Replace(string(text), "env {", "env { checkpoint.tolerable-failures = 100000,", 1))
	c.must(0, "seatunnel.sh", "-c", conf, "--async", "--set-job-id", id)
	c.wait("the job runs", func() bool { return c.job(id) == "RUNNING" })
	c.complete(id, 2)

	begin()
	words := []string{"WARN", "checkpoint failed", r.put + id + "/"}
	before := c.logged(words...) // one may have been under way
	c.wait("warnings name the storage "+when, func() bool { return c.logged(words...) >= before+2 })
	now := c.look(id)
	c.wait("rows go on "+when, func() bool { return c.look(id).Read > now.Read })
	if after := c.look(id); after.newest() != now.newest() {
		c.t.Errorf("checkpoint %d is complete %s", after.newest(), when)
	}
	end()

	c.wait("the job ends", func() bool { return c.job(id) == "FINISHED" })
	count(c.t, to, here.dir, when)
	if n := c.logged("a pipeline failed"); n > 0 {
		c.t.Errorf("the pipeline was restarted %d times", n)
	}
}

// TestOnlyTheConfiguredNumberOfFailedCheckpointsStopsAJob, and the job's error names the storage.
func TestOnlyTheConfiguredNumberOfFailedCheckpointsStopsAJob(t *testing.T) {
	t.Parallel()
	r := s3Remote(t)
	c := startProcesses(t, 1)
	c.keepCheckpointsAt(r)
	c.startAll()
	const id = "4716"
	c.must(0, "seatunnel.sh", "-c", c.file("endless.conf", strings.Replace(endless, "job.retry.times = 20", "job.retry.times = 0", 1)), "--async", "--set-job-id", id)
	c.wait("the job runs", func() bool { return c.job(id) == "RUNNING" })
	c.complete(id, 1)
	r.server.Kill()
	c.wait("the job fails", func() bool { return c.job(id) == "FAILED" })
	j := c.look(id)
	if want := "4 checkpoints failed in a row"; !strings.Contains(j.Error, want) || !strings.Contains(j.Error, r.put) {
		t.Errorf("the job says %q, want %q and %q", j.Error, want, r.put)
	}
	failed := 0
	for failed < len(j.Checkpoints) && j.Checkpoints[failed].Status == "ABORTED" {
		failed++
	}
	if failed != 4 {
		t.Errorf("%d checkpoints failed in a row, of 4: %+v", failed, j.Checkpoints)
	}
}

// TestADeletedManifestIsPassedOver: an object that somebody deleted is named, the checkpoint before
// it is taken, and the sink's ledger keeps every row from coming twice. (P2)
func TestADeletedManifestIsPassedOver(t *testing.T) {
	t.Parallel()
	r := s3Remote(t)
	c := startProcesses(t, 1)
	c.keepCheckpointsAt(r)
	c.startAll()
	to := sqliteTarget()
	conf := c.ledger(to, 1500)
	splitInput(t, filepath.Join(c.dir, "in"), 100) // so many splits that a manifest does not fit into its row
	const id = "4716"
	c.must(0, "seatunnel.sh", "-c", conf, "--async", "--set-job-id", id)
	c.wait("the job runs", func() bool { return c.job(id) == "RUNNING" })
	blobs := r.open(t)
	stored := func() []checkpoint.Object { // newest first
		all, err := checkpoint.OfJob(t.Context(), blobs, id)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b checkpoint.Object) int { return int(b.Checkpoint - a.Checkpoint) })
		return all
	}
	c.wait("manifests are large", func() bool {
		all := stored()
		return len(all) >= 4 && min(all[0].Size, all[1].Size, all[2].Size) > checkpoint.InlineLimit
	})
	c.kill(0)
	all := stored()
	for _, m := range all[:2] { // the newest may lack its row, the second does not
		if err := blobs.Delete(t.Context(), m.Name); err != nil {
			t.Fatal(err)
		}
	}
	c.start(0)
	c.wait("the job ends", func() bool { return c.job(id) == "FINISHED" })
	count(t, to, c.dir, "a manifest is deleted")
	if c.logged("a checkpoint cannot be used", all[1].Name) == 0 {
		t.Errorf("no message names %s", all[1].Name)
	}
	if c.logged("going on from an older checkpoint", fmt.Sprintf("checkpoint=%d", all[2].Checkpoint)) == 0 {
		t.Error("no message says that an older checkpoint is taken")
	}
}

// splitInput cuts the files of the ledger's input into files of so many rows.
func splitInput(t *testing.T, dir string, rows int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for part := range slices.Chunk(slices.Collect(strings.Lines(string(text))), rows) {
			if err := os.WriteFile(fmt.Sprintf("%s-%s-%d.csv", strings.TrimSuffix(f, ".csv"), strings.Repeat("long-", 40), n), []byte(strings.Join(part, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAStorageThatCannotBeUsedIsRefusedAtStart names the key to change.
func TestAStorageThatCannotBeUsedIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	e := parts.Env(t, "s3", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")
	c := startProcesses(t, 1)
	c.keepCheckpointsAt(remote{keys: map[string]string{"storage.type": "s3", "s3.bucket": "s3a://" + e["S3_BUCKET"], "fs.s3a.endpoint": e["S3_ENDPOINT"],
		"fs.s3a.access.key": e["S3_ACCESS_KEY"], "fs.s3a.secret.key": "wrong-secret-value", "namespace": "/refused"}})
	out, err := c.call(0, "seatunnel-cluster.sh")
	if err == nil || !strings.Contains(out, "change fs.s3a.secret.key") || strings.Contains(out, "wrong-secret-value") {
		t.Errorf("%v\n%s", err, out)
	}
}
