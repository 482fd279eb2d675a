package testbed

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/appliance/testbed/parts"
	"seikan/db/state"
	"seikan/engine/rpc"
	"seikan/engine/task"
	"seikan/storage/open"
	"seikan/storage/storagetest"
)

// The disaster: every node is killed and loses its disk. What is left is the configuration and
// the storage, where checkpoints and backups of the state are.

// storageKeys are the settings of a kind of storage whose real server runs, without a namespace,
// and the folder in which namespaces may be made.
func storageKeys(t *testing.T, kind string) (keys map[string]string, folder string) {
	folder = "/" + storagetest.Folder()
	switch kind {
	case open.S3:
		e := parts.Env(t, "s3", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")
		return map[string]string{"storage.type": "s3", "s3.bucket": "s3a://" + e["S3_BUCKET"], "fs.s3a.endpoint": e["S3_ENDPOINT"], "fs.s3a.access.key": e["S3_ACCESS_KEY"], "fs.s3a.secret.key": e["S3_SECRET_KEY"]}, folder
	case open.OSS:
		e := parts.Env(t, "oss", "OSS_ENDPOINT", "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_BUCKET")
		return map[string]string{"storage.type": "oss", "oss.bucket": "oss://" + e["OSS_BUCKET"], "fs.oss.endpoint": e["OSS_ENDPOINT"], "fs.oss.accessKeyId": e["OSS_ACCESS_KEY_ID"], "fs.oss.accessKeySecret": e["OSS_ACCESS_KEY_SECRET"]}, folder
	case open.HDFS:
		e := parts.Env(t, "hdfs", "HDFS_URL", "HDFS_USER")
		return map[string]string{"storage.type": "hdfs", "fs.defaultFS": e["HDFS_URL"], "remote_user": e["HDFS_USER"]}, "/user/" + e["HDFS_USER"] + folder
	case open.Swift:
		e := parts.Env(t, "swift", "SWIFT_AUTH_URL", "SWIFT_USER", "SWIFT_KEY", "SWIFT_CONTAINER")
		return map[string]string{"storage.type": "swift", "swift.container": e["SWIFT_CONTAINER"], "swift.auth-url": e["SWIFT_AUTH_URL"], "swift.user": e["SWIFT_USER"], "swift.key": e["SWIFT_KEY"]}, folder
	}
	return map[string]string{"storage.type": "hdfs", "fs.defaultFS": "file:///"}, t.TempDir()
}

// disasterKinds are the storages of this run: in CI the local one and one other by turns, all in a soak.
func disasterKinds() []string {
	others := slices.DeleteFunc(slices.Clone(open.Kinds), func(k string) bool { return k == open.Local })
	commit := os.Getenv("GITHUB_SHA")
	if commit == "" {
		out, _ := exec.Command("git", "rev-parse", "HEAD").Output() // else always the same one
		commit = strings.TrimSpace(string(out))
	}
	turn, _ := hex.DecodeString(commit)
	switch {
	case os.Getenv("SEIKAN_SOAK") != "":
		return open.Kinds
	case len(turn) == 0:
		return []string{open.Local, others[0]}
	}
	return []string{open.Local, others[int(turn[len(turn)-1])%len(others)]}
}

// clusterOf is a cluster of processes that keeps checkpoints and backups on a storage. cluster is
// its name; clusterName, of the map-store, is always the same.
func clusterOf(t *testing.T, n int, keys map[string]string, folder, cluster string, backups bool) *processes {
	t.Helper()
	c := startProcesses(t, n)
	for i := range n {
		c.keepOn(i, keys, folder, cluster, backups)
	}
	return c
}

func (c *processes) keepOn(i int, keys map[string]string, folder, cluster string, backups bool) {
	c.t.Helper()
	with := func(namespace string) string {
		all := maps.Clone(keys)
		all["namespace"] = folder + "/" + namespace
		text, err := json.Marshal(all) // is YAML, too
		if err != nil {
			c.t.Fatal(err)
		}
		return string(text)
	}
	mapStore := ""
	if backups {
		mapStore = fmt.Sprintf("  map: { 'engine*': { map-store: { enabled: true, properties: %s, \"clusterName\": \"copied\"} } } }\n", strings.TrimSuffix(with("imap"), "}"))
	}
	var members []string
	for _, p := range c.ports {
		members = append(members, fmt.Sprintf("127.0.0.1:%d", p))
	}
	for name, text := range map[string]string{
		"seatunnel.yaml": fmt.Sprintf(`seatunnel:
  engine:
    http: { enable-http: false }
    checkpoint: { interval: 500, storage: { type: hdfs, plugin-config: %s } }
  seikan: { cluster-key-file: %s }
`, with("checkpoint"), filepath.Join(c.dir, "seikan-cluster.key")),
		"hazelcast.yaml": fmt.Sprintf(`hazelcast:
  cluster-name: %s
  network:
    rest-api: { enabled: true, endpoint-groups: { DATA: { enabled: true } } }
    join: { tcp-ip: { enabled: true, member-list: [ %s ] } }
    port: { auto-increment: false, port: %d }
%s`, cluster, `"`+strings.Join(members, `", "`)+`"`, c.ports[i], mapStore),
		"hazelcast-client.yaml": fmt.Sprintf(`hazelcast-client:
  cluster-name: %s
  connection-strategy: { connection-retry: { cluster-connect-timeout-millis: 20000 } }
  network: { cluster-members: [ "%s" ] }
`, cluster, strings.Join(members, `", "`)),
	} {
		if err := os.WriteFile(filepath.Join(c.home(i), "config", name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// client speaks to the cluster from this process, which is faster than starting the program.
func (c *processes) client() *node.Client {
	c.t.Helper()
	cfg, problems := config.Load(config.Options{Role: config.Client, Home: c.home(0)})
	if err := problems.Err(); err != nil {
		c.t.Fatal(err)
	}
	client, err := node.NewClient(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// wipe removes a node's state as a new disk does. The configuration is kept.
func (c *processes) wipe(i int) {
	c.t.Helper()
	if err := os.RemoveAll(filepath.Join(c.home(i), "state")); err != nil {
		c.t.Fatal(err)
	}
}

// numberedJob is a STREAMING job whose rows carry a number and a check value. Its files are
// seen by one node alone, as far as the cluster knows.
type numberedJob struct {
	id  string
	dir string
	to  target
}

const (
	numberedRows = 200_000
	numberedRate = 100 // rows a second: more than half an hour of work
)

func (c *processes) numbered(client *node.Client, n int) []numberedJob {
	c.t.Helper()
	in := filepath.Join(c.dir, "in")
	if err := os.MkdirAll(in, 0o700); err != nil {
		c.t.Fatal(err)
	}
	var b strings.Builder
	for id := range numberedRows {
		fmt.Fprintf(&b, "%d,\"row %d, quoted\",%d\n", id, id, check(id))
	}
	if err := os.WriteFile(filepath.Join(in, "part.csv"), []byte(b.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	var jobs []numberedJob
	for i := range n {
		j := numberedJob{id: fmt.Sprint(5000 + i), dir: filepath.Join(c.dir, fmt.Sprint("job-", i)), to: fileTarget()}
		if i%2 == 1 {
			j.to = sqliteTarget()
		}
		if err := os.MkdirAll(j.dir, 0o700); err != nil {
			c.t.Fatal(err)
		}
		text := fmt.Sprintf(ledgerJob, in, j.to.sink(j.dir))
		text = strings.Replace(text, "parallelism = 2, checkpoint.interval = 60, read_limit.rows_per_second = 20000",
			fmt.Sprintf(`job.mode = "STREAMING", parallelism = 1, checkpoint.interval = 500, read_limit.rows_per_second = %d`, numberedRate), 1)
		if _, err := client.Submit(c.t.Context(), node.ClusterJob{Text: text, Format: "hocon", ID: j.id, Op: j.id}); err != nil {
			c.t.Fatalf("submit job %s: %v", j.id, err)
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// moving are the jobs whose tasks all run, as the workers report.
func moving(ctx context.Context, client *node.Client) (jobs map[string]bool, err error) {
	var s node.ClusterStatus
	if err := client.Ask(ctx, "cluster.status", struct{}{}, &s); err != nil {
		return nil, err
	}
	head, chain := map[string]bool{}, map[string]bool{}
	for _, n := range s.Nodes {
		for _, t := range n.Tasks {
			switch {
			case t.State != rpc.Running || t.Pipeline == 0:
			case t.Role == rpc.Head:
				head[t.JobID] = true
			case t.Role == rpc.Chain:
				chain[t.JobID] = true
			}
		}
	}
	maps.DeleteFunc(head, func(id string, _ bool) bool { return !chain[id] })
	return head, nil
}

func (c *processes) waitMoving(client *node.Client, jobs []numberedJob) {
	c.t.Helper()
	c.wait(fmt.Sprintf("all %d jobs run", len(jobs)), func() bool {
		m, err := moving(c.t.Context(), client)
		return err == nil && len(m) == len(jobs)
	})
}

// disaster kills all nodes and takes their disks, after a backup was made and a job has completed
// checkpoints that this backup does not know.
func (c *processes) disaster(client *node.Client, jobs []numberedJob) {
	c.t.Helper()
	began := time.Now()
	c.wait("there is a backup of now", func() bool {
		var s node.ClusterStatus
		err := client.Ask(c.t.Context(), "cluster.status", struct{}{}, &s)
		return err == nil && s.Backups != nil && s.Backups.Taken.After(began)
	})
	newest := func() (id int64) {
		checkpoints, err := client.Checkpoints(c.t.Context(), jobs[0].id, 100)
		for _, point := range checkpoints {
			if err == nil && point.Status == state.CheckpointCompleted {
				id = max(id, point.ID)
			}
		}
		return id
	}
	known := newest()
	c.wait("there are checkpoints that the backup does not know", func() bool { return newest() >= known+2 })
	for i := range c.nodes {
		c.kill(i)
	}
	for i := range c.nodes {
		c.wipe(i)
	}
}

// rows are what the target of a job holds, which must be the first ones, each once.
func (j numberedJob) rows(t *testing.T) (n int) {
	t.Helper()
	seen := map[int]int{}
	j.to.read(t, j.dir, func(id, sum int) {
		if sum != check(id) {
			t.Fatalf("job %s: a damaged row: id %d, check %d", j.id, id, sum)
		}
		n++
		seen[id]++
	})
	missing, doubled := 0, n-len(seen)
	for id := range len(seen) {
		if seen[id] == 0 {
			missing++
		}
	}
	if missing+doubled > 0 {
		t.Errorf("job %s: %d rows are missing and %d doubled, of %d", j.id, missing, doubled, n)
	}
	return n
}

// finish lets the jobs go on for a while and stops them with a savepoint, which commits all they
// have read: the target must hold just that.
func (c *processes) finish(client *node.Client, jobs []numberedJob) {
	c.t.Helper()
	for _, j := range jobs {
		before := j.rows(c.t)
		c.wait("job "+j.id+" goes on", func() bool { return j.rows(c.t) > before })
	}
	for _, j := range jobs {
		if _, err := client.SetDesired(c.t.Context(), j.id, state.WantSavepoint); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, j := range jobs {
		var row state.Job
		c.wait("job "+j.id+" has its savepoint", func() (ended bool) {
			var err error
			row, err = client.Job(c.t.Context(), j.id)
			return err == nil && row.Status.Ended()
		})
		counters := map[string]int64{}
		if err := json.Unmarshal([]byte(row.Metrics), &counters); err != nil || row.Status != state.SavepointDone {
			c.t.Fatalf("job %s has ended %s: %s (%v)", j.id, row.Status, row.Error, err)
		}
		if n, written := j.rows(c.t), task.Sum(counters, "SinkWriteCount"); int64(n) != written {
			c.t.Errorf("job %s: the target holds %d rows, the job counts %d", j.id, n, written)
		}
	}
	if out := c.must(0, "seikan", "checkpoint", "verify", "-m", "cluster"); !strings.Contains(out, " 0 bad") || strings.Contains(out, "\n0 good") {
		c.t.Errorf("checkpoints after the recovery: %s", out)
	}
	var list []struct{ Checkpoint, Kind string }
	out := c.must(0, "seikan", "checkpoint", "list", jobs[0].id, "-m", "cluster", "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) == 0 || list[0].Kind != "savepoint" {
		c.t.Fatalf("checkpoint list: %v, %s", err, out)
	}
	if out := c.must(0, "seikan", "checkpoint", "show", list[0].Checkpoint, "-m", "cluster"); !strings.Contains(out, "splits to be read") {
		c.t.Errorf("checkpoint show: %s", out)
	}
	if out, err := c.call(0, "seikan", "checkpoint", "delete", list[0].Checkpoint, "-m", "cluster"); err == nil || !strings.Contains(out, "--force") {
		c.t.Errorf("the newest savepoint is deleted: %v, %s", err, out)
	}
	c.must(0, "seikan", "checkpoint", "delete", list[0].Checkpoint, "-m", "cluster", "--force")
}

// TestAllDisksLost kills all nodes of a cluster with running jobs and takes their disks away: the
// jobs go on by themselves when the nodes are started again, and no row is missing or doubled. (P1, P2)
func TestAllDisksLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	for _, kind := range disasterKinds() {
		t.Run(kind, func(t *testing.T) {
			keys, folder := storageKeys(t, kind)
			c := clusterOf(t, 3, keys, folder, "recovery", true)
			c.startAll()
			client := c.client()
			jobs := c.numbered(client, 20)
			c.waitMoving(client, jobs)
			c.disaster(client, jobs)
			began := time.Now()
			for i := range c.nodes {
				c.start(i)
			}
			c.waitMoving(client, jobs)
			t.Logf("%s: all nodes dead and wiped to %d jobs running: %v", kind, len(jobs), time.Since(began).Round(10*time.Millisecond))
			if kind == open.Local { // and once more, with nodes that die while the cluster forms
				c.disaster(client, jobs)
				seed := drawSeed(t)
				t.Logf("SEIKAN_SEED=%x", seed)
				random := rand.New(rand.NewPCG(seed, 2))
				for range 4 { // each is killed at a moment of its own
					for i := range c.nodes {
						c.start(i)
					}
					<-time.After(time.Duration(50+random.IntN(700)) * time.Millisecond)
					for i := range c.nodes {
						c.kill(i)
					}
				}
				for i := range c.nodes {
					c.start(i)
				}
				c.waitMoving(client, jobs)
			}
			c.waitWhole()
			c.finish(client, jobs)
			if !c.begins(0) && !c.begins(1) && !c.begins(2) {
				t.Error("no node says that it began with a backup")
			}
		})
	}
}

// begins says whether a node has begun with a backup, by what it has said so far.
func (c *processes) begins(i int) bool {
	return c.logs[i] != nil && strings.Contains(c.logs[i].String(), "the cluster goes on from a backup")
}

// TestABackupIsForAClusterWithoutState: what lives is never overwritten by it, and another cluster
// does not take it. (P1)
func TestABackupIsForAClusterWithoutState(t *testing.T) {
	t.Parallel()
	keys, folder := storageKeys(t, open.Local)
	c := clusterOf(t, 3, keys, folder, "recovery", true)
	c.startAll()
	one := c.file("one.conf", oneRow)
	c.must(0, "seatunnel.sh", "-c", one, "--set-job-id", "1")
	if out := c.must(1, "seikan", "backup", "now"); !strings.Contains(out, "copied/state/") || !strings.Contains(out, "read back") {
		t.Errorf("backup now: %s", out)
	}
	c.must(0, "seatunnel.sh", "-c", one, "--set-job-id", "2") // which the backup does not know, if it is quick
	for i := range c.nodes {
		c.kill(i)
	}
	c.startAll()
	if got := c.job("2"); got != "FINISHED" {
		t.Errorf("after all nodes were killed a job that had ended is %q", got)
	}

	c.kill(2)
	c.wipe(2)
	c.start(2)
	c.waitWhole()
	for i := range c.nodes {
		if c.begins(i) {
			t.Errorf("node %d has restored a backup over live data", i)
		}
	}
	if out, err := c.call(0, "seikan", "restore"); err == nil || !strings.Contains(out, "never restored over live data") {
		t.Errorf("seikan restore on a node with state: %v, %s", err, out)
	}
	for _, args := range [][]string{{"backup", "list"}, {"backup", "verify"}, {"checkpoint", "list", "-m", "cluster"}, {"checkpoint", "verify", "-m", "cluster"}} {
		c.must(0, "seikan", args...)
	}

	other := clusterOf(t, 1, keys, folder, "another", true)
	other.start(0)
	other.wait("the backup is refused", func() bool { return strings.Contains(other.logs[0].String(), "the backup is of another cluster") })
	if text := other.logs[0].String(); !strings.Contains(text, "clusterName") || other.begins(0) {
		t.Errorf("another cluster says:\n%s", text)
	}

	// A cluster of another size, told so.
	for i := range c.nodes {
		c.kill(i)
	}
	smaller := clusterOf(t, 1, keys, folder, "recovery", false)
	key, err := os.ReadFile(filepath.Join(c.dir, "seikan-cluster.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(smaller.dir, "seikan-cluster.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	smaller.must(0, "seikan", "restore", "--from", filepath.Join(folder, "imap"), "--cluster", "copied")
	smaller.startAll()
	if got := smaller.job("1"); got != "FINISHED" || !smaller.begins(0) {
		t.Errorf("in the smaller cluster the job is %q", got)
	}
}
