package local

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/db"
	"seikan/db/dbtest"
	"seikan/migrations"
)

func openAt(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T) db.Store {
		return openAt(t, filepath.Join(t.TempDir(), "state.db"), Options{})
	})
}

func TestReopenKeepsData(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	dbtest.RunReopen(t, func() (db.Store, error) { return Open(path, Options{}) })
}

func TestOddPathsAreTakenLiterally(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "a?mode=memory", "50%41.db", "#1", "ü.db", "new/folder/x.db", "a&b=c+d"} {
		path := filepath.Join(t.TempDir(), name)
		s := openAt(t, path, Options{})
		if _, err := s.Write(t.Context(), db.S("INSERT INTO op(id, try) VALUES ('x', 0)")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want a file of mode 0600", name, info, err)
		}
		for _, more := range []string{"-wal", "-shm"} {
			if info, err := os.Stat(path + more); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s%s has mode %v", name, more, info.Mode())
			}
		}
	}
}

func TestTwoStoresOnOneFileCountTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	const stores, each = 3, 30
	var wg sync.WaitGroup
	for n := range stores { // all start at once: migrations race too
		wg.Go(func() {
			s, err := Open(path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = s.Close() }()
			for i := range each {
				if _, err := s.Write(t.Context(), db.S("INSERT INTO op(id, try) VALUES (?, 0)", fmt.Sprint(n, "/", i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	rows, err := openAt(t, path, Options{}).Query(t.Context(), db.S("SELECT count(*), (SELECT count(*) FROM schema_version) FROM op"))
	if err != nil || rows.Values[0][0] != int64(stores*each) || rows.Values[0][1] != int64(len(migrations.All())) {
		t.Errorf("rows and versions are %v (%v)", rows, err)
	}
}

// The other process is this test binary, told by an environment variable what to do.
func TestTwoProcessesShareAFile(t *testing.T) {
	const each = 40
	if path := os.Getenv("SEIKAN_TEST_STATE_FILE"); path != "" {
		s := openAt(t, path, Options{})
		for i := range each {
			if _, err := s.Write(t.Context(), db.S("INSERT INTO op(id, try) VALUES (?, 0)", fmt.Sprint(os.Getpid(), "/", i))); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "state.db")
	var wg sync.WaitGroup
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcessesShareAFile$")
		cmd.Env = append(os.Environ(), "SEIKAN_TEST_STATE_FILE="+path)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	rows, err := openAt(t, path, Options{}).Query(t.Context(), db.S("SELECT count(*) FROM op"))
	if err != nil || rows.Values[0][0] != int64(3*each) {
		t.Errorf("rows are %v (%v), want %d", rows, err, 3*each)
	}
}

func TestBusyFileIsRefusedNotUnknown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	a, b := openAt(t, path, Options{}), openAt(t, path, Options{BusyTimeout: time.Millisecond})
	conn, err := a.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	res, err := b.Write(t.Context(), db.S("INSERT INTO op(id, try) VALUES ('x', 0)"))
	if res.Outcome != db.Refused || !errors.Is(err, db.ErrBusy) {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
	if _, err := b.Query(t.Context(), db.S("SELECT 1 FROM op")); err != nil {
		t.Errorf("a reader waits for a writer: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if res, err := b.Write(t.Context(), db.S("INSERT INTO op(id, try) VALUES ('x', 0)")); err != nil {
		t.Errorf("write after the lock is free is %v: %v", res.Outcome, err)
	}
}

func TestFullDiskIsUnknownWithAHint(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"), Options{})
	if _, err := s.Write(t.Context(), db.S("CREATE TABLE big (v BLOB)")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.conn.ExecContext(t.Context(), "PRAGMA max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	res, err := s.Write(t.Context(), db.S("INSERT INTO big(v) VALUES (zeroblob(1000000))"))
	if res.Outcome != db.Unknown || err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
	if _, err := s.Write(t.Context(), db.S("INSERT INTO big(v) VALUES (x'00')")); err != nil {
		t.Errorf("small write after a full disk: %v", err)
	}
}

func TestBrokenDeferredKeyIsRefusedAtCommit(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"), Options{})
	if _, err := s.Write(t.Context(), db.S("CREATE TABLE parent (id INTEGER PRIMARY KEY)"),
		db.S("CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if res, err := s.Write(t.Context(), db.S("INSERT INTO child(id) VALUES (1)")); res.Outcome != db.Refused || err == nil {
			t.Errorf("write is %v: %v", res.Outcome, err)
		}
	}
	if _, err := s.Write(t.Context(), db.S("INSERT INTO child(id) VALUES (1)"), db.S("INSERT INTO parent(id) VALUES (1)")); err != nil {
		t.Errorf("the next write: %v", err)
	}
	rows, err := s.Query(t.Context(), db.S("SELECT count(*) FROM child"))
	if err != nil || rows.Values[0][0] != int64(1) {
		t.Errorf("rows are %v (%v)", rows, err)
	}
}

// The other process is this test binary; it prints the number of each row that is Done.
func TestWhatWasDoneSurvivesKill(t *testing.T) {
	if path := os.Getenv("SEIKAN_TEST_KILL_FILE"); path != "" {
		s := openAt(t, path, Options{})
		for {
			rows, err := s.Query(t.Context(), db.S("SELECT COALESCE(max(id), 0) + 1 FROM done"))
			if err == nil {
				_, err = s.Write(t.Context(), db.S("INSERT INTO done(id, v) VALUES (?, zeroblob(3000))", rows.Values[0][0]))
			}
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println("done", rows.Values[0][0])
		}
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path, Options{})
	if _, err := s.Write(t.Context(), db.S("CREATE TABLE done (id INTEGER PRIMARY KEY, v BLOB)")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWhatWasDoneSurvivesKill$")
		cmd.Env = append(os.Environ(), "SEIKAN_TEST_KILL_FILE="+path)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 20+17*round {
				_ = cmd.Process.Kill()
			}
			var id int64
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &id); err == nil {
				last = id
			}
		}
		_ = cmd.Wait()
		again, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := again.Query(t.Context(), db.S("SELECT count(*), max(id) FROM done"))
		if err != nil || last == 0 || rows.Values[0][0].(int64) < last || rows.Values[0][0] != rows.Values[0][1] {
			t.Errorf("round %d: %d writes were done, there are %v (%v)", round, last, rows, err)
		}
		_ = again.Close()
	}
}

func TestMigrationsSurviveLostAnswers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		s := openAt(t, filepath.Join(t.TempDir(), "state.db"), Options{Migrations: []migrations.Migration{}})
		flaky := dbtest.NewFlaky(s, seed)
		for tries := 0; ; tries++ {
			err := db.Migrate(t.Context(), flaky, 1, migrations.All())
			if err == nil {
				break
			}
			if !errors.Is(err, dbtest.ErrInjected) || tries > 100 {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		flaky.Settle(t.Context())
		if v, err := db.SchemaOf(t.Context(), s); err != nil || v.Version != len(migrations.All()) {
			t.Errorf("seed %d: version is %d (%v)", seed, v, err)
		}
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	all := migrations.All()
	next := append(all[:len(all):len(all)], migrations.Migration{Version: len(all) + 1, Name: "later", SQL: []string{"CREATE TABLE later (a INTEGER)"}})
	if err := openAt(t, path, Options{Migrations: next}).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, db.ErrNewer) || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v", err)
	}
}

func TestSchemaThatHasOnlyGrownIsWorkedOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	all := migrations.All()
	next := append(all[:len(all):len(all)], migrations.Migration{Version: len(all) + 1, Name: "later", ReadableFrom: len(all), SQL: []string{"CREATE TABLE later (a INTEGER)"}})
	if err := openAt(t, path, Options{Migrations: next}).Close(); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path, Options{})
	if schema, err := db.SchemaOf(t.Context(), s); err != nil || schema != (db.Schema{Version: len(all) + 1, ReadableFrom: len(all)}) {
		t.Errorf("the schema is %+v (%v)", schema, err)
	}
}

func TestMigrationsGoForward(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	all := migrations.All()
	if err := openAt(t, path, Options{Migrations: all[:1]}).Close(); err != nil {
		t.Fatal(err)
	}
	broken := append(all[:len(all):len(all)], migrations.Migration{Version: len(all) + 1, Name: "broken", SQL: []string{"CREATE TABLE half (a INTEGER)", "CREATE TABLE"}})
	if _, err := Open(path, Options{Migrations: broken}); err == nil || !strings.Contains(err.Error(), "_broken") {
		t.Errorf("error of a broken migration is %v", err)
	}
	s := openAt(t, path, Options{})
	if v, err := db.SchemaOf(t.Context(), s); err != nil || v.Version != len(all) {
		t.Errorf("version is %d (%v), want %d", v, err, len(all))
	}
	if rows, err := s.Query(t.Context(), db.S("SELECT 1 FROM sqlite_master WHERE name = 'half'")); err != nil || len(rows.Values) != 0 {
		t.Errorf("half of a broken migration is there: %v (%v)", rows, err)
	}
}

func TestWhatIsNotAStateFileIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "not a state file") {
		t.Errorf("error is %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("a folder is opened")
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"), Options{})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if res, err := s.Write(t.Context(), db.S("DELETE FROM op")); res.Outcome != db.Refused || !errors.Is(err, errClosed) {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
	if _, err := s.Query(t.Context(), db.S("SELECT 1")); err == nil {
		t.Error("query works")
	}
}

func TestMoreQueryTextsThanAreKeptPrepared(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"), Options{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for i := range 2 * maxCached {
				rows, err := s.Query(t.Context(), db.S(fmt.Sprintf("SELECT %d", i)))
				if err != nil || rows.Values[0][0] != int64(i) {
					t.Errorf("query %d gives %v (%v)", i, rows, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 2 * maxCached {
		if _, err := s.Write(t.Context(), db.S(fmt.Sprintf("INSERT INTO op(id, try) VALUES ('%d', 0)", i))); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "state.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	n := 0
	for b.Loop() {
		n++
		if _, err := s.Write(b.Context(), db.S("INSERT INTO op(id, try) VALUES (?, 0)", fmt.Sprint(n))); err != nil {
			b.Fatal(err)
		}
	}
}
