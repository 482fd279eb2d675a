package worker

import (
	"context"
	"time"
)

// watchLease stops all tasks shortly before the lease runs out, so that they are stopped when it
// has. (Invariant 7)
func (w *Worker) watchLease(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	lost := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.mu.Lock()
		lapsed := w.rules.Lapsed(time.Now())
		if lapsed && !lost {
			w.cfg.Log.Warn("the lease cannot be renewed: all tasks here are stopped")
		}
		if lost = lapsed; lost {
			w.stopTasks("the lease ran out")
		}
		w.mu.Unlock()
	}
}
