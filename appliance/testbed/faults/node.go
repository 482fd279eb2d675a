package faults

import (
	"bytes"
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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
	cmd := n.host.command("/mnt/program", "server")
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp", "SEATUNNEL_HOME=" + insideHome, "SEIKAN_STATE_DIR=" + insideState}
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
	if n.cmd == nil {
		return
	}
	n.signal(syscall.SIGKILL)
	<-n.ended
}

// Pause stops the process in the middle of whatever it does, until Continue.
func (n *Node) Pause()    { n.signal(syscall.SIGSTOP) }
func (n *Node) Continue() { n.signal(syscall.SIGCONT) }

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
	n.Kill9()
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
	for _, o := range c.Nodes {
		if o != n {
			c.OneWay(n, o)
			c.OneWay(o, n)
		}
	}
}

// OneWay lets everything that from sends to to get lost.
func (c *Cluster) OneWay(from, to *Node) {
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
