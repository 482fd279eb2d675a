package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"seikan/db/state"
	"seikan/engine/task"
)

// look is what the loop remembers of the rows from one step to the next. The loop alone uses it.
type look struct {
	rows  *state.Watch
	known map[string]*knownJob
}

// knownJob is what a job's rows say, decoded once, and when each of its statuses was first seen.
type knownJob struct {
	row    *state.LiveJob
	fact   JobFact // as of the last step
	status state.Status
	since  time.Duration
	seen   map[int64]seen // by pipeline
}

type seen struct {
	status  state.PipelineStatus
	attempt int64
	at      time.Duration
	order   uint64
	falls   state.Falls
}

func newLook(jobs *state.Jobs) *look {
	return &look{rows: jobs.Watch(), known: map[string]*knownJob{}}
}

// facts are gathered for one step.
func (r *reign) facts(ctx context.Context) (Facts, error) {
	f := Facts{Lease: r.c.Lease, Wait: r.c.Wait, Nodes: map[string]NodeFact{}}
	rows, err := r.look.rows.Read(ctx)
	if err != nil {
		return f, err
	}
	f.Now = r.now()
	known := make(map[string]*knownJob, len(rows))
	for _, row := range rows {
		k := r.look.known[row.Job.ID]
		if k == nil {
			k = &knownJob{seen: map[int64]seen{}}
		}
		if k.row != row {
			if err := r.takeIn(ctx, k, row, f.Now); err != nil {
				return f, err
			}
		}
		known[row.Job.ID] = k
	}
	r.look.known = known
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range r.nodes {
		if n.fact.Tasks != nil { // else its first report is just being taken in
			f.Nodes[id] = n.fact
		}
	}
	f.Jobs = make([]JobFact, 0, len(rows))
	for _, row := range rows {
		j := known[row.Job.ID].fact
		for _, p := range j.Pipelines {
			moved(p.Placement, r.nodes)
		}
		if r.c.Lacks != nil {
			j.Lacks = r.c.Lacks(row.Job.ID)
		}
		if p := r.plans[row.Job.ID]; p != nil {
			j.Planning = !p.done
			if j.Shape == nil && j.PlanErr == nil {
				j.Shape, j.PlanErr = p.shape, p.err
			}
		}
		if j.Shape != nil && j.Shape.DirtyMaxCount > 0 {
			j.Dirty = task.Sum(r.sum(row.Job.ID), "DirtyCount")
		}
		j.Unsure = r.unsure.of(j, f.Now)
		f.Jobs = append(f.Jobs, j)
	}
	maps.DeleteFunc(r.unsure, func(id string, _ map[int]unsure) bool { return known[id] == nil })
	maps.DeleteFunc(r.plans, func(id string, _ *planning) bool { return known[id] == nil })
	maps.DeleteFunc(r.counts, func(id string, _ map[int]*tally) bool { return known[id] == nil })
	r.last, r.live = f, len(f.Jobs)
	return f, nil
}

// takeIn decodes the rows of a job that have changed.
func (r *reign) takeIn(ctx context.Context, k *knownJob, row *state.LiveJob, now time.Duration) error {
	if k.row != nil && k.row.Job.RunNo != row.Job.RunNo { // restarted between two steps
		r.mu.Lock()
		delete(r.plans, row.Job.ID)
		delete(r.counts, row.Job.ID)
		r.mu.Unlock()
	}
	if k.row == nil || k.status != row.Job.Status || k.row.Job.RunNo != row.Job.RunNo {
		k.status, k.since = row.Job.Status, now
	}
	out := JobFact{Job: row.Job, Since: k.since, Pipelines: make(map[int]PipelineFact, len(row.Pipelines))}
	switch {
	case row.Job.Shape == "" && row.Job.Status != state.Initializing:
		out.PlanErr = errors.New("the job's row holds no shape of its plan")
	case row.Job.Shape != "":
		out.Shape = &Shape{}
		if err := json.Unmarshal([]byte(row.Job.Shape), out.Shape); err != nil {
			out.Shape, out.PlanErr = nil, fmt.Errorf("the stored shape of the plan: %w", err)
		}
	}
	for _, p := range row.Pipelines {
		f := PipelineFact{Row: p, Placement: Placement{}}
		if p.Placement != "" {
			if err := json.Unmarshal([]byte(p.Placement), &f.Placement); err != nil {
				out.PlanErr = fmt.Errorf("the stored placement of pipeline %d: %w", p.ID, err)
			}
		}
		f.Names = slices.Sorted(maps.Keys(f.Placement))
		s, ok := k.seen[p.ID]
		if !ok || s.status != p.Status || s.attempt != p.Attempt {
			s = seen{status: p.Status, attempt: p.Attempt, at: now, order: r.number + 1}
			if out.Shape != nil && (p.Status == state.PipelineFailed || p.Status == state.PipelineCanceled) {
				var err error
				if s.falls, err = r.jobs.Falls(ctx, row.Job.ID, p.ID, time.Now().Add(-out.Shape.retry().window())); err != nil {
					return err
				}
			}
			k.seen[p.ID] = s
			if p.Status == state.PipelineFinished && p.ID > 0 {
				go r.countFinal(ctx, row.Job.ID, int(p.ID), p.Attempt)
			}
		}
		f.Since, f.SinceOrder, f.Falls = s.at, s.order, s.falls
		out.Pipelines[int(p.ID)] = f
	}
	k.row, k.fact = row, out
	return nil
}
