package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"seikan/db"
)

// ErrInjected is inside the errors that Flaky makes up.
var ErrInjected = errors.New("injected fault")

// Flaky is a store whose answers get lost, by seed: a write may be Unknown and done, Unknown and
// never done, Unknown and done later, or Refused as busy; a query may fail. What it says is
// always true in the sense of db.Store.
type Flaky struct {
	inner db.Store
	mu    sync.Mutex
	rng   *rand.Rand
	late  [][]db.Statement
	calm  bool
	// Faults counts what was injected, by kind.
	Faults map[string]int
}

// NewFlaky wraps inner.
func NewFlaky(inner db.Store, seed uint64) *Flaky {
	return &Flaky{inner: inner, rng: rand.New(rand.NewPCG(seed, 0x5e1ca)), Faults: make(map[string]int)}
}

// Write implements db.Store.
func (f *Flaky) Write(ctx context.Context, statements ...db.Statement) (db.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm {
		return f.inner.Write(ctx, statements...)
	}
	f.someLate(ctx)
	unknown := func(kind string) (db.Result, error) {
		f.Faults[kind]++
		return db.Result{Outcome: db.Unknown}, fmt.Errorf("%w: %s", ErrInjected, kind)
	}
	switch p := f.rng.IntN(100); {
	case p < 12:
		return unknown("write not done")
	case p < 24:
		_, _ = f.inner.Write(ctx, statements...)
		return unknown("write done, answer lost")
	case p < 36:
		f.late = append(f.late, statements)
		return unknown("write done later")
	case p < 42:
		f.Faults["busy"]++
		return db.Result{Outcome: db.Refused}, fmt.Errorf("%w: %w", ErrInjected, db.ErrBusy)
	}
	return f.inner.Write(ctx, statements...)
}

// Query implements db.Store.
func (f *Flaky) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.calm {
		f.someLate(ctx)
		if f.rng.IntN(100) < 6 {
			f.Faults["query failed"]++
			return nil, fmt.Errorf("%w: query failed", ErrInjected)
		}
	}
	return f.inner.Query(ctx, s)
}

// someLate carries out one write that was held back, now and then, in any order.
func (f *Flaky) someLate(ctx context.Context) {
	if len(f.late) == 0 || f.rng.IntN(100) >= 40 {
		return
	}
	i := f.rng.IntN(len(f.late))
	_, _ = f.inner.Write(ctx, f.late[i]...)
	f.late = append(f.late[:i], f.late[i+1:]...)
}

// Settle carries out what was held back and injects nothing any more.
func (f *Flaky) Settle(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, statements := range f.late {
		_, _ = f.inner.Write(ctx, statements...)
	}
	f.late, f.calm = nil, true
}

// Close implements db.Store.
func (f *Flaky) Close() error { return f.inner.Close() }
