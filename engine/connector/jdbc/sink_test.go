package jdbc

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

const generated = "generate_sink_sql = true\n table = t\n"

func TestSinkConformance(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		guarantee plugin.Guarantee
	}{
		"Insert": {generated + "enable_upsert = false", plugin.Repeats},
		"Upsert": {generated + "primary_keys = [id]", plugin.Idempotent},
		"Ledger": {generated + "is_exactly_once = true", plugin.Ledger},
		"LedgerOfOwnStatement": {"query = \"insert into t (name, id) values (:name, :id)\"\n is_exactly_once = true\n xa_data_source_class_name = x",
			plugin.Ledger},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plugintest.Sink(t, func(t *testing.T) plugintest.SinkCase {
				path := t.TempDir() + "/out.db"
				if strings.Contains(c.text, "query") {
					exec(t, path, "CREATE TABLE t (id INTEGER, name TEXT)")
				}
				if g := guarantee(options(t, sinkSpec(), path, c.text)); g != c.guarantee {
					t.Fatalf("guarantee %s, want %s", g, c.guarantee)
				}
				return plugintest.SinkCase{Guarantee: c.guarantee,
					New:   func(t *testing.T) plugin.Sink { return mustSink(t, path, plugintest.Schema(), c.text) },
					Names: func(t *testing.T) []string { return rows(t, path, "SELECT name FROM t") }}
			})
		})
	}
}

// batch makes a batch out of texts: kind, then a text for each column, "∅" for null.
func batch(t testing.TB, schema *record.Schema, lines ...string) *record.Batch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Freeze().Arrow())
	defer b.Release()
	var kinds []record.RowKind
	for _, line := range lines {
		cells := strings.Split(line, "|")
		kind, err := record.ParseRowKind(cells[0])
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, kind)
		for i, c := range schema.Columns {
			if cells[i+1] == "∅" {
				b.Field(i).AppendNull()
			} else if err := value.Appender(c.Type, value.Options{})(b.Field(i), []byte(cells[i+1])); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := record.NewBatch(schema, b.NewRecordBatch())
	out.Kinds, out.Split, out.To = kinds, "s", record.Position{Rows: int64(len(lines))}
	return out
}

// write runs a sink over batches to its end.
func write(t testing.TB, s plugin.Sink, task plugin.Task, batches ...*record.Batch) error {
	t.Helper()
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), task); err != nil {
		return err
	}
	w, err := s.Writer(t.Context(), task, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, b := range batches {
		if err := w.Write(t.Context(), b); err != nil {
			return err
		}
		b.Release()
	}
	_, err = w.Prepare(t.Context(), record.Barrier{Kind: record.CompletedPoint})
	return err
}

func schemaOf(columns ...string) *record.Schema {
	s := &record.Schema{Path: record.TablePath{Database: "db", Table: "t"}}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, " ")
		parsed, err := record.ParseType(typ)
		if err != nil {
			panic(err)
		}
		s.Columns = append(s.Columns, record.Column{Name: name, Type: parsed})
	}
	return s.Freeze()
}

func TestTypesComeBackAsWritten(t *testing.T) {
	t.Parallel()
	in := schemaOf("a tinyint", "b smallint", "c int", "d bigint", "e boolean", "f double", "g decimal(10,2)", "h decimal(38,18)", "i string",
		"j bytes", "k date", "l time", "m timestamp", "n timestamp(9)", "o timestamp_tz", "p decimal(15,0)")
	lines := []string{
		"+I|-128|-32768|-2147483648|-9223372036854775808|true|1.5E300|-99999999.99|12345678901234567890.123456789012345678|\u65e5\u672c 'x'|raw|9999-12-31|23:59:59.999999|0001-01-01T00:00:00.000001|2024-02-29T01:02:03.123456789|2024-02-29T01:02:03Z|999999999999999",
		"+I" + strings.Repeat("|∅", 16),
		"+I|0|0|0|0|false|0|0|0|||1970-01-01|00:00:00|1970-01-01T00:00:00|1970-01-01T00:00:00|1970-01-01T00:00:00Z|0",
	}
	path := t.TempDir() + "/out.db"
	original := batch(t, in, lines...)
	original.Retain()
	want := plugintest.Rows(original)
	if err := write(t, mustSink(t, path, in, generated), plugintest.Task(t, 1), original); err != nil {
		t.Fatal(err)
	}
	s := mustSource(t, path, "table_path = t")
	for i, c := range s.Tables()[0].Columns {
		if !c.Type.Equal(in.Columns[i].Type) {
			t.Errorf("column %s came back as %s, was %s", c.Name, c.Type, in.Columns[i].Type)
		}
	}
	wantRows(t, read(t, path, "table_path = t"), want...)
}

