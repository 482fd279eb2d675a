package state

import (
	"context"
	"fmt"
	"time"

	"seikan/db"
)

// Policy says how long ended jobs and what happened stay in the store.
type Policy struct {
	Expire     time.Duration // ended jobs, ended runs and events
	Restorable time.Duration // jobs that failed or were stopped and can be gone on with
	MaxJobs    int64         // ended jobs, and ended runs, beyond which the oldest go sooner
	MaxEvents  int64         // likewise
}

// Holdings are how much history the store holds.
type Holdings struct {
	Jobs, Runs, Events int64 // Events is how far apart the first and the last id are
	// JobsFrom and RunsFrom are the ends of the first ones that MaxJobs has room for; zero when
	// there is room for all.
	JobsFrom, RunsFrom time.Time
	LastEvent          int64 // id
}

// Due is what has to leave the store.
type Due struct {
	Jobs   time.Time // ended before it, unless Keeps says otherwise
	Runs   time.Time // ended before it
	Events time.Time // of before it
	Event  int64     // and up to this id
}

// Due says what has to leave, given what there is. It is pure.
func (p Policy) Due(h Holdings, now time.Time) Due {
	later := func(a, b time.Time) time.Time {
		if b.After(a) {
			return b
		}
		return a
	}
	old := now.Add(-p.Expire)
	return Due{Jobs: later(old, h.JobsFrom), Runs: later(old, h.RunsFrom), Events: old, Event: max(0, h.LastEvent-p.MaxEvents)}
}

// Ended is a job that has ended and whose history is archived.
type Ended struct {
	ID         string
	Status     Status
	Finished   time.Time
	Savepoint  bool // it has one
	Checkpoint bool // it has one that was completed, or a savepoint
	version    int64
}

// Keeps says whether a job that is due stays nonetheless. A savepoint is the user's: its job stays
// until the user deletes it. A job that failed can be gone on with for a while.
func (p Policy) Keeps(e Ended, now time.Time) bool {
	goOn := e.Checkpoint && (e.Status == Failed || e.Status == SavepointDone)
	return e.Savepoint || goOn && now.Sub(e.Finished) < p.Restorable
}

// Holdings looks at how much there is. It counts by index alone: 100 000 rows take milliseconds.
func (j *Jobs) Holdings(ctx context.Context, p Policy) (h Holdings, err error) {
	rows, err := j.query(ctx, `SELECT (SELECT count(*) FROM job WHERE finish_ms IS NOT NULL), (SELECT count(*) FROM job_run),
		COALESCE((SELECT max(id) FROM event), 0), COALESCE((SELECT min(id) FROM event), 1)`)
	if err != nil {
		return h, err
	}
	r := rows[0]
	h.Jobs, h.Runs, h.LastEvent = r.number(), r.number(), r.number()
	h.Events = h.LastEvent - r.number() + 1
	if h.JobsFrom, err = j.newest(ctx, "job WHERE finish_ms IS NOT NULL", h.Jobs, p.MaxJobs); err == nil {
		h.RunsFrom, err = j.newest(ctx, "job_run", h.Runs, p.MaxJobs)
	}
	return h, err
}

// newest is when the oldest of the newest n rows ended, zero when there are no more than n.
func (j *Jobs) newest(ctx context.Context, from string, have, n int64) (time.Time, error) {
	if n <= 0 || have <= n {
		return time.Time{}, nil
	}
	rows, err := j.query(ctx, "SELECT finish_ms FROM "+from+" ORDER BY finish_ms LIMIT 1 OFFSET ?", have-n)
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	return rows[0].time(), nil
}

// What is archived.
const (
	ArchiveRuns   = "runs"
	ArchiveEvents = "events"
)

// Batch are rows on their way into the archive. They are never changed, and no other batch is
// begun before they have left the store, so that whoever goes on with a batch that somebody else
// began writes the same file under the same name.
type Batch struct {
	Kind  string // ArchiveRuns or ArchiveEvents
	ID    string
	First time.Time // of its first row
	Rows  int64
}

var batchTables = map[string]struct{ table, at, order string }{
	ArchiveRuns:   {"job_run", "finish_ms", "finish_ms, job_id, run_no"},
	ArchiveEvents: {"event", "at_ms", "id"},
}

// maxBatchBytes bounds the texts in a batch, apart from its first row.
const maxBatchBytes = 8 << 20

