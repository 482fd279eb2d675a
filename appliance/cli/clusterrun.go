package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/master"
	"seikan/engine/plan"
	"seikan/engine/task"
)

// clusterRun is a job to be run by a cluster.
type clusterRun struct {
	runRequest
	place place
	async bool // do not wait for the end
	keep  bool // the job goes on when the client is stopped
}

// runOnCluster submits a job, waits for its end and returns the exit code. Without an async wait
// the job is as it was last seen.
func runOnCluster(ctx context.Context, t *terminal, r clusterRun) (*node.Client, state.Job, int) {
	log := r.log(t)
	c, cfg, j, err := r.submitted(ctx, t, log)
	if err != nil {
		return c, j, failed(t, err)
	}
	log.Info(fmt.Sprintf("Submit job finished, job id: %s, job name: %s", j.ID, j.Name))
	if r.async {
		if j, err = begun(ctx, c, j); err != nil {
			return c, j, failed(t, err)
		}
		return c, j, exitOK
	}
	w := &waiting{c: c, id: j.ID, log: log}
	stop := showProgress(t, w, r.quiet, cfg.PrintJobMetricsEvery, log)
	out, err := w.wait(ctx, r.keep)
	stop(err == nil && out.Job.Status == state.Finished)
	switch {
	case errors.Is(err, errLeft):
		log.Info(fmt.Sprintf("job %s goes on; seatunnel.sh -j %s shows it, -can %s cancels it", j.ID, j.ID, j.ID))
		return c, j, exitOK
	case err != nil:
		return c, j, failed(t, err)
	}
	return c, out.Job, report(t, log, r.runRequest, out)
}

// submitted checks a job and gives it to the cluster. An error is coded when it is said already.
func (r *clusterRun) submitted(ctx context.Context, t *terminal, log *slog.Logger) (c *node.Client, cfg *config.Config, j state.Job, err error) {
	r.cluster = true
	var file *job.File // nil: the job goes on as it was
	if r.file != "" {
		if file, err = t.loadFile(r.file, r.variables); err == nil {
			if r.compat {
				logConfig(log, file)
			}
			err = plan.Check(file)
		}
		if err != nil {
			configError(t, log, r.runRequest, err, file)
			return nil, nil, j, coded{code: exitConfig}
		}
	}
	if c, cfg, err = t.dial(ctx, r.place, log); err != nil {
		return nil, nil, j, err
	}
	if r.restore != "" {
		var missing coded
		told, err := reviewRestore(ctx, c, r.restore, r.from, file)
		for _, line := range told {
			fmt.Fprintln(t.err, line)
		}
		switch {
		case errors.As(err, &missing) && missing.code == exitNotFound && r.compat: // as SeaTunnel does
			log.Warn(fmt.Sprintf("there is no job %s to go on with: it starts anew under this id", r.restore))
		case err != nil:
			return c, cfg, j, err
		}
	}
	j, err = submit(ctx, c, r.runRequest, file)
	switch {
	case errors.Is(err, node.ErrConfig):
		configError(t, log, r.runRequest, err, file)
		err = coded{code: exitConfig}
	case errors.Is(err, state.ErrExists):
		err = fmt.Errorf("job id %s is taken by a job that ran before: choose another, or go on with that job by %s", r.id, r.goOn(r.id))
	case (errors.Is(err, state.ErrMoved) || errors.Is(err, state.ErrNoCheckpoint)) && r.restore != "":
		err = fmt.Errorf("job %s cannot be restored: %w", r.restore, err)
	}
	return c, cfg, j, err
}

// beginWithin is how long a client that does not wait for the end of a job looks how it begins:
// what only the nodes can find wrong with it shows then.
const beginWithin = 10 * time.Second

// begun waits until the master has prepared a job, or has found that it cannot.
func begun(ctx context.Context, c *node.Client, j state.Job) (state.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, beginWithin)
	defer cancel()
	for pause := firstLook; j.Status == state.Initializing; pause = min(pause*5/4, longestLook) {
		select {
		case <-ctx.Done():
			return j, nil
		case <-time.After(pause):
		}
		if p, err := c.Progress(ctx, j.ID); err == nil { // else the job is recorded all the same
			j = p.Job
		}
	}
	if j.Status == state.Failed {
		return j, fmt.Errorf("job %s failed: %s", j.ID, j.Error)
	}
	return j, nil
}

// failed shows an error and gives its exit code.
func failed(t *terminal, err error) int {
	var c coded
	if errors.As(err, &c) && c.err == nil {
		return c.code
	}
	t.show(err, nil)
	return exitFailed
}

