// Package master is the leader's side of a job: it submits, places, watches, restarts and ends.
package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seikan/engine/checkpoint"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/task"
	"seikan/storage"
)

// attempt is one try at running a pipeline, from a manifest or from the beginning.
type attempt struct {
	pipeline *plan.Pipeline
	plan     *plan.Plan
	number   int64
	manifest *checkpoint.Manifest // nil: from the beginning
	jobID    string
	runID    string
	interval time.Duration
	timeout  time.Duration
	rows     checkpoint.Rows
	blobs    storage.Store
	budget   *task.Budget
	bad      *task.BadRows
	log      *slog.Logger
	// completed is told about every complete checkpoint.
	completed func(checkpoint int64)

	enumeration *task.Enumeration
	chains      []*task.Chain
	counters    *task.Counters
	coordinator *checkpoint.Coordinator
	committers  map[commitKey]plugin.Committer
}

type commitKey struct {
	sink  int
	table string
}

// prepare commits what the manifest holds, clears what earlier attempts left, and makes the
// parts. Invariant 1: this comes before any reader starts.
func (a *attempt) prepare(ctx context.Context) error {
	if err := a.commitOnly(ctx); err != nil {
		return err
	}
	return a.start(ctx)
}

// commitOnly finishes what the manifest owes and removes everything staged beyond it.
func (a *attempt) commitOnly(ctx context.Context) error {
	if a.manifest == nil {
		a.manifest = &checkpoint.Manifest{}
	}
	m := a.manifest
	a.committers = map[commitKey]plugin.Committer{}
	for i, s := range a.sinks() {
		for _, t := range s.Tables {
			c, err := t.Sink.Committer(ctx, a.task(s.Action, 0))
			if err != nil {
				return fmt.Errorf("%s: %w", s.Action, err)
			}
			if c != nil {
				a.committers[commitKey{i, t.Table}] = c
			}
		}
	}
	pending := byTarget(m.Commits)
	for key, c := range a.committers {
		if err := c.Recover(ctx, pending[key]); err != nil {
			return fmt.Errorf("%s: finish the commits of checkpoint %d: %w", a.sinks()[key.sink].Action, m.Checkpoint, err)
		}
		delete(pending, key)
	}
	for key := range pending {
		return plugin.Permanent(fmt.Errorf("checkpoint %d holds commits of sink %d, table %s, which the job no longer has", m.Checkpoint, key.sink, key.table))
	}
	if m.Checkpoint > 0 {
		if err := a.rows.Acknowledge(ctx, m.Checkpoint); err != nil {
			return fmt.Errorf("acknowledge the commits of checkpoint %d: %w", m.Checkpoint, err)
		}
	}
	return nil
}

func (a *attempt) start(ctx context.Context) error {
	m, p := a.manifest, a.pipeline
	a.counters = task.NewCounters(m.Counters)
	var source plugin.Enumerator
	if !m.Enumeration.Done {
		var err error
		if source, err = p.Source.Source.Enumerator(ctx, a.task(p.Source.Action, 0), m.Enumeration.State); err != nil {
			return fmt.Errorf("%s: %w", p.Source.Action, err)
		}
	}
	a.enumeration = task.NewEnumeration(source, m.Enumeration)
	a.coordinator = &checkpoint.Coordinator{
		Config:    checkpoint.Config{Subtasks: p.Parallelism, Interval: a.interval, Timeout: a.timeout, Tolerable: a.plan.Env.TolerableFailures},
		Origin:    checkpoint.Manifest{JobID: a.jobID, RunID: a.runID, Pipeline: p.ID, Attempt: a.number},
		Rows:      a.rows,
		Blobs:     a.blobs,
		Tasks:     a,
		Log:       a.log,
		Permanent: plugin.IsPermanent,
	}
	for i := range p.Parallelism {
		var writers []checkpoint.WriterState
		for _, w := range m.Writers {
			if w.Subtask%p.Parallelism == i {
				writers = append(writers, w)
			}
		}
		a.chains = append(a.chains, task.NewChain(task.ChainConfig{
			Pipeline: p, Env: a.plan.Env, Dirty: a.plan.Dirty, Task: a.task("", i), Splits: a.enumeration,
			Writers: writers, Budget: a.budget, Counters: a.counters, Bad: a.bad,
			Ack: func(ack checkpoint.Ack) { a.coordinator.Tell(ack) },
		}))
	}
	return nil
}

