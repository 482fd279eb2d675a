package worker

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seikan/engine/rpc"
)

// TestTasksAreStoppedBeforeTheLeaseRunsOut: at seven eighths of it, whatever renewals came before,
// and also of a lease that is shorter than the pauses between two looks. (Invariant 7)
func TestTasksAreStoppedBeforeTheLeaseRunsOut(t *testing.T) {
	for _, lease := range []time.Duration{200 * time.Millisecond, time.Second, 8 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w, r := draining(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go w.watchLease(ctx)
			sent := &sendTimes{at: map[uint64]time.Time{}}
			renew := func() {
				w.take(&rpc.Order{Epoch: 1, Seq: sent.next(w.now()), Lease: lease.Milliseconds(), Tasks: []rpc.TaskSpec{{TaskKey: rpc.TaskKey{JobID: "1"}}}}, sent)
			}
			time.Sleep(time.Second - lease/2) // the watch has looked in vain
			renew()
			time.Sleep(lease / 2)
			renew()
			time.Sleep(lease*7/8 - time.Millisecond)
			if r.isTold() {
				t.Errorf("with a lease of %v the task is stopped early", lease)
			}
			time.Sleep(2 * time.Millisecond)
			if synctest.Wait(); !r.isTold() {
				t.Errorf("with a lease of %v the task runs on near its end", lease)
			}
		})
	}
}

// TestALeaseRunsOutWhileTheSystemSleeps: timers stand still then, and the next look shows it.
func TestALeaseRunsOutWhileTheSystemSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := draining(t)
		var slept atomic.Int64
		w.now = func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.watchLease(ctx)
		sent := &sendTimes{at: map[uint64]time.Time{}}
		w.take(&rpc.Order{Epoch: 1, Seq: sent.next(w.now()), Lease: 8000, Tasks: []rpc.TaskSpec{{TaskKey: rpc.TaskKey{JobID: "1"}}}}, sent)
		time.Sleep(time.Second)
		if r.isTold() {
			t.Error("the task is stopped early")
		}
		slept.Store(int64(time.Hour))
		time.Sleep(250 * time.Millisecond)
		if synctest.Wait(); !r.isTold() {
			t.Error("the task runs on when the system is awake again")
		}
	})
}
