package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/fault"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/task"
	"seikan/storage"
)

// Local runs a job inside this process, its facts in the state store like a cluster's.
type Local struct {
	Jobs  *state.Jobs
	Blobs storage.Store
	Log   *slog.Logger
	// Interval and Timeout are the engine's, for jobs that do not set their own.
	Interval, Timeout time.Duration
	// Retained is the number of completed checkpoints kept for each pipeline.
	Retained int
}

func (l *Local) keeper() checkpoint.Keeper {
	return checkpoint.Keeper{Jobs: l.Jobs, Blobs: l.Blobs, Log: l.Log, Retained: l.Retained}
}

// Run is a job being run.
type Run struct {
	local    *Local
	plan     *plan.Plan
	job      state.Job
	restore  bool
	budget   *task.Budget
	bad      *task.BadRows
	mu       sync.Mutex
	attempts map[int]*task.Attempt // the present ones, by pipeline
	last     map[int]map[string]int64
	began    time.Time
}

// Outcome is how a job ended.
type Outcome struct {
	Job      state.Job
	Counters map[string]int64
	Dirty    int64
	Err      error // of a FAILED job
}

// Start takes a job that is INITIALIZING to RUNNING. restore makes its pipelines go on from
// their newest checkpoints; job is the row as submitted or restarted.
func (l *Local) Start(ctx context.Context, p *plan.Plan, job state.Job, restore bool) (*Run, error) {
	for _, s := range []state.Status{state.Created, state.Pending, state.Running} {
		moved, err := l.Jobs.SetStatus(ctx, job.ID, nil, s)
		if err != nil {
			return nil, err
		}
		job = moved
	}
	return &Run{local: l, plan: p, job: job, restore: restore, began: time.Now(),
		budget: task.NewBudget(p.Env.MemoryBytes), bad: &task.BadRows{Budget: p.Env.Dirty, Log: l.Log},
		attempts: map[int]*task.Attempt{}, last: map[int]map[string]int64{}}, nil
}

// Wait runs the job to its end. Ending ctx cancels the job; what is committed stays. The
// outcome is recorded even then.
func (r *Run) Wait(ctx context.Context) (Outcome, error) {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	identity := plugin.Task{JobID: r.job.ID, RunID: r.job.RunID, Attempt: 1, Log: r.local.Log, Now: time.Now}
	if err := task.SaveModes(running, r.local.Jobs, r.plan, identity, running.Err); err != nil {
		if running.Err() != nil {
			return r.end(ctx, state.Canceled, nil)
		}
		return r.end(ctx, state.Failed, err)
	}
	var wg sync.WaitGroup
	watching, quit := context.WithCancel(running)
	wg.Go(func() { r.obey(watching, stop) })
	ends := make([]end, len(r.plan.Pipelines))
	var pipelines sync.WaitGroup
	for i, p := range r.plan.Pipelines {
		pipelines.Go(func() {
			ends[i] = r.pipeline(running, p)
			if ends[i].err != nil {
				stop(errPipeline)
			}
		})
	}
	pipelines.Wait()
	quit()
	wg.Wait()
	status, err := verdict(ends, context.Cause(running))
	return r.end(ctx, status, err)
}

var (
	errPipeline = errors.New("another pipeline failed")
	errCancel   = errors.New("the job was cancelled")
)

type end struct {
	kind record.BarrierKind
	err  error
}

// verdict is the job's status out of its pipelines' ends: a failure wins over a cancel, which
// wins over a savepoint.
func verdict(ends []end, cause error) (state.Status, error) {
	status := state.Finished
	var failures []error
	for _, e := range ends {
		switch {
		case e.err == nil:
			if e.kind == record.Savepoint && status == state.Finished {
				status = state.SavepointDone
			}
		case errors.Is(e.err, context.Canceled):
			if !errors.Is(cause, errPipeline) {
				status = state.Canceled
			}
		default:
			failures = append(failures, e.err)
		}
	}
	if len(failures) > 0 {
		return state.Failed, errors.Join(failures...)
	}
	return status, nil
}

// pollDesired is how often the row is read for what the user wants.
const pollDesired = 300 * time.Millisecond

// obey carries out what another process wrote into the job's row: cancel or savepoint.
func (r *Run) obey(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(pollDesired)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		job, err := r.local.Jobs.Job(ctx, r.job.ID)
		if err != nil {
			continue // it is read again soon
		}
		switch job.Desired {
		case state.WantCancel:
			stop(errCancel)
			return
		case state.WantSavepoint, state.WantStop:
			if job.Status == state.Running {
				if _, err := r.local.Jobs.SetStatus(ctx, r.job.ID, []state.Status{state.Running}, state.DoingSavepoint); err != nil {
					r.local.Log.Warn("the savepoint is not noted yet", "error", err)
				}
			}
			for _, a := range r.present() {
				a.Savepoint()
			}
		}
	}
}

