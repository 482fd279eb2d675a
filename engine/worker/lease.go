package worker

import (
	"context"
	"time"
)

// watchLease stops all tasks shortly before the lease runs out, so that they are stopped when it
// has. (Invariant 7)
func (w *Worker) watchLease(ctx context.Context) {
	const seldom, often = 250 * time.Millisecond, 20 * time.Millisecond
	timer := time.NewTimer(seldom)
	defer timer.Stop()
	lost := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		w.mu.Lock()
		w.turned.Store(int64(time.Since(w.began)))
		lapsed := w.rules.Lapsed(w.now())
		if lapsed && !lost {
			w.cfg.Log.Warn("the lease cannot be renewed: all tasks here are stopped")
		}
		if lost = lapsed; lost {
			w.stopTasks("the lease ran out")
		}
		next := seldom // a renewal only puts the end off
		if ends := w.rules.Expires(); lost {
			next = often
		} else if !ends.IsZero() {
			next = min(seldom, max(ends.Sub(w.now()), time.Millisecond))
		}
		timer.Reset(next)
		w.mu.Unlock()
	}
}