func TestChangesAreAppliedByKey(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string")
	lines := []string{"+I|1|a", "+I|2|b", "-U|1|a", "+U|1|a2", "+I|3|c", "-D|2|b", "+I|2|again", "-D|3|c", "+I|1|a3", "-D|9|none"}
	for _, more := range []string{"", "enable_upsert = false\n", "batch_size = 1\n"} {
		path := t.TempDir() + "/out.db"
		lines := lines
		if strings.HasPrefix(more, "enable") {
			lines = lines[:8] // an INSERT of a row that is there is refused
		}
		err := write(t, mustSink(t, path, in, generated+"primary_keys = [id]\n"+more), plugintest.Task(t, 1), batch(t, in, lines...))
		if err != nil {
			t.Fatalf("%s: %v", more, err)
		}
		want := []string{"1|a3", "2|again"}
		if strings.HasPrefix(more, "enable") {
			want[0] = "1|a2"
		}
		wantRows(t, rows(t, path, "SELECT id, v FROM t ORDER BY id"), want...)
	}
}

func TestOfRowsWithOneKeyTheLastWins(t *testing.T) {
	t.Parallel()
	in := schemaOf("id string", "v int")
	var lines []string
	for i := range 2000 {
		lines = append(lines, fmt.Sprintf("+U|k%d|%d", i%10, i))
	}
	path := t.TempDir() + "/out.db"
	exec(t, path, "CREATE TABLE t (id TEXT PRIMARY KEY, v INT)", "CREATE TABLE log (n INT)",
		"CREATE TRIGGER count AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.v); END",
		"CREATE TRIGGER again AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.v); END")
	if err := write(t, mustSink(t, path, in, generated+"primary_keys = [id]"), plugintest.Task(t, 1), batch(t, in, lines...)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT min(v), max(v), count(*) FROM t"), "1990|1999|10")
	wantRows(t, rows(t, path, "SELECT count(*) FROM log"), "10")
}

func TestWithoutAKeyEveryRowIsInserted(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string")
	path := t.TempDir() + "/out.db"
	if err := write(t, mustSink(t, path, in, generated), plugintest.Task(t, 1), batch(t, in, "+I|1|a", "-U|1|a", "+U|1|b", "-D|1|b")); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT id, v FROM t ORDER BY rowid"), "1|a", "1|a", "1|b", "1|b")
}

func TestOwnStatement(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string")
	for query, want := range map[string]string{
		"insert into t values (?, ?)":                                              "1|a",
		"insert into t values (:id, :v || ':id?' || :v) -- not :this one?":         "1|a:id?a",
		"insert into t /* :or ? */ (\"v?\", id) select :v, cast(:id as text)::int": "",
		"insert into t (v, id) values (:v, :id + 41);":                             "42|a",
	} {
		path := t.TempDir() + "/out.db"
		exec(t, path, "CREATE TABLE t (id INT, v TEXT)")
		if want == "" { // ::int is for others; it has only to be left alone
			o, err := parseOwn(query, in)
			if err != nil || len(o.columns) != 2 || !strings.Contains(o.text(sqliteDialect{}), "::int") {
				t.Errorf("%s: %v %v", query, o, err)
			}
			continue
		}
		if err := write(t, mustSink(t, path, in, "query = \""+query+"\""), plugintest.Task(t, 1), batch(t, in, "+I|1|a")); err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		wantRows(t, rows(t, path, "SELECT id, v FROM t"), want)
	}
}

func TestBadRowsDoNotStopTheirBatch(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string", "f double")
	path := t.TempDir() + "/out.db"
	exec(t, path, "CREATE TABLE t (id INT PRIMARY KEY, v TEXT NOT NULL CHECK (v <> 'bad'), f DOUBLE)")
	var lines []string
	for i := range 1000 {
		line := fmt.Sprintf("+I|%d|ok|1", i)
		switch i {
		case 10:
			line = "+I|10|bad|1"
		case 500:
			line = "+I|500|∅|1"
		case 700:
			line = "+I|∅|ok|1"
		case 999:
			line = "+I|999|ok|NaN"
		}
		lines = append(lines, line)
	}
	task, bad := tolerant(t)
	if err := write(t, mustSink(t, path, in, generated+"primary_keys = [id]"), task, batch(t, in, lines...)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "996")
	at := map[int64]string{}
	for _, row := range *bad {
		at[row.At.Rows] = row.Err.Error()
	}
	for row, part := range map[int64]string{11: "CHECK constraint failed", 501: "NOT NULL constraint failed", 701: "the key is null", 1000: "NaN"} {
		if !strings.Contains(at[row], part) {
			t.Errorf("row %d: %q lacks %q", row, at[row], part)
		}
	}
	if raw := string((*bad)[0].Raw); len(*bad) != 4 || (*bad)[0].Table != "db.t" || (*bad)[0].Split != "s" || !strings.Contains(raw, "id = 10, v = bad") && !strings.Contains(raw, "id = ") {
		t.Errorf("%d dead letters, the first %q of %q", len(*bad), raw, (*bad)[0].Table)
	}
	// A task that takes no bad rows fails, and nothing of the transaction stays.
	exec(t, path, "DELETE FROM t")
	err := write(t, mustSink(t, path, in, generated+"primary_keys = [id]"), plugintest.Task(t, 1), batch(t, in, lines...))
	wantError(t, err, "table db.t", "INSERT INTO", "constraint failed")
	wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "0")
	if !plugin.IsPermanent(err) {
		t.Error("a bad row would be tried again")
	}
}

