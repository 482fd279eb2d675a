package task

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"seikan/engine/checkpoint"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// ChainConfig is what one subtask of a pipeline needs.
type ChainConfig struct {
	Pipeline *plan.Pipeline
	Env      plan.Env
	Dirty    *plan.SinkNode // nil: bad rows are only counted
	Task     plugin.Task    // identity; Action, Replica and Dirty are filled in
	Splits   Splits
	Writers  []checkpoint.WriterState // of this subtask's predecessors
	Budget   *Budget
	Counters *Counters
	Bad      *BadRows
	// Ack takes the answer to a barrier. It must not block.
	Ack func(checkpoint.Ack)
}

// Splits hands out the splits of a pipeline: an Enumeration here, or one on another node.
type Splits interface {
	// Next gives a split to a subtask that has passed barrier number passed; ok is false when
	// there is none for it now.
	Next(ctx context.Context, subtask int, passed int64) (s plugin.Split, ok bool, err error)
	// Changed is closed when asking again may give another answer.
	Changed() <-chan struct{}
	// Finished says that a split was read to its end.
	Finished(split string)
}

// Chain is one subtask: a reader with its transforms on one goroutine, and each sink's writers
// on goroutines of their own.
type Chain struct {
	cfg        ChainConfig
	reader     plugin.Reader
	transforms []transform
	runners    [][]*sinkRunner // by sink, by replica
	dirty      *deadLetters
	limit      limits

	barriers chan record.Barrier // newest wanted barrier
	complete chan int64          // newest complete checkpoint
	passed   atomic.Int64        // newest barrier passed
	reading  *Counters           // the reader's and the transforms' part of the counts
	splits   map[string]*plugin.Split
	order    []string // own splits in order of arrival
	stopped  bool     // a final barrier has passed: no more rows
	doing    atomic.Value

	mu   sync.Mutex
	acks map[int64]*partialAck
	kept []checkpoint.Commit // prepared, and not known to be recorded
}

type partialAck struct {
	ack     checkpoint.Ack
	missing int
	barrier record.Barrier
}

type limits struct{ rows, bytes *rate.Limiter }

// NewChain prepares a subtask; nothing is opened before Run.
func NewChain(cfg ChainConfig) *Chain {
	c := &Chain{cfg: cfg, barriers: make(chan record.Barrier, 1), complete: make(chan int64, 1), reading: cfg.Counters.part(),
		splits: map[string]*plugin.Split{}, acks: map[int64]*partialAck{}}
	if n := cfg.Env.RowsPerSecond; n > 0 {
		c.cfg.Task.BatchRows = int(min(n, plugin.BatchRows))
		c.limit.rows = rate.NewLimiter(rate.Limit(n), c.cfg.Task.BatchRows)
	}
	if n := cfg.Env.BytesPerSecond; n > 0 {
		c.limit.bytes = rate.NewLimiter(rate.Limit(n), int(min(n, plugin.BatchBytes)))
	}
	c.doing.Store(starting)
	return c
}

// starting is what a chain does until everything is open.
const starting = "starting"

// Barrier asks for a barrier; a newer one takes the place of one not yet seen.
func (c *Chain) Barrier(b record.Barrier) { replace(c.barriers, b) }

// Complete says that a checkpoint is recorded: what was prepared for it is the committer's now.
func (c *Chain) Complete(id int64) {
	c.mu.Lock()
	c.kept = slices.DeleteFunc(c.kept, func(k checkpoint.Commit) bool { return k.Checkpoint <= id })
	c.mu.Unlock()
	replace(c.complete, id)
}

func replace[T any](ch chan T, v T) {
	for {
		select {
		case ch <- v:
			return
		default:
		}
		select {
		case <-ch:
		default:
		}
	}
}

// Doing says what the subtask is busy with.
func (c *Chain) Doing() string {
	out := c.doing.Load().(string)
	if out == starting {
		return out
	}
	for _, rs := range c.runners {
		for _, r := range rs {
			out += "; " + r.Doing()
		}
	}
	if c.dirty != nil {
		out += "; " + c.dirty.runner.Doing()
	}
	return out
}

