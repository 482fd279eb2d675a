package state

import (
	"context"
	"fmt"

	"seikan/db"
)

// Restored is a state that came back from a backup.
type Restored struct {
	Incarnation string // the new id of the cluster
	From        string // the backup
	// Attempt and Checkpoint are the highest numbers found anywhere outside of the state, such
	// as on the checkpoint storage.
	Attempt, Checkpoint int64
}

// afterRestore is how far numbers are raised at the least.
const afterRestore = 1_000_000

// AfterRestore must be the first change of a restored state: it begins the new incarnation of
// the cluster and raises its epoch and the attempt and checkpoint numbers of its jobs, so that
// nothing the lost days gave out is given out again. They rise past what is stored and what was
// found, and at the least to the seconds since 1970, so that a second restore of one backup
// does not repeat the numbers of the first. Called again for the same incarnation it changes nothing.
func (j *Jobs) AfterRestore(ctx context.Context, r Restored) error {
	return j.do(ctx, "begin a new incarnation after a restore", func() ([]db.Statement, error) {
		rows, err := j.query(ctx, "SELECT count(*) FROM incarnation WHERE id = ?", r.Incarnation)
		if err != nil {
			return nil, err
		}
		if rows[0].number() > 0 {
			return nil, nil
		}
		now := j.now()
		attempt, checkpoint := max(now.Unix(), r.Attempt+afterRestore), max(now.Unix(), r.Checkpoint+afterRestore)
		more := int64(afterRestore)
		return []db.Statement{
			db.S("INSERT INTO incarnation(id, began_ms, restored_from, settled) VALUES (?, ?, ?, 0)", r.Incarnation, now.UnixMilli(), r.From),
			db.S(`INSERT INTO leader(one, epoch, node, since_ms) VALUES (1, ?, '', ?)
				ON CONFLICT (one) DO UPDATE SET epoch = max(epoch + ?, excluded.epoch), node = '', since_ms = excluded.since_ms`,
				now.Unix(), now.UnixMilli(), more),
			db.S("UPDATE job SET attempt = max(attempt + ?, ?), version = version + 1", more, attempt),
			db.S("UPDATE pipeline SET attempt = max(attempt + ?, ?), last_checkpoint = max(last_checkpoint + ?, ?)",
				more, attempt, more, checkpoint),
		}, nil
	})
}

// BeginIncarnation records the id of a cluster that begins without a past. Again it changes nothing.
func (j *Jobs) BeginIncarnation(ctx context.Context, id string) error {
	return j.do(ctx, "begin an incarnation", func() ([]db.Statement, error) {
		return []db.Statement{db.S(`INSERT INTO incarnation(id, began_ms, restored_from, settled) VALUES (?, ?, '', 1)
			ON CONFLICT DO NOTHING`, id, j.now().UnixMilli())}, nil
	})
}

// Incarnation is one life of the cluster's state.
type Incarnation struct {
	ID           string
	RestoredFrom string // the backup it began with; empty for none
	Settled      bool   // checkpoints newer than the backup are adopted, so jobs may start
}

// Incarnation is the present one; ErrNotFound when none was recorded.
func (j *Jobs) Incarnation(ctx context.Context) (Incarnation, error) {
	rows, err := j.query(ctx, "SELECT id, restored_from, settled FROM incarnation ORDER BY seq DESC LIMIT 1")
	if err != nil {
		return Incarnation{}, err
	}
	if len(rows) == 0 {
		return Incarnation{}, fmt.Errorf("incarnation of the cluster: %w", ErrNotFound)
	}
	r := rows[0]
	return Incarnation{ID: r.text(), RestoredFrom: r.text(), Settled: r.number() == 1}, nil
}

// Settle records that the checkpoints newer than the backup are adopted.
func (j *Jobs) Settle(ctx context.Context, incarnation string) error {
	return j.do(ctx, "settle incarnation "+incarnation, func() ([]db.Statement, error) {
		return []db.Statement{db.S("UPDATE incarnation SET settled = 1 WHERE id = ?", incarnation)}, nil
	})
}

// Holding lists the jobs that have not ended and whose stored text holds part.
func (j *Jobs) Holding(ctx context.Context, part string) (ids []string, err error) {
	status, args := Live().where()
	rows, err := j.query(ctx, "SELECT id FROM job WHERE "+status+" AND instr(text, ?) > 0 ORDER BY id", append(args, part)...)
	if err != nil {
		return nil, fmt.Errorf("look through the texts of jobs: %w", err)
	}
	for _, r := range rows {
		ids = append(ids, r.text())
	}
	return ids, nil
}