func TestAFailedStatementIsShown(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string")
	path := t.TempDir() + "/out.db"
	exec(t, path, "CREATE TABLE other (id INT)")
	err := write(t, mustSink(t, path, in, "query = \"insert into missing values (?, ?)\""), plugintest.Task(t, 1), batch(t, in, "+I|1|a"))
	wantError(t, err, "insert into missing values", "no such table: missing")
	if !plugin.IsPermanent(err) {
		t.Error("a missing table would be tried again")
	}
}

func TestWhatIsWrongWithASinkIsSaid(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string")
	path := t.TempDir() + "/out.db"
	for text, want := range map[string][]string{
		"": {"query", "generate_sink_sql"},
		"query = \"insert into t values (?, ?)\"\n generate_sink_sql = true": {"excludes generate_sink_sql"},
		"query = \"insert into t values (?)\"":                               {"1 ?", "2 columns id, v"},
		"query = \"insert into t values (?, ?, ?)\"":                         {"more ?"},
		"query = \"insert into t values (:id, :w)\"":                         {`no column "w"`, "id, v"},
		"query = \"insert into t values (:id, ?)\"":                          {"mixes"},
		"query = \"insert into t values ('a, ?)\"":                           {"never closed"},
		generated + "primary_keys = [x]":                                     {"primary_keys", `no column "x"`},
		generated + "is_exactly_once = true\n max_retries = 3":               {"max_retries", "must be 0"},
	} {
		_, err := openSink(t, path, in, text)
		wantError(t, err, want...)
	}
	_, err := openSink(t, ":memory:", in, generated)
	wantError(t, err, "in memory", "gone when the writer closes")
	_, err = openSink(t, path, schemaOf("id int", "tags array<int>"), generated)
	wantError(t, err, "column tags", "no type for ARRAY<INT>")
}

func TestNamesAreCasedPrefixedAndQuoted(t *testing.T) {
	t.Parallel()
	in := schemaOf("Id int", "a\"b string", "order string")
	path := t.TempDir() + "/out.db"
	text := "generate_sink_sql = true\n table = \"sch.${table_name}\"\n tablePrefix = p_\n tableSuffix = _s\n field_ide = UPPERCASE"
	text = strings.Replace(text, "sch.${table_name}", "sch.My Tab", 1)
	if err := write(t, mustSink(t, path, in, text), plugintest.Task(t, 1), batch(t, in, "+I|1|x|y")); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT name FROM sqlite_master"), "P_MY TAB_S")
	wantRows(t, rows(t, path, `SELECT "ID", "A""B", "ORDER" FROM "P_MY TAB_S"`), "1|x|y")
}

