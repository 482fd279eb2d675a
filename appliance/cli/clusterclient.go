package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/engine/job/hocon"
)

// place says which cluster, or which node of it, is meant.
type place struct {
	cluster string // its name; "" as in hazelcast-client.yaml
	node    string // host:port of the one node to ask; "" for any
	jvm     string // -DJvmOption
	compat  bool
}

// placeFlags adds the flags that say which cluster is meant.
func placeFlags(c *cobra.Command) *place {
	p := &place{}
	c.PersistentFlags().StringVar(&p.cluster, "cluster", "", "the `NAME` of the cluster; otherwise hazelcast-client.yaml says it")
	c.PersistentFlags().StringVar(&p.node, "at", "", "ask the node at `HOST:PORT`; otherwise any that hazelcast-client.yaml lists")
	return p
}

// executable is the path of the program as it was called, since SEATUNNEL_HOME may be above it.
func (t *terminal) executable() string {
	if path, err := exec.LookPath(t.program); err == nil {
		if path, err = filepath.Abs(path); err == nil && filepath.Base(filepath.Dir(path)) == "bin" {
			return path
		}
	}
	path, err := os.Executable()
	if err != nil {
		return t.program
	}
	return path
}

// loadConfig reads the configuration and shows what is wrong with it. False: it cannot be used.
func (t *terminal) loadConfig(o config.Options) (*config.Config, bool) {
	o.Executable = t.executable()
	cfg, problems := config.Load(o)
	if len(problems) > 0 && (o.Role != config.Client || problems.Err() != nil) {
		t.showFiles(problems)
	}
	return cfg, problems.Err() == nil
}

// showFiles prints problems of files that are read again for it.
func (t *terminal) showFiles(problems hocon.Problems) {
	t.show(problems, func(file string) []byte {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil
		}
		return text
	})
}

// dial makes a client of the cluster and finds a node that answers.
func (t *terminal) dial(ctx context.Context, p place, log *slog.Logger) (*node.Client, *config.Config, error) {
	cfg, ok := t.loadConfig(config.Options{Role: config.Client, ClusterName: p.cluster, JVMOption: p.jvm})
	if !ok {
		return nil, nil, coded{code: exitConfig}
	}
	if p.node != "" {
		m, err := config.ParseMember(p.node)
		if err != nil {
			return nil, nil, coded{exitUsage, fmt.Errorf("--at: %w", err)}
		}
		cfg.Client.Members = []config.Member{m}
	}
	c, err := node.NewClient(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	if p.node != "" { // no other node will do, so c does not learn of the others
		probe, err := node.NewClient(cfg, log)
		if err == nil {
			_, err = probe.Connect(ctx)
		}
		if err != nil {
			err = fmt.Errorf("%w\n  --at takes a node's own port, %d as a rule, not that of HTTP", err, nodePort)
		}
		return c, cfg, err
	}
	if _, err := c.Connect(ctx); err != nil {
		hint := "is the cluster started (seatunnel-cluster.sh -d)? To run a job without one: -m local"
		if errors.Is(err, node.ErrOtherCluster) {
			hint = "the name is that of -cn or --cluster, else cluster-name of hazelcast-client.yaml"
		}
		return nil, nil, fmt.Errorf("%w\n  the members are those of hazelcast-client.yaml or ST_DOCKER_MEMBER_LIST; %s", err, hint)
	}
	return c, cfg, nil
}

func withCluster(ctx context.Context, t *terminal, p place, f func(book) error) error {
	c, _, err := t.dial(ctx, p, slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		return err
	}
	return f(clusterBook{c})
}