// submit sends a job whose variables, includes and environment are settled; without a file, one
// that goes on as it was.
func submit(ctx context.Context, c *node.Client, r runRequest, file *job.File) (state.Job, error) {
	s := node.ClusterJob{Name: r.name, ID: r.id, Op: state.RandomID()}
	if file != nil {
		s.Text, s.Format = string(hocon.JSON(file.Root)), "json"
	}
	switch {
	case r.restore != "":
		s.ID, s.Restore, s.From = r.restore, true, r.from
	case s.ID == "": // chosen here, so that sending it again makes no second job
		s.ID = state.NewJobIDs(time.Now, uint16(rand.Uint32())).Next()
	}
	return c.Submit(ctx, s)
}

// waiting is a client that waits for a job. (progressing)
type waiting struct {
	c    *node.Client
	id   string
	log  *slog.Logger
	mu   sync.Mutex
	last node.JobProgress
}

// JobID implements progressing.
func (w *waiting) JobID() string { return w.id }

// Counters implements progressing.
func (w *waiting) Counters() map[string]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Counters
}

// Progress implements progressing.
func (w *waiting) Progress() []master.PipelineProgress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Pipelines
}

const (
	firstLook   = 5 * time.Millisecond
	longestLook = 500 * time.Millisecond
	sayPending  = 5 * time.Second
	cancelWait  = 15 * time.Second
)

var errLeft = errors.New("the client stopped waiting")

// wait waits for the job's end, through whichever node answers. Ending ctx cancels the job, unless
// it shall be kept.
func (w *waiting) wait(ctx context.Context, keep bool) (master.Outcome, error) {
	out, err := w.follow(ctx)
	if ctx.Err() == nil || err == nil {
		return out, err
	}
	if keep {
		return out, errLeft
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelWait)
	defer cancel()
	if _, err := w.c.SetDesired(ctx, w.id, state.WantCancel); err != nil && !errors.Is(err, state.ErrMoved) {
		return out, fmt.Errorf("cancel job %s: %w", w.id, err)
	}
	if out, err = w.follow(ctx); err != nil && ctx.Err() != nil {
		return out, fmt.Errorf("job %s is asked to cancel and has not ended within %v; seatunnel.sh -j %s shows it", w.id, cancelWait, w.id)
	}
	return out, err
}

func (w *waiting) follow(ctx context.Context) (master.Outcome, error) {
	began, said, lost, waits := time.Now(), time.Now(), false, ""
	for pause := firstLook; ; pause = min(pause*5/4, longestLook) {
		p, err := w.c.Progress(ctx, w.id)
		switch {
		case ctx.Err() != nil:
			return master.Outcome{}, ctx.Err()
		case errors.Is(err, state.ErrNotFound):
			return master.Outcome{}, err
		case err != nil && !lost:
			w.log.Warn("the cluster does not answer; waiting on", "error", err)
			lost = true
		case err == nil && lost:
			w.log.Info("the cluster answers again")
			lost = false
		}
		if err == nil {
			w.mu.Lock()
			if p.Counters == nil { // there was no master for a moment
				p.Counters, p.Pipelines = w.last.Counters, w.last.Pipelines
			}
			w.last = p
			w.mu.Unlock()
			if p.Job.Status.Ended() {
				return outcomeOf(p), nil
			}
			if p.Waiting != waits && p.Waiting != "" && p.Job.Status != state.Pending {
				w.log.Info(fmt.Sprintf("Job (%s) waits: %s", w.id, p.Waiting))
			}
			waits = p.Waiting
			if p.Job.Status == state.Pending && time.Since(said) >= sayPending {
				said = time.Now()
				w.log.Info(fmt.Sprintf("Job Id : %s enter pending queue, current status:PENDING", w.id), "since", time.Since(began).Round(time.Second), "reason", p.Waiting)
			}
		}
		select {
		case <-ctx.Done():
			return master.Outcome{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func outcomeOf(p node.JobProgress) master.Outcome {
	out := master.Outcome{Job: p.Job, Counters: p.Counters, Dirty: task.Sum(p.Counters, "DirtyCount")}
	var final map[string]int64
	if p.Job.Metrics != "" && json.Unmarshal([]byte(p.Job.Metrics), &final) == nil {
		out.Counters, out.Dirty = final, task.Sum(final, "DirtyCount")
	}
	if p.Job.Status == state.Failed {
		out.Err = errors.New(p.Job.Error)
	}
	return out
}
