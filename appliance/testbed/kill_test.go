package testbed

import (
	"bufio"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// The ledger job: every row of the input is numbered and carries a check value, so that the
// output shows exactly what is missing, doubled or damaged.
const (
	ledgerRows  = 60_000
	ledgerFiles = 3
)

func check(id int) int { return id*7919%104729 + 1 }

func writeInput(t *testing.T, dir string) {
	t.Helper()
	for f := range ledgerFiles {
		var b strings.Builder
		for id := f; id < ledgerRows; id += ledgerFiles {
			fmt.Fprintf(&b, "%d,\"row %d, quoted\",%d\n", id, id, check(id))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("part-%d.csv", f)), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const ledgerJob = `
env { job.name = "ledger", parallelism = 2, checkpoint.interval = 60, read_limit.rows_per_second = 20000 }
source {
  LocalFile {
    path = "%s"
    file_format_type = "csv"
    schema {
      table = "ledger"
      fields { id = bigint, note = string, check_value = int }
      primaryKey { name = "pk", columnNames = [id] }
    }
  }
}
sink { %s }
`

// target is where the rows go, and a way to read them back.
type target struct {
	sink func(dir string) string
	read func(t *testing.T, dir string, row func(id, check int))
}

func fileTarget() target {
	return target{
		sink: func(dir string) string {
			return fmt.Sprintf(`LocalFile { path = %q, tmp_path = %q, file_format_type = "csv" }`, filepath.Join(dir, "out"), filepath.Join(dir, "tmp"))
		},
		read: func(t *testing.T, dir string, row func(id, check int)) {
			files, err := filepath.Glob(filepath.Join(dir, "out", "*.csv"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				f, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				for lines := bufio.NewScanner(f); lines.Scan(); {
					parts := strings.Split(lines.Text(), ",")
					id, err1 := strconv.Atoi(parts[0])
					sum, err2 := strconv.Atoi(parts[len(parts)-1])
					if err1 != nil || err2 != nil {
						t.Fatalf("%s: a damaged line %q", name, lines.Text())
					}
					row(id, sum)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
}

func sqliteTarget() target {
	return target{
		sink: func(dir string) string {
			return fmt.Sprintf(`Jdbc { url = "jdbc:sqlite:%s", driver = "org.sqlite.JDBC", generate_sink_sql = true, database = "main",
				table = "ledger", enable_upsert = false, is_exactly_once = true }`, filepath.Join(dir, "out.db"))
		},
		read: func(t *testing.T, dir string, row func(id, check int)) {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "out.db")+"?_pragma=busy_timeout(5000)")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			rows, err := db.Query("SELECT id, check_value FROM ledger")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var id, sum int
				if err := rows.Scan(&id, &sum); err != nil {
					t.Fatal(err)
				}
				row(id, sum)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// TestKillAndRestoreGivesEveryRowOnce kills the process with -9 at random moments, goes on with
// --restore until the job is finished, and counts. (P1, P2)
func TestKillAndRestoreGivesEveryRowOnce(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	if os.Getenv("SEIKAN_SOAK") != "" {
		rounds = 50
	}
	seed := drawSeed(t)
	for name, to := range map[string]target{"file": fileTarget(), "sqlite": sqliteTarget()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			for round := range rounds {
				killRound(t, to, random, fmt.Sprintf("SEIKAN_SEED=%x round %d", seed, round))
			}
		})
	}
}

func killRound(t *testing.T, to target, random *rand.Rand, label string) {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	writeInput(t, in)
	conf := filepath.Join(dir, "job.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, ledgerJob, in, to.sink(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	const id = "871234567890123456"
	kills := 0
	for attempt := 0; ; attempt++ {
		args := []string{"run", conf, "--job-id", id}
		if attempt > 0 {
			args = []string{"run", conf, "--restore", id}
		}
		c := Command(t, filepath.Join(dir, "state"), args...)
		var out strings.Builder
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		var fuse <-chan time.Time
		if kills < 4 {
			fuse = time.After(time.Duration(80+random.IntN(700)) * time.Millisecond)
		}
		select {
		case <-fuse:
			kills++
			_ = c.Process.Kill() // it may have ended by itself this moment
			<-ended
			if strings.Contains(out.String(), "end with state FINISHED") {
				count(t, to, dir, label)
				return
			}
			if !strings.Contains(out.String(), "Submit job finished") && attempt == 0 {
				attempt-- // killed before the job was known
			}
			continue
		case err := <-ended:
			if strings.Contains(out.String(), "is taken by a job that ran before") { // killed between the row and the word
				continue
			}
			if err != nil && !strings.Contains(out.String(), "it has FINISHED") { // likewise
				t.Fatalf("%s: attempt %d after %d kills: %v\n%s", label, attempt, kills, err, out.String())
			}
			count(t, to, dir, label)
			return
		}
	}
}

func count(t *testing.T, to target, dir, label string) {
	t.Helper()
	seen := make([]int, ledgerRows)
	to.read(t, dir, func(id, sum int) {
		if id < 0 || id >= ledgerRows || sum != check(id) {
			t.Fatalf("%s: a damaged row: id %d, check %d", label, id, sum)
		}
		seen[id]++
	})
	missing, doubled := 0, 0
	for _, n := range seen {
		switch {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	if missing+doubled > 0 {
		t.Fatalf("%s: %d rows are missing and %d doubled, of %d", label, missing, doubled, ledgerRows)
	}
}

// drawSeed gives SEIKAN_SEED, or a new seed where there is none.
func drawSeed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("SEIKAN_SEED")
	if s == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatalf("SEIKAN_SEED %q is not a hexadecimal number", s)
	}
	return n
}
