package state

import (
	"context"
	"time"
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

const runColumns = `job_id, run_no, run_id, restored_from, name, mode, status, submit_ms, start_ms, finish_ms, error, owner,
	metrics_json`

func scanRun(r *row) Run {
	return Run{JobID: r.text(), RunNo: r.number(), RunID: r.text(), RestoredFrom: r.text(), Name: r.text(),
		Mode: r.text(), Status: Status(r.text()), Submitted: r.time(), Started: r.time(), Finished: r.time(),
		Error: r.text(), Owner: r.text(), Metrics: r.text()}
}

// Runs are the ended runs of a job, the oldest first, without those that are in the archive.
func (j *Jobs) Runs(ctx context.Context, jobID string) ([]Run, error) {
	rows, err := j.query(ctx, "SELECT "+runColumns+" FROM job_run WHERE job_id = ? ORDER BY run_no", jobID)
	var out []Run
	for _, r := range rows {
		out = append(out, scanRun(r))
	}
	return out, err
}
