package jdbc

import (
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// Both writers of a table follow a change; the second finds it done.
func TestWritersFollowTheirTablesColumns(t *testing.T) {
	t.Parallel()
	before := schemaOf("id int", "a string", "b int", "c int")
	after := schemaOf("key int", "b double", "c int", "d decimal(10,2)")
	change := &record.SchemaChange{Before: before, After: after, Changes: []record.ColumnChange{
		{Kind: record.RenameColumn, OldName: "id", Column: after.Columns[0]},
		{Kind: record.DropColumn, OldName: "a"},
		{Kind: record.ModifyColumn, OldName: "b", Column: after.Columns[1]},
		{Kind: record.AddColumn, Column: after.Columns[3]},
	}}
	path := t.TempDir() + "/out.db"
	s := mustSink(t, path, before, generated+"primary_keys = [id]\n is_exactly_once = true\n field_ide = UPPERCASE")
	task := plugintest.Task(t, 1)
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	var writers []plugin.Writer
	for i, split := range []string{"s0", "s1"} {
		w, err := s.Writer(t.Context(), task, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		b := batch(t, before, []string{"+I|1|x|1|1", "+I|2|y|2|2"}[i])
		b.Split = split
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Prepare(t.Context(), record.Barrier{Kind: record.SchemaBefore}); err != nil {
			t.Fatal(err)
		}
		writers = append(writers, w)
	}
	for i, w := range writers {
		if err := w.(plugin.SchemaChanger).ChangeSchema(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		b := batch(t, after, []string{"+U|1|1.5|1|0.5", "+I|3|3|3|3"}[i])
		b.Split, b.From, b.To = []string{"s0", "s1"}[i], record.Position{Rows: 1}, record.Position{Rows: 2}
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Prepare(t.Context(), record.Barrier{}); err != nil {
			t.Fatal(err)
		}
	}
	wantRows(t, rows(t, path, "SELECT * FROM T ORDER BY 1"), "1|1.5|1|0.5", "2|2|2|∅", "3|3|3|3")
	wantRows(t, rows(t, path, "SELECT name FROM pragma_table_info('T')"), "KEY", "B", "C", "D")
}

func TestChangesThatCannotBeFollowedAreErrors(t *testing.T) {
	t.Parallel()
	before, after := schemaOf("id int", "a string"), schemaOf("a string")
	change := &record.SchemaChange{Before: before, After: after, Statement: "DROP id", Changes: []record.ColumnChange{{Kind: record.DropColumn, OldName: "id"}}}
	for text, want := range map[string]string{
		generated + "primary_keys = [id]":         "key column id",
		"query = \"insert into t values (?, ?)\"": "statement of the job's own",
	} {
		path := t.TempDir() + "/out.db"
		exec(t, path, "CREATE TABLE t (id INT PRIMARY KEY, a TEXT)")
		w, err := mustSink(t, path, before, text).Writer(t.Context(), plugintest.Task(t, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		err = w.(plugin.SchemaChanger).ChangeSchema(t.Context(), change)
		wantError(t, err, want, "DROP id")
	}
}
