// Package dbtest is the conformance suite of state stores, and a store that loses answers.
package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"seikan/db"
)

// Run checks every promise of db.Store. open gives an empty store with all migrations applied;
// the suite closes it.
func Run(t *testing.T, open func(t *testing.T) db.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"TransactionIsAllOrNothing", allOrNothing},
		{"EveryStatementIsCounted", everyStatementIsCounted},
		{"RacingWritersHaveOneWinner", racingWriters},
		{"FalseGuardRefusesTheWholeWrite", falseGuard},
		{"GuardStaysEmpty", guardStaysEmpty},
		{"ForbiddenTextIsRefusedAndChangesNothing", forbiddenText},
		{"WrongArgumentsAreRefused", wrongArguments},
		{"BrokenStatementsAreRefused", brokenStatements},
		{"ForeignKeysAreKept", foreignKeys},
		{"ReadsSeeFinishedWrites", readsSeeWrites},
		{"ValuesComeBackAsTheyWere", valuesComeBack},
		{"BigBatch", bigBatch},
		{"QueryCannotWrite", queryCannotWrite},
		{"QueryErrors", queryErrors},
		{"CancelledWriteDoesNotLie", cancelledWrite},
		{"ManyWritersLoseNothing", manyWriters},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			f := &fixture{s}
			f.done(t, db.S(`CREATE TABLE account (id TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n >= 0),
				version INTEGER NOT NULL DEFAULT 1) STRICT`),
				db.S(`CREATE TABLE entry (id INTEGER PRIMARY KEY, account TEXT REFERENCES account (id), op TEXT UNIQUE) STRICT`))
			c.test(t, f)
		})
	}
}

// RunReopen checks that what was Done is there after the store is closed and opened again.
func RunReopen(t *testing.T, open func() (db.Store, error)) {
	ctx := t.Context()
	const rounds = 5
	for round := range rounds {
		s, err := open()
		if err != nil {
			t.Fatalf("open, round %d: %v", round, err)
		}
		f := &fixture{s}
		if round == 0 {
			f.done(t, db.S("CREATE TABLE kept (n INTEGER PRIMARY KEY) STRICT"))
		}
		if got := f.number(t, "SELECT count(*) FROM kept"); got != int64(round) {
			t.Errorf("round %d: %d rows are there", round, got)
		}
		if _, err := s.Write(ctx, db.S("INSERT INTO kept(n) VALUES (?)", int64(round))); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type fixture struct{ db.Store }

func (f *fixture) done(t *testing.T, statements ...db.Statement) []int64 {
	t.Helper()
	res, err := f.Write(t.Context(), statements...)
	if err != nil || res.Outcome != db.Done {
		t.Fatalf("write is %v: %v", res.Outcome, err)
	}
	return res.Affected
}

func (f *fixture) refused(t *testing.T, statements ...db.Statement) error {
	t.Helper()
	res, err := f.Write(t.Context(), statements...)
	if err == nil || res.Outcome != db.Refused {
		t.Fatalf("write is %v (%v), want refused", res.Outcome, err)
	}
	return err
}

func (f *fixture) query(t *testing.T, sql string, args ...any) *db.Rows {
	t.Helper()
	rows, err := f.Query(t.Context(), db.S(sql, args...))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (f *fixture) number(t *testing.T, sql string, args ...any) int64 {
	t.Helper()
	n, ok := f.query(t, sql, args...).Values[0][0].(int64)
	if !ok {
		t.Fatalf("%s is not a number", sql)
	}
	return n
}

func allOrNothing(t *testing.T, f *fixture) {
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 10), ('b', 0)"))
	f.refused(t, db.S("UPDATE account SET n = n + 20 WHERE id = 'b'"), db.S("UPDATE account SET n = n - 20 WHERE id = 'a'"))
	if got := f.number(t, "SELECT n FROM account WHERE id = 'b'"); got != 0 {
		t.Errorf("half of a refused write took effect: b has %d", got)
	}
	f.done(t, db.S("UPDATE account SET n = n + 5 WHERE id = 'b'"), db.S("UPDATE account SET n = n - 5 WHERE id = 'a'"))
	if a, b := f.number(t, "SELECT n FROM account WHERE id = 'a'"), f.number(t, "SELECT n FROM account WHERE id = 'b'"); a != 5 || b != 5 {
		t.Errorf("a has %d and b %d, want 5 and 5", a, b)
	}
}

func everyStatementIsCounted(t *testing.T, f *fixture) {
	got := f.done(t,
		db.S("INSERT INTO account(id, n) VALUES ('a', 1), ('b', 2), ('c', 3)"),
		db.S("UPDATE account SET n = 7 WHERE n > ?", int64(1)),
		db.S("UPDATE account SET n = 8 WHERE id = 'nobody'"),
		db.S("DELETE FROM account WHERE id = 'a'"))
	if want := []int64{3, 2, 0, 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("affected %v, want %v", got, want)
	}
}

func racingWriters(t *testing.T, f *fixture) {
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 0)"))
	const writers, rounds = 6, 8
	for round := range int64(rounds) {
		won := make([]bool, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				guard := db.Guard("(SELECT version FROM account WHERE id = ?) = ?", "a", round+1)
				update := db.S("UPDATE account SET version = version + 1, n = ? WHERE id = 'a'", int64(w))
				res, err := f.Write(context.Background(), append(guard, update)...)
				won[w] = res.Outcome == db.Done
				if err != nil && !errors.Is(err, db.ErrGuard) {
					t.Errorf("loser got %v, want ErrGuard", err)
				}
			})
		}
		wg.Wait()
		winner, n := -1, 0
		for w, ok := range won {
			if ok {
				winner, n = w, n+1
			}
		}
		if n != 1 {
			t.Fatalf("round %d has %d winners", round, n)
		}
		if got := f.number(t, "SELECT n FROM account WHERE id = 'a'"); got != int64(winner) {
			t.Errorf("row says that %d won, answer says %d", got, winner)
		}
	}
}

