// Package worker runs tasks on a node as the master orders: it reports what it runs, starts what
// is missing, stops what is too much, and stops everything when its lease runs out.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"seikan/db/state"
	"seikan/engine/plan"
	"seikan/engine/rpc"
	"seikan/engine/task"
	"seikan/storage"
)

// Config is what a worker needs of its node.
type Config struct {
	Info func() rpc.NodeInfo
	Jobs *state.Jobs // forwarding; its checkpoint rows carry attempts
	// Blobs is the checkpoint storage.
	Blobs storage.Store
	// Plan builds a job's plan from its row, on this node.
	Plan func(ctx context.Context, job state.Job, log *slog.Logger) (*plan.Plan, error)
	// Dial connects to a node's rpc.
	Dial func(addr string) (grpc.ClientConnInterface, error)
	// Master returns the master's rpc address, "" while there is none.
	Master func() string
	// Explain adds to the error of a task what this host knows of it; nil adds nothing.
	Explain func(error) error
	// Event is told when a task has begun to work, and when it has ended after that; nil: nobody
	// wants to know. It must not block.
	Event func(task rpc.TaskSpec, begun bool)
	// JobLog returns the log of one job.
	JobLog            func(jobID string) *slog.Logger
	Log               *slog.Logger
	Interval, Timeout time.Duration // of checkpoints, for jobs that do not say
	Retained          int
}

// Worker is the running part. Use New and Run.
type Worker struct {
	cfg    Config
	mu     sync.Mutex
	tasks  map[rpc.TaskKey]*running
	plans  map[planKey]*planned
	rules  Rules
	now    func() time.Time // that leases are counted on
	wake   chan struct{}
	began  time.Time
	turned atomic.Int64 // nanoseconds since began, when the lease was last looked at

	renewed atomic.Int64

	draining bool
	resume   context.CancelCauseFunc // ends Drain
	idle     struct {                // the first report that says that all tasks are over while draining
		in    *sendTimes
		seq   uint64
		heard chan struct{} // closed when the master has it
	}
}

type planKey struct {
	job string
	run string
}

// planned is a job's plan and what its tasks on this node share.
type planned struct {
	once   sync.Once
	plan   *plan.Plan
	job    state.Job
	err    error
	budget *task.Budget
	bad    *task.BadRows
}

// New makes a worker.
func New(cfg Config) *Worker {
	if cfg.Explain == nil {
		cfg.Explain = func(err error) error { return err }
	}
	if cfg.Event == nil {
		cfg.Event = func(rpc.TaskSpec, bool) {}
	}
	return &Worker{cfg: cfg, tasks: map[rpc.TaskKey]*running{}, plans: map[planKey]*planned{}, now: leaseClock, wake: make(chan struct{}, 1), began: time.Now()}
}

// Turned is how long ago Run last looked after its tasks and its lease.
func (w *Worker) Turned() time.Duration {
	return time.Since(w.began) - time.Duration(w.turned.Load())
}

// Renewed is how often the lease was renewed.
func (w *Worker) Renewed() int64 { return w.renewed.Load() }

// poke makes the session report soon.
func (w *Worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run keeps a session with whoever is master until ctx ends, then stops all tasks.
func (w *Worker) Run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { w.watchLease(watching) })
	for ctx.Err() == nil {
		if err := w.session(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.Debug("no session with a master", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(sessionRetry):
		}
	}
	stop()
	wg.Wait()
	w.stopAll("the node stops")
	return w.drained(context.WithoutCancel(ctx), 30*time.Second)
}

const (
	sessionRetry = 100 * time.Millisecond
	renewEvery   = time.Second
	firstRenewal = 50 * time.Millisecond
)

// renewal is how often to report: every second, or more often when leases are shorter than four.
func (w *Worker) renewal() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch l := w.rules.Lease(); {
	case l <= 0:
		return firstRenewal
	default:
		return min(renewEvery, l/4)
	}
}

// session reports to the present master and obeys its orders until the stream breaks.
func (w *Worker) session(ctx context.Context) error {
	addr := w.cfg.Master()
	if addr == "" {
		return errors.New("there is no master")
	}
	conn, err := w.cfg.Dial(addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.leaveWith(ctx, cancel, addr)
	stream, err := rpc.OpenSession(ctx, conn)
	if err != nil {
		return err
	}
	sent := &sendTimes{at: map[uint64]time.Time{}}
	failed := make(chan error, 1)
	go func() {
		for {
			order, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			w.take(order, sent)
		}
	}()
	tick := time.NewTicker(firstRenewal)
	defer tick.Stop()
	for every := firstRenewal; ; {
		if e := w.renewal(); e != every { // the first order tells how long a lease is
			every = e
			tick.Reset(every)
		}
		report := w.report()
		report.Seq = sent.next(w.now())
		w.noteIdle(report, sent)
		if err := stream.Send(report); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-w.wake:
		case <-tick.C:
		}
	}
}

// leaveWith ends a session when another master has taken over. The old one may be a host that does
// not answer at all, and connecting to it would outlast the lease.
func (w *Worker) leaveWith(ctx context.Context, cancel context.CancelFunc, addr string) {
	w.mu.Lock()
	lease := w.rules.Lease()
	w.mu.Unlock()
	tick := time.NewTicker(min(250*time.Millisecond, max(firstRenewal, lease/16)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if now := w.cfg.Master(); now != "" && now != addr {
				cancel()
				return
			}
		}
	}
}

// sendTimes remembers when each report was sent, since a lease counts from there.
type sendTimes struct {
	mu  sync.Mutex
	seq uint64
	at  map[uint64]time.Time
}

