package faults

import (
	"bufio"
	"bytes"
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // reads what a SQLite sink wrote
)

// Ledger is a job whose rows are numbered and carry a check value, so that its target shows
// exactly what is missing, doubled or damaged. The rows lie in files, so the pipeline is bound
// to the node it first ran on.
type Ledger struct {
	Rows   int
	Rate   int // rows a second of each subtask
	Target Target
	Loud   bool // says every row to the node's output too, when it is written and long before it is committed

	Dir   string        // below the data directory, of the target; the input of all is the same
	Place *Node         // where alone it may run; nil: anywhere
	Every time.Duration // between checkpoints; default 300 ms
}

// Target is where a Ledger's rows go, and a way to read them back from there.
type Target struct {
	sink func(dir string) string // as the nodes see it
	read func(dir string, row func(id, check int) error) error
}

// files of the input are many, so that batches are small and come often, whatever limits the rate.
const files = 60

func check(id int) int { return id*7919%104729 + 1 }

// Text is the job file.
func (l Ledger) Text() string {
	place, sinks, every := "", l.Target.sink(filepath.Join(Data, l.Dir)), cmp.Or(l.Every, 300*time.Millisecond)
	if l.Loud {
		sinks += "\n  Console { plugin_input = rows }"
	}
	if l.Place != nil {
		place = fmt.Sprintf(", tag_filter { place = %s }", l.Place.place())
	}
	return fmt.Sprintf(`
env { job.name = "ledger", parallelism = 2, checkpoint.interval = %d, read_limit.rows_per_second = %d, job.retry.times = 1000, job.retry.interval.seconds = 0%s }
source { LocalFile { plugin_output = rows, path = "%s/in", file_format_type = csv
  schema { table = ledger, fields { id = bigint, note = string, check_value = int }, primaryKey { name = pk, columnNames = [id] } } } }
sink { %s }
`, every.Milliseconds(), l.Rate, place, Data, sinks)
}

// Write makes the input below a data directory.
func (l Ledger) Write(t testing.TB, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(data, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	for f := range files {
		var b strings.Builder
		for id := f; id < l.Rows; id += files {
			fmt.Fprintf(&b, "%d,\"row %d, quoted\",%d\n", id, id, check(id))
		}
		if err := os.WriteFile(filepath.Join(data, "in", fmt.Sprintf("part-%d.csv", f)), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Count checks that every row is in the target once, and that the job's counters say the same.
func (l Ledger) Count(t testing.TB, data string, j Job) {
	t.Helper()
	seen := make([]int, l.Rows)
	err := l.Target.read(filepath.Join(data, l.Dir), func(id, sum int) error {
		if id < 0 || id >= l.Rows || sum != check(id) {
			return fmt.Errorf("a damaged row: id %d, check value %d", id, sum)
		}
		seen[id]++
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	missing, doubled := 0, 0
	for _, n := range seen {
		missing += max(1-n, 0)
		doubled += max(n-1, 0)
	}
	if missing > 0 || doubled > 0 {
		t.Errorf("%d rows are missing and %d doubled, of %d", missing, doubled, l.Rows)
	}
	written := l.Rows
	if l.Loud {
		written *= 2 // in two sinks
	}
	if j.Metrics.Read != int64(l.Rows) || j.Metrics.Written != int64(written) {
		t.Errorf("the job counts %d rows read and %d written, not %d and %d", j.Metrics.Read, j.Metrics.Written, l.Rows, written)
	}
	tally.rows.Add(int64(l.Rows))
	tally.missing.Add(int64(missing))
	tally.doubled.Add(int64(doubled))
}

// Committed is how many rows the target holds for good now.
func (l Ledger) Committed(data string) (n int, err error) {
	err = l.Target.read(filepath.Join(data, l.Dir), func(int, int) error { n++; return nil })
	return n, err
}

// Files are a target that gets files by rename.
func Files() Target {
	return Target{func(dir string) string {
		return fmt.Sprintf(`LocalFile { plugin_input = rows, path = "%s/out", tmp_path = "%s/tmp", file_format_type = csv }`, dir, dir)
	}, readFiles}
}

func readFiles(dir string, row func(id, check int) error) error {
	names, err := filepath.Glob(filepath.Join(dir, "out", "*.csv"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := readFile(name, row); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func readFile(name string, row func(id, check int) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), ",")
		id, err1 := strconv.Atoi(parts[0])
		sum, err2 := strconv.Atoi(parts[len(parts)-1])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if err := row(id, sum); err != nil {
			return err
		}
	}
	return lines.Err()
}

// SQLite is a target that keeps the position of what it holds.
func SQLite() Target {
	return Target{func(dir string) string {
		return fmt.Sprintf(`Jdbc { plugin_input = rows, url = "jdbc:sqlite:%s/out.db", driver = "org.sqlite.JDBC", generate_sink_sql = true, database = main,
  table = ledger, enable_upsert = false, is_exactly_once = true }`, dir)
	}, readSQLite}
}

func readSQLite(dir string, row func(id, check int) error) (err error) {
	name := filepath.Join(dir, "out.db")
	if _, err := os.Stat(name); err != nil {
		return nil // no row has been written yet
	}
	db, err := sql.Open("sqlite", "file:"+name+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.Query("SELECT id, check_value FROM ledger")
	if err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return nil
		}
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, sum int
		if err := rows.Scan(&id, &sum); err != nil {
			return err
		}
		if err := row(id, sum); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Spread is a job whose tasks may run on any node. One sink counts what passes, the other says
// every row to the node's output.
func Spread(rows, rate, parallelism int) string {
	return fmt.Sprintf(`
env { job.name = "spread", parallelism = %d, checkpoint.interval = 300, read_limit.rows_per_second = %d, job.retry.times = 1000, job.retry.interval.seconds = 0 }
source { FakeSource { plugin_output = rows, row.num = %d, split.num = %d, split.read-interval = 0, schema { fields { id = bigint, name = string } } } }
sink {
  Assert { plugin_input = rows, rules { row_rules = [ { rule_type = MIN_ROW, rule_value = %d }, { rule_type = MAX_ROW, rule_value = %d } ] } }
  Console { plugin_input = rows }
}
`, parallelism, rate, rows/parallelism, max(1, rows/parallelism/50), rows, rows)
}

// said is what a row looks like in the output of a node.
const said = "subtaskIndex="

// Said is how many rows a node's output has.
func (n *Node) Said() int {
	n.saidMu.Lock()
	defer n.saidMu.Unlock()
	f, err := os.Open(n.log())
	if err != nil {
		return 0 // it has not started yet
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, n.saidTo, 1<<40))
	if err != nil {
		return n.said
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1] // whole lines
	n.said += bytes.Count(text, []byte(said))
	n.saidTo += int64(len(text))
	return n.said
}
