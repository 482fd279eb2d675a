package jdbc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

const exactlyOnce = generated + "is_exactly_once = true\n enable_upsert = false\n"

// copier moves a table from one SQLite file to another, and can be killed anywhere.
type copier struct {
	t      *testing.T
	source plugin.Source
	sink   plugin.Sink
}

// run copies the splits from their positions on, after the ledger's, until it has flushed
// `flushes` times more (-1: to the end); what it had not flushed then is lost.
func (c copier) run(attempt int64, splits []plugin.Split, flushes int) (finished bool) {
	t, task := c.t, plugintest.Task(c.t, attempt)
	t.Helper()
	r, err := c.source.Reader(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := c.sink.Writer(t.Context(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, split := range splits {
		at, known, err := w.(plugin.Resumer).Resume(t.Context(), split.ID)
		if err != nil {
			t.Fatal(err)
		}
		if known && at.After(split.At) {
			split.At = at
		}
		if split.At.Done {
			continue
		}
		if err := r.Add(t.Context(), split); err != nil {
			t.Fatal(err)
		}
		for done := false; !done; {
			e, err := r.Poll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if e.Batch == nil {
				continue
			}
			if err := w.Write(t.Context(), e.Batch); err != nil {
				t.Fatal(err)
			}
			done = e.Batch.To.Done
			e.Batch.Release()
			if len(w.(*ledgerWriter).pending) == 0 && !done {
				if flushes--; flushes == 0 {
					return false
				}
			}
		}
	}
	_, err = w.Prepare(t.Context(), record.Barrier{Kind: record.CompletedPoint})
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// A job that is killed after any of its transactions, and begins again at a checkpoint taken
// before (here: at the start), writes every row exactly once.
func TestEveryRowIsWrittenOnceWhereverTheJobIsKilled(t *testing.T) {
	t.Parallel()
	in := plain(t, series("t", "k TEXT, v INT", 30000, "'k' || (i % 1000), i % 50")...) // rows repeat, so upserts would not help
	out := t.TempDir() + "/out.db"
	source := mustSource(t, in, "table_path = t\n split.size = 20000")
	schema := source.Tables()[0]
	c := copier{t: t, source: source, sink: mustSink(t, out, schema, exactlyOnce+"batch_size = 1000")}
	if err := c.sink.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1)); err != nil {
		t.Fatal(err)
	}
	splits := splitsOf(t, source)
	attempt := int64(1)
	for !c.run(attempt, splits, 1) {
		if attempt++; attempt > 50 {
			t.Fatal("the job makes no progress")
		}
	}
	if attempt < 5 {
		t.Fatalf("killed only %d times", attempt-1)
	}
	const sums = "SELECT count(*), count(DISTINCT k), sum(v), min(n), max(n) FROM (SELECT k, v, count(*) OVER (PARTITION BY k, v) n FROM t)"
	wantRows(t, rows(t, out, sums), rows(t, in, sums)...)
	wantRows(t, rows(t, out, "SELECT sum(position_rows), min(done), max(attempt) FROM seikan_ledger WHERE split_id <> ''"), fmt.Sprintf("30000|1|%d", attempt))
}

func TestRowsTheTargetHasAreSkipped(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, plugintest.Schema(), exactlyOnce)
	task := plugintest.Task(t, 1)
	if err := write(t, s, task, plugintest.Batch(plugintest.Schema(), "s", 0, 6)); err != nil {
		t.Fatal(err)
	}
	next := plugintest.Task(t, 2)
	err := write(t, s, next, plugintest.Batch(plugintest.Schema(), "s", 0, 4), plugintest.Batch(plugintest.Schema(), "s", 4, 8), plugintest.End(plugintest.Schema(), "s", 8))
	if err != nil {
		t.Fatal(err)
	}
	// The split is done: whatever comes is known.
	if err := write(t, s, plugintest.Task(t, 3), plugintest.Batch(plugintest.Schema(), "s", 0, 8)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT count(*), max(id) FROM t"), "8|8")
	wantRows(t, rows(t, path, "SELECT position_rows, done, attempt FROM seikan_ledger WHERE split_id = 's'"), "8|1|3")
}

func TestAnOlderAttemptWritesNothingMore(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, plugintest.Schema(), exactlyOnce)
	old, newer := plugintest.Task(t, 1), plugintest.Task(t, 2)
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(t.Context(), old, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := plugintest.Batch(plugintest.Schema(), "s", 0, 5)
	defer b.Release()
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, newer, plugintest.Batch(plugintest.Schema(), "s", 0, 3)); err != nil {
		t.Fatal(err)
	}
	_, err = w.Prepare(t.Context(), record.Barrier{})
	wantError(t, err, "newer attempt", "attempt 2", "this is attempt 1", "seikan_ledger")
	if !errors.Is(err, ErrFenced) {
		t.Error("the error is not ErrFenced")
	}
	_, _, err = w.(plugin.Resumer).Resume(t.Context(), "s")
	wantError(t, err, "newer attempt")
	wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "3")
	// Save modes of an old attempt come too late as well.
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), old); !errors.Is(err, ErrFenced) {
		t.Errorf("an old attempt prepared the table: %v", err)
	}
}

