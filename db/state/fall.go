package state

import (
	"context"
	"fmt"
	"time"

	"seikan/db"
)

// Fall is why an attempt of a pipeline ended before its work did. It is the kind of an event.
type Fall string

const (
	FallFailure Fall = "FAILURE" // a task failed: job.retry.times counts these alone
	FallOffline Fall = "OFFLINE" // a node with a task of it was lost
	FallMoved   Fall = "MOVED"   // a node was drained or stopped, or the master decided it
)

// Falls are those of a pipeline in its present run.
type Falls struct {
	Failures, Offline, Moved int64
	Last                     Fall
}

func fallOf(pipeline int64) string { return fmt.Sprintf(`{"pipeline":%d,`, pipeline) }

func (j *Jobs) fallEvent(p Pipeline, f Fall) db.Statement {
	return j.event(p.JobID, string(f), p.Error, fmt.Sprintf(`%s"attempt":%d}`, fallOf(p.ID), p.Attempt))
}

// Falls counts those since a time.
func (j *Jobs) Falls(ctx context.Context, jobID string, pipeline int64, since time.Time) (Falls, error) {
	rows, err := j.query(ctx, `SELECT kind, count(*) FROM event WHERE job_id = ? AND at_ms >= ? AND kind IN (?, ?, ?) AND detail LIKE ?
		AND run_no = (SELECT run_no FROM job WHERE id = ?) GROUP BY kind ORDER BY max(id)`,
		jobID, since.UnixMilli(), string(FallFailure), string(FallOffline), string(FallMoved), fallOf(pipeline)+"%", jobID)
	var out Falls
	for _, r := range rows {
		out.Last = Fall(r.text())
		switch n := r.number(); out.Last {
		case FallFailure:
			out.Failures = n
		case FallOffline:
			out.Offline = n
		case FallMoved:
			out.Moved = n
		}
	}
	return out, err
}
