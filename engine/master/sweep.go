package master

import (
	"context"
	"runtime"
	"time"

	"seikan/db/state"
	"seikan/engine/checkpoint"
)

// sweepEvery is how often jobs that ended well are looked for that still have checkpoints: the
// master that ended them may have died before it came to that, or the storage may have been away.
const sweepEvery = time.Minute

// sweep deletes the checkpoints of jobs that ended well, beside the loop. Which they are, rows
// tell, so that it is begun again by each master.
func (r *reign) sweep(ctx context.Context) error {
	keeper := checkpoint.Keeper{Jobs: r.jobs, Blobs: r.c.Blobs, Log: r.c.Log}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		for after := ""; ; {
			ids, err := r.jobs.Leftovers(ctx, after, 100)
			if err != nil && ctx.Err() == nil {
				r.c.Log.Warn("checkpoints of ended jobs are not deleted yet", "error", err)
			}
			if len(ids) == 0 {
				break
			}
			for _, id := range ids {
				keeper.DropAll(ctx, id, state.Finished, state.Canceled)
			}
			after = ids[len(ids)-1]
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.clean:
		case <-tick.C:
		}
	}
}

// tellCounts logs now and then what the master has to do. (print-execution-info-interval)
func (r *reign) tellCounts(ctx context.Context) error {
	if r.c.TellEvery <= 0 {
		return nil
	}
	tick := time.NewTicker(r.c.TellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			r.c.Log.Info("execution", r.counted()...)
		}
	}
}

// counted are the numbers of jobs by status, pipelines, tasks and nodes.
func (r *reign) counted() []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	jobs := map[state.Status]int{}
	pipelines, tasks, waiting := 0, 0, len(r.holds)
	for _, j := range r.last.Jobs {
		jobs[j.Job.Status]++
		for id, p := range j.Pipelines {
			if id > 0 && !p.Row.Status.Ended() {
				pipelines++
			}
		}
	}
	for _, n := range r.last.Nodes {
		for _, t := range n.Tasks {
			if !t.State.Ended() {
				tasks++
			}
		}
	}
	return []any{"runningJobs", jobs[state.Running] + jobs[state.DoingSavepoint], "pendingJobs", jobs[state.Pending] + jobs[state.Scheduled],
		"endingJobs", jobs[state.Failing] + jobs[state.Canceling], "waitingJobs", waiting, "pipelines", pipelines, "tasks", tasks,
		"workers", len(r.last.Nodes), "goroutines", runtime.NumGoroutine()}
}
