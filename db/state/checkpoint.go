package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"seikan/db"
)

// Kind of a checkpoint, spelt as SeaTunnel spells it.
type Kind string

const (
	Periodic           Kind = "checkpoint"
	Savepoint          Kind = "savepoint"
	CompletedPoint     Kind = "completed-point" // the end of a batch
	SchemaChangeBefore Kind = "schema-change-before-point"
	SchemaChangeAfter  Kind = "schema-change-after-point"
)

// CheckpointStatus is PENDING, then either of the others. ABORTED is for ever; COMPLETED becomes it
// when the job is restarted from an older checkpoint.
type CheckpointStatus string

const (
	CheckpointPending   CheckpointStatus = "PENDING"
	CheckpointCompleted CheckpointStatus = "COMPLETED"
	CheckpointAborted   CheckpointStatus = "ABORTED"
)

// Key names a checkpoint: numbers are given out per pipeline and never twice.
type Key struct {
	JobID      string
	PipelineID int64
	ID         int64
}

func (k Key) String() string {
	return fmt.Sprintf("checkpoint %d of pipeline %d of job %s", k.ID, k.PipelineID, k.JobID)
}

// Checkpoint is one row.
type Checkpoint struct {
	Key
	Kind         Kind
	Status       CheckpointStatus
	RunID        string
	Attempt      int64 // of the pipeline
	Triggered    time.Time
	Completed    time.Time
	Manifest     Manifest
	Acknowledged bool   // all commits it carries are done
	Error        string // why it was aborted
}

// Manifest is the stored form of a checkpoint in blob storage.
type Manifest struct {
	Name     string
	Size     int64 // bytes
	Checksum string
	Inline   []byte // the whole manifest, if not larger than MaxInline; not in listings
}

// MaxInline is the largest manifest, in bytes, that also lies in its row.
const MaxInline = 32 << 10

const checkpointColumns = `job_id, pipeline_id, id, kind, status, run_id, attempt, trigger_ms, complete_ms, manifest, size,
	checksum, commits_acknowledged, error`

func scanCheckpoint(r *row) Checkpoint {
	return Checkpoint{
		Key:  Key{JobID: r.text(), PipelineID: r.number(), ID: r.number()},
		Kind: Kind(r.text()), Status: CheckpointStatus(r.text()), RunID: r.text(), Attempt: r.number(),
		Triggered: r.time(), Completed: r.time(), Manifest: Manifest{Name: r.text(), Size: r.number(), Checksum: r.text()},
		Acknowledged: r.number() == 1, Error: r.text(),
	}
}

// BeginCheckpoint gives out the next number for the pipeline's present attempt: its PENDING row
// is there before anything else of the checkpoint. The same write says that the commits of the
// completed ones up to acknowledged are done (see AcknowledgeCommits). ErrMoved when attempt is no
// longer the present one or the job has ended.
func (j *Jobs) BeginCheckpoint(ctx context.Context, jobID string, pipelineID, attempt int64, kind Kind, acknowledged int64) (Checkpoint, error) {
	op := j.newID()
	what := fmt.Sprintf("begin %s of pipeline %d of job %s", kind, pipelineID, jobID)
	return once(ctx, j, what, op, func() (d decision[Checkpoint], err error) {
		job, err := j.mustFind(ctx, jobID)
		if err != nil {
			return d, err
		}
		p, found, err := j.findPipeline(ctx, jobID, pipelineID)
		switch {
		case err != nil:
			return d, err
		case !found:
			return d, fmt.Errorf("pipeline %d of job %s: %w", pipelineID, jobID, ErrNotFound)
		case job.Status.Ended():
			return d, fmt.Errorf("%w: job %s has ended %s", ErrMoved, jobID, job.Status)
		case p.Attempt != attempt:
			return d, fmt.Errorf("%w: attempt %d of pipeline %d has taken the place of %d", ErrMoved, p.Attempt, pipelineID, attempt)
		}
		c := Checkpoint{Key: Key{jobID, pipelineID, p.LastCheckpoint + 1}, Kind: kind, Status: CheckpointPending,
			RunID: job.RunID, Attempt: attempt, Triggered: j.now()}
		d.result = c
		d.statements = append(notEnded(jobID), db.Guard(
			"(SELECT last_checkpoint = ? AND attempt = ? FROM pipeline WHERE job_id = ? AND id = ?)",
			p.LastCheckpoint, attempt, jobID, pipelineID)...)
		d.statements = append(d.statements,
			db.S("UPDATE pipeline SET last_checkpoint = ? WHERE job_id = ? AND id = ?", c.ID, jobID, pipelineID),
			db.S(`INSERT INTO checkpoint(job_id, pipeline_id, id, kind, status, run_id, attempt, trigger_ms, manifest, size,
				checksum, commits_acknowledged, error, op_id) VALUES (?, ?, ?, ?, 'PENDING', ?, ?, ?, '', 0, '', 0, '', ?)`,
				jobID, pipelineID, c.ID, string(kind), job.RunID, attempt, c.Triggered.UnixMilli(), op))
		if acknowledged > 0 {
			d.statements = append(d.statements, acknowledge(Key{jobID, pipelineID, acknowledged}))
		}
		return d, nil
	})
}

