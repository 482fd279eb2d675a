package state

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"seikan/db"
)

// Job is a job and its present run. Times are zero until they are known.
type Job struct {
	ID           string
	Name         string
	Mode         string // BATCH or STREAMING
	Status       Status
	Allowed      time.Duration // how long Status may last before the master escalates; 0: for ever
	Desired      Desired
	RunNo        int64  // 1, 2, ... per job id
	RunID        string // globally unique; what sink ledgers know the run by
	RestoredFrom string // checkpoint or savepoint this run began from, empty for a fresh start
	Text         string // the job file, sensitive values sealed by the caller; not in listings
	TextFormat   string // hocon, json or sql
	Submitted    time.Time
	Started      time.Time // first RUNNING of this run
	Finished     time.Time // its end state
	Error        string
	Owner        string // node or process that runs it
	Epoch        int64  // of the last writer
	Attempt      int64  // grows with each Claim, over all runs
	Version      int64  // grows with each change
	Metrics      string // final counters as JSON
	Shape        string // the plan's pipelines as JSON, once it is made
	submitOp     string
}

const jobColumns = `id, name, mode, status, allowed_ms, desired, run_no, run_id, restored_from, text_format, submit_ms,
	start_ms, finish_ms, error, owner, epoch, attempt, version, metrics_json, shape, submit_op`

func scanJob(r *row) Job {
	return Job{
		ID: r.text(), Name: r.text(), Mode: r.text(), Status: Status(r.text()), Allowed: r.duration(), Desired: Desired(r.text()),
		RunNo: r.number(), RunID: r.text(), RestoredFrom: r.text(), TextFormat: r.text(), Submitted: r.time(),
		Started: r.time(), Finished: r.time(), Error: r.text(), Owner: r.text(), Epoch: r.number(),
		Attempt: r.number(), Version: r.number(), Metrics: r.text(), Shape: r.text(), submitOp: r.text(),
	}
}

// Submit is what a user hands in: a new job, or a restart of one.
type Submit struct {
	ID           string
	Name         string
	Mode         string
	RunID        string // empty: a new one, or the one kept by a restart
	RestoredFrom string
	From         int64 // of a restart: number of the checkpoint to go on from in every pipeline; 0: the newest
	Text         string
	TextFormat   string
	Owner        string
}

// CreateJob adds a job in status INITIALIZING. op is the id of the user's request: the same
// job id with the same op is the same submit, sent again, and gives the job as it is by now;
// with another op it is ErrExists.
func (j *Jobs) CreateJob(ctx context.Context, s Submit, op string) (Job, error) {
	if s.RunID == "" {
		s.RunID = j.newID()
	}
	_, err := once(ctx, j, "create job "+s.ID, op, func() (d decision[struct{}], err error) {
		old, found, err := j.find(ctx, s.ID)
		switch {
		case err != nil:
			return d, err
		case found && old.submitOp == op:
			return d, nil
		case found:
			return d, fmt.Errorf("%w: job %s (%s) was submitted at %s", ErrExists, s.ID, old.Status, old.Submitted)
		}
		d.statements = append(db.Guard("NOT EXISTS (SELECT 1 FROM job WHERE id = ?)", s.ID),
			db.S(`INSERT INTO job(id, name, mode, status, allowed_ms, desired, run_no, run_id, restored_from, text, text_format, submit_ms,
				error, owner, epoch, attempt, version, submit_op, op_id, metrics_json)
				VALUES (?, ?, ?, ?, 0, ?, 1 + COALESCE((SELECT max(run_no) FROM job_run WHERE job_id = ?), 0),
				?, ?, ?, ?, ?, '', ?, ?, 0, 1, ?, ?, '')`,
				s.ID, s.Name, s.Mode, string(Initializing), string(WantRun), s.ID, s.RunID, s.RestoredFrom, s.Text,
				s.TextFormat, j.now().UnixMilli(), s.Owner, j.epoch, op, op),
			j.statusEvent(s.ID, Initializing, ""))
		return d, nil
	})
	if err != nil {
		return Job{}, err
	}
	return j.Job(ctx, s.ID)
}

// Job reads one job with its text; ErrNotFound.
func (j *Jobs) Job(ctx context.Context, id string) (Job, error) {
	rows, err := j.query(ctx, "SELECT "+jobColumns+", text FROM job WHERE id = ?", id)
	if err != nil {
		return Job{}, err
	}
	if len(rows) == 0 {
		return Job{}, fmt.Errorf("job %s: %w", id, ErrNotFound)
	}
	job := scanJob(rows[0])
	job.Text = rows[0].text()
	return job, nil
}

// find reads one job without its text.
func (j *Jobs) find(ctx context.Context, id string) (Job, bool, error) {
	rows, err := j.query(ctx, "SELECT "+jobColumns+" FROM job WHERE id = ?", id)
	if err != nil || len(rows) == 0 {
		return Job{}, false, err
	}
	return scanJob(rows[0]), true, nil
}

// mustFind is find with ErrNotFound.
func (j *Jobs) mustFind(ctx context.Context, id string) (Job, error) {
	job, found, err := j.find(ctx, id)
	if err == nil && !found {
		err = fmt.Errorf("job %s: %w", id, ErrNotFound)
	}
	return job, err
}

// Filter of a listing. The zero value means all jobs.
type Filter struct {
	Statuses []Status
	Owner    string // empty: any
}

// Live are the jobs that have not ended.
func Live() Filter {
	return Filter{Statuses: slices.DeleteFunc(slices.Clone(Statuses), Status.Ended)}
}

