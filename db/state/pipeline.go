package state

import (
	"context"
	"fmt"
	"time"

	"seikan/db"
)

// Pipeline is one connected part of a job's plan in the present run.
type Pipeline struct {
	JobID          string
	ID             int64 // from 1
	RunNo          int64
	Status         PipelineStatus
	Allowed        time.Duration // how long Status may last before the master escalates; 0: for ever
	Restores       int64         // how often it was started again in this run
	Attempt        int64         // grows with each start, over all runs
	LastCheckpoint int64         // highest checkpoint number given out, over all runs
	Started        time.Time
	Finished       time.Time
	Error          string
	Permanent      bool   // Error cannot be healed by another try
	FinalKind      Kind   // of the checkpoint that ended the pipeline
	Placement      string // node of each task of the attempt, as JSON
	lastOp         string // id of the change that made the row what it is
}

const pipelineColumns = `p.job_id, p.id, p.run_no, p.status, p.allowed_ms, p.restores, p.attempt, p.last_checkpoint, p.start_ms,
	p.finish_ms, p.error, p.permanent, p.final_kind, p.placement, p.op_id`

func scanPipeline(r *row) Pipeline {
	return Pipeline{
		JobID: r.text(), ID: r.number(), RunNo: r.number(), Status: PipelineStatus(r.text()), Allowed: r.duration(), Restores: r.number(),
		Attempt: r.number(), LastCheckpoint: r.number(), Started: r.time(), Finished: r.time(), Error: r.text(), Permanent: r.number() != 0,
		FinalKind: Kind(r.text()), Placement: r.text(), lastOp: r.text(),
	}
}

// Pipelines are those of the job's present run that were started, in order of id.
func (j *Jobs) Pipelines(ctx context.Context, jobID string) ([]Pipeline, error) {
	rows, err := j.query(ctx, "SELECT "+pipelineColumns+` FROM pipeline p JOIN job ON job.id = p.job_id
		AND job.run_no = p.run_no WHERE p.job_id = ? ORDER BY p.id`, jobID)
	var out []Pipeline
	for _, r := range rows {
		out = append(out, scanPipeline(r))
	}
	return out, err
}

// findPipeline reads the row whatever run it is of.
func (j *Jobs) findPipeline(ctx context.Context, jobID string, id int64) (Pipeline, bool, error) {
	rows, err := j.query(ctx, "SELECT "+pipelineColumns+" FROM pipeline p WHERE job_id = ? AND id = ?", jobID, id)
	if err != nil || len(rows) == 0 {
		return Pipeline{}, false, err
	}
	return scanPipeline(rows[0]), true, nil
}

// StartAttempt records the intent to start a pipeline, for the first time or again, and gives
// the number of the new attempt: from then on nothing that an earlier attempt reports counts,
// and its pending checkpoint is aborted. Status begins at CREATED.
func (j *Jobs) StartAttempt(ctx context.Context, jobID string, id int64) (Pipeline, error) {
	return j.PlaceAttempt(ctx, jobID, id, "", 0)
}

