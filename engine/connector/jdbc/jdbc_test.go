package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// plain makes a SQLite file with the given statements and returns its path, which has characters
// that mean something in a URL.
func plain(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it's 100%41 #1.db")
	exec(t, path, statements...)
	return path
}

func pool(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sqliteDialect{}.open(connection{url: "jdbc:sqlite:" + path, write: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t testing.TB, path string, statements ...string) {
	t.Helper()
	db := pool(t, path)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// rows are the rows of a query, their values joined by bars.
func rows(t testing.TB, path, query string) []string {
	t.Helper()
	r, err := pool(t, path).Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer r.Close()
	names, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for r.Next() {
		cells, into := make([]any, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := r.Scan(into...); err != nil {
			t.Fatal(err)
		}
		text := make([]string, len(cells))
		for i, c := range cells {
			if text[i] = fmt.Sprint(c); c == nil {
				text[i] = "∅"
			}
		}
		out = append(out, strings.Join(text, "|"))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func options(t testing.TB, spec *option.Spec, path, text string) *option.Values {
	t.Helper()
	tree, err := hocon.Parse("test.conf", []byte(`url = "jdbc:sqlite:`+path+"\"\ndriver = \"org.sqlite.JDBC\"\n"+text), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	values, problems := spec.Parse(tree)
	for _, p := range problems {
		if !p.Warning || p.Code == "CFG-012" {
			t.Fatal(p)
		}
	}
	return values
}

func job(t testing.TB) plugin.Job {
	return plugin.Job{ID: "1", Parallelism: 1, Log: plugintest.Task(t, 1).Log}
}

func openSource(t testing.TB, path, text string) (plugin.Source, error) {
	t.Helper()
	return newSource(t.Context(), job(t), options(t, sourceSpec(), path, text))
}

func mustSource(t testing.TB, path, text string) plugin.Source {
	t.Helper()
	s, err := openSource(t, path, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// splitsOf are the splits of a source.
func splitsOf(t testing.TB, s plugin.Source) []plugin.Split {
	t.Helper()
	e, err := s.Enumerator(t.Context(), plugintest.Task(t, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var out []plugin.Split
	for {
		d, err := e.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, d.Splits...); d.Done {
			return out
		}
	}
}

// readAll reads splits to their ends.
func readAll(t testing.TB, s plugin.Source, task plugin.Task, splits ...plugin.Split) ([]string, error) {
	t.Helper()
	r, err := s.Reader(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	for _, split := range splits {
		if err := r.Add(t.Context(), split); err != nil {
			t.Fatal(err)
		}
		for done := false; !done; {
			e, err := r.Poll(t.Context())
			if err != nil {
				return out, err
			}
			if e.Batch != nil {
				out = append(out, plugintest.Rows(e.Batch)...)
				done = e.Batch.To.Done
				e.Batch.Release()
			}
		}
	}
	return out, nil
}

func read(t testing.TB, path, text string) []string {
	t.Helper()
	s := mustSource(t, path, text)
	out, err := readAll(t, s, plugintest.Task(t, 1), splitsOf(t, s)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func openSink(t testing.TB, path string, input *record.Schema, text string) (plugin.Sink, error) {
	t.Helper()
	return newSink(t.Context(), job(t), input, options(t, sinkSpec(), path, text))
}

func mustSink(t testing.TB, path string, input *record.Schema, text string) plugin.Sink {
	t.Helper()
	s, err := openSink(t, path, input, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tolerant is a task that takes bad rows and keeps them.
func tolerant(t testing.TB) (plugin.Task, *[]plugin.DirtyRow) {
	task := plugintest.Task(t, 1)
	var bad []plugin.DirtyRow
	task.Dirty = func(_ context.Context, row plugin.DirtyRow) error {
		bad = append(bad, row)
		return nil
	}
	return task, &bad
}

func wantRows(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("rows:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("error %q\nlacks %q", err, p)
		}
	}
}
