package fakesource

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// reader reads its splits one after the other.
type reader struct {
	source  *source
	most    int64 // rows of a batch
	waiting []plugin.Split
	split   plugin.Split // the one being read, when rows is set
	rows    *rows
	at      record.Position
	pause   time.Duration // still to wait before the next split
	idle    time.Duration // how long the last idle Poll waited
}

const (
	leastIdle = plugin.Linger
	mostIdle  = 500 * time.Millisecond // a barrier waits no longer
)

func (r *reader) Add(_ context.Context, split plugin.Split) error {
	r.waiting = append(r.waiting, split)
	r.idle = 0
	return nil
}

func (r *reader) Poll(ctx context.Context) (record.Event, error) {
	if r.rows == nil {
		if ready, err := r.next(ctx); err != nil || !ready {
			return record.Event{}, err
		}
	}
	b, err := r.rows.batch(r.at.Rows, r.most)
	if err != nil {
		return record.Event{}, fmt.Errorf("making row %d of split %s: %w", r.at.Rows+1, r.split.ID, err)
	}
	b.Split, b.From = r.split.ID, r.at
	r.at.Rows += int64(b.Rows())
	r.at.Done = r.at.Rows >= r.rows.count
	b.To = r.at
	if r.at.Done {
		r.rows, r.pause = nil, r.rows.interval
	}
	return record.Event{Batch: b}, nil
}

// next opens the next split, or waits a little when there is none or its time has not come.
func (r *reader) next(ctx context.Context) (ready bool, err error) {
	if len(r.waiting) == 0 {
		r.idle = min(max(2*r.idle, leastIdle), mostIdle)
		return false, wait(ctx, r.idle)
	}
	if r.pause > 0 {
		step := min(r.pause, mostIdle)
		if err := wait(ctx, step); err != nil {
			return false, err
		}
		if r.pause -= step; r.pause > 0 {
			return false, nil
		}
	}
	r.split, r.waiting = r.waiting[0], r.waiting[1:]
	t := r.source.find(r.split.Table)
	if t == nil {
		return false, plugin.Permanent(fmt.Errorf("split %s is of table %q, which the job file no longer has", r.split.ID, r.split.Table))
	}
	var b bounds
	if err := json.Unmarshal(r.split.Data, &b); err != nil {
		return false, fmt.Errorf("reading the bounds of split %s: %w", r.split.ID, err)
	}
	if r.rows, err = t.open(b); err != nil {
		return false, fmt.Errorf("opening split %s: %w", r.split.ID, err)
	}
	r.at = r.split.At
	return true, nil
}

func (r *reader) Close() error { return nil }

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