// PlaceAttempt is StartAttempt that also records which node each task shall run on, as JSON, and
// how long the attempt may take to run.
func (j *Jobs) PlaceAttempt(ctx context.Context, jobID string, id int64, placement string, allowed time.Duration) (Pipeline, error) {
	op := j.newID()
	return once(ctx, j, fmt.Sprintf("start pipeline %d of job %s", id, jobID), op, func() (d decision[Pipeline], err error) {
		job, err := j.mustFind(ctx, jobID)
		if err != nil {
			return d, err
		}
		if job.Status.Ended() {
			return d, fmt.Errorf("%w: job %s has ended %s", ErrMoved, jobID, job.Status)
		}
		old, found, err := j.findPipeline(ctx, jobID, id)
		if err != nil {
			return d, err
		}
		out := Pipeline{JobID: jobID, ID: id, RunNo: job.RunNo, Status: PipelineCreated, Attempt: old.Attempt + 1,
			LastCheckpoint: old.LastCheckpoint, Placement: placement, Allowed: allowed}
		if found && old.RunNo == job.RunNo {
			out.Restores, out.Started = old.Restores+1, old.Started
		}
		batch := append(notEnded(jobID), db.Guard("(SELECT run_no FROM job WHERE id = ?) = ?", jobID, job.RunNo)...)
		batch = append(batch, db.Guard("COALESCE((SELECT attempt FROM pipeline WHERE job_id = ? AND id = ?), 0) = ?",
			jobID, id, old.Attempt)...)
		d.result = out
		d.statements = append(batch,
			db.S(`INSERT INTO pipeline(job_id, id, run_no, status, allowed_ms, restores, attempt, last_checkpoint, start_ms, finish_ms,
				error, placement, epoch, op_id) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, NULL, '', ?, ?, ?)
				ON CONFLICT (job_id, id) DO UPDATE SET run_no = excluded.run_no, status = excluded.status, allowed_ms = excluded.allowed_ms,
				restores = excluded.restores, attempt = excluded.attempt, start_ms = excluded.start_ms, finish_ms = NULL,
				error = '', permanent = 0, final_kind = '', placement = excluded.placement, epoch = excluded.epoch, op_id = excluded.op_id`,
				jobID, id, job.RunNo, string(out.Status), allowed.Milliseconds(), out.Restores, out.Attempt, ms(out.Started), placement, j.epoch, op),
			db.S(`UPDATE checkpoint SET status = 'ABORTED', error = 'the pipeline was started again'
				WHERE job_id = ? AND pipeline_id = ? AND status = 'PENDING'`, jobID, id))
		return d, nil
	})
}

// SavePipeline records status, its allowed time and error of the pipeline's present attempt, p.Attempt. An attempt
// that is no longer the present one, or that has ended, is ErrMoved; saving the same end twice
// is not. The times of the first RUNNING and of the end are set here. falls is why the attempt
// ended early, if it did: each is recorded as an event.
func (j *Jobs) SavePipeline(ctx context.Context, p Pipeline, falls ...Fall) (Pipeline, error) {
	op := j.newID()
	return once(ctx, j, fmt.Sprintf("save pipeline %d of job %s", p.ID, p.JobID), op, func() (d decision[Pipeline], err error) {
		old, found, err := j.findPipeline(ctx, p.JobID, p.ID)
		d.result = old
		switch {
		case err != nil:
			return d, err
		case !found:
			return d, fmt.Errorf("pipeline %d of job %s: %w", p.ID, p.JobID, ErrNotFound)
		case old.Attempt != p.Attempt:
			return d, fmt.Errorf("%w: attempt %d of pipeline %d has taken the place of %d", ErrMoved, old.Attempt, p.ID, p.Attempt)
		case old.Status == p.Status && old.Error == p.Error && old.Allowed == p.Allowed:
			return d, nil
		case old.Status.Ended():
			return d, fmt.Errorf("%w: attempt %d of pipeline %d has ended %s", ErrMoved, p.Attempt, p.ID, old.Status)
		}
		d.result.Status, d.result.Error, d.result.Allowed = p.Status, p.Error, p.Allowed
		d.result.Permanent, d.result.FinalKind = p.Permanent, p.FinalKind
		if p.Status == PipelineRunning && d.result.Started.IsZero() {
			d.result.Started = j.now()
		}
		if p.Status.Ended() {
			d.result.Finished = j.now()
		}
		d.statements = append(db.Guard("(SELECT op_id FROM pipeline WHERE job_id = ? AND id = ?) = ?", p.JobID, p.ID, old.lastOp),
			db.S(`UPDATE pipeline SET status = ?, allowed_ms = ?, error = ?, permanent = ?, final_kind = ?, start_ms = ?, finish_ms = ?,
				epoch = ?, op_id = ? WHERE job_id = ? AND id = ?`,
				string(p.Status), p.Allowed.Milliseconds(), p.Error, p.Permanent, string(p.FinalKind), ms(d.result.Started), ms(d.result.Finished), j.epoch, op, p.JobID, p.ID))
		for _, f := range falls {
			d.statements = append(d.statements, j.fallEvent(p, f))
		}
		return d, nil
	})
}

func notEnded(jobID string) []db.Statement {
	return db.Guard("(SELECT status NOT IN ('FAILED', 'SAVEPOINT_DONE', 'CANCELED', 'FINISHED') FROM job WHERE id = ?)", jobID)
}
