package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

func jobCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "job",
		Short: "Submit jobs to a cluster; list, show, stop and restore them",
		Example: "  seikan job submit job.conf --wait\n" +
			"  seikan job list\n" +
			"  seikan job logs -f ID\n" +
			"  seikan job savepoint ID && seikan job restore ID",
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	p, output := placeFlags(c), outputFlag(c)
	c.AddCommand(submitCommand(t, p, output), restoreCommand(t, p, output), logsCommand(t, p, output), diffCommand(t, p, output))
	c.AddCommand(&cobra.Command{Use: "list", Short: "List jobs, the newest first", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		return withCluster(c.Context(), t, *p, func(b book) error { return listJobs(c.Context(), t, b, *output) })
	}})
	one := func(use, short string, f func(ctx context.Context, b book, id string) error) {
		c.AddCommand(&cobra.Command{Use: use + " ID", Short: short, Args: exactlyOne("a job id"), RunE: func(c *cobra.Command, args []string) error {
			if err := jobID(args[0]); err != nil {
				return err
			}
			return withCluster(c.Context(), t, *p, func(b book) error { return f(c.Context(), b, args[0]) })
		}})
	}
	one("show", "Show a job: its state, pipelines, checkpoints, runs and events", func(ctx context.Context, b book, id string) error { return showJob(ctx, t, b, id, *output) })
	end := func(want state.Desired) func(ctx context.Context, b book, id string) error {
		return func(ctx context.Context, b book, id string) error {
			j, err := wish(ctx, b, id, want)
			if err != nil {
				return err
			}
			return sayJob(t, j, *output)
		}
	}
	one("stop", "Cancel a job; what it committed stays", end(state.WantCancel))
	one("savepoint", "Stop a job with a savepoint, so that restore goes on from it", end(state.WantSavepoint))
	return c
}

// sayJob prints a job's id and status.
func sayJob(t *terminal, j state.Job, output string) error {
	if output == "json" {
		return printJSON(t, map[string]string{"id": j.ID, "name": j.Name, "status": string(j.Status)})
	}
	fmt.Fprintf(t.out, "job %s (%s): %s\n", j.ID, j.Name, j.Status)
	return nil
}

func submitCommand(t *terminal, p *place, output *string) *cobra.Command {
	var r clusterRun
	var wait bool
	c := &cobra.Command{Use: "submit FILE", Short: "Submit a job file; variables, includes and environment are settled here", Args: exactlyOne("a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			r.file, r.place = args[0], *p
			if err := checkID(r.id); err != nil {
				return coded{exitUsage, err}
			}
			return send(c.Context(), t, r, wait, *output)
		}}
	f := c.Flags()
	f.StringArrayVarP(&r.variables, "variable", "i", nil, "set `key=value` for ${key} in the file; several with commas or by repeating")
	f.StringVarP(&r.name, "name", "n", "", "job name; wins over env.job.name")
	f.StringVar(&r.id, "job-id", "", "`ID` for the job, a number")
	f.BoolVarP(&wait, "wait", "w", false, "wait for the end; Ctrl-C cancels the job")
	return c
}

// jobID refuses an argument that is no job's id.
func jobID(text string) error {
	err := checkID(text)
	if text == "" {
		err = errors.New("the job id is empty")
	}
	if err != nil {
		return coded{exitUsage, err}
	}
	return nil
}

// send submits a job, waits for it when asked to, and prints it.
func send(ctx context.Context, t *terminal, r clusterRun, wait bool, output string) error {
	r.quiet = output == "json"
	if !wait {
		r.quiet = true
		c, _, j, err := r.submitted(ctx, t, r.log(t))
		if err == nil {
			j, err = begun(ctx, c, j)
		}
		if err != nil {
			return err
		}
		return sayJob(t, j, output)
	}
	c, j, code := runOnCluster(ctx, t, r)
	if output == "json" && c != nil && j.ID != "" {
		if err := showJob(context.WithoutCancel(ctx), t, clusterBook{c}, j.ID, output); err != nil {
			return err
		}
	}
	if code != exitOK {
		return coded{code: code}
	}
	return nil
}

func restoreCommand(t *terminal, p *place, output *string) *cobra.Command {
	var r clusterRun
	var wait bool
	c := &cobra.Command{Use: "restore ID [FILE]", Short: "Go on with a job that ended, from its newest checkpoint or savepoint, as it was or with a changed file",
		Long: "Restore goes on with a job under its id. With a FILE that differs from what was submitted it says what changed and whether the\n" +
			"saved state still fits, and refuses a file that it does not fit.\n\n" +
			"With --from it goes on from an older checkpoint, as job show and checkpoint list number them: rows since then are read again and\n" +
			"come twice, and newer checkpoints and savepoints of the job are given up.",
		Example: "  seikan job restore 871234567890123456\n" +
			"  seikan job restore 871234567890123456 changed.conf --from 12",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := jobID(args[0]); err != nil {
				return err
			}
			if err := checkFrom(c, r.from); err != nil {
				return err
			}
			r.restore, r.place = args[0], *p
			if len(args) == 2 {
				r.file = args[1]
			}
			return send(c.Context(), t, r, wait, *output)
		}}
	c.Flags().StringArrayVarP(&r.variables, "variable", "i", nil, "set `key=value` for ${key} in the file")
	fromFlag(c, &r.from)
	c.Flags().BoolVarP(&wait, "wait", "w", false, "wait for the end; Ctrl-C cancels the job")
	return c
}

