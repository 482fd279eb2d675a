package jdbc

import (
	"fmt"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

func TestSaveModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		table        string // missing, empty, full
		schema, data string
		want         string // rows of t afterwards, "none" without the table, or part of the error
	}{
		{"missing", createWhenNotExist, appendData, "0"},
		{"missing", recreateSchema, dropData, "0"},
		{"missing", errorWhenNotExist, appendData, "The sink table not exist"},
		{"missing", ignoreSchema, appendData, "none"},
		{"missing", ignoreSchema, dropData, "none"},
		{"missing", ignoreSchema, errorWhenDataExists, "none"},
		{"missing", createWhenNotExist, errorWhenDataExists, "0"},
		{"empty", createWhenNotExist, errorWhenDataExists, "0"},
		{"full", createWhenNotExist, appendData, "2"},
		{"full", errorWhenNotExist, appendData, "2"},
		{"full", ignoreSchema, appendData, "2"},
		{"full", recreateSchema, appendData, "0"},
		{"full", recreateSchema, errorWhenDataExists, "0"},
		{"full", createWhenNotExist, dropData, "0"},
		{"full", createWhenNotExist, errorWhenDataExists, "The target data source already has data"},
		{"full", createWhenNotExist, customProcessing, "1"},
	} {
		for _, ledger := range []bool{false, true} {
			name := fmt.Sprintf("%s/%s/%s/ledger=%v", c.table, c.schema, c.data, ledger)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := t.TempDir() + "/out.db"
				switch c.table {
				case "empty":
					exec(t, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
				case "full":
					exec(t, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
				}
				text := fmt.Sprintf("%s schema_save_mode = %s\n data_save_mode = %s\n custom_sql = \"delete from t where id = 1\"\n is_exactly_once = %v", generated, c.schema, c.data, ledger)
				s := mustSink(t, path, plugintest.Schema(), text).(plugin.TablePreparer)
				err := s.PrepareTable(t.Context(), plugintest.Task(t, 1))
				if again := s.PrepareTable(t.Context(), plugintest.Task(t, 2)); (again == nil) != (err == nil) {
					t.Fatalf("first %v, then %v", err, again)
				}
				if err != nil {
					wantError(t, err, c.want)
					if !plugin.IsPermanent(err) {
						t.Error("would be tried again")
					}
					return
				}
				if c.want == "none" {
					wantRows(t, rows(t, path, "SELECT name FROM sqlite_master WHERE name = 't'"))
					return
				}
				wantRows(t, rows(t, path, "SELECT count(*) FROM t"), c.want)
			})
		}
	}
}

// With a ledger a save mode that has been carried out never runs again in its run, not even when
// the answer got lost and rows have been written since.
func TestSaveModesRunOnceWithALedger(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, plugintest.Schema(), exactlyOnce+"data_save_mode = DROP_DATA")
	if err := write(t, s, plugintest.Task(t, 1), plugintest.Batch(plugintest.Schema(), "s", 0, 3)); err != nil {
		t.Fatal(err)
	}
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 2)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "3")
}

func TestCreatedTableHasTypesKeysAndIndexes(t *testing.T) {
	t.Parallel()
	in := schemaOf("id bigint", "code string", "price decimal(10,2)", "big decimal(30,2)", "at timestamp")
	in.PrimaryKey = &record.PrimaryKey{Columns: []string{"id"}}
	in.Columns[1].NotNull = true
	in.Constraints = []record.ConstraintKey{
		{Name: "u", Kind: record.UniqueKey, Columns: []record.KeyColumn{{Name: "code"}}},
		{Name: "i", Kind: record.IndexKey, Columns: []record.KeyColumn{{Name: "price", Sort: "DESC"}, {Name: "at"}}},
		{Name: "f", Kind: record.ForeignKey, Columns: []record.KeyColumn{{Name: "at"}}},
	}
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, in, generated)
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1)); err != nil {
		t.Fatal(err)
	}
	got := rows(t, path, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
	wantRows(t, got, `CREATE TABLE "t" (
  "id" INTEGER NOT NULL,
  "code" TEXT NOT NULL,
  "price" DECIMAL(10,2),
  "big" DECIMAL_TEXT(30,2),
  "at" TIMESTAMP,
  PRIMARY KEY ("id")
)`, `CREATE UNIQUE INDEX "t_u" ON "t" ("code")`, `CREATE INDEX "t_i" ON "t" ("price" DESC, "at")`)

	without := t.TempDir() + "/out.db"
	s = mustSink(t, without, in, generated+"create_index = false")
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1)); err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows(t, without, "SELECT count(*) FROM sqlite_master WHERE type = 'index'"), "0")
}

func TestATableThatCannotTakeTheRowsIsRefused(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	exec(t, path, "CREATE TABLE t (id INT, other TEXT)", "CREATE TABLE u (id INT, name TEXT)")
	task := plugintest.Task(t, 1)
	err := mustSink(t, path, plugintest.Schema(), generated).(plugin.TablePreparer).PrepareTable(t.Context(), task)
	wantError(t, err, "no column name", "id, other")
	err = mustSink(t, path, plugintest.Schema(), strings.Replace(generated, "table = t", "table = u", 1)).(plugin.TablePreparer).PrepareTable(t.Context(), task)
	wantError(t, err, "no primary key or unique index on (id)", "enable_upsert")
}

func TestAFailedCustomSQLChangesNothing(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/out.db"
	exec(t, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'a')")
	s := mustSink(t, path, plugintest.Schema(), generated+"data_save_mode = CUSTOM_PROCESSING\n custom_sql = \"delete from t; delete from missing\"")
	err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1))
	wantError(t, err, "delete from missing", "no such table")
	wantRows(t, rows(t, path, "SELECT count(*) FROM t"), "1")
}