// CompleteCheckpoint is the commit point: the manifest is durable, and from now on its commits
// happen. It is refused (ErrMoved) when the checkpoint was aborted or its attempt given up, or
// when a later one is complete, which carries its commits: then it is a write that was on its
// way for long. Completing it again with the same manifest is no error.
func (j *Jobs) CompleteCheckpoint(ctx context.Context, k Key, m Manifest) error {
	if len(m.Inline) > MaxInline {
		return fmt.Errorf("complete %v: a manifest of %d bytes is too large for its row (%d)", k, len(m.Inline), MaxInline)
	}
	const newest = "NOT EXISTS (SELECT 1 FROM checkpoint WHERE job_id = ? AND pipeline_id = ? AND id > ? AND status = 'COMPLETED')"
	var inline any
	if m.Inline != nil {
		inline = m.Inline
	}
	return j.changeCheckpoint(ctx, "complete", k, func(c Checkpoint) ([]db.Statement, error) {
		switch {
		case c.Status == CheckpointCompleted && c.Manifest.Name == m.Name && c.Manifest.Checksum == m.Checksum:
			return nil, nil
		case c.Status != CheckpointPending:
			return nil, fmt.Errorf("%w: it is %s %s", ErrMoved, c.Status, c.Error)
		}
		rows, err := j.query(ctx, "SELECT "+newest, k.JobID, k.PipelineID, k.ID)
		if err != nil {
			return nil, err
		}
		if rows[0].number() == 0 {
			return nil, fmt.Errorf("%w: a later checkpoint is COMPLETED", ErrMoved)
		}
		guards := append(pending(k), db.Guard(newest, k.JobID, k.PipelineID, k.ID)...)
		return append(guards,
			db.S(`UPDATE checkpoint SET status = 'COMPLETED', complete_ms = ?, manifest = ?, size = ?, checksum = ?,
				manifest_inline = ? WHERE job_id = ? AND pipeline_id = ? AND id = ?`,
				j.now().UnixMilli(), m.Name, m.Size, m.Checksum, inline, k.JobID, k.PipelineID, k.ID)), nil
	})
}

// AbortCheckpoint gives up a pending checkpoint; ErrMoved when it is COMPLETED.
func (j *Jobs) AbortCheckpoint(ctx context.Context, k Key, reason string) error {
	return j.changeCheckpoint(ctx, "abort", k, func(c Checkpoint) ([]db.Statement, error) {
		switch c.Status {
		case CheckpointAborted:
			return nil, nil
		case CheckpointCompleted:
			return nil, fmt.Errorf("%w: it is COMPLETED", ErrMoved)
		}
		return append(pending(k),
			db.S("UPDATE checkpoint SET status = 'ABORTED', error = ? WHERE job_id = ? AND pipeline_id = ? AND id = ?",
				reason, k.JobID, k.PipelineID, k.ID)), nil
	})
}

// AcknowledgeCommits records that all commits of a completed checkpoint are done, and so those
// of the ones before it, for every manifest carries all commits that are not acknowledged.
func (j *Jobs) AcknowledgeCommits(ctx context.Context, k Key) error {
	return j.changeCheckpoint(ctx, "acknowledge commits of", k, func(c Checkpoint) ([]db.Statement, error) {
		if c.Status != CheckpointCompleted {
			return nil, fmt.Errorf("%w: it is %s", ErrMoved, c.Status)
		}
		if c.Acknowledged {
			return nil, nil
		}
		return []db.Statement{acknowledge(k)}, nil
	})
}