// NextBatch is the batch that was begun and has not left the store, or a new one of at most limit
// rows that are due; its Rows are 0 when there is nothing to do.
func (j *Jobs) NextBatch(ctx context.Context, kind string, d Due, limit int) (Batch, error) {
	b, err := j.begun(ctx, kind)
	if err != nil || b.Rows > 0 {
		return b, err
	}
	id := j.newID()
	var some, mark db.Statement // whether anything is due, and its beginning
	switch kind {
	case ArchiveRuns:
		some = db.S("SELECT EXISTS (SELECT 1 FROM job_run WHERE finish_ms < ?)", d.Runs.UnixMilli())
		mark = db.S(`UPDATE job_run SET batch = ? WHERE (job_id, run_no) IN (SELECT job_id, run_no FROM (
			SELECT job_id, run_no, row_number() OVER o AS n, sum(length(text) + length(metrics_json) + length(error)) OVER o AS bytes
			FROM (SELECT * FROM job_run WHERE finish_ms < ? ORDER BY finish_ms, job_id, run_no LIMIT ?)
			WINDOW o AS (ORDER BY finish_ms, job_id, run_no ROWS UNBOUNDED PRECEDING)) WHERE n = 1 OR bytes <= ?)`,
			id, d.Runs.UnixMilli(), int64(limit), int64(maxBatchBytes))
	case ArchiveEvents:
		// Ids and times grow together, so that the newest event of before a time tells where to
		// end. The newest of all stays, so that ids never begin again.
		const old = `FROM event WHERE id <= min((SELECT max(id) FROM event) - 1, max(?,
			COALESCE((SELECT id FROM event WHERE at_ms < ? ORDER BY at_ms DESC, id DESC LIMIT 1), 0)))`
		some = db.S("SELECT EXISTS (SELECT 1 "+old+")", d.Event, d.Events.UnixMilli())
		mark = db.S("UPDATE event SET batch = ? WHERE id IN (SELECT id "+old+" ORDER BY id LIMIT ?)", id, d.Event, d.Events.UnixMilli(), int64(limit))
	default:
		return b, fmt.Errorf("archive %q: there is no such history", kind)
	}
	rows, err := j.query(ctx, some.SQL, some.Args...)
	if err != nil || rows[0].number() == 0 {
		return b, err
	}
	table := batchTables[kind].table
	err = j.do(ctx, "begin a batch of "+kind, func() ([]db.Statement, error) {
		return append(db.Guard("NOT EXISTS (SELECT 1 FROM "+table+" WHERE batch IS NOT NULL)"), mark), nil
	})
	if err != nil {
		return b, err
	}
	return j.begun(ctx, kind)
}

func (j *Jobs) begun(ctx context.Context, kind string) (Batch, error) {
	t, ok := batchTables[kind]
	if !ok {
		return Batch{}, fmt.Errorf("archive %q: there is no such history", kind)
	}
	rows, err := j.query(ctx, fmt.Sprintf("SELECT batch, min(%s), count(*) FROM %s WHERE batch IS NOT NULL GROUP BY batch LIMIT 1", t.at, t.table))
	if err != nil || len(rows) == 0 {
		return Batch{Kind: kind}, err
	}
	return Batch{Kind: kind, ID: rows[0].text(), First: rows[0].time(), Rows: rows[0].number()}, nil
}

// ArchivedRun is a run with the text of its job, its secrets sealed.
type ArchivedRun struct {
	Run
	Text       string
	TextFormat string
}

// BatchRuns reads the runs of a batch, in the order of their ends, from the row after the first n.
func (j *Jobs) BatchRuns(ctx context.Context, id string, n, limit int) ([]ArchivedRun, error) {
	rows, err := j.query(ctx, "SELECT "+runColumns+`, text, text_format FROM job_run WHERE batch = ?
		ORDER BY finish_ms, job_id, run_no LIMIT ? OFFSET ?`, id, int64(limit), int64(n))
	var out []ArchivedRun
	for _, r := range rows {
		out = append(out, ArchivedRun{scanRun(r), r.text(), r.text()})
	}
	return out, err
}

// BatchEvents reads the events of a batch, in order, from the row after the first n.
func (j *Jobs) BatchEvents(ctx context.Context, id string, n, limit int) ([]Event, error) {
	rows, err := j.query(ctx, "SELECT "+eventColumns+" FROM event WHERE batch = ? ORDER BY id LIMIT ? OFFSET ?", id, int64(limit), int64(n))
	return scanEvents(rows), err
}

// DropBatch removes the rows of a batch, which must be in the archive by now. ErrMoved when the
// store holds other rows of it than were read.
func (j *Jobs) DropBatch(ctx context.Context, b Batch) error {
	table := batchTables[b.Kind].table
	return j.do(ctx, "drop a batch of "+b.Kind, func() ([]db.Statement, error) {
		now, err := j.begun(ctx, b.Kind)
		if err != nil {
			return nil, err
		}
		if now.ID != b.ID {
			return nil, nil // somebody else has dropped it
		}
		if now.Rows != b.Rows {
			return nil, fmt.Errorf("%w: batch %s has %d rows, not %d", ErrMoved, b.ID, now.Rows, b.Rows)
		}
		return append(db.Guard("(SELECT count(*) FROM "+table+" WHERE batch = ?) = ?", b.ID, b.Rows),
			db.S("DELETE FROM "+table+" WHERE batch = ?", b.ID)), nil
	})
}

