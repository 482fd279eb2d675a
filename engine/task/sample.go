package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Sample reads about n rows of a pipeline, runs them through its transforms and shows what
// would reach each sink. No sink is opened.
func Sample(ctx context.Context, p *plan.Plan, pipeline *plan.Pipeline, n int, show func(*plan.SinkNode, *record.Batch)) (err error) {
	bad := &BadRows{Budget: p.Env.Dirty, Log: slog.New(slog.DiscardHandler)}
	task := plugin.Task{Pipeline: pipeline.ID, Action: pipeline.Source.Action, Parallelism: 1, Attempt: 1, BatchRows: n, Log: bad.Log, Now: time.Now,
		Dirty: func(_ context.Context, row plugin.DirtyRow) error { return bad.Add(row) }}
	c := &Chain{cfg: ChainConfig{Pipeline: pipeline, Env: p.Env, Task: task, Bad: bad}, reading: NewCounters(nil)}
	enumerator, err := pipeline.Source.Source.Enumerator(ctx, task, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", pipeline.Source.Action, err)
	}
	splits := NewEnumeration(enumerator, 1, checkpoint.Enumeration{})
	defer func() { err = errors.Join(err, splits.Close(), c.close()) }()
	if err := c.openTransforms(ctx); err != nil {
		return err
	}
	if c.reader, err = pipeline.Source.Source.Reader(ctx, task); err != nil {
		return fmt.Errorf("%s: %w", pipeline.Source.Action, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	return c.sample(ctx, splits, n, show)
}

// sampleTime bounds the wait for a source that has few rows or none.
const sampleTime = 10 * time.Second

func (c *Chain) sample(ctx context.Context, splits *Enumeration, n int, show func(*plan.SinkNode, *record.Batch)) error {
	discovery, err := splits.source.Discover(ctx)
	if err != nil {
		return fmt.Errorf("find splits: %w", err)
	}
	for _, s := range discovery.Splits {
		if err := c.reader.Add(ctx, s); err != nil {
			return err
		}
		for n > 0 && ctx.Err() == nil {
			e, err := c.reader.Poll(ctx)
			if err != nil {
				return err
			}
			b := e.Batch
			if b == nil {
				continue
			}
			if b.Rows() > 0 {
				part := b.Slice(0, min(n, b.Rows()))
				n -= part.Rows()
				err = c.transformed(ctx, part, func(i int, out *record.Batch) error { show(c.cfg.Pipeline.Sinks[i], out); return nil })
			}
			done := b.To.Done
			b.Release()
			if err != nil {
				return err
			}
			if done {
				break
			}
		}
		if n <= 0 || ctx.Err() != nil {
			return nil
		}
	}
	return nil
}
