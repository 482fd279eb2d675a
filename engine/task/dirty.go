package task

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// BadRows counts the bad rows of a job on one node against its budget.
type BadRows struct {
	Budget plan.Dirty
	Log    *slog.Logger

	mu    sync.Mutex
	count int64
}

// logged is the number of bad rows that are logged one by one.
const logged = 10

// Add counts a row; its error comes back when the budget is used up.
func (b *BadRows) Add(row plugin.DirtyRow) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	// A ratio alone leaves the count free.
	if limit := b.Budget.MaxCount; b.count > limit && (limit > 0 || b.Budget.MaxRatio == 0) {
		if limit > 0 {
			return plugin.Permanent(fmt.Errorf("bad row number %d, and env.dirty.max-count is %d: %w", b.count, b.Budget.MaxCount, row.Err))
		}
		return plugin.Permanent(row.Err)
	}
	if b.Log != nil && b.count <= logged {
		b.Log.Warn("bad row skipped", "error", row.Err, "table", row.Table, "split", row.Split, "row", row.At.Rows)
	}
	return nil
}

// judge tells from the sums over all subtasks whether the job has had too many bad rows.
func judge(budget plan.Dirty, counters map[string]int64) error {
	bad, read := Sum(counters, "DirtyCount"), Sum(counters, "SourceReceivedCount")
	if bad == 0 {
		return nil
	}
	if budget.MaxCount > 0 && bad > budget.MaxCount {
		return plugin.Permanent(fmt.Errorf("%d bad rows, and env.dirty.max-count is %d", bad, budget.MaxCount))
	}
	if share := float64(bad) / float64(read+bad); budget.MaxRatio > 0 && share > budget.MaxRatio {
		return plugin.Permanent(fmt.Errorf("%d bad rows and %d good ones: a share of %.4f, and env.dirty.max-ratio is %v", bad, read, share, budget.MaxRatio))
	}
	return nil
}

// Forget takes back n bad rows of an attempt that has ended: the next one meets them again,
// or goes on behind them from a checkpoint, whose counters judge knows.
func (b *BadRows) Forget(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count -= n
}

// deadLetters turns bad rows into batches for the dirty sink. Its barrier comes behind those of
// the other sinks, so a row from behind a barrier waits for it here: a restart from that
// checkpoint finds the row again.
type deadLetters struct {
	runner *sinkRunner
	schema *record.Schema
	now    func() time.Time

	mu     sync.Mutex
	rows   []letter
	bytes  int64
	early  []letter
	passed int64         // newest barrier sent
	moved  chan struct{} // closed when passed grows
}

// letter is a bad row that was found behind the barrier with number behind.
type letter struct {
	plugin.DirtyRow
	behind int64
}

const (
	letterBatch = 256     // most rows of a batch
	letterChunk = 1 << 20 // bytes of rows that close a batch
	earlyRows   = 4096    // most rows that wait for a barrier; then their finders do
	letterBytes = 4 << 20 // of the dirty sink's queue: not the job's, which may be full of rows whose writer adds letters
)

func newDeadLetters(r *sinkRunner, schema *record.Schema, now func() time.Time) *deadLetters {
	return &deadLetters{runner: r, schema: schema, now: now, moved: make(chan struct{})}
}

// add takes a row whose finder has passed barrier number passed.
func (d *deadLetters) add(ctx context.Context, row plugin.DirtyRow, passed int64) error {
	row.Raw = append([]byte(nil), row.Raw...) // readers reuse their buffers
	d.mu.Lock()
	for passed > d.passed && len(d.early) >= earlyRows {
		moved := d.moved
		d.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
		d.mu.Lock()
	}
	if passed > d.passed {
		d.early = append(d.early, letter{row, passed})
		d.mu.Unlock()
		return nil
	}
	d.rows = append(d.rows, letter{row, passed})
	d.bytes += int64(len(row.Raw))
	full := len(d.rows) >= letterBatch || d.bytes >= letterChunk
	d.mu.Unlock()
	if full {
		return d.flush(ctx)
	}
	return nil
}

func (d *deadLetters) flush(ctx context.Context) error {
	d.mu.Lock()
	rows := d.rows
	d.rows, d.bytes = nil, 0
	d.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, d.schema.Arrow())
	defer b.Release()
	at := arrow.Timestamp(d.now().UTC().UnixMicro())
	for _, r := range rows {
		b.Field(0).(*array.BinaryBuilder).Append(r.Raw)
		b.Field(1).(*array.StringBuilder).Append(r.Err.Error())
		b.Field(2).(*array.StringBuilder).Append(r.Table)
		b.Field(3).(*array.StringBuilder).Append(r.Split)
		b.Field(4).(*array.Int64Builder).Append(r.At.Rows)
		b.Field(5).(*array.TimestampBuilder).Append(at)
	}
	return d.runner.queue.push(ctx, record.Event{Batch: record.NewBatch(d.schema, b.NewRecordBatch())})
}

// barrier sends b on, behind all rows from before it.
func (d *deadLetters) barrier(ctx context.Context, b record.Barrier) error {
	if err := d.flush(ctx); err != nil {
		return err
	}
	if err := d.runner.queue.push(ctx, record.Event{Barrier: &b}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.passed = b.Checkpoint
	waiting := d.early
	d.early = nil
	for _, l := range waiting {
		if l.behind > d.passed {
			d.early = append(d.early, l)
		} else {
			d.rows = append(d.rows, l)
			d.bytes += int64(len(l.Raw))
		}
	}
	close(d.moved)
	d.moved = make(chan struct{})
	return nil
}
