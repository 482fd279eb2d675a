package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/master"
)

// runRequest is what both front doors ask for.
type runRequest struct {
	file      string
	variables []string
	name      string
	id        string
	restore   string
	quiet     bool // no progress
	logs      slog.Level
}

func runCommand(t *terminal) *cobra.Command {
	r := runRequest{logs: slog.LevelInfo}
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a job file in this process and wait for its end",
		Long: "Run checks a job file (HOCON, JSON or SQL), runs it here with checkpoints and prints what was moved.\n" +
			"Its state lies in " + "the user's state directory, so that seikan jobs knows it and --restore can go on with it.",
		Example: "  seikan run job.conf -i date=2024-01-01\n  seikan run job.conf --restore 871234567890123456",
		Args:    exactlyOne("a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			r.file = args[0]
			code := runJob(c.Context(), t, r)
			if code == exitOK {
				return nil
			}
			return coded{code: code}
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&r.variables, "variable", "i", nil, "set `key=value` for ${key} in the file (repeatable)")
	f.StringVarP(&r.name, "name", "n", "", "job name")
	f.StringVar(&r.id, "job-id", "", "id for a new job")
	f.StringVarP(&r.restore, "restore", "r", "", "go on with job `ID` from its last checkpoint")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "no progress")
	return c
}

func exactlyOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return coded{exitUsage, fmt.Errorf("%s takes %s; see seikan %s --help", c.Name(), what, c.Name())}
		}
		return nil
	}
}

// loadFile reads a job file and shows what is wrong with it.
func (t *terminal) loadFile(path string, variables []string) (*job.File, bool) {
	vars, warnings := job.ParseVariables(variables)
	if err := warnings.Err(); err != nil {
		t.show(err, func(string) []byte { return nil })
		return nil, false
	}
	file, err := job.Load(path, job.Local(vars))
	if err != nil {
		t.show(err, file.TextOf)
		return nil, false
	}
	if w := append(warnings, file.Warnings...); len(w) > 0 {
		t.show(w, file.TextOf)
	}
	return file, true
}

// runJob runs a job file to its end and returns the exit code.
func runJob(ctx context.Context, t *terminal, r runRequest) int {
	file, ok := t.loadFile(r.file, r.variables)
	if !ok {
		return exitConfig
	}
	log := slog.New(newLogHandler(t, r.logs))
	dir, err := node.StateDir()
	if err != nil {
		t.show(err, nil)
		return exitFailed
	}
	l, err := node.OpenLocal(ctx, dir, log)
	if err != nil {
		t.show(err, nil)
		return exitFailed
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.show(err, nil)
		}
	}()
	return runOn(ctx, t, l, file, r, log)
}

func runOn(ctx context.Context, t *terminal, l *node.Local, file *job.File, r runRequest, log *slog.Logger) int {
	run, p, release, err := l.Submit(ctx, node.Submission{File: file, Name: r.name, ID: r.id, Restore: r.restore})
	if err != nil {
		t.show(err, file.TextOf)
		var ps hocon.Problems
		if errors.As(err, &ps) {
			return exitConfig
		}
		return exitFailed
	}
	defer release()
	if len(p.Warnings) > 0 {
		t.show(p.Warnings, file.TextOf)
	}
	log.Info(fmt.Sprintf("Submit job finished, job id: %s, job name: %s", run.JobID(), node.JobName(r.name, p.Env.JobName)))
	stop := showProgress(t, run, r.quiet, log)
	out, err := run.Wait(ctx)
	stop()
	if err != nil {
		t.show(fmt.Errorf("record the end of job %s: %w", run.JobID(), err), nil)
		return exitFailed
	}
	return report(t, log, out)
}

// report says how a job ended, in SeaTunnel's words.
func report(t *terminal, log *slog.Logger, out master.Outcome) int {
	log.Info(fmt.Sprintf("Job (%s) end with state %s", out.Job.ID, out.Job.Status))
	if out.Job.Status != state.Failed {
		fmt.Fprint(t.out, statisticsBox(out, time.Local))
	}
	if out.Dirty > 0 {
		log.Warn(fmt.Sprintf("%d bad rows were skipped", out.Dirty))
	}
	switch out.Job.Status {
	case state.Failed:
		fatal(t, out.Err)
		return exitFailed
	case state.Canceled:
		return exitCanceled
	}
	return exitOK
}

// fatal prints the block that tools look for.
func fatal(t *terminal, err error) {
	fmt.Fprintf(t.err, "\n===============================================================================\n\n\nFatal Error, \n\nReason:SeaTunnel job executed failed\n\n%v\n\n===============================================================================\n", err)
}