func acknowledge(k Key) db.Statement {
	return db.S(`UPDATE checkpoint SET commits_acknowledged = 1
		WHERE job_id = ? AND pipeline_id = ? AND id <= ? AND status = 'COMPLETED'`, k.JobID, k.PipelineID, k.ID)
}

// DeleteCheckpoint removes the row after its manifest is gone. A completed checkpoint stays
// (ErrUnacknowledged) while its commits are not acknowledged and no later manifest carries
// them; a pending one must be aborted first (ErrMoved). A row that is gone is no error.
func (j *Jobs) DeleteCheckpoint(ctx context.Context, k Key) error {
	const may = `NOT EXISTS (SELECT 1 FROM checkpoint c WHERE job_id = ? AND pipeline_id = ? AND id = ? AND (status = 'PENDING'
		OR status = 'COMPLETED' AND commits_acknowledged = 0 AND NOT EXISTS (SELECT 1 FROM checkpoint n
		WHERE n.job_id = c.job_id AND n.pipeline_id = c.pipeline_id AND n.id > c.id AND n.status = 'COMPLETED')))`
	return j.do(ctx, "delete "+k.String(), func() ([]db.Statement, error) {
		c, err := j.Checkpoint(ctx, k)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if c.Status == CheckpointPending {
			return nil, fmt.Errorf("%w: it is PENDING", ErrMoved)
		}
		rows, err := j.query(ctx, "SELECT "+may, k.JobID, k.PipelineID, k.ID)
		if err != nil {
			return nil, err
		}
		if rows[0].number() == 0 {
			return nil, fmt.Errorf("%w: no later checkpoint carries them", ErrUnacknowledged)
		}
		return append(db.Guard(may, k.JobID, k.PipelineID, k.ID),
			db.S("DELETE FROM checkpoint WHERE job_id = ? AND pipeline_id = ? AND id = ?", k.JobID, k.PipelineID, k.ID)), nil
	})
}

// DeleteCheckpoints removes several rows of a pipeline in one write, after their manifests are
// gone: of those that DeleteCheckpoint would not remove, none.
func (j *Jobs) DeleteCheckpoints(ctx context.Context, jobID string, pipelineID int64, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	args := []any{jobID, pipelineID}
	for _, id := range ids {
		args = append(args, id)
	}
	return j.do(ctx, fmt.Sprintf("delete %d checkpoints of pipeline %d of job %s", len(ids), pipelineID, jobID), func() ([]db.Statement, error) {
		return []db.Statement{db.S(`DELETE FROM checkpoint WHERE job_id = ? AND pipeline_id = ? AND id IN (?`+strings.Repeat(", ?", len(ids)-1)+`)
			AND status <> 'PENDING' AND NOT (status = 'COMPLETED' AND commits_acknowledged = 0 AND NOT EXISTS (SELECT 1 FROM checkpoint n
			WHERE n.job_id = checkpoint.job_id AND n.pipeline_id = checkpoint.pipeline_id AND n.id > checkpoint.id AND n.status = 'COMPLETED'))`, args...)}, nil
	})
}

// GiveUpCheckpoints makes the COMPLETED checkpoints of a job, except savepoints, ABORTED: no restart
// goes on from them any more, and they can be deleted. ErrMoved when it has not ended in one of
// the ways, as after a restart.
func (j *Jobs) GiveUpCheckpoints(ctx context.Context, jobID string, ended ...Status) error {
	return j.do(ctx, "give up the checkpoints of job "+jobID, func() ([]db.Statement, error) {
		job, err := j.mustFind(ctx, jobID)
		if err != nil {
			return nil, err
		}
		if !job.Status.Ended() || !slices.Contains(ended, job.Status) {
			return nil, fmt.Errorf("%w: it is %s", ErrMoved, job.Status)
		}
		const completed = "job_id = ? AND status = 'COMPLETED' AND kind <> 'savepoint'"
		rows, err := j.query(ctx, "SELECT count(*) FROM checkpoint WHERE "+completed, jobID)
		if err != nil || rows[0].number() == 0 {
			return nil, err
		}
		return append(db.Guard("(SELECT version FROM job WHERE id = ?) = ?", jobID, job.Version),
			db.S("UPDATE checkpoint SET status = 'ABORTED', error = ? WHERE "+completed, fmt.Sprintf("given up: the job ended %s", job.Status), jobID)), nil
	})
}

