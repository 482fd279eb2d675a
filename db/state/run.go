package state

import (
	"context"
	"fmt"
	"time"

	"seikan/db"
)

// Run is one row of history: a run of a job that has ended.
type Run struct {
	JobID        string
	RunNo        int64
	RunID        string
	RestoredFrom string
	Name         string
	Mode         string
	Status       Status
	Submitted    time.Time
	Started      time.Time
	Finished     time.Time
	Error        string
	Owner        string
	Metrics      string
}

// Runs are the ended runs of a job, the oldest first.
func (j *Jobs) Runs(ctx context.Context, jobID string) ([]Run, error) {
	rows, err := j.query(ctx, `SELECT job_id, run_no, run_id, restored_from, name, mode, status, submit_ms, start_ms, finish_ms,
		error, owner, metrics_json FROM job_run WHERE job_id = ? ORDER BY run_no`, jobID)
	var out []Run
	for _, r := range rows {
		out = append(out, Run{JobID: r.text(), RunNo: r.number(), RunID: r.text(), RestoredFrom: r.text(), Name: r.text(),
			Mode: r.text(), Status: Status(r.text()), Submitted: r.time(), Started: r.time(), Finished: r.time(),
			Error: r.text(), Owner: r.text(), Metrics: r.text()})
	}
	return out, err
}

// Forget removes a job that has ended, its pipelines and save modes. Its history and events
// stay until PruneHistory. Checkpoints must be deleted first (ErrMoved), since their manifests
// would be nobody's. A job that is gone is no error.
func (j *Jobs) Forget(ctx context.Context, id string) error {
	return j.do(ctx, "forget job "+id, func() ([]db.Statement, error) {
		job, found, err := j.find(ctx, id)
		if err != nil || !found {
			return nil, err
		}
		if !job.Status.Ended() {
			return nil, fmt.Errorf("%w: job %s is %s", ErrMoved, id, job.Status)
		}
		rows, err := j.query(ctx, "SELECT count(*) FROM checkpoint WHERE job_id = ? AND status = 'COMPLETED'", id)
		if err != nil {
			return nil, err
		}
		if n := rows[0].number(); n > 0 {
			return nil, fmt.Errorf("%w: job %s still has %d checkpoints", ErrMoved, id, n)
		}
		return append(db.Guard("(SELECT version FROM job WHERE id = ?) = ?", id, job.Version),
			db.S("DELETE FROM job WHERE id = ?", id)), nil
	})
}

// PruneHistory removes ended runs and events older than before, the oldest first, and at most
// limit of each, so that no write is long. It reports whether there may be more. The newest
// event stays, whatever its age, so that event ids never begin again.
func (j *Jobs) PruneHistory(ctx context.Context, before time.Time, limit int) (more bool, err error) {
	at, n := before.UnixMilli(), int64(max(limit, 1))
	err = j.do(ctx, "prune history", func() ([]db.Statement, error) {
		return []db.Statement{
			db.S(`DELETE FROM job_run WHERE (job_id, run_no) IN (SELECT job_id, run_no FROM job_run WHERE finish_ms < ?
				ORDER BY finish_ms, job_id, run_no LIMIT ?)`, at, n),
			db.S(`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at_ms < ? AND id < (SELECT max(id) FROM event)
				ORDER BY at_ms, id LIMIT ?)`, at, n),
		}, nil
	})
	if err != nil {
		return false, err
	}
	rows, err := j.query(ctx, `SELECT EXISTS (SELECT 1 FROM event WHERE at_ms < ? AND id < (SELECT max(id) FROM event))
		OR EXISTS (SELECT 1 FROM job_run WHERE finish_ms < ?)`, at, at)
	if err != nil {
		return false, err
	}
	return rows[0].number() == 1, nil
}
