package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
		Short: "List the jobs run here; show, stop or savepoint one",
		Args:  cobra.NoArgs,
	}
	var output string
	c.PersistentFlags().StringVarP(&output, "output", "o", "table", "table or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withLocal(c.Context(), t, func(l *node.Local) error { return listJobs(c.Context(), t, l, output) })
	}
	one := func(use, short string, f func(ctx context.Context, l *node.Local, id string) error) {
		c.AddCommand(&cobra.Command{Use: use + " ID", Short: short, Args: exactlyOne("a job id"),
			RunE: func(c *cobra.Command, args []string) error {
				return withLocal(c.Context(), t, func(l *node.Local) error { return f(c.Context(), l, args[0]) })
			}})
	}
	one("show", "Show a job: its state, pipelines, checkpoints, runs and events", func(ctx context.Context, l *node.Local, id string) error {
		return showJob(ctx, t, l, id, output)
	})
	one("cancel", "Cancel a running job; what it committed stays", func(ctx context.Context, l *node.Local, id string) error {
		return wish(ctx, l, id, state.WantCancel)
	})
	one("savepoint", "Stop a running job with a savepoint", func(ctx context.Context, l *node.Local, id string) error {
		return wish(ctx, l, id, state.WantSavepoint)
	})
	return c
}

func withLocal(ctx context.Context, t *terminal, f func(l *node.Local) error) error {
	dir, err := node.StateDir()
	if err != nil {
		return err
	}
	l, err := node.OpenLocal(ctx, dir, slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		return err
	}
	return errors.Join(f(l), l.Close())
}

// wish records what the user wants and waits until the job has obeyed.
func wish(ctx context.Context, l *node.Local, id string, want state.Desired) error {
	j, err := l.Jobs.SetDesired(ctx, id, want)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return coded{exitNotFound, fmt.Errorf("there is no job %s; seikan jobs lists those that are known here", id)}
	case err != nil:
		return err
	}
	for !j.Status.Ended() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		if j, err = l.Jobs.Job(ctx, id); err != nil {
			return err
		}
	}
	if want == state.WantSavepoint && j.Status == state.Failed {
		return fmt.Errorf("job %s: %s", id, j.Error)
	}
	return nil
}

func allJobs(ctx context.Context, l *node.Local) ([]state.Job, error) {
	var out []state.Job
	for after := ""; ; {
		page, next, err := l.Jobs.Jobs(ctx, state.Filter{}, after, 500)
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

func listJobs(ctx context.Context, t *terminal, l *node.Local, output string) error {
	jobs, err := allJobs(ctx, l)
	if err != nil {
		return err
	}
	if output == "json" {
		rows := make([]map[string]any, len(jobs))
		for i, j := range jobs {
			rows[i] = jobJSON(j, nil)
		}
		return printJSON(t, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "JOB ID\tNAME\tSTATUS\tSUBMITTED\tTOOK\tREAD\tWRITTEN")
	for _, j := range jobs {
		m := counters(j)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", j.ID, j.Name, j.Status, j.Submitted.Local().Format(boxTime), took(j),
			task.Sum(m, "SourceReceivedCount"), task.Sum(m, "SinkWriteCount"))
	}
	return w.Flush()
}

func took(j state.Job) string {
	end := j.Finished
	if end.IsZero() {
		end = time.Now()
	}
	return end.Sub(j.Submitted).Round(time.Millisecond).String()
}

func counters(j state.Job) map[string]int64 {
	m := map[string]int64{}
	if j.Metrics != "" {
		_ = json.Unmarshal([]byte(j.Metrics), &m) // written by us; an old form shows zeros
	}
	return m
}

// jobJSON is SeaTunnel's -j answer.
func jobJSON(j state.Job, pipelines []state.Pipeline) map[string]any {
	var finish any
	if !j.Finished.IsZero() {
		finish = j.Finished.UnixMilli()
	}
	states := map[string]any{}
	for _, p := range pipelines {
		states[fmt.Sprintf("PipelineLocation(jobId=%s, pipelineId=%d)", j.ID, p.ID)] = p.Status
	}
	return map[string]any{"jobId": j.ID, "jobName": j.Name, "jobStatus": j.Status, "submitTime": j.Submitted.UnixMilli(),
		"finishTime": finish, "pipelineStateMapperMap": states, "errorMessage": orNull(j.Error)}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func printJSON(t *terminal, v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func showJob(ctx context.Context, t *terminal, l *node.Local, id, output string) error {
	j, err := l.Jobs.Job(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return coded{exitNotFound, fmt.Errorf("there is no job %s; seikan jobs lists those that are known here", id)}
	}
	if err != nil {
		return err
	}
	pipelines, err := l.Jobs.Pipelines(ctx, id)
	if err != nil {
		return err
	}
	if output == "json" {
		return printJSON(t, jobJSON(j, pipelines))
	}
	fmt.Fprintf(t.out, "%s  %s  %s  %s\n", j.ID, j.Name, j.Mode, j.Status)
	if j.Error != "" {
		fmt.Fprintf(t.out, "  error: %s\n", j.Error)
	}
	for _, p := range pipelines {
		fmt.Fprintf(t.out, "  pipeline %d: %s, attempt %d, %d restarts\n", p.ID, p.Status, p.Attempt, p.Restores)
	}
	checkpoints, err := l.Jobs.Checkpoints(ctx, id, 20)
	if err != nil {
		return err
	}
	for _, c := range checkpoints {
		fmt.Fprintf(t.out, "  %s %d of pipeline %d: %s %s, %d bytes\n", c.Kind, c.ID, c.PipelineID, c.Status, c.Completed.Local().Format(boxTime), c.Manifest.Size)
	}
	runs, err := l.Jobs.Runs(ctx, id)
	if err != nil {
		return err
	}
	for _, r := range runs {
		fmt.Fprintf(t.out, "  run %d: %s, submitted %s\n", r.RunNo, r.Status, r.Submitted.Local().Format(boxTime))
	}
	events, err := l.Jobs.Events(ctx, id, 0, 200)
	if err != nil {
		return err
	}
	for _, e := range events {
		fmt.Fprintln(t.out, strings.TrimRight(fmt.Sprintf("  %s  %s %s %s", e.At.Local().Format("15:04:05.000"), e.Kind, e.Message, e.Detail), " "))
	}
	return nil
}