// run works until the pipeline is finished or fails. Everything is closed when it returns.
func (a *attempt) run(ctx context.Context) (kind record.BarrierKind, err error) {
	defer func() {
		err = errors.Join(err, a.close())
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, inner := errgroup.WithContext(ctx)
	finished := false
	group.Go(func() error { return a.enumeration.Run(inner) })
	group.Go(func() error { return a.watch(inner) })
	for _, c := range a.chains {
		group.Go(func() error { return c.Run(inner) })
	}
	group.Go(func() error {
		k, err := a.coordinator.Run(inner)
		if err == nil {
			kind, finished = k, true
			cancel() // chains end by it
		}
		return err
	})
	err = group.Wait()
	if finished {
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return kind, err
	}
	return "", err
}

// watch tells the coordinator when everything is read, after a last look at the bad rows.
func (a *attempt) watch(ctx context.Context) error {
	for {
		changed := a.enumeration.Changed()
		if a.enumeration.Drained() {
			if err := a.checkBad(); err != nil {
				return err
			}
			a.coordinator.Tell(checkpoint.Drained{})
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (a *attempt) checkBad() error {
	return a.bad.Check(task.Sum(a.counters.Map(), "SourceReceivedCount"))
}

func (a *attempt) close() error {
	var all []error
	for _, c := range a.committers {
		all = append(all, c.Close())
	}
	if a.enumeration != nil {
		all = append(all, a.enumeration.Close())
	}
	return errors.Join(all...)
}

func (a *attempt) sinks() []*plan.SinkNode {
	if a.plan.Dirty == nil {
		return a.pipeline.Sinks
	}
	return append(slices.Clip(a.pipeline.Sinks), a.plan.Dirty)
}

func (a *attempt) task(action string, subtask int) plugin.Task {
	return plugin.Task{
		JobID: a.jobID, RunID: a.runID, Pipeline: a.pipeline.ID, Action: action, Subtask: subtask,
		Parallelism: a.pipeline.Parallelism, Attempt: a.number, Log: a.log, Now: time.Now,
		Dirty: func(_ context.Context, row plugin.DirtyRow) error { return plugin.Permanent(row.Err) },
	}
}

func byTarget(commits []checkpoint.Commit) map[commitKey][]plugin.State {
	out := map[commitKey][]plugin.State{}
	for _, c := range commits {
		key := commitKey{c.Sink, c.Table}
		out[key] = append(out[key], c.State)
	}
	return out
}

// Barrier sends a barrier to every subtask. (checkpoint.Tasks)
func (a *attempt) Barrier(b record.Barrier) {
	for _, c := range a.chains {
		c.Barrier(b)
	}
}

// Enumerate returns what is still to be read. (checkpoint.Tasks)
func (a *attempt) Enumerate(id int64) checkpoint.Enumeration { return a.enumeration.Snapshot(id) }

// Complete tells the subtasks that a checkpoint is complete. (checkpoint.Tasks)
func (a *attempt) Complete(id int64) {
	for _, c := range a.chains {
		c.Complete(id)
	}
	a.completed(id)
}

// Commit makes prepared work visible. (checkpoint.Tasks)
func (a *attempt) Commit(ctx context.Context, commits []checkpoint.Commit) error {
	targets := byTarget(commits)
	keys := slices.SortedFunc(maps.Keys(targets), func(x, y commitKey) int { return x.sink - y.sink })
	for _, key := range keys {
		c := a.committers[key]
		if c == nil {
			return plugin.Permanent(fmt.Errorf("%s prepared commits and has no committer", a.sinks()[key.sink].Action))
		}
		if err := c.Commit(ctx, targets[key]); err != nil {
			return fmt.Errorf("%s: %w", a.sinks()[key.sink].Action, err)
		}
	}
	return nil
}

// Doing says what a subtask is busy with. (checkpoint.Tasks)
func (a *attempt) Doing(subtask int) string { return a.chains[subtask].Doing() }

// Counters are saved with every manifest. (checkpoint.Tasks)
func (a *attempt) Counters() map[string]int64 { return a.counters.Map() }
