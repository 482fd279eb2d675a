package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/storage"
)

func checkpointCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "List, show, verify or delete the checkpoints of jobs that ran here",
		Long:  "A checkpoint is named JOB/PIPELINE/NUMBER, as list prints it.",
		Example: "  seikan checkpoint list                      # of all jobs, the newest first\n" +
			"  seikan checkpoint show 871234567890123456/1/5\n" +
			"  seikan checkpoint verify                    # are all manifests whole?",
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	output := outputFlag(c)
	add := func(use, short string, args cobra.PositionalArgs, f func(ctx context.Context, l *node.Local, args []string) error) *cobra.Command {
		sub := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
			return withCheckpoints(c.Context(), t, func(l *node.Local) error { return f(c.Context(), l, args) })
		}}
		c.AddCommand(sub)
		return sub
	}
	add("list [JOB]", "List the checkpoints of a job, or of all", atMostOne("a job id"), func(ctx context.Context, l *node.Local, args []string) error {
		return listCheckpoints(ctx, t, l, args, *output)
	})
	add("show JOB/PIPELINE/NUMBER", "Show what is in a manifest", exactlyOne("a checkpoint"), func(ctx context.Context, l *node.Local, args []string) error {
		return showCheckpoint(ctx, t, l, args[0], *output)
	})
	add("verify [JOB/PIPELINE/NUMBER]", "Read manifests and compare them with the state; all without an argument", atMostOne("a checkpoint"),
		func(ctx context.Context, l *node.Local, args []string) error {
			return verifyCheckpoints(ctx, t, l, args, *output)
		})
	var force bool
	del := add("delete JOB/PIPELINE/NUMBER", "Delete a checkpoint or savepoint", exactlyOne("a checkpoint"), func(ctx context.Context, l *node.Local, args []string) error {
		return deleteCheckpoint(ctx, t, l, args[0], force)
	})
	del.Flags().BoolVar(&force, "force", false, "also the newest one of a job, which could not be restored then")
	return c
}

func withCheckpoints(ctx context.Context, t *terminal, f func(l *node.Local) error) error {
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

// atMostOne is for commands that may take one argument.
func atMostOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return coded{exitUsage, fmt.Errorf("%s takes %s, or nothing; see %s --help", c.Name(), what, c.CommandPath())}
		}
		return nil
	}
}

// parseKey reads JOB/PIPELINE/NUMBER.
func parseKey(text string) (state.Key, error) {
	parts := strings.Split(text, "/")
	if len(parts) == 3 && parts[0] != "" {
		pipeline, perr := strconv.ParseInt(parts[1], 10, 32)
		id, ierr := strconv.ParseInt(parts[2], 10, 64)
		if perr == nil && ierr == nil && pipeline >= 0 && id > 0 {
			return state.Key{JobID: parts[0], PipelineID: pipeline, ID: id}, nil
		}
	}
	return state.Key{}, coded{exitUsage, fmt.Errorf("%q is no checkpoint: expected JOB/PIPELINE/NUMBER, as seikan checkpoint list prints it", text)}
}

func keyText(k state.Key) string { return fmt.Sprintf("%s/%d/%d", k.JobID, k.PipelineID, k.ID) }

func findCheckpoint(ctx context.Context, l *node.Local, text string) (state.Checkpoint, error) {
	key, err := parseKey(text)
	if err != nil {
		return state.Checkpoint{}, err
	}
	c, err := l.Jobs.Checkpoint(ctx, key)
	if errors.Is(err, state.ErrNotFound) {
		err = coded{exitNotFound, fmt.Errorf("there is no checkpoint %s; seikan checkpoint list %s shows those that are known here", text, key.JobID)}
	}
	return c, err
}

