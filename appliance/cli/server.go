package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/appliance/unit"
)

// serverRequest is what both front doors of a server ask for.
type serverRequest struct {
	role    config.Role
	home    string
	cluster string
	jvm     string
	daemon  bool
	check   bool
	compat  bool
}

func serverCommand(t *terminal) *cobra.Command {
	var r serverRequest
	var role string
	c := &cobra.Command{
		Use:   "server",
		Short: "Start a node of a cluster",
		Long: "Server starts a node: it finds or forms the cluster that hazelcast.yaml names, runs jobs and may become master.\n" +
			"It reads seatunnel.yaml, hazelcast*.yaml and jvm_options of SEATUNNEL_HOME/config as SeaTunnel does; seikan config check\n" +
			"shows what they come to.\n\n" +
			"SIGTERM and Ctrl-C drain the node: its tasks go on elsewhere, leadership is handed over. A second signal ends it at once.\n" +
			"SIGHUP reads the configuration again and takes over what it can while the node runs: log level and limits, tags, members,\n" +
			"the REST API's groups and paths, certificates. The log lists what needs a restart. A configuration with errors changes nothing.",
		Example: "  seikan server\n  seikan server -r worker -d",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.role = config.Role(role)
			if code := runServer(c.Context(), t, r); code != exitOK {
				return coded{code: code}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&role, "role", "r", "", "master, worker or master_and_worker (default master_and_worker)")
	f.StringVar(&r.home, "home", "", "`DIR` with config and logs in place of $SEATUNNEL_HOME")
	f.StringVar(&r.cluster, "cluster", "", "`NAME` shown in the process list; the cluster's name is that of hazelcast.yaml")
	f.BoolVarP(&r.daemon, "daemon", "d", false, "go on in the background")
	f.BoolVar(&r.check, "check", false, "only say whether the configuration is valid; exits with 3 when it is not")
	return c
}

// runServer runs a node until ctx ends, and returns the exit code.
func runServer(ctx context.Context, t *terminal, r serverRequest) int {
	cfg, ok := t.loadConfig(config.Options{Role: r.role, Home: r.home, ClusterName: r.cluster, JVMOption: r.jvm})
	if !ok {
		if r.compat {
			return exitFailed
		}
		return exitConfig
	}
	if r.check {
		fmt.Fprintln(t.out, "the configuration is valid")
		return exitOK
	}
	if r.daemon && os.Getenv(daemonMark) == "" {
		return detach(t, cfg)
	}
	if err := serve(ctx, t, r, cfg); err != nil {
		t.show(err, nil)
		return exitFailed
	}
	return exitOK
}

func serve(ctx context.Context, t *terminal, r serverRequest, cfg *config.Config) error {
	var also io.Writer = t.out
	if os.Getenv(daemonMark) != "" {
		also = nil
	}
	logs, err := node.OpenLogs(cfg.Logs, also)
	if err != nil {
		return err
	}
	log := logs.Logger()
	if err := shapeProcess(cfg, log); err != nil {
		return errors.Join(err, logs.Close())
	}
	fmt.Fprintf(t.out, "start %s node\n", cfg.Role)
	v := &service{t: t, request: r, drain: cfg.Drain, log: log, systemd: unit.NewNotifier()}
	opened := v.opening(ctx)
	blobs, backups, err := openBlobs(ctx, cfg)
	if err != nil {
		opened()
		return errors.Join(err, logs.Close())
	}
	s, err := node.Start(ctx, node.StartOptions{Config: cfg, Blobs: blobs, Backups: backups, Version: Version, Commit: Commit, Log: log, Logs: logs, Fatal: func(err error) {
		log.Error("this node must not go on", "error", err)
		fmt.Fprintln(t.err, "error:", err)
		os.Exit(exitFailed)
	}})
	opened()
	if err != nil {
		log.Error("the node does not start", "error", unit.Explain(err))
		return errors.Join(err, logs.Close())
	}
	log.Info("the node is started", "addr", s.Addr(), "role", cfg.Role, "version", Version)
	started()
	var attending sync.WaitGroup
	attending.Go(func() { v.attend(ctx, s) })
	<-ctx.Done()
	attending.Wait()
	v.stop(context.WithoutCancel(ctx), s)
	return logs.Close()
}

// withinGroup is the memory that a process may have which asks for so much and is in a control group
// that gives so much, if it has a limit: a tenth of that is left for what Go does not count.
func withinGroup(asked int64, group uint64, limited bool) int64 {
	if !limited || group > math.MaxInt64 {
		return asked
	}
	return min(asked, int64(group/10*9))
}

// shapeProcess gives the process the memory, processors and time zone that were configured.
func shapeProcess(cfg *config.Config, log *slog.Logger) error {
	switch {
	case cfg.MemoryBytes > 0:
		group, err := memlimit.FromCgroup()
		debug.SetMemoryLimit(withinGroup(cfg.MemoryBytes, group, err == nil))
	case cfg.JVM.MemoryShare > 0:
		limit, err := memlimit.Set(memlimit.WithRatio(float64(cfg.JVM.MemoryShare)/100),
			memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
		if err != nil {
			return fmt.Errorf("find out how much memory there is: %w", err)
		}
		log.Debug("memory limit", "bytes", limit)
	default: // a container's, if there is one
		if _, err := memlimit.Set(memlimit.WithRatio(0.9), memlimit.WithProvider(memlimit.FromCgroup)); err != nil {
			log.Debug("there is no memory limit of a cgroup", "error", err)
		}
	}
	if cfg.JVM.Processors > 0 {
		runtime.GOMAXPROCS(cfg.JVM.Processors)
	}
	if cfg.JVM.TimeZone != "" {
		zone, err := time.LoadLocation(cfg.JVM.TimeZone)
		if err != nil {
			return fmt.Errorf("-Duser.timezone: %w", err)
		}
		time.Local = zone
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		log.Info("memory limit", "bytes", limit)
	}
	return nil
}
