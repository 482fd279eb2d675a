package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"seikan/engine/rpc"
)

// draining is a worker that runs one task, which ends when it is told to.
func draining(t *testing.T) (w *Worker, r *running) {
	t.Helper()
	w = New(Config{Info: func() rpc.NodeInfo { return rpc.NodeInfo{} }, Log: slog.New(slog.DiscardHandler)})
	w.now = time.Now
	ctx, cancel := context.WithCancelCause(t.Context())
	r = &running{w: w, log: w.cfg.Log, cancel: cancel, state: rpc.Running, ended: make(chan struct{})}
	w.tasks[rpc.TaskKey{JobID: "1"}] = r
	go func() {
		<-ctx.Done()
		r.mu.Lock()
		r.state = rpc.Stopped
		r.mu.Unlock()
		close(r.ended)
	}()
	return w, r
}

func (r *running) isTold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

// TestADrainedWorkerStopsTasksWhenPatienceIsOver: the master is given time to move them, says so
// in each report, and what is left is stopped.
func TestADrainedWorkerStopsTasksWhenPatienceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := draining(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- w.Drain(ctx, time.Minute) }()
		time.Sleep(59 * time.Second)
		if r.isTold() || !w.report().Node.Draining {
			t.Fatalf("told to stop: %v; reports that it is drained: %v", r.isTold(), w.report().Node.Draining)
		}
		time.Sleep(2 * time.Second)
		if !r.isTold() {
			t.Fatal("the task runs on")
		}
		sent := &sendTimes{at: map[uint64]time.Time{}} // a session: report and order
		report := w.report()
		report.Seq = sent.next(w.now())
		w.noteIdle(report, sent)
		w.take(&rpc.Order{Epoch: 1, Seq: report.Seq}, sent)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestADrainThatIsTakenBackStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := draining(t)
		done := make(chan error, 1)
		go func() { done <- w.Drain(t.Context(), time.Minute) }()
		time.Sleep(time.Second)
		w.Resume()
		if err := <-done; !errors.Is(err, ErrResumed) {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if r.isTold() || w.report().Node.Draining {
			t.Errorf("told to stop: %v", r.isTold())
		}
		r.cancel(errStopped)
	})
}

// TestADrainWithoutAMasterEndsWithTheLease: nobody is there to hear of it.
func TestADrainWithoutAMasterEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := draining(t)
		sent := &sendTimes{at: map[uint64]time.Time{}}
		w.take(&rpc.Order{Epoch: 1, Seq: sent.next(w.now()), Lease: 8000, Tasks: []rpc.TaskSpec{{TaskKey: rpc.TaskKey{JobID: "1"}}}}, sent)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		if err := w.Drain(ctx, 20*time.Second); err == nil || ctx.Err() != nil || !r.isTold() {
			t.Errorf("%v, told to stop: %v", err, r.isTold())
		}
		if took := time.Since(began); took > 21*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
