package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seikan/engine/checkpoint"
	"seikan/engine/fault"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/storage"
)

// HeadConfig is what the head of a pipeline's attempt needs.
type HeadConfig struct {
	Plan     *plan.Plan
	Pipeline *plan.Pipeline
	Task     plugin.Task          // identity: job, run, pipeline, attempt; the rest is filled in
	Manifest *checkpoint.Manifest // to go on from; nil: from the beginning
	Interval time.Duration        // between checkpoints; 0: none
	Timeout  time.Duration
	Rows     checkpoint.Rows
	Blobs    storage.Store
	Log      *slog.Logger
	// Completed is told about complete checkpoints, on a goroutine of its own: it may wait for a
	// storage that does not answer. Of several meanwhile it is told the newest.
	Completed func(ctx context.Context, checkpoint int64)
}

// Subtask is the head's side of a chain, here or on another node.
type Subtask interface {
	Barrier(b record.Barrier)
	Complete(checkpoint int64)
	Doing() string
}

// Head is what a pipeline's attempt has once: enumerator, committers and checkpoint coordinator.
type Head struct {
	cfg         HeadConfig
	enumeration *Enumeration
	coordinator *checkpoint.Coordinator
	committers  map[target]plugin.Committer
	completed   chan int64 // newest complete checkpoint

	mu       sync.Mutex
	subtasks []Subtask
	barrier  record.Barrier           // newest sent
	answers  map[int]map[string]int64 // counters of each subtask's newest answer
}

// target is one table of one sink.
type target struct {
	sink  int
	table string
}

// NewHead prepares a head; nothing is opened before Prepare.
func NewHead(cfg HeadConfig) *Head {
	if cfg.Manifest == nil {
		cfg.Manifest = &checkpoint.Manifest{}
	}
	return &Head{cfg: cfg, committers: map[target]plugin.Committer{}, subtasks: make([]Subtask, cfg.Pipeline.Parallelism),
		answers: map[int]map[string]int64{}, completed: make(chan int64, 1)}
}