func (r *Run) present() []*task.Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*task.Attempt
	for _, a := range r.attempts {
		out = append(out, a)
	}
	return out
}

// pipeline runs attempts until one finishes or no more are allowed.
func (r *Run) pipeline(ctx context.Context, p *plan.Pipeline) end {
	log := r.local.Log.With("pipeline", p.ID)
	for restores := 0; ; restores++ {
		kind, err, recorded := r.attempt(ctx, p, restores > 0 || r.restore, log)
		if err == nil && recorded == nil {
			return end{kind, nil}
		}
		if ctx.Err() != nil { // whatever the tasks made of it, they were told to stop
			return end{"", ctx.Err()}
		}
		again := retry{int64(r.plan.Env.RetryTimes), r.plan.Env.RetryInterval}
		falls, uncounted := r.local.Jobs.Falls(ctx, r.job.ID, int64(p.ID), time.Now().Add(-again.window()))
		wait, giveUp := again.after(falls)
		if recorded = errors.Join(recorded, uncounted); plugin.IsPermanent(err) || giveUp || recorded != nil {
			return end{"", fmt.Errorf("pipeline %d: %w", p.ID, errors.Join(err, recorded))}
		}
		log.Warn("the pipeline is restarted", "error", err, "restart", falls.Failures, "of", again.times, "wait", wait)
		select {
		case <-ctx.Done():
			return end{"", ctx.Err()}
		case <-time.After(wait):
		}
	}
}

// attempt runs a pipeline once. recorded is an error of its rows, without which nothing can go on.
func (r *Run) attempt(ctx context.Context, p *plan.Pipeline, restore bool, log *slog.Logger) (kind record.BarrierKind, err, recorded error) {
	row, err := r.local.Jobs.StartAttempt(ctx, r.job.ID, int64(p.ID))
	if err != nil {
		return "", nil, err
	}
	kind, err = r.try(ctx, p, &row, restore, log)
	status, falls := state.PipelineFinished, []state.Fall(nil)
	switch {
	case err != nil && ctx.Err() != nil:
		status = state.PipelineCanceled
	case err != nil:
		status, falls = state.PipelineFailed, []state.Fall{state.FallFailure}
	}
	_, recorded = r.local.Jobs.SavePipeline(context.WithoutCancel(ctx), withStatus(row, status, err), falls...)
	return kind, err, recorded
}

func (r *Run) try(ctx context.Context, p *plan.Pipeline, row *state.Pipeline, restore bool, log *slog.Logger) (record.BarrierKind, error) {
	cfg, err := r.head(ctx, p, row.Attempt, restore, log)
	if err != nil {
		return "", err
	}
	a := task.NewAttempt(cfg, r.budget, r.bad)
	r.mu.Lock()
	r.attempts[p.ID] = a
	r.mu.Unlock()
	saved, err := r.local.Jobs.SavePipeline(ctx, withStatus(*row, state.PipelineRunning, nil))
	kind := record.BarrierKind("")
	if err == nil {
		*row = saved
		kind, err = a.Run(ctx)
	}
	r.mu.Lock()
	delete(r.attempts, p.ID)
	r.last[p.ID] = a.Map()
	r.mu.Unlock()
	return kind, err
}

// head is what an attempt of a pipeline starts from.
func (r *Run) head(ctx context.Context, p *plan.Pipeline, attempt int64, restore bool, log *slog.Logger) (task.HeadConfig, error) {
	cfg := task.HeadConfig{Plan: r.plan, Pipeline: p, Task: r.identity(p, attempt), Interval: r.plan.Env.CheckpointInterval,
		Timeout: r.plan.Env.CheckpointTimeout, Rows: checkpoint.NewRows(r.local.Jobs, r.job.ID, p.ID, attempt),
		Blobs: r.local.Blobs, Log: log, Completed: func(ctx context.Context, id int64) { r.local.keeper().Prune(ctx, r.job.ID, p.ID, id) }}
	if cfg.Interval == 0 && r.plan.Env.Streaming {
		cfg.Interval = r.local.Interval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = r.local.Timeout
	}
	if !restore {
		return cfg, nil
	}
	m, err := checkpoint.Newest(ctx, r.local.Jobs, r.local.Blobs, r.job.ID, p.ID, log)
	if m != nil {
		log.Info("going on from a checkpoint", "checkpoint", m.Checkpoint, "kind", m.Kind, "splits", len(m.Enumeration.Splits))
	}
	cfg.Manifest = m
	return cfg, err
}