// storedCheckpoint is a checkpoint as -o json prints it.
type storedCheckpoint struct {
	Checkpoint   string                 `json:"checkpoint"`
	Kind         state.Kind             `json:"kind"`
	Status       state.CheckpointStatus `json:"status"`
	Attempt      int64                  `json:"attempt"`
	Triggered    time.Time              `json:"triggered"`
	Completed    *time.Time             `json:"completed"`
	Bytes        int64                  `json:"bytes"`
	Manifest     string                 `json:"manifest,omitempty"`
	SHA256       string                 `json:"sha256,omitempty"`
	Acknowledged bool                   `json:"acknowledged"`
	Error        string                 `json:"error,omitempty"`
}

func viewStored(c state.Checkpoint) storedCheckpoint {
	return storedCheckpoint{keyText(c.Key), c.Kind, c.Status, c.Attempt, c.Triggered, known(c.Completed), c.Manifest.Size, c.Manifest.Name,
		c.Manifest.Checksum, c.Acknowledged, c.Error}
}

// checkpointsOf lists the checkpoints of the given job, or of all of them.
func checkpointsOf(ctx context.Context, l *node.Local, args []string) (out []state.Checkpoint, err error) {
	book := localBook{l.Jobs, l}
	var jobs []state.Job
	if len(args) == 1 {
		j, err := findJob(ctx, book, args[0])
		if err != nil {
			return nil, err
		}
		jobs = []state.Job{j}
	} else if jobs, err = allJobs(ctx, book); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		all, err := l.Jobs.Checkpoints(ctx, j.ID, 100000)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}

