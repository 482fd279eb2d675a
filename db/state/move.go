package state

import (
	"context"
	"fmt"
	"slices"
	"time"

	"seikan/db"
)

// Move is a change of a job's status.
type Move struct {
	From    []Status // where the job must be; nil: wherever CanMove allows it
	To      Status
	Allowed time.Duration // how long the job may stay in To before the master escalates; 0: for ever
	Error   string        // what the user sees; the first error of a run stays
	Shape   string        // the plan's pipelines as JSON; empty: as they are
	Metrics string        // final counters as JSON; empty: as they are
}

// SetStatus is Move without more.
func (j *Jobs) SetStatus(ctx context.Context, id string, from []Status, to Status) (Job, error) {
	return j.Move(ctx, id, Move{From: from, To: to})
}

// FinishJob is Move to an end state.
func (j *Jobs) FinishJob(ctx context.Context, id string, to Status, message, metrics string) (Job, error) {
	if !to.Ended() || to == Unknowable {
		return Job{}, fmt.Errorf("finish job %s: %s is not an end", id, to)
	}
	return j.Move(ctx, id, Move{To: to, Error: message, Metrics: metrics})
}

// Move moves a job to another status, if it is where m and CanMove want it; else ErrMoved.
// Moving into an end state ends the run: its row is written to the history, pending
// checkpoints are aborted, and, unless it FAILED, all commits must be acknowledged
// (ErrUnacknowledged).
func (j *Jobs) Move(ctx context.Context, id string, m Move) (Job, error) {
	for _, s := range m.From {
		if !CanMove(s, m.To) {
			return Job{}, fmt.Errorf("set status of job %s: no way leads from %s to %s", id, s, m.To)
		}
	}
	what := fmt.Sprintf("set status of job %s to %s", id, m.To)
	return j.change(ctx, what, id, func(job *Job) ([]db.Statement, error) {
		if !CanMove(job.Status, m.To) || m.From != nil && !slices.Contains(m.From, job.Status) {
			return nil, fmt.Errorf("%w: job %s is %s, from where it does not go to %s now", ErrMoved, id, job.Status, m.To)
		}
		job.Status, job.Allowed = m.To, m.Allowed
		if m.To == Running && job.Started.IsZero() {
			job.Started = j.now()
		}
		if m.To.Ended() {
			job.Finished = j.now()
		}
		if job.Error == "" {
			job.Error = m.Error
		}
		if m.Shape != "" {
			job.Shape = m.Shape
		}
		if m.Metrics != "" {
			job.Metrics = m.Metrics
		}
		statements := []db.Statement{
			db.S(`UPDATE job SET status = ?, allowed_ms = ?, start_ms = ?, finish_ms = ?, error = ?, metrics_json = ?,
				shape = ? WHERE id = ?`,
				string(m.To), m.Allowed.Milliseconds(), ms(job.Started), ms(job.Finished), job.Error, job.Metrics, job.Shape, id),
			j.statusEvent(id, m.To, job.Error),
		}
		if !m.To.Ended() {
			return statements, nil
		}
		end, err := j.end(ctx, id, m.To)
		return append(statements, end...), err
	})
}

// No commit of the job is missing: acknowledging one acknowledges those before it.
const allAcknowledged = `NOT EXISTS (SELECT 1 FROM checkpoint WHERE job_id = ? AND status = 'COMPLETED'
	AND commits_acknowledged = 0)`

// end is what the end of a run brings along.
func (j *Jobs) end(ctx context.Context, id string, to Status) ([]db.Statement, error) {
	var out []db.Statement
	if to != Failed {
		rows, err := j.query(ctx, "SELECT "+allAcknowledged, id)
		if err != nil {
			return nil, err
		}
		if rows[0].number() == 0 {
			return nil, fmt.Errorf("%w: job %s cannot be %s before its sinks have committed", ErrUnacknowledged, id, to)
		}
		out = db.Guard(allAcknowledged, id)
	}
	return append(out,
		db.S("UPDATE checkpoint SET status = 'ABORTED', error = 'the job ended' WHERE job_id = ? AND status = 'PENDING'", id),
		db.S(`INSERT INTO job_run(job_id, run_no, run_id, restored_from, name, mode, status, text, text_format, submit_ms,
			start_ms, finish_ms, error, owner, metrics_json)
			SELECT id, run_no, run_id, restored_from, name, mode, status, text, text_format, submit_ms,
			start_ms, finish_ms, error, owner, metrics_json FROM job WHERE id = ?`, id)), nil
}

// Restart begins the next run of a job that has ended, from the saved state named by
// s.RestoredFrom. Job id, attempts, checkpoint numbers and save modes go on; the run id is kept
// when s.RunID is empty. The run before is in the history since it ended. op is the id of the
// user's request, as in CreateJob.
//
// With s.From it begins from the checkpoint of that number (ErrNoCheckpoint). If that is not the
// newest, the run gets a new id, so that sink ledgers start anew, and newer checkpoints are given up.
func (j *Jobs) Restart(ctx context.Context, s Submit, op string) (Job, error) {
	_, err := once(ctx, j, "restart job "+s.ID, op, func() (d decision[struct{}], err error) {
		job, err := j.mustFind(ctx, s.ID)
		switch {
		case err != nil:
			return d, err
		case job.submitOp == op:
			return d, nil
		case !job.Status.Ended():
			return d, fmt.Errorf("%w: job %s is %s; it can be restarted when it has ended", ErrMoved, s.ID, job.Status)
		}
		runID := s.RunID
		if runID == "" {
			runID = job.RunID
		}
		restoredFrom, back := s.RestoredFrom, []db.Statement(nil)
		if s.From > 0 {
			if back, err = j.goBack(ctx, s.ID, s.From); err != nil {
				return d, err
			}
		}
		if len(back) > 0 {
			restoredFrom = fmt.Sprintf("checkpoint %d", s.From)
			if s.RunID == "" {
				runID = j.newID()
			}
		}
		d.statements = append(db.Guard("(SELECT version FROM job WHERE id = ?) = ?", s.ID, job.Version),
			db.S(`UPDATE job SET name = ?, mode = ?, status = ?, desired = ?, run_no = run_no + 1, run_id = ?,
				restored_from = ?, text = ?, text_format = ?, submit_ms = ?, start_ms = NULL, finish_ms = NULL, error = '', allowed_ms = 0,
				owner = ?, epoch = ?, version = version + 1, submit_op = ?, op_id = ?, metrics_json = '', shape = '' WHERE id = ?`,
				s.Name, s.Mode, string(Initializing), string(WantRun), runID, restoredFrom, s.Text, s.TextFormat,
				j.now().UnixMilli(), s.Owner, j.epoch, op, op, s.ID),
			j.statusEvent(s.ID, Initializing, ""))
		d.statements = append(d.statements, back...)
		return d, nil
	})
	if err != nil {
		return Job{}, err
	}
	return j.Job(ctx, s.ID)
}