// Leftovers are jobs that ended well and still have checkpoints other than savepoints: whoever was
// to delete them has not come to it. They come in the order of their ids, those behind after.
func (j *Jobs) Leftovers(ctx context.Context, after string, limit int) ([]string, error) {
	rows, err := j.query(ctx, `SELECT DISTINCT c.job_id FROM checkpoint c JOIN job ON job.id = c.job_id
		WHERE c.job_id > ? AND job.status IN (?, ?) AND c.kind <> ? ORDER BY c.job_id LIMIT ?`,
		after, string(Finished), string(Canceled), string(Savepoint), int64(limit))
	var out []string
	for _, r := range rows {
		out = append(out, r.text())
	}
	return out, err
}

func (j *Jobs) changeCheckpoint(ctx context.Context, what string, k Key, decide func(Checkpoint) ([]db.Statement, error)) error {
	return j.do(ctx, what+" "+k.String(), func() ([]db.Statement, error) {
		c, err := j.Checkpoint(ctx, k)
		if err != nil {
			return nil, err
		}
		return decide(c)
	})
}

// pending guards that the checkpoint is PENDING and of its pipeline's present attempt.
func pending(k Key) []db.Statement {
	return db.Guard(`EXISTS (SELECT 1 FROM checkpoint c JOIN pipeline p ON p.job_id = c.job_id AND p.id = c.pipeline_id
		AND p.attempt = c.attempt WHERE c.job_id = ? AND c.pipeline_id = ? AND c.id = ? AND c.status = 'PENDING')`,
		k.JobID, k.PipelineID, k.ID)
}

// Checkpoint reads one row with its inline manifest; ErrNotFound.
func (j *Jobs) Checkpoint(ctx context.Context, k Key) (Checkpoint, error) {
	return j.oneCheckpoint(ctx, k.String(), "job_id = ? AND pipeline_id = ? AND id = ?", k.JobID, k.PipelineID, k.ID)
}

// LatestCheckpoint is the completed one with the highest number among the kinds, all kinds if
// none is given, with its inline manifest; ErrNotFound.
func (j *Jobs) LatestCheckpoint(ctx context.Context, jobID string, pipelineID int64, kinds ...Kind) (Checkpoint, error) {
	where, args := "job_id = ? AND pipeline_id = ? AND status = 'COMPLETED'", []any{jobID, pipelineID}
	if len(kinds) > 0 {
		where += " AND kind IN (?" + strings.Repeat(", ?", len(kinds)-1) + ")"
		for _, k := range kinds {
			args = append(args, string(k))
		}
	}
	return j.oneCheckpoint(ctx, fmt.Sprintf("completed checkpoint of pipeline %d of job %s", pipelineID, jobID), where, args...)
}

func (j *Jobs) oneCheckpoint(ctx context.Context, what, where string, args ...any) (Checkpoint, error) {
	rows, err := j.query(ctx, "SELECT "+checkpointColumns+", manifest_inline FROM checkpoint WHERE "+where+
		" ORDER BY id DESC LIMIT 1", args...)
	if err != nil {
		return Checkpoint{}, err
	}
	if len(rows) == 0 {
		return Checkpoint{}, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	c := scanCheckpoint(rows[0])
	c.Manifest.Inline = rows[0].blob()
	return c, nil
}

// allCheckpoints is more than a job has.
const allCheckpoints = 100_000

// CompletedCheckpoints lists those of a pipeline, the highest number first, without inline manifests.
func (j *Jobs) CompletedCheckpoints(ctx context.Context, jobID string, pipelineID int64) ([]Checkpoint, error) {
	return j.listCheckpoints(ctx, "job_id = ? AND pipeline_id = ? AND status = 'COMPLETED' ORDER BY id DESC", jobID, pipelineID)
}

// Checkpoints lists those of a job, the highest number first, without inline manifests. Their
// times say nothing about their order: clocks jump, and those of two masters differ.
func (j *Jobs) Checkpoints(ctx context.Context, jobID string, limit int) ([]Checkpoint, error) {
	return j.listCheckpoints(ctx, "job_id = ? ORDER BY id DESC, pipeline_id LIMIT ?", jobID, int64(max(limit, 1)))
}

func (j *Jobs) listCheckpoints(ctx context.Context, where string, args ...any) ([]Checkpoint, error) {
	rows, err := j.query(ctx, "SELECT "+checkpointColumns+" FROM checkpoint WHERE "+where, args...)
	var out []Checkpoint
	for _, r := range rows {
		out = append(out, scanCheckpoint(r))
	}
	return out, err
}