func listCheckpoints(ctx context.Context, t *terminal, l *node.Local, args []string, output string) error {
	all, err := checkpointsOf(ctx, l, args)
	if err != nil {
		return err
	}
	views := make([]storedCheckpoint, len(all))
	for i, c := range all {
		views[i] = viewStored(c)
	}
	if output == "json" {
		return printJSON(t, views)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHECKPOINT\tKIND\tSTATUS\tCOMPLETED\tBYTES\tERROR")
	for _, v := range views {
		completed := "-"
		if v.Completed != nil {
			completed = v.Completed.Local().Format(boxTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", v.Checkpoint, v.Kind, v.Status, completed, v.Bytes, v.Error)
	}
	return w.Flush()
}

// manifestView is a manifest as -o json prints it.
type manifestView struct {
	storedCheckpoint
	RunID       string           `json:"run_id"`
	Parallelism int              `json:"parallelism"`
	Splits      int              `json:"splits"`
	AllFound    bool             `json:"all_splits_found"`
	Writers     int              `json:"writer_states"`
	Commits     int              `json:"prepared_commits"`
	StateBytes  int64            `json:"state_bytes"`
	Counters    map[string]int64 `json:"counters,omitempty"`
}

func showCheckpoint(ctx context.Context, t *terminal, l *node.Local, text, output string) error {
	c, err := findCheckpoint(ctx, l, text)
	if err != nil {
		return err
	}
	v := manifestView{storedCheckpoint: viewStored(c)}
	if c.Status == state.CheckpointCompleted {
		i, err := checkpoint.Inspect(ctx, l.Master.Blobs, c.Manifest.Name)
		if err != nil {
			return err
		}
		v.RunID, v.Parallelism, v.Splits, v.AllFound, v.Writers, v.Commits, v.StateBytes, v.Counters = i.RunID, i.Parallelism, i.Splits,
			i.AllFound, i.Writers, i.Commits, i.StateBytes, i.Counters
	}
	if output == "json" {
		return printJSON(t, v)
	}
	fmt.Fprintf(t.out, "%s %s: %s, attempt %d\n", v.Kind, v.Checkpoint, v.Status, v.Attempt)
	if v.Error != "" {
		fmt.Fprintf(t.out, "  error: %s\n", v.Error)
	}
	if c.Status != state.CheckpointCompleted {
		return nil
	}
	more := "more may be found"
	if v.AllFound {
		more = "all are found"
	}
	fmt.Fprintf(t.out, "  manifest %s, %d bytes, SHA-256 %s\n", v.Manifest, v.Bytes, v.SHA256)
	fmt.Fprintf(t.out, "  run %s, parallelism %d\n", v.RunID, v.Parallelism)
	fmt.Fprintf(t.out, "  %d splits to be read (%s), %d writer states, %d prepared commits, %d bytes of state\n", v.Splits, more, v.Writers, v.Commits, v.StateBytes)
	for _, name := range slices.Sorted(maps.Keys(v.Counters)) {
		fmt.Fprintf(t.out, "  %s: %d\n", name, v.Counters[name])
	}
	return nil
}

// checked is the answer of verify for one object.
type checked struct {
	Name  string `json:"name"`
	Good  bool   `json:"good"`
	Error string `json:"error,omitempty"`
}

// printChecked prints what verify found and fails when something is not good.
func printChecked(t *terminal, all []checked, output string) error {
	bad := 0
	for _, c := range all {
		if !c.Good {
			bad++
		}
	}
	if output == "json" {
		if err := printJSON(t, all); err != nil {
			return err
		}
	} else {
		for _, c := range all {
			if c.Good {
				fmt.Fprintf(t.out, "good  %s\n", c.Name)
			} else {
				fmt.Fprintf(t.out, "BAD   %s: %s\n", c.Name, c.Error)
			}
		}
		fmt.Fprintf(t.out, "%d good, %d bad\n", len(all)-bad, bad)
	}
	if bad > 0 {
		return coded{code: exitFailed}
	}
	return nil
}

func verifyCheckpoints(ctx context.Context, t *terminal, l *node.Local, args []string, output string) error {
	var all []state.Checkpoint
	var err error
	if len(args) == 1 {
		c, ferr := findCheckpoint(ctx, l, args[0])
		all, err = []state.Checkpoint{c}, ferr
	} else {
		all, err = checkpointsOf(ctx, l, nil)
	}
	if err != nil {
		return err
	}
	found := []checked{}
	for _, c := range all {
		if c.Status != state.CheckpointCompleted && len(args) == 0 {
			continue
		}
		one := checked{Name: keyText(c.Key), Good: true}
		if _, err := checkpoint.Verify(ctx, l.Jobs, l.Master.Blobs, c.Key); errors.Is(err, context.Canceled) {
			return err
		} else if err != nil {
			one.Good, one.Error = false, err.Error()
		}
		found = append(found, one)
	}
	return printChecked(t, found, output)
}

func deleteCheckpoint(ctx context.Context, t *terminal, l *node.Local, text string, force bool) error {
	c, err := findCheckpoint(ctx, l, text)
	if err != nil {
		return err
	}
	if c.Status == state.CheckpointPending {
		return fmt.Errorf("checkpoint %s is being taken", text)
	}
	if c.Status == state.CheckpointCompleted {
		newest, err := l.Jobs.LatestCheckpoint(ctx, c.JobID, c.PipelineID)
		if err != nil {
			return err
		}
		job, err := l.Jobs.Job(ctx, c.JobID)
		if err != nil {
			return err
		}
		switch {
		case newest.ID != c.ID:
		case !job.Status.Ended():
			return fmt.Errorf("checkpoint %s is what the job would go on from, and it is %s; cancel it first", text, job.Status)
		case !c.Acknowledged:
			return fmt.Errorf("checkpoint %s holds commits that are not acknowledged; seikan run FILE --restore %s finishes them", text, c.JobID)
		case !force:
			return fmt.Errorf("checkpoint %s is the newest of its pipeline: without it the job cannot be restored; --force deletes it", text)
		}
		if err := l.Master.Blobs.Delete(ctx, c.Manifest.Name); err != nil && !errors.Is(err, storage.ErrNotExist) {
			return err
		}
	}
	if err := l.Jobs.DeleteCheckpoint(ctx, c.Key); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "checkpoint %s is deleted\n", text)
	return nil
}
