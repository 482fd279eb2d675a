package testbed

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// count reads one number out of a SQLite file of the place.
func (p place) count(file, query string) int {
	p.t.Helper()
	db, err := sql.Open("sqlite", p.path(file))
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow(query).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	return n
}

const twoTables = `FakeSource { plugin_output = fake, tables_configs = [
  { row.num = 30, schema { table = "shop.orders", fields { id = bigint, note = string }, primaryKey { name = pk, columnNames = [id] } } }
  { row.num = 20, schema { table = "shop.people", fields { id = bigint, name = string, born = date }, primaryKey { name = pk, columnNames = [id] } } }
] }`

func TestSeveralTablesToFilesByPlaceholder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.finish(`
env { parallelism = 2 }
source { ` + twoTables + ` }
sink { LocalFile { path = "$DIR/out/${database_name}/${table_name}", tmp_path = "$DIR/tmp", file_format_type = csv } }`)
	// row.num is for each subtask
	for table, want := range map[string]int{"orders": 60, "people": 40} {
		if got := len(p.lines("out/shop/" + table)); got != want {
			t.Errorf("table %s has %d rows, expected %d", table, got, want)
		}
	}
}

func TestSeveralTablesToSQLiteWithReplicas(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.finish(`
env { parallelism = 1 }
source { ` + twoTables + ` }
sink { Jdbc { url = "jdbc:sqlite:$DIR/shop.db", driver = "org.sqlite.JDBC", generate_sink_sql = true,
  database = main, table = "t_${table_name}", multi_table_sink_replica = 2 } }`)
	for table, want := range map[string]int{"t_orders": 30, "t_people": 20} {
		if got := p.count("shop.db", "SELECT count(*) FROM "+table); got != want {
			t.Errorf("table %s has %d rows, expected %d", table, got, want)
		}
	}
}

// TestFanOutAndUnion sends each of two sources to a sink of its own and to one they share.
func TestFanOutAndUnion(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.finish(`
env { parallelism = 2, checkpoint.interval = 20 }
source {
  FakeSource { plugin_output = a, row.num = 100, schema { table = a, fields { id = int } } }
  FakeSource { plugin_output = b, row.num = 10, schema { table = b, fields { id = int } } }
}
transform { Sql { plugin_input = a, plugin_output = none, query = "select id from a where id < 0" } }
sink {
  LocalFile { plugin_input = [a, b], path = "$DIR/both", tmp_path = "$DIR/tmp", file_format_type = csv }
  LocalFile { plugin_input = b, path = "$DIR/b", tmp_path = "$DIR/tmp", file_format_type = json }
  LocalFile { plugin_input = none, path = "$DIR/none", tmp_path = "$DIR/tmp", file_format_type = json }
}`)
	for dir, want := range map[string]int{"both": 220, "b": 20, "none": 0} {
		if got := len(p.lines(dir)); got != want {
			t.Errorf("%s has %d rows, expected %d", dir, got, want)
		}
	}
}

