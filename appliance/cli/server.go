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
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/node"
)

// serverRequest is what both front doors of a server ask for.
type serverRequest struct {
	role    config.Role
	home    string
	cluster string
	jvm     string
	daemon  bool
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
			"SIGTERM and Ctrl-C drain the node: its tasks go on elsewhere, leadership is handed over. A second signal ends it at once.",
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
	if r.daemon && os.Getenv(daemonMark) == "" {
		return detach(t, cfg)
	}
	if err := serve(ctx, t, cfg); err != nil {
		t.show(err, nil)
		return exitFailed
	}
	return exitOK
}

// stopWithin is how long tasks may take to stop, and others to take over, when a node is stopped.
const stopWithin = 30 * time.Second

func serve(ctx context.Context, t *terminal, cfg *config.Config) error {
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
	blobs, err := openBlobs(ctx, cfg)
	if err != nil {
		return errors.Join(err, logs.Close())
	}
	s, err := node.Start(ctx, node.StartOptions{Config: cfg, Blobs: blobs, Version: Version, Commit: Commit, Log: log, Logs: logs, Fatal: func(err error) {
		log.Error("this node must not go on", "error", err)
		fmt.Fprintln(t.err, "error:", err)
		os.Exit(exitFailed)
	}})
	if err != nil {
		log.Error("the node does not start", "error", err)
		return errors.Join(err, logs.Close())
	}
	log.Info("the node is started", "addr", s.Addr(), "role", cfg.Role, "version", Version)
	started()
	tell(log, daemon.SdNotifyReady+"\nSTATUS=looking for the cluster")
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go announce(watching, s, log)
	go watchdog(watching, s, log)
	<-ctx.Done()
	tell(log, daemon.SdNotifyStopping+"\nSTATUS=draining")
	log.Info("the node is drained and stopped")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	s.Stop(ending)
	log.Info("the node has stopped")
	return logs.Close()
}

// tell speaks to systemd, if it started this process.
func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Debug("systemd was not told", "error", err)
	}
}

// announce says once that the node serves.
func announce(ctx context.Context, s *node.Server, log *slog.Logger) {
	began := time.Now()
	for !s.Ready(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	log.Info("the node is ready", "after", time.Since(began).Round(time.Millisecond))
	tell(log, "STATUS=ready")
}

// watchdog tells systemd that this process lives, as long as its node answers.
func watchdog(ctx context.Context, s *node.Server, log *slog.Logger) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	tick := time.NewTicker(every / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Members() // hangs if the node does
			tell(log, daemon.SdNotifyWatchdog)
		}
	}
}

// shapeProcess gives the process the memory, processors and time zone that were configured.
func shapeProcess(cfg *config.Config, log *slog.Logger) error {
	switch {
	case cfg.MemoryBytes > 0:
		debug.SetMemoryLimit(cfg.MemoryBytes)
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
