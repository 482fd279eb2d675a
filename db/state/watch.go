package state

import (
	"context"
	"fmt"
	"maps"
	"strings"
)

// Watch reads the jobs that have not ended again and again, as a master does: a row only when it
// has changed, a job that has ended never, and nothing at all while nothing is written. It is not
// safe for concurrent use.
type Watch struct {
	jobs *Jobs
	seq  int64 // of the newest write that is taken in; -1 before the first
	byID map[string]*LiveJob
	list []*LiveJob
}

// LiveJob is a job that has not ended, without its text, and the pipelines of its present run that
// were started, in order of id. It is never altered: a change makes another one.
type LiveJob struct {
	Job       Job
	Pipelines []Pipeline
	version   string // of all its rows
}

// Watch begins to watch.
func (j *Jobs) Watch() *Watch { return &Watch{jobs: j, seq: -1, byID: map[string]*LiveJob{}} }

// inOneQuery is how many jobs are named in a query.
const inOneQuery = 500

// Read returns the jobs, the oldest submit first. The slice is good until the next Read.
func (w *Watch) Read(ctx context.Context) ([]*LiveJob, error) {
	seq, err := w.jobs.newestWrite(ctx)
	if err != nil || seq == w.seq {
		return w.list, err
	}
	versions, order, err := w.jobs.liveVersions(ctx)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, id := range order {
		if old := w.byID[id]; old == nil || old.version != versions[id] {
			changed = append(changed, id)
		}
	}
	for len(changed) > 0 {
		n := min(len(changed), inOneQuery)
		if err := w.take(ctx, changed[:n], versions); err != nil {
			return nil, err
		}
		changed = changed[n:]
	}
	list := make([]*LiveJob, 0, len(order))
	byID := make(map[string]*LiveJob, len(order))
	for _, id := range order {
		// One that ended between two queries is found ended by the next Read.
		if l := w.byID[id]; l != nil && !l.Job.Status.Ended() {
			list, byID[id] = append(list, l), l
		}
	}
	// What is written while this reads has a higher number, so that the next Read looks again.
	w.seq, w.list, w.byID = seq, list, byID
	return list, nil
}

// take reads some jobs anew. Their version is the one seen before, never a newer one than what
// is read, so that a row that changed in between is read again.
func (w *Watch) take(ctx context.Context, ids []string, versions map[string]string) error {
	in, args := " IN (?"+strings.Repeat(", ?", len(ids)-1)+")", make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := w.jobs.query(ctx, "SELECT "+jobColumns+" FROM job WHERE id"+in, args...)
	if err != nil {
		return fmt.Errorf("read jobs: %w", err)
	}
	read := make(map[string]*LiveJob, len(rows)) // taken in when all of them is known
	for _, r := range rows {
		j := scanJob(r)
		read[j.ID] = &LiveJob{Job: j, version: versions[j.ID]}
	}
	rows, err = w.jobs.query(ctx, "SELECT "+pipelineColumns+` FROM pipeline p JOIN job ON job.id = p.job_id AND job.run_no = p.run_no
		WHERE p.job_id`+in+" ORDER BY p.job_id, p.id", args...)
	if err != nil {
		return fmt.Errorf("read pipelines: %w", err)
	}
	for _, r := range rows {
		p := scanPipeline(r)
		if l := read[p.JobID]; l != nil {
			l.Pipelines = append(l.Pipelines, p)
		}
	}
	maps.Copy(w.byID, read)
	return nil
}

// newestWrite is the number of the newest write of all: every change of these rows has one.
func (j *Jobs) newestWrite(ctx context.Context) (int64, error) {
	rows, err := j.query(ctx, "SELECT COALESCE(max(seq), 0) FROM op")
	if err != nil {
		return 0, err
	}
	return rows[0].number(), nil
}

// liveVersions tells the rows of one state from those of another, by job that has not ended, and
// the jobs in the order of their submits.
func (j *Jobs) liveVersions(ctx context.Context) (versions map[string]string, order []string, err error) {
	live, args := Live().where()
	// CROSS JOIN keeps SQLite from walking the pipelines of all jobs that have ended.
	rows, err := j.query(ctx, `SELECT job.id, job.version, COALESCE(group_concat(p.id || ':' || p.op_id), '')
		FROM job LEFT JOIN pipeline p ON p.job_id = job.id AND p.run_no = job.run_no
		WHERE job.`+live+" GROUP BY job.submit_ms, job.id ORDER BY job.submit_ms, job.id", args...)
	if err != nil {
		return nil, nil, fmt.Errorf("list the jobs that have not ended: %w", err)
	}
	versions = make(map[string]string, len(rows))
	for _, r := range rows {
		id := r.text()
		versions[id] = fmt.Sprintf("%d %s", r.number(), r.text())
		order = append(order, id)
	}
	return versions, order, nil
}