// where is the condition on the status.
func (f Filter) where() (sql string, args []any) {
	if len(f.Statuses) == 0 {
		return "status <> ''", nil // all have one
	}
	for _, s := range f.Statuses {
		args = append(args, string(s))
	}
	return "status IN (?" + strings.Repeat(", ?", len(f.Statuses)-1) + ")", args
}

// Count is how many jobs there are in each status that occurs.
func (j *Jobs) Count(ctx context.Context) (map[Status]int, error) {
	rows, err := j.query(ctx, "SELECT status, count(*) FROM job GROUP BY status")
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	out := map[Status]int{}
	for _, r := range rows {
		out[Status(r.text())] = int(r.number())
	}
	return out, nil
}

// EndedAfter lists jobs that have ended, without their texts, in the order of their ends, those
// after a job of the page before; the zero Job for the first page.
func (j *Jobs) EndedAfter(ctx context.Context, f Filter, after Job, limit int) ([]Job, error) {
	status, args := f.where()
	from := int64(0)
	if !after.Finished.IsZero() {
		from = after.Finished.UnixMilli()
	}
	if len(f.Statuses) != 1 { // the plus keeps SQLite from sorting all jobs of these statuses
		status = "+" + status
	}
	rows, err := j.query(ctx, "SELECT "+jobColumns+" FROM job WHERE "+status+" AND finish_ms IS NOT NULL AND (finish_ms, id) > (?, ?) ORDER BY finish_ms, id LIMIT ?",
		append(args, from, after.ID, int64(limit))...)
	if err != nil {
		return nil, fmt.Errorf("list ended jobs: %w", err)
	}
	var out []Job
	for _, r := range rows {
		out = append(out, scanJob(r))
	}
	return out, nil
}

// Jobs lists jobs without their texts, the newest submit first. after is the next of the page
// before, empty for the first; next is empty when this was the last page.
func (j *Jobs) Jobs(ctx context.Context, f Filter, after string, limit int) (jobs []Job, next string, err error) {
	status, args := f.where()
	where := []string{status}
	if f.Owner != "" {
		where, args = append(where, "owner = ?"), append(args, f.Owner)
	}
	if after != "" {
		var at int64
		var id string
		if _, err := fmt.Sscanf(after, "%d:%s", &at, &id); err != nil {
			return nil, "", fmt.Errorf("list jobs: %q is not the end of a page", after)
		}
		where, args = append(where, "(submit_ms, id) < (?, ?)"), append(args, at, id)
	}
	limit = max(limit, 1)
	rows, err := j.query(ctx, "SELECT "+jobColumns+" FROM job WHERE "+strings.Join(where, " AND ")+
		" ORDER BY submit_ms DESC, id DESC LIMIT ?", append(args, int64(limit)+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	for i, r := range rows {
		if i == limit {
			last := jobs[limit-1]
			return jobs, fmt.Sprintf("%d:%s", last.Submitted.UnixMilli(), last.ID), nil
		}
		jobs = append(jobs, scanJob(r))
	}
	return jobs, "", nil
}

// SetDesired records what the user wants. Wanting it already is no error; a wish that CanWant
// does not allow, or for a job that has ended, is ErrMoved.
func (j *Jobs) SetDesired(ctx context.Context, id string, want Desired) (Job, error) {
	return j.change(ctx, "set desired state of job "+id, id, func(job *Job) ([]db.Statement, error) {
		switch {
		case job.Desired == want && !job.Status.Ended():
			return nil, nil
		case job.Status.Ended():
			return nil, fmt.Errorf("%w: job %s has ended %s", ErrMoved, id, job.Status)
		case !CanWant(job.Desired, want):
			return nil, fmt.Errorf("%w: job %s is asked to %s already", ErrMoved, id, job.Desired)
		}
		job.Desired = want
		return []db.Statement{
			db.S("UPDATE job SET desired = ? WHERE id = ?", string(want), id),
			j.event(id, "DESIRED", string(want), ""),
		}, nil
	})
}

// Claim makes owner the one that runs the job, if from is the owner until now, and counts a new
// attempt; ErrMoved if somebody else is.
func (j *Jobs) Claim(ctx context.Context, id, from, owner string) (Job, error) {
	return j.change(ctx, "claim job "+id, id, func(job *Job) ([]db.Statement, error) {
		if job.Status.Ended() || job.Owner != from {
			return nil, fmt.Errorf("%w: job %s is %s and run by %q, not by %q", ErrMoved, id, job.Status, job.Owner, from)
		}
		job.Owner, job.Attempt = owner, job.Attempt+1
		return []db.Statement{
			db.S("UPDATE job SET owner = ?, attempt = ? WHERE id = ?", owner, job.Attempt, id),
			j.event(id, "CLAIMED", owner, ""),
		}, nil
	})
}

// change carries out a change of one job's row: decide sees the present row, alters it and
// returns the statements that do the same; nil means nothing to do. The result is the row as
// this change left it.
func (j *Jobs) change(ctx context.Context, what, id string, decide func(*Job) ([]db.Statement, error)) (Job, error) {
	op := j.newID()
	return once(ctx, j, what, op, func() (d decision[Job], err error) {
		job, err := j.mustFind(ctx, id)
		if err != nil {
			return d, err
		}
		read := job.Version
		statements, err := decide(&job)
		d.result = job
		if err != nil || statements == nil {
			return d, err
		}
		d.result.Version, d.result.Epoch = read+1, j.epoch
		d.statements = append(db.Guard("(SELECT version FROM job WHERE id = ?) = ?", id, read),
			db.S("UPDATE job SET version = version + 1, epoch = ?, op_id = ? WHERE id = ?", j.epoch, op, id))
		d.statements = append(d.statements, statements...)
		return d, nil
	})
}
