package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/rpc"
	"seikan/engine/task"
)

// running is one task on this node.
type running struct {
	w      *Worker
	spec   rpc.TaskSpec
	log    *slog.Logger
	cancel context.CancelCauseFunc
	ended  chan struct{}

	mu        sync.Mutex
	state     rpc.TaskState
	err       error
	kind      record.BarrierKind
	told      bool             // to stop
	wish      func(*task.Head) // a savepoint, or to move
	head      *task.Head
	ready     bool // head: Link may serve chains
	changed   chan struct{}
	chain     *task.Chain
	counters  *task.Counters
	inherited map[string]int64
}

var errStopped = errors.New("the task was told to stop")

// stopsWithin is how long a task may take to stop before that is worth a warning.
const stopsWithin = 10 * time.Second

// start begins a task; w.mu is held.
func (w *Worker) start(spec rpc.TaskSpec) *running {
	ctx, cancel := context.WithCancelCause(context.Background())
	log := w.cfg.JobLog(spec.JobID).With("pipeline", spec.Pipeline, "attempt", spec.Attempt)
	r := &running{w: w, spec: spec, log: log, cancel: cancel, ended: make(chan struct{}), state: rpc.Starting, changed: make(chan struct{})}
	shared := w.shared(spec)
	go func() {
		kind, err := r.run(ctx, shared)
		r.mu.Lock()
		worked := r.state == rpc.Running
		switch {
		case r.told:
			r.state = rpc.Stopped
		case err != nil:
			r.state, r.err = rpc.Failed, w.cfg.Explain(err)
		default:
			r.state, r.kind = rpc.Finished, kind
		}
		r.mu.Unlock()
		close(r.ended)
		w.poke()
		if worked {
			w.cfg.Event(spec, false)
		}
	}()
	return r
}

// shared is what the tasks of a job's run on this node have in common; w.mu is held.
func (w *Worker) shared(spec rpc.TaskSpec) *planned {
	key := planKey{spec.JobID, spec.RunID}
	p := w.plans[key]
	if p == nil {
		p = &planned{}
		w.plans[key] = p
	}
	return p
}

func (w *Worker) planFor(ctx context.Context, p *planned, spec rpc.TaskSpec) error {
	p.once.Do(func() {
		if p.job, p.err = w.cfg.Jobs.Job(ctx, spec.JobID); p.err != nil {
			return
		}
		log := w.cfg.JobLog(spec.JobID)
		if p.plan, p.err = w.cfg.Plan(ctx, p.job, log); p.err != nil {
			return
		}
		p.budget = task.NewBudget(p.plan.Env.MemoryBytes)
		p.bad = &task.BadRows{Budget: p.plan.Env.Dirty, Log: log}
	})
	if p.err == nil {
		return nil
	}
	w.mu.Lock()
	if key := (planKey{spec.JobID, spec.RunID}); w.plans[key] == p {
		delete(w.plans, key) // the next attempt plans anew
	}
	w.mu.Unlock()
	return fmt.Errorf("plan job %s: %w", spec.JobID, p.err)
}

func (r *running) run(ctx context.Context, shared *planned) (record.BarrierKind, error) {
	if err := r.w.planFor(ctx, shared, r.spec); err != nil {
		return "", err
	}
	switch r.spec.Role {
	case rpc.Prepare:
		return "", r.prepare(ctx, shared)
	case rpc.Head:
		return r.runHead(ctx, shared)
	case rpc.Chain:
		return "", r.runChain(ctx, shared)
	case rpc.Settle:
		return "", r.settle(ctx, shared)
	}
	return "", fmt.Errorf("this node does not know tasks of role %q", r.spec.Role)
}

func (r *running) set(s rpc.TaskState) {
	r.mu.Lock()
	r.state = s
	r.mu.Unlock()
	r.w.poke()
	if s == rpc.Running {
		r.w.cfg.Event(r.spec, true)
	}
}

func (r *running) stop(reason string) {
	r.mu.Lock()
	first := !r.told && !r.state.Ended()
	r.told = r.told || first
	r.mu.Unlock()
	if first {
		r.log.Info("task is stopped", "role", r.spec.Role, "subtask", r.spec.Subtask, "reason", reason)
		r.cancel(errStopped)
		time.AfterFunc(stopsWithin, func() {
			if !r.Ended() {
				r.log.Warn("a task that was told to stop has not ended; it is left to itself soon, its number is of the past", "role", r.spec.Role,
					"subtask", r.spec.Subtask, "doing", r.report().Doing)
			}
		})
	}
}

// ask tells a head what is wanted of it, now or as soon as it leads. To be asked again is nothing
// new to it.
func (r *running) ask(wish func(*task.Head)) {
	r.mu.Lock()
	h := r.head
	r.wish = wish
	r.mu.Unlock()
	if h != nil {
		wish(h)
	}
}

