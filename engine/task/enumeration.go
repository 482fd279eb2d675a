package task

import (
	"context"
	"fmt"
	"sync"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/plugin"
)

// Enumeration hands out the splits of one pipeline and remembers which are still to be read.
type Enumeration struct {
	source      plugin.Enumerator
	parallelism int
	mu          sync.Mutex
	state       *plugin.State // of source, after the last Discover
	done        bool          // source has no more

	waiting  []plugin.Split
	assigned map[string]*assignment
	open     int // assigned and not finished
	changed  chan struct{}

	total, finished Progress
}

// Progress counts splits and their estimated size.
type Progress struct {
	Splits      int
	Bytes, Rows int64
}

func (p *Progress) add(s plugin.Split) {
	p.Splits++
	p.Bytes += s.Bytes
	p.Rows += s.Rows
}

type assignment struct {
	split    plugin.Split
	passed   int64 // newest barrier its reader had passed when it took the split
	finished bool
}

// NewEnumeration goes on from a checkpoint's enumeration, or starts with the zero one. source
// is nil when restored is done.
func NewEnumeration(source plugin.Enumerator, parallelism int, restored checkpoint.Enumeration) *Enumeration {
	e := &Enumeration{source: source, parallelism: parallelism, state: restored.State, done: restored.Done || source == nil, assigned: map[string]*assignment{}, changed: make(chan struct{})}
	for _, s := range restored.Splits {
		e.waiting = append(e.waiting, s)
		e.total.add(s)
	}
	return e
}

// Run asks the source for splits until it has no more or ctx ends.
func (e *Enumeration) Run(ctx context.Context) error {
	for !e.exhausted() {
		d, err := e.source.Discover(ctx)
		if err != nil {
			return fmt.Errorf("find splits: %w", err)
		}
		if err := e.found(d); err != nil {
			return err
		}
		if d.Done {
			return nil
		}
		again := d.Again
		if again <= 0 {
			again = time.Second
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
	return nil
}

func (e *Enumeration) exhausted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.done
}

func (e *Enumeration) found(d plugin.Discovery) error {
	state, err := e.source.Snapshot()
	if err != nil {
		return fmt.Errorf("snapshot the enumerator: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state, e.done = &state, d.Done
	for _, s := range d.Splits {
		e.waiting = append(e.waiting, s)
		e.total.add(s)
	}
	e.notify()
	return nil
}

// notify wakes whoever waits on Changed; e.mu is held.
func (e *Enumeration) notify() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// Changed is closed at the next change of what Next and Drained answer.
func (e *Enumeration) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// Next gives a split to a subtask. (Splits)
func (e *Enumeration) Next(_ context.Context, subtask int, passed int64) (s plugin.Split, ok bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, s := range e.waiting {
		if s.Owner > 0 && (s.Owner-1)%e.parallelism != subtask {
			continue
		}
		e.waiting = append(e.waiting[:i:i], e.waiting[i+1:]...)
		e.assigned[s.ID] = &assignment{split: s, passed: passed}
		e.open++
		return s, true, nil
	}
	return plugin.Split{}, false, nil
}

// Finished says that a split was read to its end.
func (e *Enumeration) Finished(split string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a := e.assigned[split]; a != nil && !a.finished {
		a.finished = true
		e.open--
		e.finished.add(a.split)
		e.notify()
	}
}

// Drained reports that every split is read and no more will come.
func (e *Enumeration) Drained() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.done && len(e.waiting) == 0 && e.open == 0
}

// Snapshot is what readers that all passed the barrier do not account for: splits nobody has
// taken, and those taken by a reader after it had passed.
func (e *Enumeration) Snapshot(barrier int64) checkpoint.Enumeration {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := checkpoint.Enumeration{State: e.state, Done: e.done}
	out.Splits = append(out.Splits, e.waiting...)
	for id, a := range e.assigned {
		switch {
		case a.passed >= barrier:
			out.Splits = append(out.Splits, a.split)
		case a.finished:
			delete(e.assigned, id)
		}
	}
	return out
}

// Progress returns how much is known and how much is read to its end.
func (e *Enumeration) Progress() (total, finished Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total, e.finished
}

// Close closes the source's enumerator.
func (e *Enumeration) Close() error {
	if e.source == nil {
		return nil
	}
	return e.source.Close()
}