func falseGuard(t *testing.T, f *fixture) {
	insert := db.S("INSERT INTO account(id, n) VALUES ('a', 1)")
	for _, condition := range []string{"SELECT 1 WHERE 0", "1 = 2", "NULL", "SELECT n > 3 FROM account WHERE id = 'nobody'"} {
		if err := f.refused(t, append(db.Guard(condition), insert)...); !errors.Is(err, db.ErrGuard) {
			t.Errorf("guard %q: error %v is not ErrGuard", condition, err)
		}
	}
	// A guard after the change undoes it too.
	if err := f.refused(t, append([]db.Statement{insert}, db.Guard("1 = 2")...)...); !errors.Is(err, db.ErrGuard) {
		t.Errorf("late guard: error %v is not ErrGuard", err)
	}
	if got := f.number(t, "SELECT count(*) FROM account"); got != 0 {
		t.Errorf("%d rows are there after refused writes", got)
	}
	f.done(t, append(db.Guard("(SELECT count(*) FROM account) = ?", int64(0)), insert)...)
	if err := f.refused(t, insert); errors.Is(err, db.ErrGuard) {
		t.Errorf("a broken key passes for a guard: %v", err)
	}
}

func guardStaysEmpty(t *testing.T, f *fixture) {
	f.done(t, append(db.Guard("1 = 1"), db.S("INSERT INTO account(id, n) VALUES ('a', 1)"))...)
	if got := f.number(t, "SELECT count(*) FROM guard"); got != 0 {
		t.Errorf("guard has %d rows", got)
	}
}

func forbiddenText(t *testing.T, f *fixture) {
	insert := db.S("INSERT INTO account(id, n) VALUES ('a', 1)")
	for _, sql := range Forbidden {
		if err := f.refused(t, insert, db.S(sql)); !errors.Is(err, db.ErrText) {
			t.Errorf("%s: error %v is not ErrText", sql, err)
		}
	}
	if err := f.refused(t); !errors.Is(err, db.ErrText) {
		t.Errorf("no statement: error %v is not ErrText", err)
	}
	if got := f.number(t, "SELECT count(*) FROM account"); got != 0 {
		t.Errorf("%d rows are there after refused writes", got)
	}
	f.done(t, insert) // and the store still works
}

