package file_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// A checkpoint may fall into a binary file, and so may a crash behind it.
func TestBinaryFilesArriveWholeWhateverFallsIntoThem(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.bin": strings.Repeat("0123456789abcdef", 200_000), "d/e/b": "short", "d/c": strings.Repeat("x", 1024)}
	for _, crash := range []bool{false, true} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "in"), files)
		src := mustSource(t, dir, "path = \"$DIR/in\"\nfile_format_type = binary")
		sink := mustSink(t, src.Tables()[0], dir, "path = \"$DIR/out\"\nfile_format_type = binary")
		task := plugintest.Task(t, 1)
		reader, err := src.Reader(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		splits := splitsOf(t, src, task)
		for _, s := range splits {
			if err := reader.Add(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		w, err := sink.Writer(t.Context(), task, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := sink.Committer(t.Context(), task)
		write := func() bool {
			e, err := reader.Poll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer e.Batch.Release()
			if err := w.Write(t.Context(), e.Batch); err != nil {
				t.Fatal(err)
			}
			return e.Batch.To.Done
		}
		barrier := record.Barrier{Kind: record.Checkpoint}
		for done := 0; done < len(splits); {
			if write() {
				done++
			}
			barrier.Checkpoint++
			p, err := w.Prepare(t.Context(), barrier)
			if err != nil {
				t.Fatal(err)
			}
			if crash {
				task.Attempt++
				if err := c.Recover(t.Context(), p.Commits); err != nil {
					t.Fatal(err)
				}
				if w, err = sink.Writer(t.Context(), task, []plugin.State{p.Writer}); err != nil {
					t.Fatal(err)
				}
			} else if err := c.Commit(t.Context(), append(p.Commits, p.Commits...)); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		c.Close()
		got := tree(t, filepath.Join(dir, "out"))
		equal(t, keys(got), keys(files))
		for name, want := range files {
			if got[name] != want {
				t.Errorf("crash %v: %s has %d bytes, want %d", crash, name, len(got[name]), len(want))
			}
		}
	}
}

func TestBinaryRowsStayBelowPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"in/a": "x"})
	src := mustSource(t, dir, "path = \"$DIR/in\"\nfile_format_type = binary")
	sink := mustSink(t, src.Tables()[0], dir, "path = \"$DIR/out\"\nfile_format_type = binary")
	for name, word := range map[string]string{"../x": "outside", "/etc/x": "outside", "": "outside", ".": "outside", "a/../../b": "outside"} {
		w, err := sink.Writer(t.Context(), plugintest.Task(t, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		b := binaryRow(src.Tables()[0], name, 0)
		wrong(t, w.Write(t.Context(), b), word)
		b.Release()
		w.Close()
	}
	w, err := sink.Writer(t.Context(), plugintest.Task(t, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := binaryRow(src.Tables()[0], "ok", 3)
	defer b.Release()
	wrong(t, w.Write(t.Context(), b), "part 3", "missing")
	w.Close()
}

func binaryRow(schema *record.Schema, name string, part int64) *record.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	b.Field(0).(*array.BinaryBuilder).Append([]byte("data"))
	b.Field(1).(*array.StringBuilder).Append(name)
	b.Field(2).(*array.Int64Builder).Append(part)
	return record.NewBatch(schema, b.NewRecordBatch())
}
