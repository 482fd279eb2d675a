package master

import (
	"context"
	"maps"
	"slices"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/rpc"
	"seikan/engine/task"
)

// tally are the counters of one pipeline: of its newest attempt that has reported any, whose head
// tells those of the attempts before it, or of its last manifest, which are exact.
type tally struct {
	attempt int64
	final   map[string]int64
	tasks   map[rpc.TaskKey]map[string]int64
}

func (t *tally) addTo(sum map[string]int64) {
	if t.final != nil {
		add(sum, t.final)
		return
	}
	for _, counters := range t.tasks {
		add(sum, counters)
	}
}

func add(sum, counters map[string]int64) {
	for k, n := range counters {
		sum[k] += n
	}
}

// tally of a pipeline; r.mu is held.
func (r *reign) tally(job string, pipeline int) *tally {
	if r.counts[job] == nil {
		r.counts[job] = map[int]*tally{}
	}
	t := r.counts[job][pipeline]
	if t == nil {
		t = &tally{tasks: map[rpc.TaskKey]map[string]int64{}}
		r.counts[job][pipeline] = t
	}
	return t
}

// count keeps a task's counters; r.mu is held. Those of an earlier attempt give way all at once:
// the head of the new one tells them too.
func (r *reign) count(report rpc.TaskReport) {
	t := r.tally(report.JobID, report.Pipeline)
	if report.Attempt < t.attempt {
		return
	}
	if report.Attempt > t.attempt {
		t.attempt, t.final = report.Attempt, nil
		clear(t.tasks)
	}
	t.tasks[report.TaskKey] = maps.Clone(report.Counters)
}

// countWithin bounds the reading of manifests for their counters.
const countWithin = 3 * time.Second

// countFinal takes the counters of a pipeline that has finished from its manifest: another master
// may have heard the reports.
func (r *reign) countFinal(ctx context.Context, job string, pipeline int, attempt int64) {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	m, err := checkpoint.Newest(ctx, r.jobs, r.c.Blobs, job, pipeline, r.c.Log)
	if err != nil || m == nil {
		return // what was reported has to do
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tally(job, pipeline); t.attempt <= attempt {
		t.attempt, t.final = attempt, m.Counters
	}
}

// sum is that of all pipelines of a job; r.mu is held.
func (r *reign) sum(job string) map[string]int64 {
	sum := map[string]int64{}
	for _, t := range r.counts[job] {
		t.addTo(sum)
	}
	return sum
}

// Counters sums what the tasks of a job last reported.
func (r *reign) Counters(jobID string) map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sum(jobID)
}

// finalCounters are those of each pipeline's newest manifest, which are exact, or else what was
// last reported.
func (r *reign) finalCounters(ctx context.Context, jobID string) map[string]int64 {
	ctx, cancel := context.WithTimeout(ctx, countWithin) // the step waits for it, the storage may hang
	defer cancel()
	sum := map[string]int64{}
	rows, err := r.jobs.Pipelines(ctx, jobID)
	if err != nil {
		return r.Counters(jobID)
	}
	for _, p := range rows {
		if p.ID == 0 {
			continue
		}
		m, err := checkpoint.Newest(ctx, r.jobs, r.c.Blobs, jobID, int(p.ID), r.c.Log)
		if err != nil || m == nil {
			return r.Counters(jobID)
		}
		add(sum, m.Counters)
	}
	return sum
}

// Counters are the running sums of a job; ErrNotMaster elsewhere.
func (c *Cluster) Counters(jobID string) (map[string]int64, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	return r.Counters(jobID), nil
}

// Progress are the running sums of a job's pipelines, by id; ErrNotMaster elsewhere.
func (c *Cluster) Progress(jobID string) ([]PipelineProgress, error) {
	r := c.current()
	if r == nil {
		return nil, ErrNotMaster
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []PipelineProgress
	for _, id := range slices.Sorted(maps.Keys(r.counts[jobID])) {
		t, m := r.counts[jobID][id], map[string]int64{}
		t.addTo(m)
		out = append(out, PipelineProgress{ID: id, Running: t.final == nil, Read: task.Sum(m, "SourceReceivedCount"),
			ReadBytes: task.Sum(m, "SourceReceivedBytes"), Written: task.Sum(m, "SinkWriteCount")})
	}
	return out, nil
}
