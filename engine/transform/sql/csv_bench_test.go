package sql

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"seikan/appliance/testbed/lineitem"
	"seikan/engine/expr"
	"seikan/engine/expr/syntax"
	"seikan/engine/format/csv"
	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
)

// BenchmarkCSV is CSV → Sql → CSV beside CSV → CSV, in processor time: "ratio" is what the
// former takes of the latter.
func BenchmarkCSV(b *testing.B) {
	var table bytes.Buffer
	if _, err := lineitem.Write(&table, 1, 16<<20); err != nil {
		b.Fatal(err)
	}
	const functions = `UPPER(l_shipmode) AS m, l_extendedprice * (1 - l_discount) AS rev,
		CONCAT(l_returnflag, l_linestatus) AS f, SUBSTRING(l_comment, 1, 10) AS c FROM t WHERE l_quantity > 10`
	for name, query := range map[string]string{"five columns": "SELECT l_orderkey, " + functions, "all columns": "SELECT *, " + functions} {
		b.Run(name, func(b *testing.B) {
			sel, err := syntax.ParseSelect(query)
			if err != nil {
				b.Fatal(err)
			}
			t, err := compile(sel, lineitem.Schema(), expr.ZETA)
			if err != nil {
				b.Fatal(err)
			}
			var with, without float64
			for b.Loop() {
				start := cpuTime()
				copyCSV(b, table.Bytes(), nil)
				middle := cpuTime()
				copyCSV(b, table.Bytes(), t)
				without += middle - start
				with += cpuTime() - middle
			}
			b.ReportMetric(with/without, "ratio")
		})
	}
}

func copyCSV(b *testing.B, table []byte, t *transform) {
	ctx := context.Background()
	schema := lineitem.Schema()
	r, err := csv.Format{}.Reading(delimitedtest.Options(b, csv.Format{}.ReadOptions(), "skip_header_row_number = 1"), schema, nil)
	if err != nil {
		b.Fatal(err)
	}
	split, err := r.Open(ctx, plugin.Task{}, plugin.Split{}, delimitedtest.File("lineitem.csv", table), plugin.Range{To: -1}, schema)
	if err != nil {
		b.Fatal(err)
	}
	if t != nil {
		schema = t.Schema()
	}
	w, err := csv.Format{}.Writing(delimitedtest.Options(b, csv.Format{}.WriteOptions(), ""), schema)
	if err != nil {
		b.Fatal(err)
	}
	e, err := w.Create(io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	for {
		in, err := split.Next(ctx)
		if errors.Is(err, plugin.ErrEnd) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		out := in
		if t != nil {
			if out, err = t.Apply(ctx, plugin.Task{}, in); err != nil {
				b.Fatal(err)
			}
			in.Release()
		}
		if err := e.Write(out); err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}
