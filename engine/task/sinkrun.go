package task

import (
	"context"
	"fmt"
	"sync/atomic"

	"seikan/engine/checkpoint"
	"seikan/engine/fault"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// sinkRunner is the goroutine of one sink and replica in a subtask, with a writer a table.
type sinkRunner struct {
	chain    *Chain
	node     *plan.SinkNode
	index    int
	replica  int
	queue    *queue
	writers  []tableWriter
	doing    atomic.Value
	passed   atomic.Int64 // newest barrier prepared
	counters *Counters    // this runner's part of the counts
}

type tableWriter struct {
	table   string
	schema  *record.Schema
	writer  plugin.Writer
	counter *Counter
}

func (r *sinkRunner) Doing() string { return r.node.Action + " " + r.doing.Load().(string) }

func (r *sinkRunner) run(ctx context.Context) error {
	defer r.queue.drain()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case i := <-r.queue.items:
			err := r.handle(ctx, i)
			r.queue.done(i)
			if err != nil {
				return err
			}
			r.doing.Store("idle")
		}
	}
}

func (r *sinkRunner) handle(ctx context.Context, i item) error {
	switch {
	case i.ask != nil:
		i.ask(ctx)
		return nil
	case i.Batch != nil:
		r.doing.Store("writing")
		return r.write(ctx, i.Batch)
	case i.Barrier != nil:
		r.doing.Store(fmt.Sprintf("preparing checkpoint %d", i.Barrier.Checkpoint))
		return r.prepare(ctx, *i.Barrier)
	case i.Change != nil:
		r.doing.Store("changing a schema")
		return r.change(ctx, i.Change)
	}
	return nil
}

func (r *sinkRunner) write(ctx context.Context, b *record.Batch) error {
	for i := range r.writers {
		w := &r.writers[i]
		switch {
		case b.Schema == nil || b.Data == nil: // only progress: every table hears of it
			empty := *b
			empty.Schema = w.schema
			if err := w.writer.Write(ctx, &empty); err != nil {
				return r.wrap(w, err)
			}
			continue
		case len(r.writers) > 1 && w.table != b.Schema.Table():
			continue
		}
		if err := w.writer.Write(ctx, b); err != nil {
			return r.wrap(w, err)
		}
		w.counter.Written.Add(int64(b.Rows()))
		w.counter.WrittenBytes.Add(b.Bytes)
		return nil
	}
	if b.Schema != nil && b.Data != nil {
		return plugin.Permanent(fmt.Errorf("%s: multi table sink can not write table: %s", r.node.Action, b.Schema.Table()))
	}
	return nil
}

func (r *sinkRunner) wrap(w *tableWriter, err error) error {
	if w.table == "" {
		return fmt.Errorf("%s: %w", r.node.Action, err)
	}
	return fmt.Errorf("%s: table %s: %w", r.node.Action, w.table, err)
}

func (r *sinkRunner) prepare(ctx context.Context, b record.Barrier) error {
	var states []checkpoint.WriterState
	var commits []checkpoint.Commit
	for i := range r.writers {
		w := &r.writers[i]
		p, err := w.writer.Prepare(ctx, b)
		fault.Point("writer.prepared")
		if err != nil {
			return r.wrap(w, err)
		}
		if p.Writer.Version != 0 || len(p.Writer.Data) > 0 {
			states = append(states, checkpoint.WriterState{Sink: r.index, Table: w.table, Subtask: r.chain.cfg.Task.Subtask, Replica: r.replica, State: p.Writer})
		}
		for _, s := range p.Commits {
			commits = append(commits, checkpoint.Commit{Checkpoint: b.Checkpoint, Sink: r.index, Table: w.table, State: s})
		}
	}
	r.passed.Store(b.Checkpoint)
	return r.chain.prepared(ctx, b, states, commits, r.counters.Map())
}

// resume asks the writers that keep positions how far they have a split.
func (r *sinkRunner) resume(ctx context.Context, split string) (at record.Position, found bool, err error) {
	if !r.resumes() {
		return record.Position{}, false, nil
	}
	var answer struct {
		at    record.Position
		found bool
		err   error
	}
	err = r.queue.call(ctx, func(ctx context.Context) {
		for i := range r.writers {
			w := &r.writers[i]
			keeper, ok := w.writer.(plugin.Resumer)
			if !ok {
				continue
			}
			p, known, err := keeper.Resume(ctx, split)
			if err != nil {
				answer.err = r.wrap(w, err)
				return
			}
			if !known {
				p = record.Position{}
			}
			if !answer.found || answer.at.After(p) {
				answer.at = p
			}
			answer.found = true
		}
	})
	if err != nil { // the writer may be at it still
		return record.Position{}, false, err
	}
	return answer.at, answer.found, answer.err
}

// credit counts rows as written that an earlier attempt wrote; in the runner's turn, so that no
// barrier before it counts them too.
func (r *sinkRunner) credit(ctx context.Context, table string, rows int64) error {
	return r.queue.call(ctx, func(context.Context) {
		for i := range r.writers {
			if w := &r.writers[i]; len(r.writers) == 1 || w.table == table {
				w.counter.Written.Add(rows)
				return
			}
		}
	})
}

func (r *sinkRunner) resumes() bool {
	for _, w := range r.writers {
		if _, ok := w.writer.(plugin.Resumer); ok {
			return true
		}
	}
	return false
}

func (r *sinkRunner) change(ctx context.Context, change *record.SchemaChange) error {
	for i := range r.writers {
		w := &r.writers[i]
		if len(r.writers) > 1 && w.table != change.Before.Table() {
			continue
		}
		follower, ok := w.writer.(plugin.SchemaChanger)
		if !ok {
			return plugin.Permanent(fmt.Errorf("%s: the schema of table %s changed, and this sink cannot follow it", r.node.Action, change.After.Table()))
		}
		if err := follower.ChangeSchema(ctx, change); err != nil {
			return r.wrap(w, err)
		}
		w.schema = change.After
	}
	return nil
}

func (r *sinkRunner) close() error {
	r.queue.drain()
	var first error
	for _, w := range r.writers {
		if err := w.writer.Close(); err != nil && first == nil {
			first = r.wrap(&w, err)
		}
	}
	return first
}
