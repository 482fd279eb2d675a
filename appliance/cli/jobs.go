package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/task"
)

func jobsCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "jobs",
		Short: "List the jobs that ran here; show, cancel or savepoint one",
		Example: "  seikan jobs                   # all jobs, the newest first\n" +
			"  seikan jobs show ID           # state, pipelines, checkpoints, earlier runs, events\n" +
			"  seikan jobs savepoint ID      # stop it so that seikan run FILE --restore ID goes on\n" +
			"  seikan jobs -o json | jq -r '.[] | select(.status == \"FAILED\") | .id'",
		Args: knownCommand,
	}
	output := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withLocal(c.Context(), t, func(l book) error { return listJobs(c.Context(), t, l, *output) })
	}
	one := func(use, short string, which func(state.Status) bool, f func(ctx context.Context, l book, id string) error) {
		c.AddCommand(&cobra.Command{Use: use + " ID", Short: short, Args: exactlyOne("a job id"), ValidArgsFunction: completeJobs(which),
			RunE: func(c *cobra.Command, args []string) error {
				return withLocal(c.Context(), t, func(l book) error { return f(c.Context(), l, args[0]) })
			}})
	}
	live := func(s state.Status) bool { return !s.Ended() }
	one("show", "Show a job: its state, pipelines, checkpoints, runs and events", func(state.Status) bool { return true },
		func(ctx context.Context, l book, id string) error { return showJob(ctx, t, l, id, *output) })
	end := func(want state.Desired, after string) func(ctx context.Context, l book, id string) error {
		return func(ctx context.Context, l book, id string) error {
			j, err := wish(ctx, l, id, want)
			if err != nil {
				return err
			}
			fmt.Fprintf(t.out, "job %s: %s%s\n", id, j.Status, after)
			return nil
		}
	}
	one("cancel", "Cancel a running job; what it committed stays", live, end(state.WantCancel, ""))
	one("savepoint", "Stop a running job with a savepoint", live, end(state.WantSavepoint, "; go on with: seikan run FILE --restore ID"))
	return c
}

func withLocal(ctx context.Context, t *terminal, f func(l book) error) error {
	dir, err := node.StateDir()
	if err != nil {
		return err
	}
	l, err := node.OpenLocal(ctx, dir, slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		return err
	}
	return errors.Join(f(localBook{l.Jobs, l}), l.Close())
}

// completeJobs offers the ids of the jobs whose status fits. It makes no state where there is none.
func completeJobs(fits func(state.Status) bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		dir, err := node.StateDir()
		if err != nil || len(args) > 0 && c.Name() != "run" {
			return nil, none
		}
		if _, err := os.Stat(filepath.Join(dir, "local.db")); err != nil {
			return nil, none
		}
		l, err := node.OpenLocal(context.Background(), dir, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, none
		}
		defer l.Close() // nothing was written
		jobs, _, err := l.Jobs.Jobs(context.Background(), state.Filter{}, "", 100)
		if err != nil {
			return nil, none
		}
		var out []cobra.Completion
		for _, j := range jobs {
			if fits(j.Status) {
				out = append(out, cobra.CompletionWithDesc(j.ID, j.Name+" "+string(j.Status)))
			}
		}
		return out, none | cobra.ShellCompDirectiveKeepOrder
	}
}

// lister is the command that lists the jobs of a book.
func lister(l book) string {
	if _, ok := l.(clusterBook); ok {
		return "seikan job list"
	}
	return "seikan jobs"
}

func findJob(ctx context.Context, l book, id string) (state.Job, error) {
	j, err := l.Job(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		err = coded{exitNotFound, fmt.Errorf("there is no job %s; %s lists those that are known", id, lister(l))}
	}
	return j, err
}

// wish records what the user wants and waits until the job has ended.
func wish(ctx context.Context, l book, id string, want state.Desired) (state.Job, error) {
	j, err := findJob(ctx, l, id)
	if err != nil {
		return j, err
	}
	if !j.Status.Ended() {
		if _, err = l.SetDesired(ctx, id, want); errors.Is(err, state.ErrMoved) {
			j, err = findJob(ctx, l, id) // it has just ended, or is asked for something that excludes this
			if err == nil && !j.Status.Ended() {
				err = fmt.Errorf("job %s is asked to %s already", id, j.Desired)
			}
		}
		if err != nil {
			return j, err
		}
	}
	if j.Status.Ended() {
		return j, fmt.Errorf("job %s has ended already: %s", id, j.Status)
	}
	for tries := 0; !j.Status.Ended(); tries++ {
		select {
		case <-ctx.Done():
			return j, coded{exitCanceled, fmt.Errorf("job %s is asked to %s and has not ended yet", id, want)}
		case <-time.After(100 * time.Millisecond):
		}
		if tries%10 == 9 { // its process may have died
			if err := l.Reap(ctx); err != nil {
				return j, err
			}
		}
		now, err := l.Job(ctx, id)
		if errors.Is(err, node.ErrUnreachable) {
			continue // the wish is recorded; the cluster answers again when it has a master
		} else if err != nil {
			return j, err
		}
		j = now
	}
	switch {
	case j.Status == state.Failed:
		return j, fmt.Errorf("job %s FAILED: %s", id, j.Error)
	case want == state.WantSavepoint && j.Status != state.SavepointDone:
		return j, fmt.Errorf("job %s ended %s before the savepoint was taken", id, j.Status)
	}
	return j, nil
}

func allJobs(ctx context.Context, l book) ([]state.Job, error) {
	var out []state.Job
	for after := ""; ; {
		page, next, err := l.Jobs(ctx, state.Filter{}, after, 500)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if next == "" {
			return out, nil
		}
		after = next
	}
}

func listJobs(ctx context.Context, t *terminal, l book, output string) error {
	jobs, err := allJobs(ctx, l)
	if err != nil {
		return err
	}
	if output == "json" {
		rows := make([]jobView, len(jobs))
		for i, j := range jobs {
			if rows[i], err = viewJob(ctx, l, j); err != nil {
				return err
			}
		}
		return printJSON(t, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "JOB ID\tNAME\tSTATUS\tSUBMITTED\tTOOK\tREAD\tWRITTEN")
	for _, j := range jobs {
		m, err := l.Counters(ctx, j)
		if err != nil {
			return err
		}
		read, written := fmt.Sprint(task.Sum(m, "SourceReceivedCount")), fmt.Sprint(task.Sum(m, "SinkWriteCount"))
		if m == nil {
			read, written = "-", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Name, j.Status, j.Submitted.Local().Format(boxTime), took(j), read, written)
	}
	return w.Flush()
}

func took(j state.Job) string {
	end := j.Finished
	if end.IsZero() {
		end = time.Now()
	}
	d := end.Sub(j.Submitted)
	if d > time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}