// EndedJobs lists jobs that ended before a time and whose runs have all left the history, in the
// order of their ends, those after one of the page before.
func (j *Jobs) EndedJobs(ctx context.Context, before time.Time, after Ended, limit int) ([]Ended, error) {
	from := int64(0)
	if !after.Finished.IsZero() {
		from = after.Finished.UnixMilli()
	}
	rows, err := j.query(ctx, `SELECT id, status, finish_ms, version,
		EXISTS (SELECT 1 FROM checkpoint c WHERE c.job_id = job.id AND c.status = 'COMPLETED' AND c.kind = 'savepoint'),
		EXISTS (SELECT 1 FROM checkpoint c WHERE c.job_id = job.id AND c.manifest <> '')
		FROM job WHERE finish_ms < ? AND (finish_ms, id) > (?, ?) AND NOT EXISTS (SELECT 1 FROM job_run r WHERE r.job_id = job.id)
		ORDER BY finish_ms, id LIMIT ?`, before.UnixMilli(), from, after.ID, int64(limit))
	var out []Ended
	for _, r := range rows {
		out = append(out, Ended{ID: r.text(), Status: Status(r.text()), Finished: r.time(), version: r.number(),
			Savepoint: r.number() == 1, Checkpoint: r.number() == 1})
	}
	return out, err
}

// Forget removes jobs that have ended, their pipelines, checkpoints and save modes, in one write.
// Whatever their checkpoints named must be gone from the blob storage by now. Those that were
// gone on with meanwhile, or have a savepoint, stay.
func (j *Jobs) Forget(ctx context.Context, ended []Ended) error {
	return j.do(ctx, fmt.Sprintf("forget %d jobs", len(ended)), func() ([]db.Statement, error) {
		var out []db.Statement
		for _, e := range ended {
			out = append(out, db.S(`DELETE FROM job WHERE id = ? AND version = ? AND finish_ms IS NOT NULL AND NOT EXISTS
				(SELECT 1 FROM checkpoint c WHERE c.job_id = job.id AND c.status = 'COMPLETED' AND c.kind = 'savepoint')`, e.ID, e.version))
		}
		return out, nil
	})
}

// keptAborted is how many ABORTED checkpoints of a pipeline stay, to be seen.
const keptAborted = 20

// PruneAborted removes the rows of aborted checkpoints that are followed by enough others or, in a
// pipeline that has completed one since, are from before a time. It reports whether there may be
// more.
func (j *Jobs) PruneAborted(ctx context.Context, before time.Time, limit int) (more bool, err error) {
	const old = `FROM (SELECT job_id, pipeline_id, id, trigger_ms, row_number() OVER (PARTITION BY job_id, pipeline_id ORDER BY id DESC) AS n
		FROM checkpoint WHERE status = 'ABORTED') a WHERE n > ? OR trigger_ms < ? AND EXISTS (SELECT 1 FROM checkpoint c
		WHERE c.job_id = a.job_id AND c.pipeline_id = a.pipeline_id AND c.id > a.id AND c.status = 'COMPLETED')`
	rows, err := j.query(ctx, "SELECT count(*) "+old, int64(keptAborted), before.UnixMilli())
	if err != nil {
		return false, err
	}
	n := rows[0].number()
	if n == 0 {
		return false, nil
	}
	err = j.do(ctx, "remove rows of aborted checkpoints", func() ([]db.Statement, error) {
		return []db.Statement{db.S("DELETE FROM checkpoint WHERE status = 'ABORTED' AND (job_id, pipeline_id, id) IN (SELECT job_id, pipeline_id, id "+old+" LIMIT ?)",
			int64(keptAborted), before.UnixMilli(), int64(limit))}, nil
	})
	return err == nil && n > int64(limit), err
}

// Bytes is how much room the rows take, apart from what is free for further ones.
func (j *Jobs) Bytes(ctx context.Context) (int64, error) {
	rows, err := j.query(ctx, `SELECT (SELECT page_count FROM pragma_page_count()) - (SELECT freelist_count FROM pragma_freelist_count()),
		(SELECT page_size FROM pragma_page_size())`)
	if err != nil {
		return 0, err
	}
	return rows[0].number() * rows[0].number(), nil
}

// Reported is the id of the newest event that was posted; known is false before anything was
// recorded.
func (j *Jobs) Reported(ctx context.Context) (id int64, known bool, err error) {
	rows, err := j.query(ctx, "SELECT event_id FROM reported")
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	return rows[0].number(), true, nil
}

// LastEvent is the id of the newest event, 0 when there is none.
func (j *Jobs) LastEvent(ctx context.Context) (int64, error) {
	rows, err := j.query(ctx, "SELECT COALESCE(max(id), 0) FROM event")
	if err != nil {
		return 0, err
	}
	return rows[0].number(), nil
}

// SetReported records it.
func (j *Jobs) SetReported(ctx context.Context, id int64) error {
	return j.do(ctx, "record what was reported", func() ([]db.Statement, error) {
		return []db.Statement{db.S("INSERT OR REPLACE INTO reported(one, event_id) VALUES (1, ?)", id)}, nil
	})
}

// EventsAfter are the events of all jobs after an id, at most limit: the newest ones, in order.
func (j *Jobs) EventsAfter(ctx context.Context, after int64, limit int) ([]Event, error) {
	rows, err := j.query(ctx, "SELECT * FROM (SELECT "+eventColumns+" FROM event WHERE id > ? ORDER BY id DESC LIMIT ?) ORDER BY id", after, int64(limit))
	return scanEvents(rows), err
}
