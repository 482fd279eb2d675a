package state

import (
	"context"
	"time"

	"seikan/db"
)

// Event is something that happened to a job. Changes of status and wishes record their own
// (kinds STATUS, DESIRED, CLAIMED).
type Event struct {
	ID      int64 // grows
	JobID   string
	RunNo   int64
	At      time.Time
	Kind    string
	Message string // for people
	Detail  string // for programs: JSON, or empty
}

// AddEvent records an event of the job's present run.
func (j *Jobs) AddEvent(ctx context.Context, jobID, kind, message, detail string) error {
	at := j.event(jobID, kind, message, detail)
	return j.do(ctx, "add event to job "+jobID, func() ([]db.Statement, error) {
		return []db.Statement{at}, nil
	})
}

// AddEvents records several at once: of each its job, kind, message and detail.
func (j *Jobs) AddEvents(ctx context.Context, events []Event) error {
	var all []db.Statement
	for _, e := range events {
		all = append(all, j.event(e.JobID, e.Kind, e.Message, e.Detail))
	}
	return j.do(ctx, "add events", func() ([]db.Statement, error) { return all, nil })
}

func (j *Jobs) event(jobID, kind, message, detail string) db.Statement {
	return db.S(`INSERT INTO event(job_id, run_no, at_ms, kind, message, detail)
		VALUES (?, COALESCE((SELECT run_no FROM job WHERE id = ?), 0), ?, ?, ?, ?)`,
		jobID, jobID, j.now().UnixMilli(), kind, message, detail)
}

func (j *Jobs) statusEvent(jobID string, s Status, detail string) db.Statement {
	return j.event(jobID, "STATUS", string(s), detail)
}

const eventColumns = "id, job_id, run_no, at_ms, kind, message, detail"

func scanEvents(rows []*row) []Event {
	var out []Event
	for _, r := range rows {
		out = append(out, Event{ID: r.number(), JobID: r.text(), RunNo: r.number(), At: r.time(), Kind: r.text(),
			Message: r.text(), Detail: r.text()})
	}
	return out
}

// Events of a job in order, those after an id, 0 for the first.
func (j *Jobs) Events(ctx context.Context, jobID string, after int64, limit int) ([]Event, error) {
	rows, err := j.query(ctx, "SELECT "+eventColumns+" FROM event WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?",
		jobID, after, int64(max(limit, 1)))
	return scanEvents(rows), err
}

// MarkSaveMode records that the save mode of a sink's table has been carried out.
func (j *Jobs) MarkSaveMode(ctx context.Context, jobID, sink, table string) error {
	return j.do(ctx, "mark save mode of job "+jobID, func() ([]db.Statement, error) {
		if _, err := j.mustFind(ctx, jobID); err != nil {
			return nil, err
		}
		return []db.Statement{db.S(`INSERT INTO save_mode(job_id, sink, table_name, done_ms) VALUES (?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, jobID, sink, table, j.now().UnixMilli())}, nil
	})
}

// SaveModeDone says when the save mode was carried out, if it was.
func (j *Jobs) SaveModeDone(ctx context.Context, jobID, sink, table string) (at time.Time, done bool, err error) {
	rows, err := j.query(ctx, "SELECT done_ms FROM save_mode WHERE job_id = ? AND sink = ? AND table_name = ?", jobID, sink, table)
	if err != nil || len(rows) == 0 {
		return time.Time{}, false, err
	}
	return rows[0].time(), true, nil
}
