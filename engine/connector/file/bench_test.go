package file_test

import (
	"bytes"
	"fmt"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// BenchmarkCopy reads csv and writes it again, in one subtask.
func BenchmarkCopy(b *testing.B) {
	var text bytes.Buffer
	for i := 0; text.Len() < 64<<20; i++ {
		fmt.Fprintf(&text, "%d,name of %d,%d\n", i, i, i%50)
	}
	for _, c := range []struct{ name, more string }{{"plain", ""}, {"50 partitions", "have_partition = true\npartition_by = [city]\nis_partition_field_write_in_file = true"}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				b.StopTimer()
				dir := inMemory(b)
				put(b, dir, map[string]string{"in/a.csv": text.String()})
				src := mustSource(b, dir, "path = \"$DIR/in\"\nfile_format_type = csv\nschema { fields { id = bigint, name = string, city = string } }")
				task := plugintest.Task(b, 1)
				splits := splitsOf(b, src, task)
				sink := mustSink(b, src.Tables()[0], dir, csvOut+c.more)
				b.StartTimer()
				copyAll(b, src, sink, task, splits)
			}
		})
	}
}

func copyAll(b *testing.B, src plugin.Source, sink plugin.Sink, task plugin.Task, splits []plugin.Split) {
	b.Helper()
	r, err := src.Reader(b.Context(), task)
	if err != nil {
		b.Fatal(err)
	}
	w, err := sink.Writer(b.Context(), task, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, split := range splits {
		if err := r.Add(b.Context(), split); err != nil {
			b.Fatal(err)
		}
	}
	for done := 0; done < len(splits); {
		e, err := r.Poll(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Write(b.Context(), e.Batch); err != nil {
			b.Fatal(err)
		}
		if e.Batch.To.Done {
			done++
		}
		e.Batch.Release()
	}
	p, err := w.Prepare(b.Context(), record.Barrier{Checkpoint: 1, Kind: record.CompletedPoint})
	if err != nil {
		b.Fatal(err)
	}
	c, _ := sink.Committer(b.Context(), task)
	if err := c.Commit(b.Context(), p.Commits); err != nil {
		b.Fatal(err)
	}
	w.Close()
}