// Run works until ctx ends (which is how a finished pipeline stops its chains) or an error.
func (c *Chain) Run(ctx context.Context) (err error) {
	if err := c.open(ctx); err != nil {
		return err
	}
	c.doing.Store("idle")
	defer func() {
		if e := c.close(); e != nil && err == nil {
			err = e
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	for _, rs := range c.runners {
		for _, r := range rs {
			group.Go(func() error { return r.run(ctx) })
		}
	}
	if c.dirty != nil {
		group.Go(func() error { return c.dirty.runner.run(ctx) })
	}
	group.Go(func() error { return c.read(ctx) })
	return group.Wait()
}

// task is who runs a plugin. Its bad rows are counted with counters, and belong behind the
// newest barrier that its goroutine has passed.
func (c *Chain) task(action string, replica int, counters *Counters, passed *atomic.Int64) plugin.Task {
	t := c.cfg.Task
	t.Action, t.Replica = action, replica
	t.Dirty = func(ctx context.Context, row plugin.DirtyRow) error {
		counters.Table(row.Table).Dirty.Add(1)
		if err := c.cfg.Bad.Add(row); err != nil {
			return err
		}
		if c.dirty == nil {
			return nil
		}
		return c.dirty.add(ctx, row, passed.Load())
	}
	if t.Log != nil {
		t.Log = t.Log.With("action", action, "subtask", t.Subtask)
	}
	return t
}

func (c *Chain) open(ctx context.Context) (err error) {
	p := c.cfg.Pipeline
	defer func() {
		if err != nil {
			_ = c.close() // the first error says more
		}
	}()
	if err := c.openTransforms(ctx); err != nil {
		return err
	}
	for i, s := range p.Sinks {
		var rs []*sinkRunner
		for replica := range s.Replicas {
			r, err := c.runner(ctx, s, i, replica)
			if err != nil {
				return err
			}
			rs = append(rs, r)
		}
		c.runners = append(c.runners, rs)
	}
	if c.cfg.Dirty != nil {
		r, err := c.runner(ctx, c.cfg.Dirty, len(p.Sinks), 0)
		if err != nil {
			return err
		}
		c.dirty = newDeadLetters(r, c.cfg.Dirty.Tables[0].Schema, c.cfg.Task.Now)
	}
	c.reader, err = p.Source.Source.Reader(ctx, c.task(p.Source.Action, 0, c.reading, &c.passed))
	if err != nil {
		return fmt.Errorf("%s: %w", p.Source.Action, err)
	}
	return nil
}

func (c *Chain) openTransforms(ctx context.Context) error {
	p := c.cfg.Pipeline
	job := plugin.Job{ID: c.cfg.Task.JobID, Streaming: c.cfg.Env.Streaming, Parallelism: p.Parallelism, Env: c.cfg.Env.Raw, Log: c.cfg.Task.Log}
	for _, t := range p.Transforms {
		x, err := t.Factory.New(ctx, job, t.Input, t.Options)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Action, err)
		}
		c.transforms = append(c.transforms, transform{x, c.task(t.Action, 0, c.reading, &c.passed)})
	}
	return nil
}

// transform is a transform with the task it runs as.
type transform struct {
	plugin.Transform
	task plugin.Task
}

func (c *Chain) runner(ctx context.Context, s *plan.SinkNode, index, replica int) (*sinkRunner, error) {
	budget := c.cfg.Budget
	if s == c.cfg.Dirty {
		budget = NewBudget(letterBytes)
	}
	r := &sinkRunner{chain: c, node: s, index: index, replica: replica, queue: newQueue(budget), counters: c.cfg.Counters.part()}
	r.doing.Store("idle")
	for _, t := range s.Tables {
		var states []plugin.State
		for _, w := range c.cfg.Writers {
			if w.Sink == index && w.Table == t.Table && w.Replica == replica {
				states = append(states, w.State)
			}
		}
		task := c.task(s.Action, replica, r.counters, &r.passed)
		if s == c.cfg.Dirty { // a dead letter that cannot be kept is not a dead letter again
			task.Dirty = func(_ context.Context, row plugin.DirtyRow) error { return plugin.Permanent(row.Err) }
		}
		w, err := t.Sink.Writer(ctx, task, states)
		if err != nil {
			r.close()
			return nil, fmt.Errorf("%s: %w", s.Action, err)
		}
		r.writers = append(r.writers, tableWriter{table: t.Table, schema: t.Schema, writer: w, counter: r.counters.Table(t.Table)})
	}
	return r, nil
}

func (c *Chain) close() error {
	var first error
	keep := func(err error) {
		if first == nil && err != nil {
			first = err
		}
	}
	if c.reader != nil {
		keep(c.reader.Close())
	}
	for _, t := range c.transforms {
		keep(t.Close())
	}
	for _, rs := range c.runners {
		for _, r := range rs {
			keep(r.close())
		}
	}
	if c.dirty != nil {
		keep(c.dirty.runner.close())
	}
	return first
}

// prepared takes one runner's part of an answer, and sends the whole when it is complete. The
// dead letters get the barrier last, since writers add to them until they have prepared.
func (c *Chain) prepared(ctx context.Context, b record.Barrier, writers []checkpoint.WriterState, commits []checkpoint.Commit, counts map[string]int64) error {
	c.mu.Lock()
	a := c.acks[b.Checkpoint]
	a.ack.Writers = append(a.ack.Writers, writers...)
	c.kept = append(c.kept, commits...)
	for k, n := range counts {
		a.ack.Counters[k] += n
	}
	a.missing--
	missing := a.missing
	if missing == 0 {
		delete(c.acks, b.Checkpoint)
		// Invariant 3: a checkpoint that is given up undoes nothing; its work is reported again.
		a.ack.Commits = slices.Clone(c.kept)
	}
	c.mu.Unlock()
	if missing == 1 && c.dirty != nil {
		return c.dirty.barrier(ctx, b)
	}
	if missing == 0 {
		c.cfg.Ack(a.ack)
	}
	return nil
}

// pass saves the reader's positions and sends the barrier down to every writer.
func (c *Chain) pass(ctx context.Context, b record.Barrier) error {
	if b.Checkpoint <= c.passed.Load() {
		return nil
	}
	c.passed.Store(b.Checkpoint)
	c.stopped = c.stopped || b.Kind.Final()
	a := &partialAck{barrier: b, ack: checkpoint.Ack{Checkpoint: b.Checkpoint, Subtask: c.cfg.Task.Subtask, Counters: c.reading.Map()}}
	for _, id := range c.order {
		a.ack.Splits = append(a.ack.Splits, *c.splits[id])
	}
	for _, rs := range c.runners {
		a.missing += len(rs)
	}
	if c.dirty != nil {
		a.missing++
	}
	c.mu.Lock()
	c.acks[b.Checkpoint] = a
	c.mu.Unlock()
	for _, rs := range c.runners {
		for _, r := range rs {
			if err := r.queue.push(ctx, record.Event{Barrier: &b}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Chain) forget(id string) {
	delete(c.splits, id)
	c.order = slices.DeleteFunc(c.order, func(o string) bool { return o == id })
}