func wrongArguments(t *testing.T, f *fixture) {
	for _, arg := range []any{1, uint64(1), math.NaN(), "\xff", float32(1), []string{"a"}, struct{}{}} {
		if err := f.refused(t, db.S("INSERT INTO account(id, n) VALUES ('a', ?)", arg)); !errors.Is(err, db.ErrText) {
			t.Errorf("argument %v: error %v is not ErrText", arg, err)
		}
	}
	f.refused(t, db.S("INSERT INTO account(id, n) VALUES (?, ?)", "a"))
	if got := f.number(t, "SELECT count(*) FROM account"); got != 0 {
		t.Errorf("%d rows are there after refused writes", got)
	}
}

func brokenStatements(t *testing.T, f *fixture) {
	insert := db.S("INSERT INTO account(id, n) VALUES ('a', 1)")
	for _, sql := range []string{
		"INSERT INTO nowhere(id) VALUES (1)", "INSERT INTO account(wrong) VALUES (1)", "INSERT INTO",
		"UPDATE account SET n = 'text' WHERE id = 'a'", "INSERT INTO account(id, n) VALUES ('a', 2)", "INSERT INTO account(id) VALUES ('b')",
	} {
		f.refused(t, insert, db.S(sql))
	}
	if got := f.number(t, "SELECT count(*) FROM account"); got != 0 {
		t.Errorf("%d rows are there after refused writes", got)
	}
}

func foreignKeys(t *testing.T, f *fixture) {
	f.refused(t, db.S("INSERT INTO entry(id, account) VALUES (1, 'nobody')"))
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 1)"), db.S("INSERT INTO entry(id, account) VALUES (1, 'a')"))
	f.refused(t, db.S("DELETE FROM account"))
}

func readsSeeWrites(t *testing.T, f *fixture) {
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 0)"))
	for i := range int64(50) {
		f.done(t, db.S("UPDATE account SET n = ? WHERE id = 'a'", i))
		if got := f.number(t, "SELECT n FROM account WHERE id = 'a'"); got != i {
			t.Fatalf("read %d after writing %d", got, i)
		}
	}
}

func valuesComeBack(t *testing.T, f *fixture) {
	f.done(t, db.S("CREATE TABLE anything (id INTEGER PRIMARY KEY, v ANY) STRICT"))
	blob := bytes.Repeat([]byte{0, 1, 0xff, '\''}, 16<<10)
	for i, c := range []struct{ in, out any }{
		{nil, nil},
		{true, int64(1)},
		{false, int64(0)},
		{int64(0), int64(0)},
		{int64(math.MaxInt64), int64(math.MaxInt64)},
		{int64(math.MinInt64), int64(math.MinInt64)},
		{1.5, 1.5},
		{math.MaxFloat64, math.MaxFloat64},
		{math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64},
		{math.Inf(-1), math.Inf(-1)},
		{"", ""},
		{"'; DROP TABLE anything; --", "'; DROP TABLE anything; --"},
		{"正環 🚢 e\u0301\r\n\t", "正環 🚢 e\u0301\r\n\t"},
		{"before\x00after", "before\x00after"},
		{"871234567890123456", "871234567890123456"},
		{strings.Repeat("長", 20_000), strings.Repeat("長", 20_000)},
		{[]byte{}, []byte{}},
		{[]byte{0xff, 0xfe, 0}, []byte{0xff, 0xfe, 0}},
		{blob, blob},
	} {
		f.done(t, db.S("INSERT INTO anything(id, v) VALUES (?, ?)", int64(i), c.in))
		rows := f.query(t, "SELECT v, id FROM anything WHERE id = ?", int64(i))
		got := rows.Values[0][0]
		if b, ok := got.([]byte); ok && len(b) == 0 {
			got = []byte{}
		}
		if !reflect.DeepEqual(got, c.out) {
			t.Errorf("case %d: %T %.60q came back as %T %.60q", i, c.in, fmt.Sprint(c.in), got, fmt.Sprint(got))
		}
	}
	rows := f.query(t, "SELECT id AS a, v AS b, id AS a FROM anything WHERE 0")
	if !reflect.DeepEqual(rows.Columns, []string{"a", "b", "a"}) || len(rows.Values) != 0 {
		t.Errorf("empty result has columns %v and %d rows", rows.Columns, len(rows.Values))
	}
}