// Prepare commits what the manifest owes, clears what earlier attempts left, and opens the
// enumerator. Invariant 1: this comes before any reader starts.
func (h *Head) Prepare(ctx context.Context) error {
	if err := h.Settle(ctx); err != nil {
		return err
	}
	m, p := h.cfg.Manifest, h.cfg.Pipeline
	var source plugin.Enumerator
	if !m.Enumeration.Done {
		var err error
		if source, err = p.Source.Source.Enumerator(ctx, h.task(p.Source.Action), m.Enumeration.State); err != nil {
			return fmt.Errorf("%s: %w", p.Source.Action, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enumeration = NewEnumeration(source, p.Parallelism, m.Enumeration)
	h.coordinator = &checkpoint.Coordinator{
		Config: checkpoint.Config{Subtasks: p.Parallelism, Interval: h.cfg.Interval, Timeout: h.cfg.Timeout,
			Tolerable: h.cfg.Plan.Env.TolerableFailures, Counters: m.Counters},
		Origin:    checkpoint.Manifest{JobID: h.cfg.Task.JobID, RunID: h.cfg.Task.RunID, Pipeline: p.ID, Attempt: h.cfg.Task.Attempt},
		Rows:      h.cfg.Rows,
		Blobs:     h.cfg.Blobs,
		Tasks:     h,
		Log:       h.cfg.Log,
		Permanent: plugin.IsPermanent,
	}
	return nil
}

// Settle finishes the commits that the manifest owes and removes everything staged beyond it.
func (h *Head) Settle(ctx context.Context) error {
	m, sinks := h.cfg.Manifest, h.sinks()
	if m.RunID != "" && m.RunID != h.cfg.Task.RunID {
		if err := h.settleRun(ctx, m.RunID); err != nil {
			return err
		}
	}
	for i, s := range sinks {
		for _, t := range s.Tables {
			c, err := t.Sink.Committer(ctx, h.task(s.Action))
			if err != nil {
				return fmt.Errorf("%s: %w", s.Action, err)
			}
			if c != nil {
				h.committers[target{i, t.Table}] = c
			}
		}
	}
	pending := byTarget(m.Commits)
	for key, c := range h.committers {
		fault.Point("recover.before")
		err := c.Recover(ctx, pending[key])
		fault.Point("recover.after")
		if err != nil {
			return fmt.Errorf("%s: finish the commits of checkpoint %d: %w", sinks[key.sink].Action, m.Checkpoint, err)
		}
		delete(pending, key)
	}
	for key := range pending {
		return plugin.Permanent(fmt.Errorf("checkpoint %d holds commits of sink %d, table %s, which the job no longer has", m.Checkpoint, key.sink, key.table))
	}
	if m.Checkpoint > 0 {
		if err := h.cfg.Rows.Acknowledge(ctx, m.Checkpoint); err != nil {
			return fmt.Errorf("acknowledge the commits of checkpoint %d: %w", m.Checkpoint, err)
		}
	}
	return nil
}

// settleRun does the same with what an earlier run has staged, which another id names: this run
// began from a checkpoint of that one, not its newest.
func (h *Head) settleRun(ctx context.Context, runID string) error {
	pending := byTarget(h.cfg.Manifest.Commits)
	for i, s := range h.sinks() {
		for _, t := range s.Tables {
			before := h.task(s.Action)
			before.RunID = runID
			c, err := t.Sink.Committer(ctx, before)
			if err == nil && c != nil {
				err = errors.Join(c.Recover(ctx, pending[target{i, t.Table}]), c.Close())
			}
			if err != nil {
				return fmt.Errorf("%s: settle run %s, which this one goes on from: %w", s.Action, runID, err)
			}
		}
	}
	return nil
}

// Writers are the saved states for the writers of one subtask: when the parallelism changed,
// subtask i takes the states of i, i+P, i+2P and so on.
func (h *Head) Writers(subtask int) []checkpoint.WriterState {
	var out []checkpoint.WriterState
	for _, w := range h.cfg.Manifest.Writers {
		if w.Subtask%h.cfg.Pipeline.Parallelism == subtask {
			out = append(out, w)
		}
	}
	return out
}

// Attach connects a subtask, which is told the newest barrier: a checkpoint may have begun before
// it came.
func (h *Head) Attach(i int, s Subtask) {
	h.mu.Lock()
	h.subtasks[i] = s
	h.mu.Unlock()
	for sent := int64(0); ; { // again when a newer one was sent meanwhile: the newest comes last
		h.mu.Lock()
		b := h.barrier
		h.mu.Unlock()
		if b.Checkpoint == sent {
			return
		}
		s.Barrier(b)
		sent = b.Checkpoint
	}
}

// Splits hands out the pipeline's splits.
func (h *Head) Splits() *Enumeration { return h.enumeration }

// Ack takes a subtask's answer to a barrier. Bad rows are judged before it counts, so that
// nothing is committed beyond their budget.
func (h *Head) Ack(a checkpoint.Ack) {
	fault.Point("ack.received")
	h.mu.Lock()
	h.answers[a.Subtask] = a.Counters
	sum := maps.Clone(h.cfg.Manifest.Counters)
	if sum == nil {
		sum = map[string]int64{}
	}
	for _, c := range h.answers {
		for k, n := range c {
			sum[k] += n
		}
	}
	h.mu.Unlock()
	if err := judge(h.cfg.Plan.Env.Dirty, sum); err != nil {
		h.coordinator.Tell(checkpoint.Broken{Err: err})
		return
	}
	h.coordinator.Tell(a)
}

// Savepoint asks for a savepoint, behind which the pipeline ends.
func (h *Head) Savepoint() {
	h.mu.Lock()
	c := h.coordinator
	h.mu.Unlock()
	if c != nil { // else it is asked for again
		c.Tell(checkpoint.SavepointAsked{})
	}
}

// Move asks for a checkpoint that the readers stop behind, so that the pipeline goes on elsewhere
// from there. Run ends with the kind Checkpoint then.
func (h *Head) Move() {
	h.mu.Lock()
	c := h.coordinator
	h.mu.Unlock()
	if c != nil { // else it is asked for again
		c.Tell(checkpoint.MoveAsked{})
	}
}

// Run enumerates and takes checkpoints until the pipeline is finished or fails.
func (h *Head) Run(ctx context.Context) (kind record.BarrierKind, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, inner := errgroup.WithContext(ctx)
	finished := false
	group.Go(func() error { return h.enumeration.Run(inner) })
	group.Go(func() error { return h.watch(inner) })
	group.Go(func() error { return h.tellCompleted(inner) })
	group.Go(func() error {
		k, err := h.coordinator.Run(inner)
		if err == nil {
			kind, finished = k, true
			cancel()
		}
		return err
	})
	if err = group.Wait(); finished {
		return kind, nil // whatever the parts made of it, they were told to stop
	}
	return kind, err
}

// watch tells the coordinator when everything is read.
func (h *Head) watch(ctx context.Context) error {
	for {
		changed := h.enumeration.Changed()
		if h.enumeration.Drained() {
			h.coordinator.Tell(checkpoint.Drained{})
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (h *Head) tellCompleted(ctx context.Context) error {
	for ctx.Err() == nil { // which is when Completed has returned, perhaps
		select {
		case <-ctx.Done():
		case id := <-h.completed:
			h.cfg.Completed(ctx, id)
		}
	}
	return ctx.Err()
}

// Close closes what Prepare and Settle opened.
func (h *Head) Close() error {
	var all []error
	for _, c := range h.committers {
		all = append(all, c.Close())
	}
	if h.enumeration != nil {
		all = append(all, h.enumeration.Close())
	}
	return errors.Join(all...)
}

func (h *Head) sinks() []*plan.SinkNode {
	if h.cfg.Plan.Dirty == nil {
		return h.cfg.Pipeline.Sinks
	}
	return append(slices.Clip(h.cfg.Pipeline.Sinks), h.cfg.Plan.Dirty)
}

func (h *Head) task(action string) plugin.Task {
	t := h.cfg.Task
	t.Action, t.Parallelism, t.Log = action, h.cfg.Pipeline.Parallelism, h.cfg.Log
	t.Dirty = func(_ context.Context, row plugin.DirtyRow) error { return plugin.Permanent(row.Err) }
	return t
}

func byTarget(commits []checkpoint.Commit) map[target][]plugin.State {
	out := map[target][]plugin.State{}
	for _, c := range commits {
		key := target{c.Sink, c.Table}
		out[key] = append(out[key], c.State)
	}
	return out
}

func (h *Head) each(f func(s Subtask)) {
	h.mu.Lock()
	subtasks := slices.Clone(h.subtasks)
	h.mu.Unlock()
	for _, s := range subtasks {
		if s != nil {
			f(s)
		}
	}
}

// Barrier sends a barrier to every subtask. (checkpoint.Tasks)
func (h *Head) Barrier(b record.Barrier) {
	h.mu.Lock()
	h.barrier = b
	h.mu.Unlock()
	h.each(func(s Subtask) { s.Barrier(b) })
}

// Enumerate returns what is still to be read. (checkpoint.Tasks)
func (h *Head) Enumerate(id int64) checkpoint.Enumeration { return h.enumeration.Snapshot(id) }

// Complete tells the subtasks that a checkpoint is recorded. (checkpoint.Tasks)
func (h *Head) Complete(id int64) {
	h.each(func(s Subtask) { s.Complete(id) })
	replace(h.completed, id)
}

// Commit makes prepared work visible. (checkpoint.Tasks)
func (h *Head) Commit(ctx context.Context, commits []checkpoint.Commit) error {
	targets := byTarget(commits)
	for _, key := range slices.SortedFunc(maps.Keys(targets), func(x, y target) int { return x.sink - y.sink }) {
		c, action := h.committers[key], h.sinks()[key.sink].Action
		if c == nil {
			return plugin.Permanent(fmt.Errorf("%s prepared commits and has no committer", action))
		}
		if err := c.Commit(ctx, targets[key]); err != nil {
			return fmt.Errorf("%s: %w", action, err)
		}
	}
	return nil
}

// Doing says what a subtask is busy with. (checkpoint.Tasks)
func (h *Head) Doing(subtask int) string {
	h.mu.Lock()
	s := h.subtasks[subtask]
	h.mu.Unlock()
	if s == nil {
		return "not connected"
	}
	return s.Doing()
}
