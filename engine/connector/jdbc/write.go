package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// flushBytes bounds what a writer holds back for its next transaction.
const flushBytes = 4 << 20

// writer collects batches and writes them in transactions of its own. No transaction is open
// between two calls: SQLite's one write lock would keep all others waiting for this writer's input.
type writer struct {
	s          *sink
	task       plugin.Task
	db         *sql.DB
	conn       *sql.Conn
	statements map[string]*prepared

	pending []*record.Batch
	rows    int
	bytes   int64
	marks   int                             // positions to record, rows or not
	record  func(ctx context.Context) error // writes the positions inside the transaction, or nil
	settled func()                          // called once they are committed, or nil

	bad    []plugin.DirtyRow // of the transaction
	run    []int             // rows of one verb
	warned bool
}

func (w *writer) Write(ctx context.Context, b *record.Batch) error {
	if b.Rows() > 0 {
		b.Retain()
		w.pending = append(w.pending, b)
		w.rows += b.Rows()
		w.bytes += b.Bytes
	}
	if w.rows >= w.s.batchRows || w.bytes >= flushBytes {
		return w.flush(ctx)
	}
	return nil
}

func (w *writer) Prepare(ctx context.Context, _ record.Barrier) (plugin.Prepared, error) {
	return plugin.Prepared{}, w.flush(ctx)
}

func (w *writer) Close() error {
	w.release()
	var err error
	for _, p := range w.statements {
		err = errors.Join(err, p.stmt.Close())
	}
	return errors.Join(err, w.conn.Close(), w.db.Close())
}

func (w *writer) release() {
	for _, b := range w.pending {
		b.Release()
	}
	w.pending, w.rows, w.bytes, w.marks = w.pending[:0], 0, 0, 0
}

// flush writes what is pending in one transaction.
func (w *writer) flush(ctx context.Context) error {
	if len(w.pending) == 0 && w.marks == 0 {
		return nil
	}
	for try := 0; ; try++ {
		w.bad = nil
		err := inTransaction(ctx, w.conn, w.s.d, w.writeAll)
		if err == nil {
			break
		}
		if try >= w.s.retries || w.s.d.classify(err) != locked {
			return fmt.Errorf("writing table %s: %w", w.s.table(), err)
		}
	}
	if w.settled != nil {
		w.settled()
	}
	w.release()
	return nil
}

// inTransaction runs do between BEGIN and COMMIT, or ROLLBACK when it fails.
func inTransaction(ctx context.Context, conn *sql.Conn, d dialect, do func(ctx context.Context) error) (err error) {
	if _, err := conn.ExecContext(ctx, d.begin()); err != nil {
		return failed(d, err, d.begin())
	}
	defer func() {
		if err != nil {
			// The rollback has to happen even when the task is being stopped. Its own error adds
			// nothing: some failures have rolled back already.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if err := do(ctx); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return failed(d, err, "COMMIT")
	}
	return nil
}

func (w *writer) writeAll(ctx context.Context) error {
	if err := w.exec(ctx, "SAVEPOINT seikan_rows"); err != nil {
		return err
	}
	for _, b := range w.pending {
		if err := w.writeBatch(ctx, b); err != nil {
			return err
		}
	}
	if w.record != nil {
		if err := w.record(ctx); err != nil {
			return err
		}
	}
	for _, row := range w.bad {
		if err := w.task.Dirty(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) exec(ctx context.Context, statement string) error {
	_, err := w.conn.ExecContext(ctx, statement)
	return failed(w.s.d, err, statement)
}

// goesOn makes sure, after a statement failed, that the transaction is still open. A table may
// say ON CONFLICT ROLLBACK; what is written behind that would be committed piece by piece.
func (w *writer) goesOn(ctx context.Context, cause error) error {
	if err := w.exec(ctx, "RELEASE SAVEPOINT seikan_rows"); err != nil {
		return fmt.Errorf("%w; the database has rolled back the whole transaction, so that no row of it can be left out", cause)
	}
	return w.exec(ctx, "SAVEPOINT seikan_rows")
}

// verbOf tells what row i of b asks for; false for nothing.
func (w *writer) verbOf(b *record.Batch, i int) (verb, bool) {
	s := w.s
	if len(s.keys) == 0 {
		if k := b.Kind(i); k != record.Insert && k != record.UpdateAfter && !w.warned {
			w.warned = true
			w.task.Log.Warn("the table has no key: every change is written as one more row", "table", s.table(), "kind", k.Short())
		}
		return put, true
	}
	switch b.Kind(i) {
	case record.UpdateBefore:
		return put, false
	case record.Delete:
		return remove, true
	case record.UpdateAfter:
		if !s.upsert && !s.insertOne {
			return change, true
		}
	}
	return put, true
}

// writeBatch writes the rows in their order, as many of one verb at once as there are.
func (w *writer) writeBatch(ctx context.Context, b *record.Batch) error {
	w.run = w.run[:0]
	current := put
	for i := range b.Rows() {
		v, any := w.verbOf(b, i)
		if !any {
			continue
		}
		if v != current && len(w.run) > 0 {
			if err := w.writeRun(ctx, b, current); err != nil {
				return err
			}
		}
		current = v
		w.run = append(w.run, i)
	}
	return w.writeRun(ctx, b, current)
}

func (w *writer) writeRun(ctx context.Context, b *record.Batch, v verb) error {
	rows := w.run
	if len(rows) == 0 {
		return nil
	}
	defer func() { w.run = w.run[:0] }()
	binding, err := w.bind(b, v)
	if err != nil {
		return err
	}
	if v == put && b.Kinds != nil && len(w.s.keys) > 0 && w.s.upsert && !w.s.insertOne {
		if rows, err = w.lastOfEach(b, rows); err != nil {
			return err
		}
	}
	sizes := w.s.rowsPerStatement(v)
	for len(rows) > 0 {
		for sizes[0] > len(rows) {
			sizes = sizes[1:]
		}
		n := sizes[0]
		p, err := w.prepare(ctx, v, n)
		if err != nil {
			return err
		}
		used, err := binding.fill(p, n, &rows)
		if err != nil {
			return err
		}
		if len(used) == n {
			if _, err = p.run(ctx, w.s.d); err == nil {
				continue
			}
			if n == 1 {
				if err := binding.refused(ctx, used[0], p, err); err != nil {
					return err
				}
				continue
			}
			cause := failed(w.s.d, err, p.text)
			if w.s.d.classify(err) != badRow {
				return cause
			}
			if err := w.goesOn(ctx, cause); err != nil {
				return err
			}
		}
		if err := binding.oneByOne(ctx, v, used); err != nil {
			return err
		}
	}
	return nil
}
