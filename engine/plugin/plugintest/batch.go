// Package plugintest holds the conformance suites: what every source, sink and transform must
// do, whatever system it speaks to.
package plugintest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Task is a task for tests: bad rows fail it, logs go to t.
func Task(t testing.TB, attempt int64) plugin.Task {
	return plugin.Task{JobID: "900000000000000001", RunID: "run-" + t.Name(), Pipeline: 1, Action: "test", Parallelism: 1, Attempt: attempt,
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)), Now: time.Now,
		Dirty: func(_ context.Context, row plugin.DirtyRow) error { return row.Err }}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// Rows renders a batch's rows as text: kind, then the values with bars between.
func Rows(b *record.Batch) []string {
	out := make([]string, b.Rows())
	for i := range out {
		cells := make([]string, b.Data.NumCols())
		for c := range cells {
			cells[c] = "∅"
			if col := b.Data.Column(c); col.IsValid(i) {
				cells[c] = col.ValueStr(i)
			}
		}
		out[i] = b.Kind(i).Short() + "|" + strings.Join(cells, "|")
	}
	return out
}

// Schema is a table with an int64 key and a text, which every sink can hold.
func Schema() *record.Schema {
	return (&record.Schema{Path: record.TablePath{Table: "conformance"}, Columns: []record.Column{
		{Name: "id", Type: record.Of(record.BigInt), NotNull: true},
		{Name: "name", Type: record.Of(record.String)},
	}, PrimaryKey: &record.PrimaryKey{Name: "pk", Columns: []string{"id"}}}).Freeze()
}

// Batch makes rows from+1 to to of a split; row i is (i, "name <i>").
func Batch(schema *record.Schema, split string, from, to int64) *record.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i := from + 1; i <= to; i++ {
		b.Field(0).(*array.Int64Builder).Append(i)
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("name %d", i))
	}
	out := record.NewBatch(schema, b.NewRecordBatch())
	out.Split, out.From, out.To = split, record.Position{Rows: from}, record.Position{Rows: to}
	return out
}

// End is the event that ends a split after rows rows.
func End(schema *record.Schema, split string, rows int64) *record.Batch {
	return &record.Batch{Schema: schema, Split: split, From: record.Position{Rows: rows}, To: record.Position{Rows: rows, Done: true}}
}
