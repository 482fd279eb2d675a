package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// devRequest is a small cluster on this machine.
type devRequest struct {
	nodes    int
	dir      string // "" for a temporary one
	port     int    // of the first node
	httpPort int    // of the first node
}

func devCommand(t *terminal) *cobra.Command {
	var r devRequest
	c := &cobra.Command{
		Use:   "dev",
		Short: "Start a cluster of several nodes on this machine, to try things out",
		Long: "Dev starts nodes as processes of their own, each with its own ports, configuration, state and log, and shows all logs on\n" +
			"this terminal. Kill one with kill -9 and watch its jobs go on. Ctrl-C stops all.",
		Example: "  seikan dev --nodes 3\n  seikan dev --nodes 3 --dir ~/cluster   # keeps its state",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if r.nodes < 1 || r.nodes > 9 {
				return coded{exitUsage, fmt.Errorf("--nodes %d: expected a number from 1 to 9", r.nodes)}
			}
			return runDev(c.Context(), t, r)
		},
	}
	f := c.Flags()
	f.IntVar(&r.nodes, "nodes", 3, "how many nodes")
	f.StringVar(&r.dir, "dir", "", "keep configuration, state and logs in `DIR`; otherwise they are removed at the end")
	f.IntVar(&r.port, "port", 5801, "the port of the first node; the others follow")
	f.IntVar(&r.httpPort, "http-port", 8080, "the HTTP port of the first node; the others follow")
	return c
}

func runDev(ctx context.Context, t *terminal, r devRequest) (err error) {
	if r.dir == "" {
		if r.dir, err = os.MkdirTemp("", "seikan-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	}
	if r.dir, err = filepath.Abs(r.dir); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	var running sync.WaitGroup
	var children []*exec.Cmd
	for i := range r.nodes {
		home, err := r.writeHome(i)
		if err != nil {
			return fmt.Errorf("write the configuration of node %d: %w", i+1, err)
		}
		c := exec.Command(exe, "server", "--home", home)
		c.Env = append(os.Environ(), "SEATUNNEL_HOME="+home, "SEIKAN_STATE_DIR="+filepath.Join(home, "state"))
		out := &prefixed{to: t.out, prefix: devPrefix(i, t.out.color())}
		c.Stdout, c.Stderr = out, out
		// A Ctrl-C is for this process, which stops the others in order; they end with it in any case.
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			return fmt.Errorf("start node %d: %w", i+1, err)
		}
		children = append(children, c)
		running.Go(func() {
			err := c.Wait()
			if ctx.Err() == nil {
				fmt.Fprintf(t.err, "node-%d has ended: %s\n", i+1, ending(err))
			}
		})
	}
	r.introduce(t, children)
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	select {
	case <-ctx.Done():
	case <-ended:
		return errors.New("every node has ended")
	}
	for _, c := range children {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	select {
	case <-ended:
	case <-time.After(stopWithin + 5*time.Second):
		for _, c := range children {
			_ = c.Process.Kill()
		}
		<-ended
	}
	return nil
}

func ending(err error) string {
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

func (r devRequest) home(i int) string { return filepath.Join(r.dir, fmt.Sprintf("node-%d", i+1)) }

// writeHome writes the SEATUNNEL_HOME of a node, unless it is there already.
func (r devRequest) writeHome(i int) (string, error) {
	home := r.home(i)
	config := filepath.Join(home, "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		return "", err
	}
	var members strings.Builder
	for k := range r.nodes {
		fmt.Fprintf(&members, "          - 127.0.0.1:%d\n", r.port+k)
	}
	files := map[string]string{
		"seatunnel.yaml": fmt.Sprintf(`seatunnel:
  engine:
    backup-count: 1
    http:
      enable-http: true
      port: %d
    telemetry:
      metric:
        enabled: true
    checkpoint:
      storage:
        type: hdfs
        max-retained: 3
        plugin-config:
          namespace: %s
          storage.type: hdfs
          fs.defaultFS: file:///
  seikan:
    cluster-key-file: %s
`, r.httpPort+i, filepath.Join(r.dir, "checkpoints"), filepath.Join(r.dir, "seikan-cluster.key")),
		"hazelcast.yaml": fmt.Sprintf(`hazelcast:
  cluster-name: seikan-dev
  network:
    rest-api:
      enabled: true
      endpoint-groups:
        CLUSTER_WRITE:
          enabled: true
        DATA:
          enabled: true
    join:
      tcp-ip:
        enabled: true
        member-list:
%s    port:
      auto-increment: false
      port: %d
`, members.String(), r.port+i),
		"hazelcast-client.yaml": fmt.Sprintf(`hazelcast-client:
  cluster-name: seikan-dev
  connection-strategy:
    connection-retry:
      cluster-connect-timeout-millis: 3000
  network:
    cluster-members:
%s`, strings.ReplaceAll(members.String(), "          -", "      -")),
	}
	for name, text := range files {
		path := filepath.Join(config, name)
		if _, err := os.Stat(path); err == nil {
			continue // the user may have changed it
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return home, nil
}

// introduce says how to use the cluster.
func (r devRequest) introduce(t *terminal, children []*exec.Cmd) {
	for i, c := range children {
		fmt.Fprintf(t.out, "node-%d  pid %d  127.0.0.1:%d  http://127.0.0.1:%d  %s\n", i+1, c.Process.Pid, r.port+i, r.httpPort+i, r.home(i))
	}
	fmt.Fprintf(t.out, "\nsubmit:   SEATUNNEL_HOME=%s bin/seatunnel.sh -c job.conf\n"+
		"look:     SEATUNNEL_HOME=%s seikan cluster status\n"+
		"break:    kill -9 PID\n\n", r.home(0), r.home(0))
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