func bigBatch(t *testing.T, f *fixture) {
	const n = 2000
	batch := make([]db.Statement, 0, n+1)
	for i := range n {
		batch = append(batch, db.S("INSERT INTO account(id, n) VALUES (?, ?)", fmt.Sprint(i), int64(i)))
	}
	f.refused(t, append(batch, db.S("INSERT INTO account(id, n) VALUES ('last', -1)"))...)
	if got := f.number(t, "SELECT count(*) FROM account"); got != 0 {
		t.Errorf("%d rows are there after a refused write", got)
	}
	if got := len(f.done(t, batch...)); got != n {
		t.Errorf("%d counts for %d statements", got, n)
	}
	if got := len(f.query(t, "SELECT id, n FROM account").Values); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
}

func queryCannotWrite(t *testing.T, f *fixture) {
	for _, sql := range []string{
		"INSERT INTO account(id, n) VALUES ('a', 1)",
		"WITH x(v) AS (VALUES ('a')) INSERT INTO account(id, n) SELECT v, 1 FROM x",
		"INSERT INTO account(id, n) VALUES ('a', 1) RETURNING id",
		"DELETE FROM account", "PRAGMA query_only = 0", "ATTACH '' AS other", "BEGIN",
		"SELECT 1; DELETE FROM account", "",
	} {
		if _, err := f.Query(t.Context(), db.S(sql)); err == nil {
			t.Errorf("query %q is allowed", sql)
		}
	}
	if got := f.number(t, "SELECT count(*) FROM account"); got != 0 {
		t.Errorf("a query wrote %d rows", got)
	}
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 1)"))
}

func queryErrors(t *testing.T, f *fixture) {
	for _, s := range []db.Statement{
		db.S("SELECT wrong FROM account"), db.S("SELECT"), db.S("SELECT 'open"), db.S("SELECT ?", 1), db.S("SELECT ?"),
	} {
		if rows, err := f.Query(t.Context(), s); err == nil {
			t.Errorf("query %q gives %v", s.SQL, rows)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Query(ctx, db.S("SELECT 1")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled query: %v", err)
	}
}

func cancelledWrite(t *testing.T, f *fixture) {
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 0)"))
	for i := range 60 {
		ctx, cancel := context.WithCancel(t.Context())
		op := fmt.Sprint(i)
		if i%3 == 0 {
			cancel()
		}
		var wg sync.WaitGroup
		if i%3 == 1 {
			wg.Go(cancel) // somewhere in the middle
		}
		res, err := f.Write(ctx, db.S("INSERT INTO entry(account, op) VALUES ('a', ?)", op),
			db.S("UPDATE account SET n = n + 1 WHERE id = 'a'"))
		wg.Wait()
		cancel()
		if (err == nil) != (res.Outcome == db.Done) {
			t.Fatalf("outcome %v with error %v", res.Outcome, err)
		}
		if i%3 == 0 && res.Outcome == db.Done {
			t.Errorf("a write with a cancelled context is done")
		}
		// A write that orders itself after the first one ends all doubt.
		f.done(t, db.S("UPDATE account SET version = version + 1 WHERE id = 'a'"))
		there := f.number(t, "SELECT count(*) FROM entry WHERE op = ?", op) == 1
		if res.Outcome == db.Done && !there || res.Outcome == db.Refused && there {
			t.Fatalf("write %s is %v, its row is there: %v", op, res.Outcome, there)
		}
	}
	if n, rows := f.number(t, "SELECT n FROM account"), f.number(t, "SELECT count(*) FROM entry"); n != rows {
		t.Errorf("%d counted, %d rows: a write took half effect", n, rows)
	}
}

func manyWriters(t *testing.T, f *fixture) {
	f.done(t, db.S("INSERT INTO account(id, n) VALUES ('a', 0)"))
	const writers, each = 8, 15
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				res, err := f.Write(context.Background(),
					db.S("INSERT INTO entry(account, op) VALUES ('a', ?)", fmt.Sprint(w, "-", i)),
					db.S("UPDATE account SET n = n + 1 WHERE id = 'a'"))
				if res.Outcome != db.Done {
					t.Errorf("write is %v: %v", res.Outcome, err)
				}
				if _, err := f.Query(context.Background(), db.S("SELECT count(*) FROM entry")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := f.number(t, "SELECT n FROM account"); n != writers*each {
		t.Errorf("%d writes counted, want %d", n, writers*each)
	}
}
