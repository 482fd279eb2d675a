package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
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
	from      int64 // of restore: number of the checkpoint; 0: the newest
	quiet     bool  // no progress, no statistics
	compat    bool  // called as seatunnel.sh: its log lines and blocks
	cluster   bool  // a cluster runs it
}

// goOn is how the user goes on with a job.
func (r runRequest) goOn(id string) string {
	file := cmp.Or(r.file, "FILE")
	switch {
	case r.compat:
		return fmt.Sprintf("seatunnel.sh -c %s -r %s", file, id)
	case r.cluster:
		return "seikan job restore " + id
	}
	return fmt.Sprintf("seikan run %s --restore %s", file, id)
}

func runCommand(t *terminal) *cobra.Command {
	var r runRequest
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a job file in this process and wait for its end",
		Long: "Run checks a job file (HOCON, JSON or SQL), runs it in this process with checkpoints, and prints what was moved.\n\n" +
			"What is known of the job lies in $SEIKAN_STATE_DIR, else $XDG_STATE_HOME/seikan, else ~/.local/state/seikan, so that\n" +
			"seikan jobs lists it and --restore goes on with it after a crash.\n\n" +
			"Ctrl-C cancels the job: what is committed stays, what is not is removed. A second Ctrl-C ends the process at once.\n\n" +
			"Exit codes: 0 finished or stopped by a savepoint, 1 failed, 2 wrong flags, 3 the file is invalid, 6 cancelled, 130 ended at once.",
		Example: "  seikan run job.conf\n" +
			"  seikan run job.conf -i date=2024-01-31 -i region=eu\n" +
			"  seikan run job.conf --restore 871234567890123456",
		Args: exactlyOne("a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			r.file = args[0]
			if r.id != "" && r.restore != "" {
				return coded{exitUsage, errors.New("--restore keeps the job's id: leave --job-id out")}
			}
			if c.Flags().Changed("from") && r.restore == "" {
				return coded{exitUsage, errors.New("--from names a checkpoint of the job that --restore goes on with: give --restore ID, too")}
			}
			if err := checkFrom(c, r.from); err != nil {
				return err
			}
			for _, id := range []string{r.id, r.restore} {
				if err := checkID(id); err != nil {
					return coded{exitUsage, err}
				}
			}
			if code := runJob(c.Context(), t, r); code != exitOK {
				return coded{code: code}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&r.variables, "variable", "i", nil, "set `key=value` for ${key} in the file; several with commas or by repeating")
	f.StringVarP(&r.name, "name", "n", "", "job name; wins over env.job.name")
	f.StringVar(&r.id, "job-id", "", "`ID` for a new job, a number")
	f.StringVarP(&r.restore, "restore", "r", "", "go on with job `ID` from its last checkpoint or savepoint")
	fromFlag(c, &r.from)
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print neither progress nor statistics; errors and exit code only")
	_ = c.RegisterFlagCompletionFunc("restore", completeJobs(func(s state.Status) bool { return s.Ended() && s != state.Finished })) // the flag is there
	return c
}

// checkID allows what SeaTunnel's job ids are: positive numbers of 64 bits. They name files.
func checkID(id string) error {
	if id == "" {
		return nil
	}
	if n, err := strconv.ParseInt(id, 10, 64); err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
		return fmt.Errorf("job id %q: expected a whole number from 1 to %d", id, int64(math.MaxInt64))
	}
	return nil
}

// log makes the logger of a run.
func (r runRequest) log(t *terminal) *slog.Logger {
	h := newLogHandler(t, slog.LevelInfo)
	h.compat = r.compat
	if r.quiet {
		h.level = slog.LevelWarn
	}
	return slog.New(h)
}

// loadFile reads a job file and shows what is odd in it.
func (t *terminal) loadFile(path string, variables []string) (*job.File, error) {
	vars, warnings := job.ParseVariables(variables)
	if err := warnings.Err(); err != nil {
		return &job.File{Name: path}, err
	}
	file, err := job.Load(path, job.Local(vars))
	if err == nil {
		if w := append(warnings, file.Warnings...); len(w) > 0 {
			t.show(w, file.TextOf)
		}
	}
	return file, err
}

