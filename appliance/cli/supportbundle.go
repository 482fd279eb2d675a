package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/doctor"
	"seikan/appliance/support"
	"seikan/engine/job/hocon"
)

func supportBundleCommand(t *terminal) *cobra.Command {
	var g gatherer
	var file string
	c := &cobra.Command{
		Use:   "support-bundle",
		Short: "Pack what helps to find out what is wrong with a node: configuration, status, logs, without secrets",
		Long: "Support-bundle writes a .tar.gz with the effective configuration, versions, what seikan doctor says, the status of the cluster,\n" +
			"jobs, recent logs, goroutines and metrics of each node, the sizes of the state's files and the state of the systemd units.\n" +
			"Values of secret options, and whatever looks like a secret, are left out. manifest.json lists what is inside and what could\n" +
			"not be collected. Look through it before you give it away: names of hosts, tables and jobs are in it.",
		Example: "  seikan support-bundle\n  seikan support-bundle -f - | tar tz",
		Args:    cobra.NoArgs,
	}
	output := outputFlag(c)
	f := c.Flags()
	f.StringVar(&g.options.Home, "home", "", "`DIR` in place of $SEATUNNEL_HOME")
	f.StringVarP(&file, "file", "f", "", "write to `FILE` instead of seikan-support-HOST-TIME.tar.gz; - is stdout")
	f.IntVar(&g.days, "days", 7, "logs of how many days")
	c.RunE = func(c *cobra.Command, _ []string) error { return writeBundle(c.Context(), t, g, file, *output) }
	return c
}

func writeBundle(ctx context.Context, t *terminal, g gatherer, file, output string) (err error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	now := time.Now()
	folder := "seikan-support-" + host + "-" + now.Format("20060102-150405")
	if file == "" {
		file = folder + ".tar.gz"
	}
	var to io.Writer = t.out
	if file != "-" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("write the bundle: %w; -f names another file", err)
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				_ = os.Remove(file) // half a bundle is none
			}
		}()
		to = f
	}
	g.t, g.options.Executable = t, t.executable()
	g.options = asUnit(g.options)
	g.cfg, g.problems = config.Load(g.options)
	g.b = support.New(to, folder, host, Version, now, support.NewScrubber(secretsOf(g.cfg)))
	g.gather(ctx)
	if err := errors.Join(ctx.Err(), g.b.Close()); err != nil {
		return err
	}
	switch {
	case file == "-":
	case output == "json":
		return printJSON(t, map[string]any{"file": file, "manifest": g.b.Manifest})
	default:
		fmt.Fprintf(t.out, "%s: %d files; %d things could not be collected (manifest.json says which and why)\n", file, len(g.b.Manifest.Files), len(g.b.Manifest.Missing))
	}
	return nil
}

// gatherer collects what goes into a bundle.
type gatherer struct {
	t        *terminal
	options  config.Options
	days     int
	cfg      *config.Config
	problems hocon.Problems
	b        *support.Bundle
}

func (g gatherer) gather(ctx context.Context) {
	g.b.Add("versions.txt", "this program, its modules, the system", versionText(), nil)
	var settings bytes.Buffer
	quiet := newTerminal(nil, &settings, &settings)
	err := printSettings(quiet, g.cfg, "table")
	g.b.Add("config/effective.txt", "every setting and where it came from (seikan config check)", settings.Bytes(), err)
	if len(g.problems) > 0 {
		g.b.Add("config/problems.txt", "what is wrong or odd in the files", []byte(g.problems.Error()+"\n"), nil)
	}
	findings, err := examine(ctx, g.t, g.options)
	g.b.Add("doctor.txt", "seikan doctor --all", []byte(diagnosis(findings, true)), err)
	g.addJSON("doctor.json", "seikan doctor -o json", findings, nil)
	for _, n := range g.cluster(ctx) {
		g.node(ctx, n)
	}
	g.logs(g.cfg.Logs.Dir, time.Now().AddDate(0, 0, -g.days))
	g.stateSizes(g.cfg.StateDir)
	g.system(ctx)
}

func (g gatherer) addJSON(name, about string, v any, err error) {
	if err != nil {
		g.b.Add(name, about, nil, err)
		return
	}
	text, err := json.MarshalIndent(v, "", "  ")
	g.b.Add(name, about, append(text, '\n'), err)
}

// recentJobs is how many jobs are listed, and failedJobs how many are shown whole.
const (
	recentJobs = 200
	failedJobs = 10
)

// cluster adds what the cluster says and returns the addresses of its nodes.
func (g gatherer) cluster(ctx context.Context) (nodes []doctor.Node) {
	cfg := g.cfg
	facts := doctor.Gather(ctx, doctor.Look{Config: clientView(cfg), Version: Version})
	g.addJSON("cluster/nodes.json", "what each node says of itself and of the cluster", facts.Nodes, nil)
	if facts.Status == nil {
		g.b.Add("cluster/status.json", "", nil, errors.New(facts.Down))
		return nil
	}
	g.addJSON("cluster/status.json", "seikan cluster status -o json", facts.Status, nil)
	c, err := newest(cfg, facts.Nodes)
	if err != nil {
		g.b.Add("cluster/jobs.json", "", nil, err)
		return facts.Nodes
	}
	g.jobs(ctx, clusterBook{c})
	return facts.Nodes
}

// stateSizes lists the files of the state directory; their content stays here.
func (g gatherer) stateSizes(dir string) {
	var b bytes.Buffer
	var total int64
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // it is gone meanwhile
		}
		total += info.Size()
		fmt.Fprintf(&b, "%12d  %s  %s\n", info.Size(), info.ModTime().UTC().Format(time.RFC3339), path)
		return nil
	})
	fmt.Fprintf(&b, "%12d  in all\n", total)
	g.b.Add("state/files.txt", "files of the state directory and their sizes", b.Bytes(), err)
}
