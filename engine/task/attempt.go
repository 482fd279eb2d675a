package task

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"seikan/engine/record"
)

// Attempt is a pipeline's attempt with its head and all chains in this process.
type Attempt struct {
	*Head
	Counters *Counters
	budget   *Budget
	bad      *BadRows
}

// NewAttempt prepares an attempt.
func NewAttempt(cfg HeadConfig, budget *Budget, bad *BadRows) *Attempt {
	return &Attempt{Head: NewHead(cfg), Counters: NewCounters(nil), budget: budget, bad: bad}
}

// Map returns the counters with those of earlier attempts added.
func (a *Attempt) Map() map[string]int64 {
	out := a.Counters.Map()
	for k, n := range a.cfg.Manifest.Counters {
		out[k] += n
	}
	return out
}

// Run works until the pipeline is finished or fails. Everything is closed when it returns.
func (a *Attempt) Run(ctx context.Context) (kind record.BarrierKind, err error) {
	if err := a.Prepare(ctx); err != nil {
		return "", errors.Join(err, a.Close())
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, inner := errgroup.WithContext(ctx)
	finished := false
	for i := range a.cfg.Pipeline.Parallelism {
		t := a.Head.task("")
		t.Subtask = i
		parts := NewCounters(nil)
		a.Counters.include(parts)
		c := NewChain(ChainConfig{Pipeline: a.cfg.Pipeline, Env: a.cfg.Plan.Env, Dirty: a.cfg.Plan.Dirty, Task: t, Splits: a.Splits(),
			Writers: a.Writers(i), Budget: a.budget, Counters: parts, Bad: a.bad, Ack: a.Ack})
		a.Attach(i, c)
		group.Go(func() error { return c.Run(inner) })
	}
	group.Go(func() error {
		k, err := a.Head.Run(inner)
		if err == nil {
			kind, finished = k, true
			cancel() // chains end by it
		}
		return err
	})
	if err = group.Wait(); finished {
		return kind, nil // whatever the parts made of it, they were told to stop
	}
	a.bad.Forget(Sum(a.Counters.Map(), "DirtyCount"))
	return kind, err
}

// Progress returns how much is known to be read and how much is, zero before Prepare.
func (a *Attempt) Progress() (total, finished Progress) {
	a.mu.Lock()
	e := a.enumeration
	a.mu.Unlock()
	if e == nil {
		return total, finished
	}
	return e.Progress()
}