func (r *Run) identity(p *plan.Pipeline, attempt int64) plugin.Task {
	return plugin.Task{JobID: r.job.ID, RunID: r.job.RunID, Pipeline: p.ID, Parallelism: p.Parallelism, Attempt: attempt, Now: time.Now}
}

func withStatus(p state.Pipeline, s state.PipelineStatus, err error) state.Pipeline {
	p.Status = s
	if err != nil {
		p.Error = err.Error()
	}
	return p
}

// end records how the job ended, after finishing commits that a recorded checkpoint owes.
func (r *Run) end(ctx context.Context, status state.Status, cause error) (Outcome, error) {
	// The row must be written though the user cancelled; it gets a bounded time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	out := Outcome{Counters: r.Counters(), Err: cause}
	out.Dirty = task.Sum(out.Counters, "DirtyCount")
	message := ""
	if cause != nil {
		message = cause.Error()
	}
	switch err := r.settle(ctx, status); {
	case err != nil && status == state.Canceled:
		status, message, out.Err = state.Failed, err.Error(), err
	case err != nil: // the job's own error matters more; a restore settles again
		r.local.Log.Warn("what the job had staged is not cleared yet", "error", err)
	}
	metrics, err := json.Marshal(out.Counters)
	if err != nil {
		return out, fmt.Errorf("encode the job's counters: %w", err)
	}
	for _, s := range wayTo(status) {
		if _, err := r.local.Jobs.SetStatus(ctx, r.job.ID, nil, s); err != nil && !errors.Is(err, state.ErrMoved) {
			return out, err
		}
	}
	fault.Point("job.finish.before")
	if out.Job, err = r.local.Jobs.FinishJob(ctx, r.job.ID, status, message, string(metrics)); err != nil {
		return out, err
	}
	if status == state.Finished || status == state.Canceled {
		r.local.keeper().DropAll(ctx, r.job.ID, status)
	}
	return out, nil
}

// wayTo is the transient status that must come before an end; being in it already is fine.
func wayTo(s state.Status) []state.Status {
	switch s {
	case state.Failed:
		return []state.Status{state.Failing}
	case state.Canceled:
		return []state.Status{state.Canceling}
	case state.SavepointDone:
		return []state.Status{state.DoingSavepoint}
	}
	return nil
}

// settle finishes the commits of each pipeline's newest checkpoint and clears what is staged
// beyond it, when a job ends before its work does.
func (r *Run) settle(ctx context.Context, status state.Status) error {
	if status != state.Canceled && status != state.Failed {
		return nil
	}
	for _, p := range r.plan.Pipelines {
		row, err := r.local.Jobs.StartAttempt(ctx, r.job.ID, int64(p.ID))
		if err != nil {
			return err
		}
		cfg, err := r.head(ctx, p, row.Attempt, true, r.local.Log)
		if err != nil {
			return err
		}
		h := task.NewHead(cfg)
		if err := errors.Join(h.Settle(ctx), h.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Counters sums the present attempts' counters and those of pipelines that ended.
func (r *Run) Counters() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := map[string]int64{}
	for id, m := range r.last {
		if r.attempts[id] == nil {
			for k, v := range m {
				sum[k] += v
			}
		}
	}
	for _, a := range r.attempts {
		for k, v := range a.Map() {
			sum[k] += v
		}
	}
	return sum
}

// PipelineProgress is what a progress bar shows.
type PipelineProgress struct {
	ID              int
	Source          string
	Running         bool          // false: it has ended, or waits for a restart
	Total, Finished task.Progress // zero when it is not running
	Read, ReadBytes int64
	Written         int64 // rows
}

// Progress lists the pipelines that have started, by id.
func (r *Run) Progress() []PipelineProgress {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []PipelineProgress
	for _, p := range r.plan.Pipelines {
		m := r.last[p.ID]
		a := r.attempts[p.ID]
		switch {
		case a != nil:
			m = a.Map()
		case m == nil:
			continue
		}
		pp := PipelineProgress{ID: p.ID, Source: p.Source.Action, Running: a != nil, Read: task.Sum(m, "SourceReceivedCount"),
			ReadBytes: task.Sum(m, "SourceReceivedBytes"), Written: task.Sum(m, "SinkWriteCount")}
		if a != nil {
			pp.Total, pp.Finished = a.Progress()
		}
		out = append(out, pp)
	}
	return out
}

// JobID is the id of the job.
func (r *Run) JobID() string { return r.job.ID }
