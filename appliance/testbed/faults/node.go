package faults

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Node is one node of a Cluster.
type Node struct {
	Index int
	Data  string // the node's data directory as the test sees it
	c     *Cluster
	dir   string
	host  *space
	tls   *tls.Config
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has

	// Program is which of Options.Programs is started next.
	Program int
	// Sync is how much longer the disk of the process that is started next takes to make
	// anything durable.
	Sync time.Duration

	saidMu sync.Mutex
	said   int   // rows in the output
	saidTo int64 // up to here
}

// place is the value of the tag "place" of node i.
func place(i int) string { return fmt.Sprintf("node-%d", i) }

func (n *Node) place() string { return place(n.Index) }

// Arm kills the process when it passes a named point, if it is a build with failpoints.
func (n *Node) Arm(point string) {
	n.c.t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, "tmp/failpoint"), []byte(point), 0o600); err != nil {
		n.c.t.Fatal(err)
	}
}

func (n *Node) log() string { return filepath.Join(n.dir, "server.log") }

// Start starts the process; what it kept on its disk is there again.
func (n *Node) Start() {
	n.c.t.Helper()
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		n.c.t.Fatal(err)
	}
	defer log.Close()
	call := []string{fmt.Sprint(insideProgram, n.Program), "server"}
	if role := n.c.o.role(n.Index); role != "" {
		call = append(call, "-r", role)
	}
	if n.Sync > 0 { // the tracer is beside the process: it ends with it, and signals reach the process
		call = append([]string{"strace", "-D", "--seccomp-bpf", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
			"-e", fmt.Sprintf("inject=fsync,fdatasync:delay_enter=%d", n.Sync.Microseconds())}, call...)
	}
	cmd := n.host.command(call[0], call[1:]...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp", "SEATUNNEL_HOME=" + insideHome, "SEIKAN_STATE_DIR=" + insideState,
		"SEIKAN_FAILPOINT=/tmp/failpoint"}
	if err := cmd.Start(); err != nil {
		n.c.t.Fatal(err)
	}
	n.cmd, n.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // how it ends is what a test looks at
		close(ended)
	}(n.ended)
}

// Kill9 ends the process as a power cut would.
func (n *Node) Kill9() {
	tally.kills.Add(1)
	n.end()
}

func (n *Node) end() {
	if n.cmd == nil {
		return
	}
	n.signal(syscall.SIGKILL)
	<-n.ended
}

// Pause stops the process in the middle of whatever it does, until Continue.
func (n *Node) Pause() {
	tally.pauses.Add(1)
	n.signal(syscall.SIGSTOP)
}

// Continue lets a paused process go on.
func (n *Node) Continue() { n.signal(syscall.SIGCONT) }

// Stop asks the process to end in order, and waits until it has.
func (n *Node) Stop() {
	n.c.t.Helper()
	n.signal(syscall.SIGTERM)
	n.c.WaitEnded(n)
}

// signal reaches the process unless it has ended.
func (n *Node) signal(s syscall.Signal) {
	select {
	case <-n.ended:
	default:
		_ = n.cmd.Process.Signal(s) // it may have ended this moment
	}
}

// Replace gives the node an empty disk, as a new machine at the same address has.
func (n *Node) Replace() {
	n.c.t.Helper()
	n.end()
	if err := n.host.run("sh", "-c", "rm -rf "+insideState+"/*"); err != nil {
		n.c.t.Fatal(err)
	}
	n.Start()
}

// Rename gives the node's configuration another cluster name.
func (n *Node) Rename(to string) {
	n.c.t.Helper()
	path := filepath.Join(n.dir, "home/config/hazelcast.yaml")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, []byte("cluster-name: "+n.c.o.ClusterName), []byte("cluster-name: "+to), 1), 0o600)
	}
	if err != nil {
		n.c.t.Fatal(err)
	}
}

// FillDisk leaves no room on the state's file system (Options.StateMiB).
func (n *Node) FillDisk() {
	n.c.t.Helper()
	if err := n.host.run("sh", "-c", "dd if=/dev/zero of="+insideState+"/ballast bs=64k 2>/dev/null; dd if=/dev/zero of="+insideState+"/ballast2 bs=512 2>/dev/null; true"); err != nil {
		n.c.t.Fatal(err)
	}
}

// FreeDisk takes the filling away.
func (n *Node) FreeDisk() {
	n.c.t.Helper()
	if err := n.host.run("sh", "-c", "rm -f "+insideState+"/ballast*"); err != nil {
		n.c.t.Fatal(err)
	}
}

// Partition cuts a node off from all others, both ways.
func (c *Cluster) Partition(n *Node) {
	c.t.Helper()
	tally.cuts.Add(1)
	for _, o := range c.Nodes {
		if o != n {
			c.silence(n, o)
			c.silence(o, n)
		}
	}
}

// OneWay lets everything that from sends to to get lost.
func (c *Cluster) OneWay(from, to *Node) {
	c.t.Helper()
	tally.cuts.Add(1)
	c.silence(from, to)
}

func (c *Cluster) silence(from, to *Node) {
	c.t.Helper()
	if err := c.net.silence(from.Index, to.Index); err != nil {
		c.t.Fatal(err)
	}
}

// Heal takes all faults of the network away.
func (c *Cluster) Heal() {
	c.t.Helper()
	for _, n := range c.Nodes {
		if err := c.net.heal(n.Index); err != nil {
			c.t.Fatal(err)
		}
	}
}
