package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// LedgerDDL is the statement that creates the ledger table of a Jdbc sink with is_exactly_once,
// for those who do not let the job create it. It is "" for other sinks.
func LedgerDDL(opts *option.Values) (string, error) {
	if !opts.Bool("is_exactly_once") {
		return "", nil
	}
	_, d, err := connectionOf(opts, true)
	if err != nil {
		return "", err
	}
	return d.ledgerDDL(opts.String("ledger_table")), nil
}

// LedgerDDL is the same for a sink that is planned, as `seikan check` prints it.
func (s *sink) LedgerDDL() string {
	if s.ledger == "" {
		return ""
	}
	return s.d.ledgerDDL(s.ledger)
}

// ledger keeps the positions of one writer in a table of the target. Its rows belong to a run,
// pipeline, sink, input table, writer replica and split, and carry the attempt that may write
// them: an update by an older attempt matches nothing.
type ledger struct {
	d       dialect
	name    string // unquoted
	key     []any  // values of the key columns but split_id
	attempt int64
	session string
}

const ledgerKey = "run_id, pipeline, sink, table_name, replica, split_id"

func newLedger(s *sink, task plugin.Task) *ledger {
	return &ledger{d: s.d, name: s.ledger, attempt: task.Attempt,
		key: []any{task.RunID, int64(task.Pipeline), task.Action, s.input.Table(), int64(task.Replica)}}
}

// create makes the table unless it is there.
func (l *ledger) create(ctx context.Context, conn *sql.Conn) error {
	var err error
	if l.session, err = l.d.session(ctx, conn); err != nil {
		return fmt.Errorf("finding the id of the database session: %w", err)
	}
	info, err := l.d.describe(ctx, conn, record.TablePath{Table: l.name})
	if err != nil || info != nil {
		return err
	}
	ddl := l.d.ledgerDDL(l.name)
	if _, err := conn.ExecContext(ctx, ddl); err != nil {
		return failed(l.d, err, ddl)
	}
	return nil
}

// where is the condition on the key of a split's row; first is the number of its first argument.
func (l *ledger) where(first int, split string) (string, []any) {
	columns := strings.Split(ledgerKey, ", ")
	for i, c := range columns {
		columns[i] = c + " = " + l.d.parameter(first+i)
	}
	return strings.Join(columns, " AND "), append(append([]any{}, l.key...), split)
}

func (l *ledger) exec(ctx context.Context, conn *sql.Conn, statement string, args ...any) (int64, error) {
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, failed(l.d, err, statement)
	}
	return result.RowsAffected()
}

// take makes this attempt the owner of a split's row, inside a transaction, and returns the
// position it holds.
func (l *ledger) take(ctx context.Context, conn *sql.Conn, split string) (at record.Position, err error) {
	table := l.d.quote(l.name)
	where, args := l.where(4, split)
	statement := fmt.Sprintf("UPDATE %s SET attempt = %s, session = %s WHERE attempt <= %s AND %s",
		table, l.d.parameter(1), l.d.parameter(2), l.d.parameter(3), where)
	n, err := l.exec(ctx, conn, statement, append([]any{l.attempt, l.session, l.attempt}, args...)...)
	if err != nil {
		return at, err
	}
	where, args = l.where(1, split)
	if n == 0 {
		statement := "SELECT attempt FROM " + table + " WHERE " + where
		var newer int64
		switch err := conn.QueryRowContext(ctx, statement, args...).Scan(&newer); {
		case err == nil:
			return at, l.fenced(split, newer)
		case err != sql.ErrNoRows:
			return at, failed(l.d, err, statement)
		}
		values := make([]string, len(args)+4)
		for i := range values {
			values[i] = l.d.parameter(i + 1)
		}
		statement = fmt.Sprintf("INSERT INTO %s (%s, position_rows, done, attempt, session) VALUES (%s)", table, ledgerKey, strings.Join(values, ", "))
		_, err := l.exec(ctx, conn, statement, append(args, int64(0), int64(0), l.attempt, l.session)...)
		return at, err
	}
	statement = "SELECT position_rows, token, done FROM " + table + " WHERE " + where
	if err := conn.QueryRowContext(ctx, statement, args...).Scan(&at.Rows, &at.Token, &at.Done); err != nil {
		return at, failed(l.d, err, statement)
	}
	return at, nil
}