// TestJobFilesOfEveryKind writes one job as HOCON, JSON and SQL.
func TestJobFilesOfEveryKind(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"job.conf": `
env { job.name = ${name:unnamed}, parallelism = ${p} }
source { FakeSource { row.num = 3, schema { table = t, fields { id = int } } } }
transform { Sql { query = "select id, '${word}' as word from t" } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = csv } }`,
		"job.json": `{ "env": { "parallelism": "${p}" },
"source": [ { "plugin_name": "FakeSource", "row.num": 3, "schema": { "table": "t", "fields": { "id": "int" } } } ],
"transform": [ { "plugin_name": "Sql", "query": "select id, '${word}' as word from t" } ],
"sink": [ { "plugin_name": "LocalFile", "path": "$DIR/out", "tmp_path": "$DIR/tmp", "file_format_type": "csv" } ] }`,
		"job.sql": `/* config
env { parallelism = ${p} }
*/
CREATE TABLE t WITH ('connector'='FakeSource', 'type'='source', 'row.num'='3', 'schema'='{ table = t, fields { id = int } }');
CREATE TABLE out WITH ('connector'='LocalFile', 'type'='sink', 'path'='$DIR/out', 'tmp_path'='$DIR/tmp', 'file_format_type'='csv');
INSERT INTO out SELECT id, '${word}' AS word FROM t;
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			e := p.seikan("run", p.write(name, text), "-i", "p=2", "-i", "word=a=b")
			if e.code != 0 {
				t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
			}
			lines := p.lines("out")
			if len(lines) != 6 || !strings.HasSuffix(lines[0], ",a=b") {
				t.Errorf("the rows are %q", lines)
			}
		})
	}
}

// TestEncryptedJobRuns encrypts a file, finds no secret in it nor in the state, and runs it.
func TestEncryptedJobRuns(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const secret = "hunter2hunter2"
	p.numbers(1)
	text := `
env { shade.identifier = base64 }
source { FakeSource { row.num = 2, schema { table = t, fields { id = int } } } }
sink { Jdbc { url = "jdbc:sqlite:$DIR/x.db", driver = "org.sqlite.JDBC", username = me, password = "` + secret + `", generate_sink_sql = true, database = main, table = t } }`
	e := p.seikan("encrypt", p.write("clear.conf", text))
	if e.code != 0 || strings.Contains(e.out, secret) {
		t.Fatalf("encrypting: exit code %d\n%s", e.code, e.out)
	}
	if e = p.seikan("run", p.write("sealed.json", e.out)); e.code != 0 {
		t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
	}
	if n := p.count("x.db", "SELECT count(*) FROM t"); n != 2 {
		t.Errorf("%d rows, expected 2", n)
	}
	for _, name := range p.files("state") {
		data, err := os.ReadFile(p.path("state", name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("the password is in clear in the state, file %s", name)
		}
	}
	if e = p.job(strings.Replace(text, "base64", "rot13", 1)); e.code != 3 || !strings.Contains(e.out, "rot13") {
		t.Errorf("an unknown scheme: exit code %d\n%s", e.code, tail(e.out))
	}
}

func TestPartitionsAreWrittenAndRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("in/a.csv", "1,x,2024\n2,y,2025\n3,z,2024\n")
	p.finish(`
env {}
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { table = t, fields { id = int, name = string, year = int } } } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = parquet, have_partition = true, partition_by = [year] } }`)
	for _, f := range p.files("out") {
		if !strings.HasPrefix(f, "year=202") {
			t.Errorf("a file outside of the partitions: %s", f)
		}
	}
	p.finish(`
env {}
source { LocalFile { path = "$DIR/out", file_format_type = parquet, read_partitions = ["year=2024"] } }
sink { LocalFile { path = "$DIR/back", tmp_path = "$DIR/tmp", file_format_type = csv } }`)
	if got, want := p.lines("back"), []string{"1,x,2024", "3,z,2024"}; !slices.Equal(got, want) {
		t.Errorf("came back %q, expected %q", got, want)
	}
}

// TestStreamingJobStopsWithASavepointAndGoesOn stops a slow job from another process, and
// restores it with another parallelism.
func TestStreamingJobStopsWithASavepointAndGoesOn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const rows = 4000
	p.numbers(rows)
	const id = "871234567890123457"
	text := `
env { job.mode = STREAMING, parallelism = %d, checkpoint.interval = 50 %s }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { table = t, fields { id = int, name = string } } } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = csv } }`
	conf := p.write("job.conf", fmt.Sprintf(text, 1, ", read_limit.rows_per_second = 500"))
	c := Command(t, p.path("state"), "run", conf, "--job-id", id)
	done := make(chan ended, 1)
	go func() { done <- p.wait(c) }()
	for end := time.Now().Add(patience); len(p.files("out")) < 3; {
		if time.Now().After(end) {
			t.Fatal("nothing is committed")
		}
	}
	if e := p.seikan("jobs", "savepoint", id); e.code != 0 {
		t.Fatalf("asking for a savepoint: exit code %d\n%s", e.code, e.out)
	}
	if e := <-done; e.code != 0 || !strings.Contains(e.out, "SAVEPOINT_DONE") {
		t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
	}
	if n := len(p.lines("out")); n == 0 || n >= rows {
		t.Fatalf("%d rows were written before the savepoint", n)
	}
	conf = p.write("job.conf", fmt.Sprintf(text, 3, ""))
	if e := p.seikan("run", conf, "--restore", id); e.code != 0 {
		t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
	}
	got, want := p.lines("out"), p.lines("in")
	if !slices.Equal(got, want) {
		t.Errorf("%d rows, expected %d, each once", len(got), len(want))
	}
}

// TestReadLimitHolds: at 100 rows a second, 150 rows take half a second at least (the first
// second's worth goes at once).
func TestReadLimitHolds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.numbers(150)
	began := time.Now()
	p.finish(`
env { read_limit.rows_per_second = 100 }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { table = t, fields { id = int, name = string } } } }
sink { Console {} }`)
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("150 rows at 100 a second took %v", took)
	}
}
