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
)

// checkpointBook is where checkpoints are written down, and their manifests kept.
type checkpointBook interface {
	book
	Look(ctx context.Context, key state.Key) (node.CheckpointInside, error)
	Verify(ctx context.Context, key state.Key) (problem string, err error)
	Delete(ctx context.Context, key state.Key, force bool) error
}

// localCheckpoints are those of local mode.
type localCheckpoints struct {
	localBook
	c node.Checkpoints
}

func (l localCheckpoints) Look(ctx context.Context, key state.Key) (node.CheckpointInside, error) {
	return l.c.Look(ctx, key)
}
func (l localCheckpoints) Verify(ctx context.Context, key state.Key) (string, error) {
	return l.c.Verify(ctx, key)
}
func (l localCheckpoints) Delete(ctx context.Context, key state.Key, force bool) error {
	return l.c.Delete(ctx, key, force)
}

func checkpointCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "List, show, verify or delete checkpoints",
		Long: "A checkpoint is named JOB/PIPELINE/NUMBER, as list prints it. They are those of jobs that ran here without a cluster; with\n" +
			"-m cluster, --cluster or --at they are a cluster's.",
		Example: "  seikan checkpoint list                      # of all jobs that ran here, the newest first\n" +
			"  seikan checkpoint list -m cluster           # of all jobs of the cluster\n" +
			"  seikan checkpoint show 871234567890123456/1/5\n" +
			"  seikan checkpoint verify                    # are all manifests whole?",
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	p, output := placeFlags(c), outputFlag(c)
	where := &choice{value: "local", among: []string{"local", "cluster"}}
	c.PersistentFlags().VarP(where, "master", "m", "whose checkpoints: local or cluster")
	add := func(use, short string, args cobra.PositionalArgs, f func(ctx context.Context, b checkpointBook, args []string) error) *cobra.Command {
		sub := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
			do := func(b checkpointBook) error { return f(c.Context(), b, args) }
			if where.value == "local" && *p == (place{}) {
				return withCheckpoints(c.Context(), t, do)
			}
			return withCluster(c.Context(), t, *p, func(b book) error { return do(b.(clusterBook)) })
		}}
		c.AddCommand(sub)
		return sub
	}
	add("list [JOB]", "List the checkpoints of a job, or of all", atMostOne("a job id"), func(ctx context.Context, b checkpointBook, args []string) error {
		return listCheckpoints(ctx, t, b, args, *output)
	})
	add("show JOB/PIPELINE/NUMBER", "Show what is in a manifest", exactlyOne("a checkpoint"), func(ctx context.Context, b checkpointBook, args []string) error {
		return showCheckpoint(ctx, t, b, args[0], *output)
	})
	add("verify [JOB/PIPELINE/NUMBER]", "Read manifests and compare them with the state; all without an argument", atMostOne("a checkpoint"),
		func(ctx context.Context, b checkpointBook, args []string) error {
			return verifyCheckpoints(ctx, t, b, args, *output)
		})
	var force bool
	del := add("delete JOB/PIPELINE/NUMBER", "Delete a checkpoint or savepoint", exactlyOne("a checkpoint"), func(ctx context.Context, b checkpointBook, args []string) error {
		return deleteCheckpoint(ctx, t, b, args[0], force)
	})
	del.Flags().BoolVar(&force, "force", false, "also the newest one of a job, which could not be restored then")
	return c
}

func withCheckpoints(ctx context.Context, t *terminal, f func(checkpointBook) error) error {
	dir, err := node.StateDir()
	if err != nil {
		return err
	}
	l, err := node.OpenLocal(ctx, dir, slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		return err
	}
	return errors.Join(f(localCheckpoints{localBook{l.Jobs, l}, node.Checkpoints{Jobs: l.Jobs, Blobs: l.Master.Blobs}}), l.Close())
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

// noCheckpoint says in people's words that a checkpoint is not there.
func noCheckpoint(err error, key state.Key) error {
	if errors.Is(err, state.ErrNotFound) {
		return coded{exitNotFound, fmt.Errorf("there is no checkpoint %s; seikan checkpoint list %s shows those that are known", keyText(key), key.JobID)}
	}
	return err
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
func checkpointsOf(ctx context.Context, book book, args []string) (out []state.Checkpoint, err error) {
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
		all, err := book.Checkpoints(ctx, j.ID, 100000)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}

func listCheckpoints(ctx context.Context, t *terminal, l book, args []string, output string) error {
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

func showCheckpoint(ctx context.Context, t *terminal, b checkpointBook, text, output string) error {
	key, err := parseKey(text)
	if err != nil {
		return err
	}
	found, err := b.Look(ctx, key)
	if err != nil {
		return noCheckpoint(err, key)
	}
	c, v := found.Row, manifestView{storedCheckpoint: viewStored(found.Row)}
	if i := found.Manifest; i != nil {
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

func verifyCheckpoints(ctx context.Context, t *terminal, b checkpointBook, args []string, output string) error {
	var keys []state.Key
	if len(args) == 1 {
		key, err := parseKey(args[0])
		if err != nil {
			return err
		}
		keys = []state.Key{key}
	} else {
		all, err := checkpointsOf(ctx, b, nil)
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.Status == state.CheckpointCompleted {
				keys = append(keys, c.Key)
			}
		}
	}
	found := []checked{}
	for _, key := range keys {
		problem, err := b.Verify(ctx, key)
		if errors.Is(err, state.ErrNotFound) && len(args) == 0 {
			continue // it has been deleted meanwhile
		}
		if err != nil {
			return noCheckpoint(err, key)
		}
		found = append(found, checked{Name: keyText(key), Good: problem == "", Error: problem})
	}
	return printChecked(t, found, output)
}

func deleteCheckpoint(ctx context.Context, t *terminal, b checkpointBook, text string, force bool) error {
	key, err := parseKey(text)
	if err != nil {
		return err
	}
	if err := b.Delete(ctx, key, force); err != nil {
		return noCheckpoint(err, key)
	}
	fmt.Fprintf(t.out, "checkpoint %s is deleted\n", text)
	return nil
}