// Two writers that must not share a ledger row: another replica, sink, pipeline, run or table.
func TestEveryWriterHasItsOwnLedgerRows(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, plugintest.Schema(), exactlyOnce)
	base := plugintest.Task(t, 1)
	tasks := []plugin.Task{base, base, base, base, base}
	tasks[1].Replica, tasks[2].Action, tasks[3].Pipeline, tasks[4].RunID = 1, "Sink[1]", 2, "another run"
	exec(t, path, "CREATE TABLE t (id INT, name TEXT)")
	s.(*sink).keys = nil
	for _, task := range tasks {
		if err := write(t, s, task, plugintest.Batch(plugintest.Schema(), "s", 0, 2)); err != nil {
			t.Fatal(err)
		}
	}
	wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "10")
}

func TestEmptyBatchesMoveThePosition(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, plugintest.Schema(), exactlyOnce)
	all := plugintest.Batch(plugintest.Schema(), "s", 0, 10)
	filtered := all.Slice(0, 0)
	all.Release()
	if err := write(t, s, plugintest.Task(t, 1), filtered, plugintest.End(plugintest.Schema(), "s", 10)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT position_rows, done FROM seikan_ledger WHERE split_id = 's'"), "10|1")
}

func TestLedgerDDLIsWhatTheSinkCreates(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	values := options(t, sinkSpec(), path, exactlyOnce+"ledger_table = \"my ledger\"")
	ddl, err := LedgerDDL(values)
	if err != nil || !strings.Contains(ddl, `"my ledger"`) {
		t.Fatalf("%s (%v)", ddl, err)
	}
	exec(t, path, ddl, ddl) // twice is fine
	before := rows(t, path, "SELECT sql FROM sqlite_master")
	if err := write(t, mustSink(t, path, plugintest.Schema(), exactlyOnce+"ledger_table = \"my ledger\""), plugintest.Task(t, 1),
		plugintest.Batch(plugintest.Schema(), "s", 0, 2)); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(rows(t, path, "SELECT sql FROM sqlite_master"), before[0]) {
		t.Error("the table was made anew")
	}
	if ddl, err := LedgerDDL(options(t, sinkSpec(), path, generated)); ddl != "" || err != nil {
		t.Errorf("a sink without a ledger has the DDL %q (%v)", ddl, err)
	}
}

// A file without a write-ahead log can be source and target at once: readers hold no lock for
// longer than a split.
func TestATableIsCopiedInsideOfOneFile(t *testing.T) {
	t.Parallel()
	path := plain(t, append([]string{"PRAGMA journal_mode = DELETE"}, series("t", "id INTEGER PRIMARY KEY, v TEXT", 20000, "i, 'v' || i")...)...)
	source := mustSource(t, path, "table_path = t\n split.size = 6000")
	c := copier{t: t, source: source, sink: mustSink(t, path, source.Tables()[0], strings.Replace(exactlyOnce, "table = t", "table = copied", 1)+"batch_size = 1000\n properties { busy_timeout = 5000 }")}
	if err := c.sink.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "PRAGMA journal_mode"), "delete")
	if !c.run(1, splitsOf(t, source), -1) {
		t.Fatal("not finished")
	}
	wantRows(t, rows(t, path, "SELECT count(*) FROM copied JOIN t USING (id, v)"), "20000")
}
