package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/node"
)

func devCommand(t *terminal) *cobra.Command {
	var r devRequest
	c := &cobra.Command{
		Use:   "dev",
		Short: "Start a cluster of several nodes on this machine, to try things out",
		Long: "Dev starts nodes as processes of their own, each with its own ports, configuration, state and log, and shows all logs on\n" +
			"this terminal. The cluster is called " + devCluster + ", as seatunnel.sh expects it, listens on loopback and knows no other nodes.\n" +
			"Kill one with kill -9 and watch its jobs go on. Ctrl-C stops all.",
		Example: "  seikan dev --nodes 3\n  seikan dev --nodes 3 --dir ~/cluster   # keeps its state",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if r.nodes < 1 || r.nodes > 9 {
				return coded{exitUsage, fmt.Errorf("--nodes %d: expected a number from 1 to 9", r.nodes)}
			}
			for name, port := range map[string]int{"port": r.port, "http-port": r.httpPort} {
				if last := 65535 - r.nodes + 1; port < 0 || port > last {
					return coded{exitUsage, fmt.Errorf("--%s %d: expected a port up to %d, for %d nodes", name, port, last, r.nodes)}
				}
			}
			return runDev(c.Context(), t, r)
		},
	}
	f := c.Flags()
	f.IntVar(&r.nodes, "nodes", 3, "how many nodes")
	f.StringVar(&r.dir, "dir", "", "keep configuration, state and logs in `DIR`; otherwise they are removed at the end")
	f.IntVar(&r.port, "port", 0, "the port of the first node, the others follow (default 5801, or later ones while those are in use)")
	f.IntVar(&r.httpPort, "http-port", 0, "the HTTP port of the first node, the others follow (default 8080, or later ones while those are in use)")
	return c
}

// devNode is one node of such a cluster.
type devNode struct {
	name, home string
	addr       string // of the node port
	http       string // of the console; "" when it is switched off
	votes      int    // that the cluster shall have
	process    *exec.Cmd
}

