package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/appliance/config"
	blobs "seikan/storage/local"
)

// heard is a log that a test reads.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *heard) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *heard) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

func (l *heard) wait(t *testing.T, parts ...string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !l.has(parts...); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("the log has no line with %q:\n%s", parts, l.text.String())
		}
	}
}

// startNode starts a node of its own on loopback that lists the given members.
func startNode(t *testing.T, port int, members []string, change func(*config.Config)) (*Server, *heard, error) {
	t.Helper()
	dir := t.TempDir()
	cfg := &config.Config{Role: config.Hybrid, ClusterName: "test", BackupCount: 1, Slots: config.Slots{Dynamic: true}, Lease: 4 * time.Second, VoterReplace: time.Minute,
		Checkpoint: config.Checkpoint{Interval: time.Second, Timeout: 30 * time.Second, MaxRetained: 3},
		StateDir:   filepath.Join(dir, "state"), ClusterKeyFile: filepath.Join(dir, "key"), Network: config.Network{Port: port, PortCount: 1}}
	for _, m := range members {
		member, err := config.ParseMember(m)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Network.Members = append(cfg.Network.Members, member)
	}
	if change != nil {
		change(cfg)
	}
	store, err := blobs.Open(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	log := &heard{}
	s, err := Start(t.Context(), StartOptions{Config: cfg, Blobs: store, Version: "test", Log: slog.New(slog.NewTextHandler(log, nil)), Fatal: func(err error) { t.Error(err) }})
	if err == nil {
		t.Cleanup(func() { s.Stop(context.Background()) })
	}
	return s, log, err
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// A node that cannot start says why and what to do, holds nothing and leaves its directory alone.
func TestAStartThatFailsSaysWhy(t *testing.T) {
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listen := func(t *testing.T) int {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().(*net.TCPAddr).Port
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *config.Config)
		want   []string
	}{
		"the state directory is a file": {func(t *testing.T, c *config.Config) { write(t, c.StateDir, "") }, []string{"state directory", "SEIKAN_STATE_DIR"}},
		"what it says of the cluster is damaged": {func(t *testing.T, c *config.Config) { write(t, filepath.Join(c.StateDir, "cluster.json"), "{") },
			[]string{"which cluster this node is in"}},
		"its id is gone": {func(t *testing.T, c *config.Config) { write(t, filepath.Join(c.StateDir, "raft", "node-id"), "") }, []string{"node-id", "is empty"}},
		"its state is gone": {func(t *testing.T, c *config.Config) {
			write(t, filepath.Join(c.StateDir, "cluster.json"), `{"cluster_id":"abc"}`)
		}, []string{"abc", "cluster.json", "joins anew"}},
		"the port is in use": {func(t *testing.T, c *config.Config) { c.Network.Port = listen(t) }, []string{"address already in use"}},
		"the HTTP port is in use": {func(t *testing.T, c *config.Config) {
			c.HTTP.Enabled, c.HTTP.Port = true, listen(t)
		}, []string{"address already in use", "seatunnel.engine.http.port"}},
		"the key is a directory": {func(t *testing.T, c *config.Config) { write(t, filepath.Join(c.ClusterKeyFile, "x"), "") }, []string{"read the cluster key"}},
	} {
		t.Run(name, func(t *testing.T) {
			port := freePorts(t, 1)[0]
			s, _, err := startNode(t, port, []string{loopback(port)}, func(cfg *config.Config) { c.change(t, cfg) })
			if err == nil || s != nil {
				t.Fatal("it starts")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
			l, err := net.Listen("tcp", loopback(port))
			if err != nil {
				t.Fatalf("the port is held: %v", err)
			}
			_ = l.Close()
		})
	}
}

// Two nodes whose lists differ may form a cluster each. Both are told, and neither joins the other.
func TestNodesWithDifferentListsAreTold(t *testing.T) {
	ports := freePorts(t, 2)
	b, logB, err := startNode(t, ports[1], []string{loopback(ports[1])}, nil)
	if err != nil {
		t.Fatal(err)
	}
	logB.wait(t, "formed a new cluster")
	a, logA, err := startNode(t, ports[0], []string{loopback(ports[0])}, nil)
	if err != nil {
		t.Fatal(err)
	}
	logA.wait(t, "formed a new cluster")
	before := a.disk.cluster()
	a.Stop(t.Context())
	a, logA, err = startNode(t, ports[0], []string{loopback(ports[0]), loopback(ports[1])}, func(c *config.Config) {
		c.StateDir, c.ClusterKeyFile = a.cfg.StateDir, a.cfg.ClusterKeyFile
	})
	if err != nil {
		t.Fatal(err)
	}
	logA.wait(t, "listed nodes are not of this cluster", loopback(ports[1]), "cluster keys")
	logB.wait(t, "is refused", "cluster keys")
	if a.disk.cluster() != before || b.disk.cluster() == before {
		t.Errorf("clusters are %s and %s", a.disk.cluster(), b.disk.cluster())
	}
}

func TestDifferentBackupCountsAreTold(t *testing.T) {
	ports := freePorts(t, 2)
	members := []string{loopback(ports[0]), loopback(ports[1])}
	_, first, err := startNode(t, ports[0], members, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := startNode(t, ports[1], members, func(c *config.Config) { c.BackupCount = 2 })
	if err != nil {
		t.Fatal(err)
	}
	first.wait(t, "backup-count differs", "here=1", "there=2", loopback(ports[1]))
	second.wait(t, "backup-count differs", "here=2", "there=1", loopback(ports[0]))
}

// What the list names and nobody knows is named, and the node goes on waiting.
func TestANameThatDoesNotResolveIsWaitedForByName(t *testing.T) {
	port := freePorts(t, 1)[0]
	s, log, err := startNode(t, port, []string{loopback(port), "nobody.invalid:5801"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "not in a cluster yet", "nobody.invalid:5801", "seikan cluster bootstrap")
	if s.disk.cluster() != "" {
		t.Error("it is in a cluster")
	}
}

// Nodes of two names do not meet, and both sides are told why.
func TestNodesOfTwoNamesAreTold(t *testing.T) {
	ports := freePorts(t, 2)
	members := []string{loopback(ports[0]), loopback(ports[1])}
	_, first, err := startNode(t, ports[0], members, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := startNode(t, ports[1], members, func(c *config.Config) { c.ClusterName = "other" })
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range []*heard{first, second} {
		log.wait(t, "not in a cluster yet", "cluster-name in hazelcast.yaml")
		log.wait(t, "is refused", "cluster-name in hazelcast.yaml")
	}
}
