package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

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
				err = binding.refused(used[0], p, err)
				if err != nil {
					return err
				}
				continue
			}
			if w.s.d.classify(err) != badRow {
				return failed(w.s.d, err, p.text)
			}
		}
		if err := binding.oneByOne(ctx, v, used); err != nil {
			return err
		}
	}
	return nil
}

// lastOfEach leaves of rows with the same key only the last, in the place of the first.
func (w *writer) lastOfEach(b *record.Batch, rows []int) ([]int, error) {
	if len(rows) < 2 {
		return rows, nil
	}
	keys, err := w.cells(b, w.s.keys)
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, len(rows))
	out := rows[:0]
	var key []byte
	for _, row := range rows {
		key = key[:0]
		for i, cell := range keys {
			if b.Data.Column(w.s.keys[i]).IsNull(row) {
				key = append(key, 0)
				continue
			}
			v, err := cell(row)
			if err != nil {
				v = row // refused later; no row is its like
			}
			text := fmt.Append(nil, v)
			key = fmt.Appendf(key, "%d:%s", len(text), text)
		}
		if at, seen := place[string(key)]; seen {
			out[at] = row
			continue
		}
		place[string(key)] = len(out)
		out = append(out, row)
	}
	return out, nil
}

// cells makes the functions that give the values of some columns.
func (w *writer) cells(b *record.Batch, columns []int) ([]cell, error) {
	out := make([]cell, len(columns))
	for i, c := range columns {
		bind, err := w.s.d.binder(b.Schema.Columns[c].Type)
		if err != nil {
			return nil, plugin.Permanent(fmt.Errorf("column %s: %w", b.Schema.Columns[c].Name, err))
		}
		out[i] = bind(b.Data.Column(c))
	}
	return out, nil
}

// binding gives the rows of one batch to statements of one verb.
type binding struct {
	w       *writer
	b       *record.Batch
	columns []int
	data    []arrow.Array
	cells   []cell
	used    []int
}

func (w *writer) bind(b *record.Batch, v verb) (*binding, error) {
	out := &binding{w: w, b: b, columns: w.s.arguments(v)}
	var err error
	if out.cells, err = w.cells(b, out.columns); err != nil {
		return nil, err
	}
	for _, c := range out.columns {
		out.data = append(out.data, b.Data.Column(c))
	}
	return out, nil
}

// fill sets the arguments of n rows, taken from the front of rows; bad ones are set aside. It
// returns the rows that were taken, fewer than n when there are no more.
func (k *binding) fill(p *prepared, n int, rows *[]int) ([]int, error) {
	k.used = k.used[:0]
	for len(k.used) < n && len(*rows) > 0 {
		row := (*rows)[0]
		*rows = (*rows)[1:]
		if err := k.row(p, len(k.used), row); err != nil {
			k.refuse(row, err)
			continue
		}
		k.used = append(k.used, row)
	}
	return k.used, nil
}

var errNullKey = errors.New("the key is null")

func (k *binding) row(p *prepared, at, row int) error {
	if k.w.s.notNull {
		for _, c := range k.w.s.keys {
			if k.b.Data.Column(c).IsNull(row) {
				return fmt.Errorf("column %s: %w", k.w.s.columns[c], errNullKey)
			}
		}
	}
	args := p.args[at*len(k.cells):]
	for i, cell := range k.cells {
		if k.data[i].IsNull(row) {
			args[i].Value = nil
			continue
		}
		v, err := cell(row)
		if err != nil {
			return fmt.Errorf("column %s: %w", k.w.s.columns[k.columns[i]], err)
		}
		args[i].Value = v
	}
	return nil
}

// oneByOne writes rows that failed together, to find the bad ones.
func (k *binding) oneByOne(ctx context.Context, v verb, rows []int) error {
	p, err := k.w.prepare(ctx, v, 1)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := k.row(p, 0, row); err != nil {
			k.refuse(row, err)
			continue
		}
		if _, err := p.run(ctx, k.w.s.d); err != nil {
			if err := k.refused(row, p, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// refused sets a row aside that the database did not take; other failures are returned.
func (k *binding) refused(row int, p *prepared, err error) error {
	err2 := failed(k.w.s.d, err, p.text)
	if k.w.s.d.classify(err) != badRow {
		return err2
	}
	k.refuse(row, err2)
	return nil
}

func (k *binding) refuse(row int, err error) {
	var raw []byte
	for i, c := range k.b.Schema.Columns {
		if i > 0 {
			raw = append(raw, ", "...)
		}
		raw = fmt.Appendf(raw, "%s = %s", c.Name, k.b.Data.Column(i).ValueStr(row))
	}
	k.w.bad = append(k.w.bad, plugin.DirtyRow{Raw: raw, Err: plugin.Permanent(fmt.Errorf("table %s: %w", k.w.s.table(), err)),
		Table: k.w.s.input.Table(), Split: k.b.Split, At: record.Position{Rows: k.b.Ordinal(row)}})
}
