package state

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// Newer are the COMPLETED checkpoints that stand behind number n, the highest first, out of all
// of a job: a restart from n gives them up. pipelines are those of its last run.
// ErrNoCheckpoint, with the numbers that can be had, unless every pipeline keeps an n.
func Newer(all []Checkpoint, pipelines []Pipeline, n int64) ([]Checkpoint, error) {
	kept, lost := map[int64][]string{}, map[int64]string{}
	for _, p := range pipelines {
		if p.ID > 0 { // 0 stands for the save modes
			kept[p.ID] = nil
		}
	}
	var newer []Checkpoint
	has := map[int64]bool{}
	for _, c := range all {
		switch {
		case c.Status != CheckpointCompleted:
			if c.ID == n {
				lost[c.PipelineID] = fmt.Sprintf(" (its %d was %s: %s)", n, c.Status, c.Error)
			}
			continue
		case c.ID == n:
			has[c.PipelineID] = true
		case c.ID > n:
			newer = append(newer, c)
		}
		kept[c.PipelineID] = append(kept[c.PipelineID], fmt.Sprint(c.ID))
	}
	var missing []string
	for _, p := range slices.Sorted(maps.Keys(kept)) {
		if !has[p] {
			numbers := strings.Join(kept[p], ", ")
			if numbers == "" {
				numbers = "none"
			}
			missing = append(missing, fmt.Sprintf("pipeline %d keeps %s%s", p, numbers, lost[p]))
		}
	}
	if len(kept) == 0 {
		missing = []string{"the job has none"}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w %d: %s", ErrNoCheckpoint, n, strings.Join(missing, "; "))
	}
	return newer, nil
}

// goBack gives up the checkpoints of an ended job behind number n, with a guard that n is kept
// still; nothing when n is the newest of every pipeline.
func (j *Jobs) goBack(ctx context.Context, jobID string, n int64) ([]db.Statement, error) {
	all, err := j.Checkpoints(ctx, jobID, allCheckpoints)
	if err != nil {
		return nil, err
	}
	pipelines, err := j.Pipelines(ctx, jobID)
	if err != nil {
		return nil, err
	}
	newer, err := Newer(all, pipelines, n)
	if err != nil || len(newer) == 0 {
		return nil, err
	}
	chosen := 0
	for _, c := range all {
		if c.ID == n && c.Status == CheckpointCompleted {
			chosen++
		}
	}
	return append(db.Guard("(SELECT count(*) FROM checkpoint WHERE job_id = ? AND id = ? AND status = 'COMPLETED') = ?", jobID, n, int64(chosen)),
		db.S("UPDATE checkpoint SET status = 'ABORTED', error = ? WHERE job_id = ? AND id > ? AND status = 'COMPLETED'",
			fmt.Sprintf("given up: the job was restored from checkpoint %d", n), jobID, n),
		j.event(jobID, "RESTORED", fmt.Sprintf("from checkpoint %d, which was not the newest, as a new run: rows since then repeat", n), "")), nil
}
