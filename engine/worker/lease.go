package worker

import (
	"context"
	"sync"
	"time"
)

// lease is the right to run tasks. It counts from the moment the report was sent that the master
// answered, on the monotonic clock of this process. (Invariant 7: a worker that cannot renew
// stops its tasks before the master may place them elsewhere, which counts from receiving.)
type lease struct {
	mu    sync.Mutex
	until time.Time
	long  time.Duration
}

func (l *lease) renew(sent time.Time, long time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.long = long
	if u := sent.Add(long); u.After(l.until) {
		l.until = u
	}
}

func (l *lease) length() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.long
}

// left is how long the lease still holds; ok is false before the first one.
func (l *lease) left(now time.Time) (left time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until.Sub(now), !l.until.IsZero()
}

// watchLease stops all tasks shortly before the lease runs out, so that they are stopped when it
// has.
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
		left, ok := w.lease.left(time.Now())
		margin := w.lease.length() / 8
		switch {
		case !ok || left > margin:
			lost = false
		case !lost:
			lost = true
			w.cfg.Log.Warn("the lease cannot be renewed: all tasks here are stopped")
			w.stopAll("the lease ran out")
		default:
			w.stopAll("the lease ran out")
		}
	}
}
