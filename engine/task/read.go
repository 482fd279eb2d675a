package task

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// read is the reader's goroutine: take splits, poll, transform, hand on; between two polls it
// answers barriers. Invariant 4: a barrier waits for one Poll and one batch at most.
func (c *Chain) read(ctx context.Context) error {
	for {
		select {
		case b := <-c.barriers:
			if err := c.pass(ctx, b); err != nil {
				return err
			}
		case id := <-c.complete:
			if err := c.listen(ctx, id); err != nil {
				return err
			}
		default:
			idle, err := c.work(ctx)
			if err != nil {
				return err
			}
			if idle {
				if err := c.wait(ctx); err != nil {
					return err
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// work takes splits and moves one batch; idle says that there is nothing to do now.
func (c *Chain) work(ctx context.Context) (idle bool, err error) {
	if c.stopped {
		return true, nil
	}
	concurrent := c.cfg.Pipeline.Source.Source.Traits().Concurrent
	for len(c.order) == 0 || concurrent {
		c.doing.Store("taking a split")
		s, ok, err := c.cfg.Splits.Next(ctx, c.cfg.Task.Subtask, c.passed.Load())
		if err != nil {
			return false, fmt.Errorf("take a split: %w", err)
		}
		if !ok {
			break
		}
		if err := c.begin(ctx, s); err != nil {
			return false, err
		}
	}
	if len(c.order) == 0 {
		return true, nil
	}
	c.doing.Store("reading " + c.order[0])
	e, err := c.reader.Poll(ctx)
	if err != nil {
		return false, fmt.Errorf("%s: %w", c.cfg.Pipeline.Source.Action, err)
	}
	switch {
	case e.Batch != nil:
		return false, c.batch(ctx, e.Batch)
	case e.Change != nil:
		return false, c.change(ctx, e.Change)
	}
	return false, nil
}

// wait sleeps until a split, a barrier or a notice comes; what comes is handled by read.
func (c *Chain) wait(ctx context.Context) error {
	c.doing.Store("idle")
	changed := c.cfg.Splits.Changed()
	if !c.stopped {
		// Between Next and Changed a split may have come.
		s, ok, err := c.cfg.Splits.Next(ctx, c.cfg.Task.Subtask, c.passed.Load())
		if err != nil {
			return fmt.Errorf("take a split: %w", err)
		}
		if ok {
			return c.begin(ctx, s)
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
		return nil
	case b := <-c.barriers:
		return c.pass(ctx, b)
	case id := <-c.complete:
		return c.listen(ctx, id)
	}
}

// listen passes the notice of a complete checkpoint to a reader that wants it.
func (c *Chain) listen(ctx context.Context, id int64) error {
	l, ok := c.reader.(plugin.CheckpointListener)
	if !ok {
		return nil
	}
	if err := l.CheckpointComplete(ctx, id); err != nil {
		return fmt.Errorf("%s: checkpoint %d is complete: %w", c.cfg.Pipeline.Source.Action, id, err)
	}
	return nil
}

// begin starts a split where the sinks want it: at its own position, or further on when every
// sink's ledger holds more.
func (c *Chain) begin(ctx context.Context, s plugin.Split) error {
	at, ledgers := record.Position{}, false
	for i, rs := range c.runners {
		var here record.Position
		for j, r := range rs {
			p, ok, err := r.resume(ctx, s.ID)
			if err != nil {
				return err
			}
			ledgers = ledgers || ok
			if !ok || s.At.After(p) {
				p = s.At
			}
			if j == 0 || here.After(p) {
				here = p
			}
		}
		if i == 0 || at.After(here) {
			at = here
		}
	}
	if ledgers {
		if err := c.credit(ctx, s, at); err != nil {
			return err
		}
		s.At = at
	}
	if s.At.Done {
		c.cfg.Splits.Finished(s.ID)
		return nil
	}
	c.splits[s.ID] = &s
	c.order = append(c.order, s.ID)
	if err := c.reader.Add(ctx, s); err != nil {
		return fmt.Errorf("%s: split %s: %w", c.cfg.Pipeline.Source.Action, s.ID, err)
	}
	return nil
}

// credit counts the rows between a split's checkpoint and the point at which every target has
// it: an attempt moved them whose own counts are lost. What transforms made of them is not known.
func (c *Chain) credit(ctx context.Context, s plugin.Split, at record.Position) error {
	rows := at.Rows - s.At.Rows
	if rows <= 0 || s.Table == "" {
		return nil
	}
	c.reading.Table(s.Table).Read.Add(rows)
	if len(c.cfg.Pipeline.Transforms) > 0 {
		return nil
	}
	for _, replicas := range c.runners {
		if err := replicas[0].credit(ctx, s.Table, rows); err != nil {
			return err
		}
	}
	return nil
}

// batch counts, transforms and hands on one batch, then moves the split's position.
func (c *Chain) batch(ctx context.Context, b *record.Batch) error {
	if n := b.Rows(); n > 0 {
		if err := c.throttle(ctx, int64(n), b.Bytes); err != nil {
			b.Release()
			return err
		}
		if c.stopped { // the last barrier overtook the batch: it is read again
			b.Release()
			return nil
		}
		t := c.reading.Table(b.Schema.Table())
		t.Read.Add(int64(n))
		t.ReadBytes.Add(b.Bytes)
	}
	id, to := b.Split, b.To
	c.doing.Store("handing on rows of " + id)
	if err := c.route(ctx, b); err != nil {
		return err
	}
	own := c.splits[id]
	if own == nil {
		return fmt.Errorf("%s: a batch of split %q, which this reader does not have", c.cfg.Pipeline.Source.Action, id)
	}
	own.At = to
	if to.Done {
		c.forget(id)
		c.cfg.Splits.Finished(id)
	}
	return nil
}

// throttle waits until the read limits let a batch through. A barrier that comes meanwhile
// goes ahead of the batch.
func (c *Chain) throttle(ctx context.Context, rows, bytes int64) error {
	for _, l := range []struct {
		limiter *rate.Limiter
		n       int64
	}{{c.limit.rows, rows}, {c.limit.bytes, bytes}} {
		for n := int(l.n); l.limiter != nil && n > 0; n -= l.limiter.Burst() {
			wait := l.limiter.ReserveN(time.Now(), min(n, l.limiter.Burst())).Delay()
			if err := c.pause(ctx, wait); err != nil || c.stopped {
				return err
			}
		}
	}
	return nil
}

// pause answers barriers for a while, or until one is the last.
func (c *Chain) pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	c.doing.Store("held back by read_limit")
	over := time.NewTimer(wait)
	defer over.Stop()
	for !c.stopped {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			return nil
		case b := <-c.barriers:
			if err := c.pass(ctx, b); err != nil {
				return err
			}
		case id := <-c.complete:
			if err := c.listen(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// route runs b through the transforms and pushes what comes out to the sinks that read it. It
// takes over b's reference.
func (c *Chain) route(ctx context.Context, b *record.Batch) error {
	return c.transformed(ctx, b, func(sink int, out *record.Batch) error { return c.push(ctx, c.runners[sink], out) })
}

// transformed hands each sink what reaches it of b, lent for the call. It takes over b's
// reference.
func (c *Chain) transformed(ctx context.Context, b *record.Batch, deliver func(sink int, out *record.Batch) error) error {
	p := c.cfg.Pipeline
	out := make([][]*record.Batch, 1+len(p.Transforms))
	out[0] = []*record.Batch{b}
	defer func() {
		for _, bs := range out {
			for _, b := range bs {
				b.Release()
			}
		}
	}()
	for i, t := range p.Transforms {
		for _, v := range t.Inputs {
			for _, in := range out[v] {
				if in.Data == nil { // only progress
					in.Retain()
					out[i+1] = append(out[i+1], in)
					continue
				}
				r, err := c.transforms[i].Apply(ctx, c.transforms[i].task, in)
				if err != nil {
					return fmt.Errorf("%s: %w", t.Action, err)
				}
				out[i+1] = append(out[i+1], r)
			}
		}
	}
	for i, s := range p.Sinks {
		for _, v := range s.Inputs {
			for _, r := range out[v] {
				if err := deliver(i, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// push hands a batch to a sink's replicas, by the hash of its primary key when there are several.
func (c *Chain) push(ctx context.Context, replicas []*sinkRunner, b *record.Batch) error {
	if len(replicas) == 1 || b.Rows() == 0 {
		for _, r := range replicas {
			b.Retain()
			if err := r.queue.push(ctx, record.Event{Batch: b}); err != nil {
				return err
			}
		}
		return nil
	}
	parts, err := record.Partition(b, len(replicas))
	if err != nil {
		return err
	}
	for i, part := range parts {
		if err := replicas[i].queue.push(ctx, record.Event{Batch: part}); err != nil {
			for _, rest := range parts[i+1:] {
				rest.Release()
			}
			return err
		}
	}
	return nil
}

func (c *Chain) change(ctx context.Context, change *record.SchemaChange) error {
	if len(c.cfg.Pipeline.Transforms) > 0 {
		return plugin.Permanent(fmt.Errorf("%s: the schema of table %s changed, and transforms cannot follow it; remove them or freeze the schema", c.cfg.Pipeline.Source.Action, change.After.Table()))
	}
	for _, rs := range c.runners {
		for _, r := range rs {
			if err := r.queue.push(ctx, record.Event{Change: change}); err != nil {
				return err
			}
		}
	}
	return nil
}