// fromFlag lets the user name the checkpoint that a restore goes on from.
func fromFlag(c *cobra.Command, from *int64) {
	c.Flags().Int64Var(from, "from", 0, "go on from checkpoint `N` in place of the newest; rows since an older one come twice")
}

func checkFrom(c *cobra.Command, from int64) error {
	if c.Flags().Changed("from") && from < 1 {
		return coded{exitUsage, fmt.Errorf("--from %d: expected the number of a checkpoint, from 1", from)}
	}
	return nil
}

// followEvery is how often new log lines are asked for.
const followEvery = 500 * time.Millisecond

func logsCommand(t *terminal, p *place, output *string) *cobra.Command {
	var follow bool
	c := &cobra.Command{Use: "logs ID", Short: "Print what the nodes logged about a job", Args: exactlyOne("a job id"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if err := jobID(args[0]); err != nil {
				return err
			}
			client, _, err := t.dial(ctx, *p, slog.New(newLogHandler(t, slog.LevelWarn)))
			if err != nil {
				return err
			}
			return printLogs(ctx, t, client, args[0], follow, *output)
		}}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the job has ended")
	return c
}

// logLine is a line of a node's log as -o json prints it, one a line.
type logLine struct {
	Node string `json:"node"`
	Line string `json:"line"`
}

func printLogs(ctx context.Context, t *terminal, c *node.Client, id string, follow bool, output string) error {
	q, e := node.LogQuestion{ID: id}, json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	for {
		ended, a := !follow, node.LogAnswer{}
		j, err := findJob(ctx, clusterBook{c}, id)
		if err == nil {
			ended = ended || j.Status.Ended()
			err = c.Ask(ctx, "job.logs", q, &a)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, node.ErrUnreachable) && follow:
			ended = false // it answers again when it has a master
		case err != nil:
			return err
		default:
			q.From = a.Next
		}
		for _, addr := range slices.Sorted(maps.Keys(a.Lines)) {
			for _, line := range a.Lines[addr] {
				if output == "json" {
					_ = e.Encode(logLine{addr, line}) // as with every other print: a closed pipe is the reader's affair
				} else {
					fmt.Fprintf(t.out, "%s %s\n", addr, line)
				}
			}
		}
		if a.More {
			continue
		}
		if ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

func diffCommand(t *terminal, p *place, output *string) *cobra.Command {
	var variables []string
	c := &cobra.Command{Use: "diff ID FILE", Short: "Show what a job file changes of a job as it was submitted", Long: "Diff compares a job file with a job as it was submitted. Secrets are masked in both.\n\nExit codes: 0 the same, 1 they differ.",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := jobID(args[0]); err != nil {
				return err
			}
			file, err := t.loadFile(args[1], variables)
			if err != nil {
				t.show(err, file.TextOf)
				return coded{code: exitConfig}
			}
			var before string
			err = withCluster(c.Context(), t, *p, func(b book) error {
				j, err := findJob(c.Context(), b, args[0])
				before = j.Text
				return err
			})
			if err != nil {
				return err
			}
			return printDiff(t, before, string(hocon.JSON(job.Redact(file.Root, node.Sensitive))), *output)
		}}
	c.Flags().StringArrayVarP(&variables, "variable", "i", nil, "set `key=value` for ${key} in the file")
	return c
}

func printDiff(t *terminal, before, after, output string) error {
	lines, err := diffJobs(before, after)
	if err != nil {
		return err
	}
	switch {
	case output == "json":
		if err := printJSON(t, map[string]any{"same": len(lines) == 0, "lines": append([]string{}, lines...)}); err != nil {
			return err
		}
	case len(lines) == 0:
		fmt.Fprintln(t.out, "no difference")
	default:
		fmt.Fprintln(t.out, strings.Join(lines, "\n"))
	}
	if len(lines) > 0 {
		return coded{code: exitFailed}
	}
	return nil
}

// diffJobs are the lines in which two JSON texts differ, with those around them left out.
func diffJobs(before, after string) ([]string, error) {
	var a, b bytes.Buffer
	if err := errors.Join(json.Indent(&a, []byte(before), "", "  "), json.Indent(&b, []byte(after), "", "  ")); err != nil {
		return nil, fmt.Errorf("compare the jobs: %w", err)
	}
	return diffLines(strings.Split(a.String(), "\n"), strings.Split(b.String(), "\n")), nil
}

// diffLines are the lines that are only in a (-) or only in b (+), by their longest common
// subsequence.
func diffLines(a, b []string) (out []string) {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for k := len(b) - 1; k >= 0; k-- {
			if a[i] == b[k] {
				common[i][k] = common[i+1][k+1] + 1
			} else {
				common[i][k] = max(common[i+1][k], common[i][k+1])
			}
		}
	}
	i, k := 0, 0
	for i < len(a) || k < len(b) {
		switch {
		case i < len(a) && k < len(b) && a[i] == b[k]:
			i, k = i+1, k+1
		case i < len(a) && (k == len(b) || common[i+1][k] >= common[i][k+1]):
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[k])
			k++
		}
	}
	return out
}