// runJob runs a job file to its end and returns the exit code.
func runJob(ctx context.Context, t *terminal, r runRequest) int {
	log := r.log(t)
	file, err := t.loadFile(r.file, r.variables)
	if err != nil {
		configError(t, log, r, err, file)
		return exitConfig
	}
	if r.compat {
		logConfig(log, file)
	}
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

// restorable says why a job cannot be gone on with, and warns when nothing is saved of it or rows
// will repeat.
func restorable(ctx context.Context, l *node.Local, id string, from int64, log *slog.Logger) error {
	j, err := findJob(ctx, localBook{l.Jobs, l}, id)
	switch {
	case err != nil:
		return err
	case j.Status == state.Finished:
		return fmt.Errorf("job %s cannot be restored: it has FINISHED, there is nothing left to go on with", id)
	}
	if from > 0 {
		told, err := goingBack(ctx, localBook{l.Jobs, l}, id, from)
		if told != "" {
			log.Warn(told)
		}
		return err
	}
	checkpoints, err := l.Jobs.Checkpoints(ctx, id, allCheckpoints)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(checkpoints, func(c state.Checkpoint) bool { return c.Status == state.CheckpointCompleted }) {
		log.Warn(fmt.Sprintf("job %s has no checkpoint to go on from: it starts from the beginning", id))
	}
	return nil
}

func runOn(ctx context.Context, t *terminal, l *node.Local, file *job.File, r runRequest, log *slog.Logger) int {
	if r.restore != "" {
		if err := restorable(ctx, l, r.restore, r.from, log); err != nil {
			t.show(err, nil)
			return exitFailed
		}
	}
	run, p, release, err := l.Submit(ctx, node.Submission{File: file, Name: r.name, ID: r.id, Restore: r.restore, From: r.from})
	var problems hocon.Problems
	switch {
	case errors.As(err, &problems):
		configError(t, log, r, err, file)
		return exitConfig
	case errors.Is(err, state.ErrExists):
		t.show(fmt.Errorf("job id %s is taken by a job that ran before: choose another, or go on with that job by %s", r.id, r.goOn(r.id)), nil)
		return exitFailed
	case (errors.Is(err, state.ErrMoved) || errors.Is(err, state.ErrNoCheckpoint)) && r.restore != "":
		t.show(fmt.Errorf("job %s cannot be restored: %w", r.restore, err), nil)
		return exitFailed
	case ctx.Err() != nil && err != nil:
		return exitCanceled
	case err != nil:
		t.show(err, file.TextOf)
		return exitFailed
	}
	defer release()
	if len(p.Warnings) > 0 {
		t.show(p.Warnings, file.TextOf)
	}
	log.Info(fmt.Sprintf("Submit job finished, job id: %s, job name: %s", run.JobID(), node.JobName(r.name, p.Env.JobName)))
	stop := showProgress(t, run, r.quiet, progressEvery, log)
	defer l.Publish(run.JobID(), run.Counters)()
	out, err := run.Wait(ctx)
	stop(err == nil && out.Job.Status == state.Finished)
	if err != nil {
		t.show(fmt.Errorf("record the end of job %s: %w", run.JobID(), err), nil)
		return exitFailed
	}
	return report(t, log, r, out)
}

// report says how a job ended, in SeaTunnel's words.
func report(t *terminal, log *slog.Logger, r runRequest, out master.Outcome) int {
	id, status := out.Job.ID, out.Job.Status
	log.Info(fmt.Sprintf("Job (%s) end with state %s", id, status))
	if out.Dirty > 0 {
		log.Warn(fmt.Sprintf("%d bad rows were skipped", out.Dirty))
	}
	switch {
	case status == state.Failed:
		jobFailed(t, log, r, id, out.Err)
		return exitFailed
	case r.compat:
		log.Info("\n" + statisticsBox(out, time.Local))
	case !r.quiet:
		fmt.Fprint(t.out, statisticsBox(out, time.Local))
	}
	switch status {
	case state.Canceled:
		return exitCanceled
	case state.SavepointDone:
		log.Info(fmt.Sprintf("the savepoint is taken; %s goes on from it", r.goOn(id)))
	}
	return exitOK
}