// Several subtasks write one file: they take turns, none fails.
func TestWritersOfOneFileTakeTurns(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, plugintest.Schema(), generated+"is_exactly_once = true\n batch_size = 500")
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1)); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			task := plugintest.Task(t, 1)
			task.Subtask = i
			w, err := s.Writer(t.Context(), task, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			split := fmt.Sprint("s", i)
			for from := int64(0); from < 5000; from += 1000 {
				b := plugintest.Batch(plugintest.Schema(), split, from, from+1000)
				if err := w.Write(t.Context(), b); err != nil {
					t.Error(err)
				}
				b.Release()
			}
			if _, err := w.Prepare(t.Context(), record.Barrier{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	wantRows(t, rows(t, path, "SELECT count(*), (SELECT sum(position_rows) FROM seikan_ledger) FROM t"), "5000|20000")
}

func TestInfinityIsStoredAndNaNRefused(t *testing.T) {
	t.Parallel()
	bind, err := sqliteDialect{}.binder(record.Of(record.Double))
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues([]float64{math.Inf(1), math.NaN()}, nil)
	a := b.NewArray()
	defer a.Release()
	if v, err := bind(a)(0); err != nil || v != math.Inf(1) {
		t.Errorf("infinity: %v, %v", v, err)
	}
	if _, err := bind(a)(1); err == nil {
		t.Error("NaN would be stored as null")
	}
}

func TestALockThatIsNotGivenUpSaysWhatToDo(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	exec(t, path, "PRAGMA journal_mode = DELETE", "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (0, 'x')")
	held, err := pool(t, path).Query("SELECT * FROM t")
	if err != nil || !held.Next() {
		t.Fatal(err)
	}
	defer held.Close()
	text := generated + "properties { busy_timeout = 1 }\n max_retries = 2"
	err = write(t, mustSink(t, path, plugintest.Schema(), text), plugintest.Task(t, 1), plugintest.Batch(plugintest.Schema(), "s", 0, 5))
	wantError(t, err, "locked", "journal_mode = WAL")
	if plugin.IsPermanent(err) {
		t.Error("a lock counts as permanent")
	}
}

func FuzzOwnStatement(f *testing.F) {
	for _, s := range []string{"insert into t values (?, ?)", "insert into t values (:id, ':v')", "/* ? */ -- :id\n?::int, `?`", "'", "/*", ":", "?::", "?;\n--"} {
		f.Add(s)
	}
	in := schemaOf("id int", "v string")
	f.Fuzz(func(t *testing.T, query string) {
		o, err := parseOwn(query, in)
		if err != nil {
			return
		}
		if len(o.pieces) != len(o.columns)+1 {
			t.Fatalf("%d pieces around %d parameters", len(o.pieces), len(o.columns))
		}
		again, err := parseOwn(o.text(sqliteDialect{}), in)
		if len(o.columns) == 2 && (err != nil || len(again.columns) != 2) {
			t.Fatalf("%q became %q: %v", query, o.text(sqliteDialect{}), err)
		}
	})
}

func FuzzSQLiteType(f *testing.F) {
	for _, s := range []string{"", "INT", "DECIMAL(10,2)", "varchar (20)", "DOUBLE PRECISION", "timestamp(9) with time zone", "INT UNSIGNED", "DECIMAL(99,-1)", "(,)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, declared string) {
		typ, _ := sqliteType(declared)
		typ.Arrow() // panics for what is no type
		if typ.Kind == record.Decimal && (typ.Precision < 1 || typ.Precision > 38 || typ.Scale < 0 || typ.Scale > typ.Precision) {
			t.Fatalf("%q is %s", declared, typ)
		}
	})
}

func TestRowsWithANullKeyAreNotTakenForOne(t *testing.T) {
	t.Parallel()
	in := schemaOf("id int", "v string")
	in.Constraints = []record.ConstraintKey{{Name: "u", Kind: record.UniqueKey, Columns: []record.KeyColumn{{Name: "id"}}}}
	path := t.TempDir() + "/out.db"
	err := write(t, mustSink(t, path, in, generated), plugintest.Task(t, 1), batch(t, in, "+I|∅|a", "+I|1|b", "+I|∅|c", "+I|1|d"))
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT id, v FROM t ORDER BY v"), "∅|a", "∅|c", "1|d")
}

// A transaction that the database ends by itself must not go on as single statements: the
// ledger would count rows that are gone.
func TestATransactionRolledBackByTheTableFails(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	exec(t, path, "CREATE TABLE t (id INT, name TEXT CHECK (name <> 'name 3'), UNIQUE (id) ON CONFLICT ROLLBACK)", "INSERT INTO t VALUES (7, 'x')")
	for _, own := range []bool{false, true} {
		text := exactlyOnce
		if own {
			text = "query = \"insert into t values (?, ?)\"\n is_exactly_once = true"
		}
		task, bad := tolerant(t)
		err := write(t, mustSink(t, path, plugintest.Schema(), text), task, plugintest.Batch(plugintest.Schema(), "s", 0, 9))
		wantError(t, err, "UNIQUE constraint failed", "rolled back the whole transaction")
		if len(*bad) > 0 {
			t.Errorf("%d rows were taken for bad ones although nothing was committed", len(*bad))
		}
		wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "1")
		wantRows(t, rows(t, path, "SELECT position_rows FROM seikan_ledger WHERE split_id = 's'"), "0")
	}
}