func runDev(ctx context.Context, t *terminal, r devRequest) (err error) {
	if r.dir == "" {
		if r.dir, err = devTemp(); err != nil {
			return fmt.Errorf("make a folder for the cluster: %w; --dir names another", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	}
	nodes, err := r.prepare(ctx, t)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	var running sync.WaitGroup
	for i := range nodes {
		n := &nodes[i]
		n.process = exec.Command(exe, "server", "--home", n.home)
		n.process.Env = devEnvironment(os.Environ(), n.home)
		out := &prefixed{to: t.out, prefix: devPrefix(i, t.out.color())}
		n.process.Stdout, n.process.Stderr = out, out
		// A Ctrl-C is for this process, which stops the others in order; they end with it in any case.
		n.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := n.process.Start(); err != nil {
			stopDev(nodes, nil)
			return fmt.Errorf("start %s: %w", n.name, err)
		}
		running.Go(func() {
			err := n.process.Wait()
			if ctx.Err() == nil {
				fmt.Fprintf(t.err, "%s has ended: %s; start it again in another terminal: seikan server --home %s\n", n.name, ending(err), n.home)
				if i == 0 && len(nodes) > 1 {
					fmt.Fprintf(t.err, "seatunnel.sh reaches the others with SEATUNNEL_HOME=%s\n", nodes[1].home)
				}
			}
		})
	}
	introducing, introduced := context.WithCancel(ctx)
	go introduce(introducing, t, nodes)
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	select {
	case <-ctx.Done():
		introduced()
		stopDev(nodes, ended)
		return nil
	case <-ended:
		introduced()
		return errors.New("every node has ended")
	}
}

// stopDev ends the nodes; they are killed when they do not end in time.
func stopDev(nodes []devNode, ended <-chan struct{}) {
	signal := func(s os.Signal) {
		for _, n := range nodes {
			if n.process != nil && n.process.Process != nil {
				_ = n.process.Process.Signal(s) // it may have ended
			}
		}
	}
	if ended == nil {
		signal(syscall.SIGKILL)
		return
	}
	signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(drainDefault + closingWithin):
		signal(syscall.SIGKILL)
		<-ended
	}
}

func ending(err error) string {
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

// introduce waits for the cluster and says how to use it, and who is master whenever that changes.
func introduce(ctx context.Context, t *terminal, nodes []devNode) {
	addrs := make([]string, len(nodes))
	for i, n := range nodes {
		addrs[i] = n.addr
	}
	c, err := nodeClient(addrs...)
	if err != nil {
		fmt.Fprintln(t.err, "warning: the cluster cannot be asked who is master:", err)
		return
	}
	for said, moved := "", len(nodes) == 1; ctx.Err() == nil; {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		a, err := c.Connect(asking)
		i := slices.IndexFunc(nodes, func(n devNode) bool { return n.addr == a.Master })
		switch {
		case err != nil || !a.Ready || i < 0 || a.Master == said:
		case said != "":
			fmt.Fprintf(t.out, "\n%s is master now: kill -9 %d\n\n", nodes[i].name, nodes[i].process.Process.Pid)
			said = a.Master
		case !voted(asking, c, nodes[0].votes):
		case i == 0 && !moved: // who kills the master shall still find a node where seatunnel.sh looks for one
			moved = true
			if err := c.Ask(asking, "cluster.transfer", node.NodeQuestion{Node: nodes[len(nodes)-1].addr}, nil); err != nil {
				fmt.Fprintln(t.err, "warning: the first node stays master:", err)
			}
		default:
			fmt.Fprint(t.out, devWelcome(nodes, i, devSubmit(t, nodes)))
			said = a.Master
		}
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// voted says whether every node that shall have a vote has it: before that, the loss of one may
// stop the cluster.
func voted(ctx context.Context, c *node.Client, want int) bool {
	var s node.ClusterStatus
	if c.Ask(ctx, "cluster.status", struct{}{}, &s) != nil {
		return false
	}
	votes := 0
	for _, n := range s.Nodes {
		if n.Voter {
			votes++
		}
	}
	return votes >= want
}

// devWelcome is what a newcomer needs to know.
func devWelcome(nodes []devNode, master int, submit string) string {
	var b bytes.Buffer
	b.WriteByte('\n')
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s  pid %d  %s  %s  %s\n", n.name, n.process.Process.Pid, n.addr, n.http, n.home)
	}
	fmt.Fprintf(&b, "\nsubmit:  %s --config job.conf\nbreak:   kill -9 %d   # %s, the master; its jobs go on\nstop:    Ctrl-C\n\n", submit,
		nodes[master].process.Process.Pid, nodes[master].name)
	return b.String()
}

// devSubmit is the command that submits to these nodes: seatunnel.sh as it is where its own
// configuration leads here.
func devSubmit(t *terminal, nodes []devNode) string {
	const script = "bin/seatunnel.sh"
	cfg, problems := config.Load(config.Options{Role: config.Client, Executable: t.executable()})
	if problems.Err() == nil && cfg.Client.ClusterName == devCluster {
		for _, m := range cfg.Client.Members {
			if slices.ContainsFunc(nodes, func(n devNode) bool {
				return n.addr == m.String() || n.addr == "127.0.0.1:"+fmt.Sprint(m.Port) && m.Host == "localhost"
			}) {
				return script
			}
		}
	}
	return "SEATUNNEL_HOME=" + nodes[0].home + " " + script
}

// askWithin is how long a node on this machine may take to answer.
const askWithin = 2 * time.Second

// nodeClient speaks to the nodes at some addresses, whatever cluster they are in.
func nodeClient(addrs ...string) (*node.Client, error) {
	var members []config.Member
	for _, addr := range addrs {
		m, err := config.ParseMember(addr)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return node.NewClient(&config.Config{Client: config.ClientSettings{Members: members}}, slog.New(slog.DiscardHandler))
}

// aboutNode asks a node on this machine who it is.
func aboutNode(ctx context.Context, addr string) (node.About, error) {
	c, err := nodeClient(addr)
	if err != nil {
		return node.About{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return c.Connect(ctx)
}

func devPrefix(i int, color bool) string {
	if !color {
		return fmt.Sprintf("node-%d | ", i+1)
	}
	return fmt.Sprintf("\x1b[3%dmnode-%d |\x1b[0m ", 1+i%6, i+1)
}

// prefixed puts a prefix before each line.
type prefixed struct {
	to     io.Writer
	prefix string
	mu     sync.Mutex
	part   []byte // of a line without an end yet
}

func (p *prefixed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part = append(p.part, text...)
	for {
		i := bytes.IndexByte(p.part, '\n')
		if i < 0 {
			return len(text), nil
		}
		if _, err := io.WriteString(p.to, p.prefix+string(p.part[:i+1])); err != nil {
			return 0, err
		}
		p.part = p.part[i+1:]
	}
}
