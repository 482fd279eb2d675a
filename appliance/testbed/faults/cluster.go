// Package faults runs real clusters, each node a process in a network and a mount namespace of
// its own, and does to them what happens in the field: kills, pauses, cut networks, full and slow
// disks, wrong clocks, upgrades.
package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/appliance/testbed"
	"seikan/appliance/testbed/lacking"
)

// Lease of the workers in these clusters: the shortest there is, so that it runs out while a test
// looks on. An election takes longer, so it is for faults that may stop tasks.
const Lease = time.Second

// LongLease outlives an election, as the product's own 8 s do: a change of the master leaves the
// tasks alone. (P4)
const LongLease = 8 * time.Second

// Options of a Cluster.
type Options struct {
	BackupCount int
	Masters     int           // the first so many nodes are only master, the others only worker; 0: all are both
	SharedDir   bool          // the nodes see one data directory; else each has its own
	TLS         bool          // mutual, on every port
	StateMiB    int           // size of the state's file system; 0: the test's own disk
	ClusterName string        // default "faults"
	MinFree     string        // seatunnel.seikan.min-free-bytes; default 8m
	Lease       time.Duration // default Lease
	Interval    time.Duration // of checkpoints, where a job does not say; default 500 ms
	Programs    []string      // paths of the builds that nodes may run; default the present one
	Program     int           // which of them is started first
}

// Cluster is nodes as processes.
type Cluster struct {
	t   testing.TB
	o   Options
	dir string
	net *network

	Nodes []*Node
}

// Inside a node's mount namespace.
const (
	insideHome    = "/mnt/home"
	insideState   = "/mnt/state"
	insideProgram = "/mnt/program-" // and the number
	// Data is the data directory as the nodes see it.
	Data = "/mnt/data"
)

// clusterKey stands in every node's configuration, as an administrator copies it.
const clusterKey = "7b1f0c9a54e8d23f6a7c11d0e5b84f9203c6a1d87e4f5b60918273645a0b1c2d\n"

// need ends or skips the test where namespaces cannot be made.
func need(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		lacking.Skip(t, "clusters in namespaces need root")
	}
	for _, name := range []string{"ip", "nsenter", "mount", "strace"} {
		if _, err := exec.LookPath(name); err != nil {
			lacking.Skip(t, "clusters in namespaces need the command %s", name)
		}
	}
	if s, err := newSpace(""); err != nil {
		lacking.Skip(t, "this machine makes no namespaces: %v", err)
	} else {
		s.close()
	}
}