// move records a position, inside the transaction of the rows before it.
func (l *ledger) move(ctx context.Context, conn *sql.Conn, split string, to record.Position) error {
	table := l.d.quote(l.name)
	where, args := l.where(6, split)
	done := int64(0)
	if to.Done {
		done = 1
	}
	statement := fmt.Sprintf("UPDATE %s SET position_rows = %s, token = %s, done = %s, session = %s WHERE attempt = %s AND %s",
		table, l.d.parameter(1), l.d.parameter(2), l.d.parameter(3), l.d.parameter(4), l.d.parameter(5), where)
	n, err := l.exec(ctx, conn, statement, append([]any{to.Rows, to.Token, done, l.session, l.attempt}, args...)...)
	if err != nil || n == 1 {
		return err
	}
	where, args = l.where(1, split)
	statement = "SELECT attempt FROM " + table + " WHERE " + where
	var newer int64
	if err := conn.QueryRowContext(ctx, statement, args...).Scan(&newer); err != nil && err != sql.ErrNoRows {
		return failed(l.d, err, statement)
	}
	return l.fenced(split, newer)
}

// ErrFenced says that a newer attempt of the task has taken over; nothing was written.
var ErrFenced = errors.New("a newer attempt of this task has taken over")

func (l *ledger) fenced(split string, newer int64) error {
	return fmt.Errorf("%w: split %q of table %v is held by attempt %d in ledger table %s, this is attempt %d; its transaction is rolled back",
		ErrFenced, split, l.key[3], newer, l.name, l.attempt)
}

// ledgerWriter is a writer that records the positions of what it writes.
type ledgerWriter struct {
	*writer
	ledger *ledger
	at     map[string]record.Position // by split, what is pending included
	moved  map[string]bool
}

// Resume tells how far the target has a split, and fences older attempts.
func (w *ledgerWriter) Resume(ctx context.Context, split string) (at record.Position, found bool, err error) {
	err = inTransaction(ctx, w.conn, w.s.d, func(ctx context.Context) (err error) {
		at, err = w.ledger.take(ctx, w.conn, split)
		return err
	})
	if err != nil {
		return record.Position{}, false, fmt.Errorf("resuming split %q from ledger table %s: %w", split, w.ledger.name, err)
	}
	if w.at == nil {
		w.at, w.moved = map[string]record.Position{}, map[string]bool{}
	}
	w.at[split] = at
	return at, at.Rows > 0 || at.Done, nil
}

func (w *ledgerWriter) Write(ctx context.Context, b *record.Batch) error {
	at, known := w.at[b.Split]
	if !known {
		var err error
		if at, _, err = w.Resume(ctx, b.Split); err != nil {
			return err
		}
	}
	if at.Done || !b.To.After(at) {
		return nil // the target has it all
	}
	rest := b.Skip(at.Rows)
	defer rest.Release()
	w.at[b.Split] = b.To
	if !w.moved[b.Split] {
		w.moved[b.Split] = true
		w.marks++
	}
	return w.writer.Write(ctx, rest)
}

// record is the writer's hook inside its transaction.
func (w *ledgerWriter) record(ctx context.Context) error {
	for split := range w.moved {
		if err := w.ledger.move(ctx, w.conn, split, w.at[split]); err != nil {
			return err
		}
	}
	return nil
}

// settled is the writer's hook behind it. Splits that are done are forgotten: the table knows.
func (w *ledgerWriter) settled() {
	for split := range w.moved {
		if w.at[split].Done {
			delete(w.at, split)
		}
	}
	clear(w.moved)
}
