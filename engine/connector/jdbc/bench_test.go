package jdbc

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// five is a table of five columns.
func five() *record.Schema {
	s := schemaOf("id bigint", "name string", "amount double", "n int", "at timestamp")
	s.PrimaryKey = &record.PrimaryKey{Columns: []string{"id"}}
	return s
}

func fives(schema *record.Schema, from, to int64) *record.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i := from; i < to; i++ {
		b.Field(0).(*array.Int64Builder).Append(i)
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("name of row %d", i))
		b.Field(2).(*array.Float64Builder).Append(float64(i) * 1.5)
		b.Field(3).(*array.Int32Builder).Append(int32(i % 1000))
		b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(1700000000000000 + i*1000000))
	}
	out := record.NewBatch(schema, b.NewRecordBatch())
	out.Split, out.From, out.To = "s", record.Position{Rows: from}, record.Position{Rows: to}
	return out
}

// BenchmarkWrite writes batches of 4096 rows; an op is a row.
func BenchmarkWrite(b *testing.B) {
	for name, text := range map[string]string{
		"Insert": generated + "enable_upsert = false", "Upsert": generated, "Ledger": generated + "is_exactly_once = true",
		"BatchSize1000": generated + "batch_size = 1000",
		"OwnStatement":  "query = \"insert into t values (?, ?, ?, ?, ?)\"",
	} {
		b.Run(name, func(b *testing.B) {
			path := b.TempDir() + "/out.db"
			if name == "OwnStatement" {
				exec(b, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, amount DOUBLE, n INT, at TIMESTAMP)")
			}
			s := mustSink(b, path, five(), text)
			if err := s.(plugin.TablePreparer).PrepareTable(b.Context(), plugintest.Task(b, 1)); err != nil {
				b.Fatal(err)
			}
			w, err := s.Writer(b.Context(), plugintest.Task(b, 1), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			batches := make([]*record.Batch, 0, b.N/4096+1)
			for at := int64(0); at < int64(b.N); at += 4096 {
				batches = append(batches, fives(five(), at, min(at+4096, int64(b.N))))
			}
			b.ResetTimer()
			for _, batch := range batches {
				if err := w.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				batch.Release()
			}
			if _, err := w.Prepare(b.Context(), record.Barrier{}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkRead reads a table of 200,000 rows; an op is the whole table.
func BenchmarkRead(b *testing.B) {
	path := plain(b, series("t", "id INTEGER PRIMARY KEY, name TEXT, amount DOUBLE, n INT, at TIMESTAMP", 200000,
		"i, 'name of row ' || i, i * 1.5, i % 1000, datetime(1700000000 + i, 'unixepoch')")...)
	s := mustSource(b, path, "table_path = t")
	splits := splitsOf(b, s)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r, err := s.Reader(b.Context(), plugintest.Task(b, 1))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, split := range splits {
			if err := r.Add(b.Context(), split); err != nil {
				b.Fatal(err)
			}
			for done := false; !done; {
				e, err := r.Poll(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if e.Batch != nil {
					n += e.Batch.Rows()
					done = e.Batch.To.Done
					e.Batch.Release()
				}
			}
		}
		if n != 200000 {
			b.Fatal(n)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(200000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