// Ended says whether the task is over.
func (r *running) Ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Ended()
}

func (r *running) report() rpc.TaskReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := rpc.TaskReport{TaskKey: r.spec.TaskKey, State: r.state, Kind: r.kind, Counters: r.inherited}
	if r.err != nil {
		out.Error, out.Permanent, out.Link = r.err.Error(), plugin.IsPermanent(r.err), errors.Is(r.err, errLink)
	}
	if r.chain != nil {
		out.Doing = r.chain.Doing()
		out.Counters = r.counters.Map()
	}
	return out
}

func (r *running) identity(shared *planned) plugin.Task {
	t := plugin.Task{JobID: r.spec.JobID, RunID: r.spec.RunID, Pipeline: r.spec.Pipeline, Attempt: r.spec.Attempt, Subtask: r.spec.Subtask, Log: r.log, Now: now}
	if r.spec.Pipeline > 0 {
		t.Parallelism = shared.plan.Pipelines[r.spec.Pipeline-1].Parallelism
	}
	return t
}

func (r *running) prepare(ctx context.Context, shared *planned) error {
	r.set(rpc.Running)
	return task.SaveModes(ctx, r.w.cfg.Jobs, shared.plan, r.identity(shared), func() error {
		r.w.mu.Lock()
		defer r.w.mu.Unlock()
		if r.w.rules.Lapsed(r.w.now()) {
			return errors.New("the lease ran out")
		}
		return ctx.Err()
	})
}

// headConfig is what the head of the pipeline starts from.
func (r *running) headConfig(ctx context.Context, shared *planned, restore bool) (task.HeadConfig, error) {
	p, w := shared.plan.Pipelines[r.spec.Pipeline-1], r.w
	keeper := checkpoint.Keeper{Jobs: w.cfg.Jobs, Blobs: w.cfg.Blobs, Log: r.log, Retained: w.cfg.Retained}
	cfg := task.HeadConfig{Plan: shared.plan, Pipeline: p, Task: r.identity(shared), Interval: shared.plan.Env.CheckpointInterval,
		Timeout: shared.plan.Env.CheckpointTimeout, Rows: checkpoint.NewRows(w.cfg.Jobs, r.spec.JobID, p.ID, r.spec.Attempt),
		Blobs: w.cfg.Blobs, Log: r.log, Completed: func(ctx context.Context, id int64) { keeper.Prune(ctx, r.spec.JobID, p.ID, id) }}
	if cfg.Interval == 0 && shared.plan.Env.Streaming {
		cfg.Interval = w.cfg.Interval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = w.cfg.Timeout
	}
	if !restore {
		return cfg, nil
	}
	m, err := checkpoint.Newest(ctx, w.cfg.Jobs, w.cfg.Blobs, r.spec.JobID, p.ID, r.log)
	if m != nil {
		r.log.Info("going on from a checkpoint", "checkpoint", m.Checkpoint, "kind", m.Kind, "splits", len(m.Enumeration.Splits))
		r.mu.Lock()
		r.inherited = m.Counters
		r.mu.Unlock()
	}
	cfg.Manifest = m
	return cfg, err
}

func (r *running) runHead(ctx context.Context, shared *planned) (kind record.BarrierKind, err error) {
	cfg, err := r.headConfig(ctx, shared, r.spec.Restore)
	if err != nil {
		return "", err
	}
	h := task.NewHead(cfg)
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := h.Prepare(ctx); err != nil {
		return "", err
	}
	r.mu.Lock()
	r.head, r.ready = h, true
	wish := r.wish
	close(r.changed) // Link may serve chains now
	r.mu.Unlock()
	if wish != nil {
		wish(h)
	}
	r.set(rpc.Running)
	return h.Run(ctx)
}

// settle finishes the commits of the newest checkpoint and clears what is staged beyond it.
func (r *running) settle(ctx context.Context, shared *planned) error {
	cfg, err := r.headConfig(ctx, shared, true)
	if err != nil {
		return err
	}
	r.set(rpc.Running)
	h := task.NewHead(cfg)
	return errors.Join(h.Settle(ctx), h.Close())
}

// headFor finds the head of a chain's pipeline, waiting until it is prepared.
func (w *Worker) headFor(ctx context.Context, chain rpc.TaskKey) (*running, error) {
	key := chain
	key.Role, key.Subtask = rpc.Head, 0
	w.mu.Lock()
	r := w.tasks[key]
	w.mu.Unlock()
	if r == nil {
		return nil, fmt.Errorf("the head of pipeline %d, attempt %d of job %s is not here", chain.Pipeline, chain.Attempt, chain.JobID)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.ended:
		return nil, fmt.Errorf("the head of pipeline %d, attempt %d of job %s has ended", chain.Pipeline, chain.Attempt, chain.JobID)
	case <-r.changed:
		return r, nil
	}
}
