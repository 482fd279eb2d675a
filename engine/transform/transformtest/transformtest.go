// Package transformtest opens transforms and makes batches for their tests.
package transformtest

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// Schema is a table "t" with the given columns, each "name type".
func Schema(t testing.TB, columns ...string) *record.Schema {
	t.Helper()
	s := &record.Schema{Path: record.TablePath{Table: "t"}}
	for _, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Columns = append(s.Columns, record.Column{Name: name, Type: typ})
	}
	return s.Freeze()
}

// Batch reads rows from an array of JSON objects; without kinds all are inserts. It stands for
// the rows after number 100 of split "s".
func Batch(t testing.TB, s *record.Schema, json string, kinds ...record.RowKind) *record.Batch {
	t.Helper()
	data, _, err := array.RecordFromJSON(memory.DefaultAllocator, s.Arrow(), strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	b := record.NewBatch(s, data)
	b.Kinds = kinds
	b.Split, b.From, b.To = "s", record.Position{Rows: 100}, record.Position{Rows: 100 + data.NumRows()}
	return b
}

// Open makes the registered transform called name from the text of its options.
func Open(t testing.TB, name string, input *record.Schema, options string) (plugin.Transform, error) {
	t.Helper()
	f, ok := plugin.FindTransform(name)
	if !ok {
		t.Fatalf("no transform is called %s", name)
	}
	tree, err := hocon.Parse("job.conf", []byte(options), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts, problems := f.Spec.Parse(tree)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return f.New(t.Context(), plugin.Job{Log: plugintest.Task(t, 1).Log}, input, opts)
}

// MustOpen is Open for options that must be right.
func MustOpen(t testing.TB, name string, input *record.Schema, options string) plugin.Transform {
	t.Helper()
	tr, err := Open(t, name, input, options)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// Apply returns the rows that come out, as plugintest.Rows shows them, in lines.
func Apply(t testing.TB, tr plugin.Transform, task plugin.Task, in *record.Batch) string {
	t.Helper()
	out, err := tr.Apply(t.Context(), task, in)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	return strings.Join(plugintest.Rows(out), "\n")
}

// Columns shows a schema as "name TYPE, name TYPE".
func Columns(s *record.Schema) string {
	out := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		out[i] = c.Name + " " + c.Type.String()
	}
	return strings.Join(out, ", ")
}

// Conformance runs the suite every transform must pass, on a batch of changes.
func Conformance(t *testing.T, name string, input *record.Schema, options, rows string, kinds ...record.RowKind) {
	t.Helper()
	plugintest.Transform(t, plugintest.TransformCase{
		New:   func(t *testing.T) plugin.Transform { return MustOpen(t, name, input, options) },
		Input: func(t *testing.T) *record.Batch { return Batch(t, input, rows, kinds...) },
	})
	t.Run("TheExampleIsRight", func(t *testing.T) {
		f, _ := plugin.FindTransform(name)
		tree, err := hocon.Parse("example.conf", []byte(f.Spec.Example), hocon.Options{})
		if err != nil || len(tree.Fields) != 1 || tree.Fields[0].Key != f.Spec.Name {
			t.Fatalf("the example is no block called %s: %v", f.Spec.Name, err)
		}
		if _, problems := f.Spec.Parse(tree.Fields[0].Value); len(problems) > 0 {
			t.Fatal(problems)
		}
	})
	t.Run("TheEndOfASplitPasses", func(t *testing.T) {
		tr := MustOpen(t, name, input, options)
		defer func() { _ = tr.Close() }()
		out, err := tr.Apply(t.Context(), plugintest.Task(t, 1), plugintest.End(input, "s", 5))
		if err != nil || !out.To.Done || out.To.Rows != 5 || out.Split != "s" {
			t.Fatalf("the end of a split became %+v, %v", out, err)
		}
	})
	t.Run("ALateStretchOfABatchIsTransformedAlike", func(t *testing.T) {
		tr := MustOpen(t, name, input, options)
		defer func() { _ = tr.Close() }()
		whole := Batch(t, input, rows, kinds...)
		task := plugintest.Task(t, 1)
		all := strings.Split(Apply(t, tr, task, whole), "\n")
		late := Apply(t, tr, task, whole.Slice(whole.Rows()-1, whole.Rows()))
		if late != "" && late != all[len(all)-1] {
			t.Fatalf("the last row alone gives %q, in its batch %q", late, all[len(all)-1])
		}
	})
}
