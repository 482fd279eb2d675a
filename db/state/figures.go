package state

import (
	"context"
	"time"
)

// Progress is how a running pipeline's checkpoints come along.
type Progress struct {
	JobID      string
	PipelineID int64
	Began      time.Time // trigger of the newest completed one; zero when none is
	Completed  time.Time
	Bytes      int64 // of its manifest
	Failed     int64 // aborted since
}

// CheckpointProgress is that of all pipelines of jobs that have not ended and have begun a
// checkpoint, by job and pipeline.
func (j *Jobs) CheckpointProgress(ctx context.Context) ([]Progress, error) {
	live, args := Live().where()
	rows, err := j.query(ctx, `SELECT p.job_id, p.id, c.trigger_ms, c.complete_ms, c.size, (SELECT count(*) FROM checkpoint a
			WHERE a.job_id = p.job_id AND a.pipeline_id = p.id AND a.id > COALESCE(c.id, 0) AND a.status = 'ABORTED' AND a.complete_ms IS NULL)
		FROM job CROSS JOIN pipeline p ON p.job_id = job.id AND p.run_no = job.run_no
		LEFT JOIN checkpoint c ON c.job_id = p.job_id AND c.pipeline_id = p.id AND c.id = (SELECT max(n.id) FROM checkpoint n
			WHERE n.job_id = p.job_id AND n.pipeline_id = p.id AND n.status = 'COMPLETED')
		WHERE job.`+live+` AND EXISTS (SELECT 1 FROM checkpoint s WHERE s.job_id = p.job_id AND s.pipeline_id = p.id) ORDER BY p.job_id, p.id`, args...)
	var out []Progress
	for _, r := range rows {
		out = append(out, Progress{JobID: r.text(), PipelineID: r.number(), Began: r.time(), Completed: r.time(), Bytes: r.number(), Failed: r.number()})
	}
	return out, err
}
