package file_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seikan/engine/connector/file"
	"seikan/engine/connector/localfile"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// parse reads options; $DIR stands for dir.
func parse(t testing.TB, spec *option.Spec, dir, text string) (*option.Values, error) {
	t.Helper()
	v, err := hocon.Parse("job.conf", []byte(strings.ReplaceAll(text, "$DIR", dir)), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	values, problems := spec.Parse(v)
	return values, problems.Err()
}

func newSource(t testing.TB, dir, text string) (plugin.Source, error) {
	t.Helper()
	f, _ := plugin.FindSource("localfile")
	opts, err := parse(t, f.Spec, dir, text)
	if err != nil {
		return nil, err
	}
	return f.New(t.Context(), plugin.Job{ID: "1", Log: plugintest.Task(t, 1).Log}, opts)
}

func mustSource(t testing.TB, dir, text string) plugin.Source {
	t.Helper()
	s, err := newSource(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSink(t testing.TB, table *record.Schema, dir, text string) (plugin.Sink, error) {
	t.Helper()
	f, _ := plugin.FindSink("localfile")
	return sinkOf(t, f, table, dir, text)
}

func sinkOf(t testing.TB, f *plugin.SinkFactory, table *record.Schema, dir, text string) (plugin.Sink, error) {
	t.Helper()
	opts, err := parse(t, f.Spec, dir, text+"\ntmp_path = \"$DIR/tmp\"")
	if err != nil {
		return nil, err
	}
	return f.New(t.Context(), plugin.Job{ID: "1", Log: plugintest.Task(t, 1).Log}, table, opts)
}

func mustSink(t testing.TB, table *record.Schema, dir, text string) plugin.Sink {
	t.Helper()
	s, err := newSink(t, table, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put writes files below dir.
func put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tree returns the files below dir with their content; hidden ones too.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = string(text)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out
}

// keys returns sorted keys.
func keys(m map[string]string) []string {
	out := []string{}
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// splitsOf runs the enumerator to its end.
func splitsOf(t testing.TB, s plugin.Source, task plugin.Task) []plugin.Split {
	t.Helper()
	e, err := s.Enumerator(t.Context(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
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

// readSplit reads a split to its end.
func readSplit(t testing.TB, s plugin.Source, task plugin.Task, split plugin.Split) ([]string, error) {
	t.Helper()
	r, err := s.Reader(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Add(t.Context(), split); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for {
		e, err := r.Poll(t.Context())
		if err != nil {
			return rows, err
		}
		if e.Batch == nil {
			continue
		}
		rows = append(rows, plugintest.Rows(e.Batch)...)
		done := e.Batch.To.Done
		e.Batch.Release()
		if done {
			return rows, nil
		}
	}
}

// rowsOf reads everything, in the order of the splits.
func rowsOf(t testing.TB, s plugin.Source) []string {
	t.Helper()
	task := plugintest.Task(t, 1)
	var rows []string
	for _, split := range splitsOf(t, s, task) {
		r, err := readSplit(t, s, task, split)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r...)
	}
	return rows
}

// writeAll writes rows 1 to n in one transaction and commits it.
func writeAll(t testing.TB, s plugin.Sink, table *record.Schema, n int64) {
	t.Helper()
	task := plugintest.Task(t, 1)
	w, err := s.Writer(t.Context(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		b := plugintest.Batch(table, "s", 0, n)
		defer b.Release()
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, s, w, task)
}

// finish takes the last barrier and commits.
func finish(t testing.TB, s plugin.Sink, w plugin.Writer, task plugin.Task) {
	t.Helper()
	p, err := w.Prepare(t.Context(), record.Barrier{Checkpoint: 9, Kind: record.CompletedPoint})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Committer(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []error{c.Commit(t.Context(), p.Commits), w.Close(), c.Close()} {
		if step != nil {
			t.Fatal(step)
		}
	}
}

const csvSchema = `file_format_type = csv
schema { fields { id = bigint, name = string } }
`

func TestConformance(t *testing.T) {
	t.Run("sink", func(t *testing.T) {
		for name, more := range map[string]string{
			"csv": "", "fixed name": "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = fixed",
			"single":  "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = fixed\nsingle_file_mode = true",
			"rolling": "batch_size = 2", "gzip": "compress_codec = gzip",
		} {
			t.Run(name, func(t *testing.T) {
				plugintest.Sink(t, func(t *testing.T) plugintest.SinkCase {
					dir := t.TempDir()
					return plugintest.SinkCase{Guarantee: plugin.Staged,
						New: func(t *testing.T) plugin.Sink {
							return mustSink(t, plugintest.Schema(), dir, "path = \"$DIR/out\"\nfile_format_type = csv\n"+more)
						},
						Names: func(t *testing.T) []string {
							var names []string
							text := csvSchema + "path = \"$DIR/out\"\n"
							if name == "gzip" {
								text += "compress_codec = gzip\n"
							}
							if _, err := os.Stat(filepath.Join(dir, "out")); err != nil {
								return nil
							}
							for _, r := range rowsOf(t, mustSource(t, dir, text)) {
								names = append(names, r[strings.LastIndexByte(r, '|')+1:])
							}
							return names
						}}
				})
			})
		}
	})
	t.Run("source", func(t *testing.T) {
		dir := t.TempDir()
		files := map[string]string{}
		rows := 0
		for i := range 150 { // more than one round of discovery
			var b strings.Builder
			for range 40 {
				rows++
				fmt.Fprintf(&b, "%d,name %d\n", rows, rows)
			}
			files[fmt.Sprintf("dt=2024-01-%02d/%d.csv", i%7, i)] = b.String()
		}
		put(t, dir, files)
		plugintest.Source(t, plugintest.SourceCase{Rows: rows, Parallelism: 3, New: func(t *testing.T) plugin.Source {
			return mustSource(t, dir, csvSchema+`path = "$DIR"`)
		}})
	})
}

// localfile registers the connector that the tests use.
var _ file.System = localfile.System{}