// AdoptCheckpoint makes a checkpoint COMPLETED whose manifest is on the storage though the state
// does not know it: its row is newer than the backup the state came from. Its commits count as
// not acknowledged, so the pipeline commits them before it goes on. It must be newer than every
// completed one of its pipeline and of the job's present run, and its row, if there is one,
// PENDING (ErrMoved). Called again it changes nothing.
func (j *Jobs) AdoptCheckpoint(ctx context.Context, c Checkpoint) error {
	if len(c.Manifest.Inline) > MaxInline {
		c.Manifest.Inline = nil
	}
	op := j.newID()
	_, err := once(ctx, j, "adopt "+c.Key.String(), op, func() (d decision[struct{}], err error) {
		job, err := j.mustFind(ctx, c.JobID)
		if err != nil {
			return d, err
		}
		rows, err := j.query(ctx, `SELECT id, status, manifest FROM checkpoint WHERE job_id = ? AND pipeline_id = ?
			AND (id = ? OR id > ? AND status = 'COMPLETED') ORDER BY id`, c.JobID, c.PipelineID, c.ID, c.ID)
		if err != nil {
			return d, err
		}
		for _, r := range rows {
			switch id, status, manifest := r.number(), CheckpointStatus(r.text()), r.text(); {
			case id == c.ID && status == CheckpointCompleted && manifest == c.Manifest.Name:
				return d, nil
			case id > c.ID:
				return d, fmt.Errorf("%w: checkpoint %d is COMPLETED", ErrMoved, id)
			case status != CheckpointPending:
				return d, fmt.Errorf("%w: its row is %s", ErrMoved, status)
			}
		}
		if job.RunID != c.RunID || job.Status.Ended() {
			return d, fmt.Errorf("%w: the job is %s in run %s, the checkpoint is of run %s", ErrMoved, job.Status, job.RunID, c.RunID)
		}
		var inline any
		if c.Manifest.Inline != nil {
			inline = c.Manifest.Inline
		}
		d.statements = append(notEnded(c.JobID), db.Guard("(SELECT run_id FROM job WHERE id = ?) = ?", c.JobID, c.RunID)...)
		d.statements = append(d.statements, db.Guard(`NOT EXISTS (SELECT 1 FROM checkpoint WHERE job_id = ? AND pipeline_id = ?
			AND (id > ? AND status = 'COMPLETED' OR id = ? AND status <> 'PENDING'))`, c.JobID, c.PipelineID, c.ID, c.ID)...)
		d.statements = append(d.statements,
			db.S(`INSERT INTO pipeline(job_id, id, run_no, status, allowed_ms, restores, attempt, last_checkpoint, error, epoch, op_id)
				VALUES (?, ?, ?, ?, 0, 0, ?, ?, '', ?, ?) ON CONFLICT (job_id, id) DO UPDATE
				SET attempt = max(attempt, excluded.attempt), last_checkpoint = max(last_checkpoint, excluded.last_checkpoint), op_id = excluded.op_id`,
				c.JobID, c.PipelineID, job.RunNo, string(PipelineInitializing), c.Attempt, c.ID, j.epoch, op),
			db.S(`INSERT INTO checkpoint(job_id, pipeline_id, id, kind, status, run_id, attempt, trigger_ms, complete_ms, manifest, size,
				checksum, manifest_inline, commits_acknowledged, error, op_id)
				VALUES (?, ?, ?, ?, 'COMPLETED', ?, ?, max(?, COALESCE((SELECT max(trigger_ms) + 1 FROM checkpoint WHERE job_id = ?), 0)),
				?, ?, ?, ?, ?, 0, '', ?) ON CONFLICT (job_id, pipeline_id, id) DO UPDATE SET kind = excluded.kind, status = 'COMPLETED',
				run_id = excluded.run_id, attempt = excluded.attempt, trigger_ms = excluded.trigger_ms, complete_ms = excluded.complete_ms,
				manifest = excluded.manifest, size = excluded.size, checksum = excluded.checksum, manifest_inline = excluded.manifest_inline`,
				c.JobID, c.PipelineID, c.ID, string(c.Kind), c.RunID, c.Attempt, j.now().UnixMilli(), c.JobID, j.now().UnixMilli(),
				c.Manifest.Name, c.Manifest.Size, c.Manifest.Checksum, inline, op),
			j.event(c.JobID, "ADOPTED", c.Key.String(), ""))
		return d, nil
	})
	return err
}

// Changes is a number that grows with each write through Jobs: what backups go by.
func (j *Jobs) Changes(ctx context.Context) (int64, error) {
	rows, err := j.query(ctx, "SELECT COALESCE(max(seq), 0) FROM op")
	if err != nil {
		return 0, err
	}
	return rows[0].number(), nil
}
