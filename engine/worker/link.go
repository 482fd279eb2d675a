package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/rpc"
	"seikan/engine/task"
)

func now() time.Time { return time.Now() }

// remoteHead is a chain's view of its head through a link. (task.Splits)
type remoteHead struct {
	key     rpc.TaskKey
	sendMu  sync.Mutex
	stream  rpc.Stream[rpc.Up, rpc.Down]
	replies chan *plugin.Split // nil for "none now"
	mu      sync.Mutex
	changed chan struct{}
	broken  error
	over    chan struct{} // closed when the stream ends
}

func (h *remoteHead) send(u rpc.Up) error {
	u.Task = h.key
	h.sendMu.Lock()
	defer h.sendMu.Unlock()
	return h.stream.Send(&u)
}

// Next asks the head for a split.
func (h *remoteHead) Next(ctx context.Context, _ int, passed int64) (plugin.Split, bool, error) {
	if err := h.send(rpc.Up{Kind: rpc.Want, Passed: passed}); err != nil {
		return plugin.Split{}, false, fmt.Errorf("%w: %w", errLink, err)
	}
	select {
	case <-ctx.Done():
		return plugin.Split{}, false, ctx.Err()
	case <-h.over:
		return plugin.Split{}, false, h.broken
	case s := <-h.replies:
		if s == nil {
			return plugin.Split{}, false, nil
		}
		return *s, true, nil
	}
}

// Changed is closed when asking again may help.
func (h *remoteHead) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *remoteHead) notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.changed)
	h.changed = make(chan struct{})
}

// Finished tells the head that a split is read. A broken link is noticed elsewhere.
func (h *remoteHead) Finished(split string) { _ = h.send(rpc.Up{Kind: rpc.Done, Split: split}) }

// runChain links up with the head and runs the subtask until the head ends it.
func (r *running) runChain(ctx context.Context, shared *planned) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	head, welcome, err := r.linkUp(ctx)
	if err != nil {
		return err
	}
	counters := task.NewCounters(nil)
	chain := task.NewChain(task.ChainConfig{Pipeline: shared.plan.Pipelines[r.spec.Pipeline-1], Env: shared.plan.Env, Dirty: shared.plan.Dirty,
		Task: r.identity(shared), Splits: head, Writers: welcome.Writers, Budget: shared.budget, Counters: counters, Bad: shared.bad,
		Ack: func(a checkpoint.Ack) { _ = head.send(rpc.Up{Kind: rpc.Answer, Ack: &a}) }})
	r.mu.Lock()
	r.chain, r.counters = chain, counters
	r.mu.Unlock()
	go func() { cancel(head.listen(chain)) }()
	go head.tellActivity(ctx, chain)
	r.set(rpc.Running)
	err = chain.Run(ctx)
	shared.bad.Forget(task.Sum(counters.Map(), "DirtyCount"))
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errEnd):
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case cause != nil && !errors.Is(cause, errStopped) && errors.Is(err, context.Canceled):
		return cause
	}
	return err
}

var (
	errEnd  = errors.New("the pipeline is finished")
	errLink = errors.New("the link to the head broke")
)

// linkUp connects to the head, which may still be starting.
func (r *running) linkUp(ctx context.Context) (*remoteHead, *rpc.Welcome, error) {
	for {
		h, w, err := r.tryLink(ctx)
		if err == nil {
			return h, w, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("connect to the head at %s: %w", r.spec.HeadAddr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *running) tryLink(ctx context.Context) (*remoteHead, *rpc.Welcome, error) {
	conn, err := r.w.cfg.Dial(r.spec.HeadAddr)
	if err != nil {
		return nil, nil, err
	}
	stream, err := rpc.OpenLink(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	h := &remoteHead{key: r.spec.TaskKey, stream: stream, replies: make(chan *plugin.Split, 1), changed: make(chan struct{}), over: make(chan struct{})}
	if err := h.send(rpc.Up{Kind: rpc.Hello}); err != nil {
		return nil, nil, err
	}
	first, err := stream.Recv()
	if err != nil {
		return nil, nil, err
	}
	if first.Welcome == nil {
		return nil, nil, errors.New("the head did not welcome the chain")
	}
	return h, first.Welcome, nil
}

// listen carries out what the head says until the link ends; the result is why.
func (h *remoteHead) listen(chain *task.Chain) error {
	defer close(h.over)
	for {
		d, err := h.stream.Recv()
		if err != nil {
			h.broken = fmt.Errorf("%w: %w", errLink, err)
			return h.broken
		}
		switch {
		case d.Split != nil:
			h.replies <- d.Split
		case d.None:
			h.replies <- nil
		case d.Changed:
			h.notify()
		case d.Barrier != nil:
			chain.Barrier(*d.Barrier)
		case d.Complete > 0:
			chain.Complete(d.Complete)
		case d.End:
			h.broken = errEnd
			return errEnd
		}
	}
}

func (h *remoteHead) tellActivity(ctx context.Context, chain *task.Chain) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if h.send(rpc.Up{Kind: rpc.Activity, Activity: chain.Doing()}) != nil {
				return
			}
		}
	}
}

// remoteChain is a head's view of a chain. (task.Subtask)
type remoteChain struct {
	mu     sync.Mutex
	stream rpc.Stream[rpc.Down, rpc.Up]
	doing  atomic.Value
}

func (c *remoteChain) send(d rpc.Down) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream.Send(&d)
}

// A chain whose link is broken reports its own failure, so these need no answer.
func (c *remoteChain) Barrier(b record.Barrier)  { _ = c.send(rpc.Down{Barrier: &b}) }
func (c *remoteChain) Complete(checkpoint int64) { _ = c.send(rpc.Down{Complete: checkpoint}) }
func (c *remoteChain) Doing() string             { return c.doing.Load().(string) }

// Link serves a chain on the node of its head. (rpc.Handler)
func (w *Worker) Link(s rpc.Stream[rpc.Down, rpc.Up]) error {
	hello, err := s.Recv()
	if err != nil {
		return err
	}
	r, err := w.headFor(s.Context(), hello.Task)
	if err != nil {
		return err
	}
	c := &remoteChain{stream: s}
	c.doing.Store("starting")
	h, i := r.head, hello.Task.Subtask
	if err := c.send(rpc.Down{Welcome: &rpc.Welcome{Writers: h.Writers(i)}}); err != nil {
		return err
	}
	h.Attach(i, c)
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	go c.tellChanges(ctx, h, r)
	for {
		u, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch u.Kind {
		case rpc.Want:
			split, ok, err := h.Splits().Next(ctx, i, u.Passed)
			if err != nil {
				return err
			}
			d := rpc.Down{None: true}
			if ok {
				d = rpc.Down{Split: &split}
			}
			if err := c.send(d); err != nil {
				return err
			}
		case rpc.Done:
			h.Splits().Finished(u.Split)
		case rpc.Answer:
			h.Ack(*u.Ack)
		case rpc.Activity:
			c.doing.Store(u.Activity)
		}
	}
}

// tellChanges wakes the chain when there may be splits, and ends it when the pipeline is
// finished.
func (c *remoteChain) tellChanges(ctx context.Context, h *task.Head, r *running) {
	for {
		changed := h.Splits().Changed()
		if c.send(rpc.Down{Changed: true}) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-r.ended:
			if r.report().State == rpc.Finished {
				_ = c.send(rpc.Down{End: true})
			}
			return
		case <-changed:
		}
	}
}
