package db_test

import (
	"errors"
	"testing"

	"seikan/db"
	"seikan/db/dbtest"
)

func TestScreenRefusesWhatReplicasWouldDoDifferently(t *testing.T) {
	t.Parallel()
	for _, sql := range dbtest.Forbidden {
		for range 2 { // the second answer is from the cache
			if err := db.Screen(sql); !errors.Is(err, db.ErrText) {
				t.Errorf("%q: %v", sql, err)
			}
		}
	}
	for _, sql := range dbtest.Allowed {
		if err := db.Screen(sql); err != nil {
			t.Errorf("%q: %v", sql, err)
		}
	}
}

func TestScreenQueryLetsOnlyReadsThrough(t *testing.T) {
	t.Parallel()
	for sql, ok := range map[string]bool{
		"SELECT datetime('now'), random()": true, "values (1)": true, "WITH a AS (SELECT 1) SELECT * FROM a": true,
		"EXPLAIN QUERY PLAN SELECT 1": true, " -- why\n SELECT 1;": true, "/**/SELECT 1": true,
		"SELECT 1; SELECT 2": false, "DELETE FROM t": false, "PRAGMA x": false, "": false, ";": false, "(SELECT 1)": false,
	} {
		if err := db.ScreenQuery(sql); (err == nil) != ok {
			t.Errorf("%q: %v", sql, err)
		}
	}
}

func TestGuardIsAllowedAndRecognised(t *testing.T) {
	t.Parallel()
	g := db.Guard("(SELECT version FROM job WHERE id = ?) = ?", "1", int64(2))
	if err := db.Check(g); err != nil {
		t.Error(err)
	}
	if !db.IsGuard(g[0].SQL) || db.IsGuard(g[1].SQL) {
		t.Error("IsGuard takes the wrong statement")
	}
}

func FuzzScreen(f *testing.F) {
	for _, sql := range append(dbtest.Forbidden, dbtest.Allowed...) {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		err := db.Screen(sql)
		// What is appended after a semicolon must never pass unseen.
		if err == nil && db.Screen(sql+"\n;\nCOMMIT") == nil {
			t.Errorf("%q hides a second statement", sql)
		}
		_ = db.ScreenQuery(sql)
	})
}