// Start starts a cluster of n nodes and waits until it serves. All of it is gone with the test.
func Start(t testing.TB, n int, o Options) *Cluster {
	t.Helper()
	need(t)
	if o.ClusterName == "" {
		o.ClusterName = "faults"
	}
	if o.MinFree == "" {
		o.MinFree = "8m"
	}
	if o.Lease == 0 {
		o.Lease = Lease
	}
	if o.Interval == 0 {
		o.Interval = 500 * time.Millisecond
	}
	if o.Programs == nil {
		o.Programs = []string{testbed.Seikan(t)}
	}
	c := &Cluster{t: t, o: o, dir: t.TempDir()}
	network, err := newNetwork()
	if err != nil {
		t.Fatal(err)
	}
	c.net = network
	t.Cleanup(func() {
		c.Close()
		if t.Failed() {
			c.dump()
		}
	})
	if err := os.Mkdir(filepath.Join(c.dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	var members []string
	for i := range n {
		members = append(members, address(i)+":5801")
	}
	authority := newAuthority(t, o.TLS)
	for i := range n {
		c.Nodes = append(c.Nodes, c.prepare(i, members, authority))
	}
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	return c
}

// Close ends all nodes; the test's end does it too.
func (c *Cluster) Close() {
	for _, n := range c.Nodes {
		n.end()
	}
	c.net.close()
}

// prepare makes a node's directories, files and namespaces.
func (c *Cluster) prepare(i int, members []string, a *authority) *Node {
	c.t.Helper()
	dir := filepath.Join(c.dir, fmt.Sprintf("node-%d", i))
	data := filepath.Join(c.dir, "data")
	if !c.o.SharedDir {
		data = filepath.Join(dir, "data")
	}
	for _, d := range []string{"tmp", "state", "home/config", "data"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			c.t.Fatal(err)
		}
	}
	c.configure(i, dir, members, a.issue(filepath.Join(dir, "home/config"), address(i)))
	programs := ""
	for k, path := range c.o.Programs {
		programs += fmt.Sprintf("touch %s%d\nmount --bind '%s' %s%d\n", insideProgram, k, path, insideProgram, k)
	}
	state := `mount --bind "$1/state" /mnt/state`
	if c.o.StateMiB > 0 {
		state = fmt.Sprintf("mount -t tmpfs -o size=%dm tmpfs /mnt/state", c.o.StateMiB)
	}
	host, err := newSpace(`mount -t tmpfs tmpfs /mnt
mkdir /mnt/home /mnt/state /mnt/data
`+programs+`
mount --bind "$1/home" /mnt/home
mount --bind "$2" /mnt/data
`+state+`
mount --bind "$1/tmp" /tmp`, dir, data)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.net.connect(host); err != nil {
		c.t.Fatal(err)
	}
	return &Node{Index: i, Data: data, Program: c.o.Program, c: c, dir: dir, host: host, tls: a.client(filepath.Join(dir, "home/config"))}
}

// role is the value of -r for a node, "" for both.
func (o Options) role(i int) string {
	switch {
	case o.Masters == 0:
		return ""
	case i < o.Masters:
		return "master"
	}
	return "worker"
}

func (c *Cluster) configure(i int, dir string, members []string, tls string) {
	c.t.Helper()
	hazelcast := "hazelcast.yaml"
	if role := c.o.role(i); role != "" {
		hazelcast = "hazelcast-" + role + ".yaml"
	}
	for name, text := range map[string]string{
		"seatunnel.yaml": fmt.Sprintf(`seatunnel:
  engine:
    backup-count: %d
    checkpoint:
      interval: %d
      timeout: 30000
      storage:
        type: hdfs
        max-retained: 3
        plugin-config: {namespace: %s/checkpoint, storage.type: hdfs, fs.defaultFS: "file:///"}
    http: {enable-http: true, port: 8080}
  seikan:
    lease-ms: %d
    min-free-bytes: %s
    voter-replace-seconds: 5
%s`, c.o.BackupCount, c.o.Interval.Milliseconds(), Data, c.o.Lease.Milliseconds(), c.o.MinFree, tls),
		hazelcast: fmt.Sprintf(`hazelcast:
  cluster-name: %s
  member-attributes: {place: {type: string, value: %s}}
  network:
    rest-api:
      enabled: true
      endpoint-groups: {CLUSTER_WRITE: {enabled: true}, DATA: {enabled: true}}
    join: {tcp-ip: {enabled: true, member-list: [%s]}}
    port: {auto-increment: false, port: 5801}
`, c.o.ClusterName, place(i), strings.Join(members, ", ")),
		"seikan-cluster.key": clusterKey,
	} {
		if err := os.WriteFile(filepath.Join(dir, "home/config", name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// dump copies the end of every node's log into the test's.
func (c *Cluster) dump() {
	for _, n := range c.Nodes {
		text, err := os.ReadFile(n.log())
		if err != nil {
			c.t.Log(err)
			continue
		}
		text = bytes.Join(slices.DeleteFunc(bytes.Split(text, []byte("\n")), func(line []byte) bool { return bytes.Contains(line, []byte(said)) }), []byte("\n"))
		const most = 12_000
		if len(text) > most {
			text = text[len(text)-most:]
		}
		c.t.Logf("node %d:\n%s", n.Index, text)
	}
}
