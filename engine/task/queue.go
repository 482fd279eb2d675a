// Package task is the worker's side of a job: it reads splits, transforms batches, writes
// them and answers barriers, within a budget of bytes.
package task

import (
	"context"

	"golang.org/x/sync/semaphore"

	"seikan/engine/record"
)

// Budget is the number of bytes of rows a job may hold in its queues.
type Budget struct {
	sem  *semaphore.Weighted
	size int64
}

// NewBudget makes a budget of size bytes.
func NewBudget(size int64) *Budget { return &Budget{semaphore.NewWeighted(size), size} }

// queue carries events from a reader to one writer in order. Invariant 5: what it holds is
// accounted to the job's budget; a batch larger than the whole budget counts as all of it.
type queue struct {
	items  chan item
	budget *Budget
}

// item is an event, or a question for the writer's goroutine.
type item struct {
	record.Event
	bytes int64
	ask   func(ctx context.Context) // runs between two batches
}

// queueLength bounds the number of events; bytes are bounded by the budget.
const queueLength = 64

func newQueue(b *Budget) *queue { return &queue{items: make(chan item, queueLength), budget: b} }

// push takes over the batch's reference, also when it fails.
func (q *queue) push(ctx context.Context, e record.Event) error {
	bytes := min(e.Bytes(), q.budget.size)
	if bytes > 0 {
		if err := q.budget.sem.Acquire(ctx, bytes); err != nil {
			release(e)
			return err
		}
	}
	select {
	case q.items <- item{Event: e, bytes: bytes}:
		return nil
	case <-ctx.Done():
		q.budget.sem.Release(bytes)
		release(e)
		return ctx.Err()
	}
}

// call runs f on the writer's goroutine, behind everything pushed before.
func (q *queue) call(ctx context.Context, f func(ctx context.Context)) error {
	done := make(chan struct{})
	select {
	case q.items <- item{ask: func(ctx context.Context) { f(ctx); close(done) }}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done gives an item's bytes back and drops its batch.
func (q *queue) done(i item) {
	if i.bytes > 0 {
		q.budget.sem.Release(i.bytes)
	}
	release(i.Event)
}

// drain empties the queue once nobody pushes any more.
func (q *queue) drain() {
	for {
		select {
		case i := <-q.items:
			q.done(i)
		default:
			return
		}
	}
}

func release(e record.Event) {
	if e.Batch != nil {
		e.Batch.Release()
	}
}