func (s *sendTimes) next(now time.Time) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.at[s.seq] = now
	return s.seq
}

// take is when a report was sent, zero when that is not known any more.
func (s *sendTimes) take(seq uint64) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.at[seq]
	maps.DeleteFunc(s.at, func(n uint64, _ time.Time) bool { return n < seq })
	return t
}

// take obeys an order as far as the rules allow it.
func (w *Worker) take(o *rpc.Order, sent *sendTimes) {
	at := sent.take(o.Seq)
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.Epoch > w.rules.Epoch() {
		w.poke() // a new master counts on a worker that has heard of it
	}
	until := w.rules.Expires()
	obey, lapsed, start := w.rules.Take(o, at, w.now())
	if w.rules.Expires().After(until) {
		w.renewed.Add(1)
	}
	if w.draining && w.idle.in == sent && o.Seq >= w.idle.seq {
		w.idle.in = nil
		close(w.idle.heard)
	}
	if lapsed {
		w.stopTasks("the lease ran out")
	}
	switch {
	case !obey:
	case o.Deny != "":
		w.cfg.Log.Error("the master refuses this node", "reason", o.Deny)
	default:
		w.obey(o.Tasks, start)
	}
}

// obey starts what is missing, if it may, and stops what is too much; w.mu is held.
func (w *Worker) obey(specs []rpc.TaskSpec, may bool) {
	start, stop, forget := Obey(w.tasks, specs)
	for _, s := range start {
		if may && !w.draining {
			w.tasks[s.TaskKey] = w.start(s)
		}
	}
	for _, s := range specs {
		switch r := w.tasks[s.TaskKey]; {
		case r == nil:
		case s.Savepoint:
			r.ask((*task.Head).Savepoint)
		case s.Move:
			r.ask((*task.Head).Move)
		}
	}
	for _, key := range stop {
		w.tasks[key].stop("the master ordered it")
	}
	for _, key := range forget {
		delete(w.tasks, key)
		w.forgetPlan(key)
	}
	if len(start)+len(stop)+len(forget) > 0 {
		w.poke() // the master waits to hear that the order is obeyed
	}
}

// stopAll stops every task and remembers them as stopped, so that an order that still names one
// does not start it a second time.
func (w *Worker) stopAll(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopTasks(reason)
}

func (w *Worker) stopTasks(reason string) { // w.mu is held
	for _, r := range w.tasks {
		r.stop(reason)
	}
}

// forgetPlan drops what the tasks of a job shared once the last one is gone; w.mu is held.
func (w *Worker) forgetPlan(key rpc.TaskKey) {
	for k := range w.tasks {
		if k.JobID == key.JobID {
			return
		}
	}
	maps.DeleteFunc(w.plans, func(k planKey, _ *planned) bool { return k.job == key.JobID })
}

func (w *Worker) report() *rpc.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &rpc.Report{Node: w.cfg.Info(), Epoch: w.rules.Epoch(), Obeyed: w.rules.Obeyed()}
	r.Node.Draining = r.Node.Draining || w.draining
	for _, t := range w.tasks {
		r.Tasks = append(r.Tasks, t.report())
	}
	slices.SortFunc(r.Tasks, func(a, b rpc.TaskReport) int { return compareKeys(a.TaskKey, b.TaskKey) })
	return r
}

// Drain takes no more tasks and says so to the master, which moves what runs here from a checkpoint.
// What has not ended when patience is over is stopped. Drain returns when the master has heard that
// nothing runs here any more: then all can go on elsewhere at once, without waiting for the lease.
func (w *Worker) Drain(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.mu.Lock()
	w.resume = cancel
	running := false
	for _, r := range w.tasks {
		running = running || !r.Ended()
	}
	w.draining = true
	w.idle.in, w.idle.seq, w.idle.heard = nil, 0, make(chan struct{})
	heard := w.idle.heard
	w.mu.Unlock()
	w.poke()
	if !running {
		return nil
	}
	err := w.drained(ctx, patience)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.cfg.Log.Warn("tasks of this node that is drained are stopped without a checkpoint", "error", err)
	}
	w.stopAll("the node is drained")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-heard:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			w.mu.Lock()
			lapsed := w.rules.Lapsed(w.now())
			w.mu.Unlock()
			if lapsed { // by which a master, when there is one again, knows as much
				return errors.New("there is no master: the lease ran out")
			}
		}
	}
}

// ErrResumed says that a node that was being drained takes tasks again.
var ErrResumed = errors.New("the node takes tasks again")

// Resume takes tasks again after Drain.
func (w *Worker) Resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draining, w.idle.in = false, nil
	if w.resume != nil {
		w.resume(ErrResumed)
	}
}

// noteIdle remembers the first report of a session that has nothing running in it.
func (w *Worker) noteIdle(r *rpc.Report, sent *sendTimes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.draining || w.idle.in == sent || slices.ContainsFunc(r.Tasks, func(t rpc.TaskReport) bool { return !t.State.Ended() }) {
		return
	}
	select {
	case <-w.idle.heard:
	default:
		w.idle.in, w.idle.seq = sent, r.Seq
	}
}

// drained waits until no task runs any more.
func (w *Worker) drained(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	w.mu.Lock()
	tasks := slices.Collect(maps.Values(w.tasks))
	w.mu.Unlock()
	for _, t := range tasks {
		select {
		case <-t.ended:
		case <-ctx.Done():
			return fmt.Errorf("%s of job %s does not end: %s", t.spec.Role, t.spec.JobID, t.report().Doing)
		}
	}
	return nil
}

// Tasks are the reports of what runs here.
func (w *Worker) Tasks() []rpc.TaskReport { return w.report().Tasks }
