package sql

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"seikan/engine/expr"
	"seikan/engine/expr/syntax"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// orders is a batch of 4096 rows of TPC-H's table of that name.
func orders() *record.Batch {
	text, money := record.Of(record.String), record.DecimalOf(15, 2)
	schema := (&record.Schema{Path: record.TablePath{Table: "lineitem"}, Columns: []record.Column{
		{Name: "l_orderkey", Type: record.Of(record.BigInt)}, {Name: "l_quantity", Type: money},
		{Name: "l_extendedprice", Type: money}, {Name: "l_discount", Type: money},
		{Name: "l_returnflag", Type: text}, {Name: "l_linestatus", Type: text},
		{Name: "l_shipdate", Type: record.Of(record.Date)}, {Name: "l_shipmode", Type: text}, {Name: "l_comment", Type: text},
	}}).Freeze()
	r := rand.New(rand.NewPCG(1, 2))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	modes := []string{"truck", "mail", "reg air", "air", "fob", "rail", "ship"}
	for i := range 4096 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		for k, most := range []int64{5000, 9000000, 11} {
			b.Field(k + 1).(*array.Decimal128Builder).Append(decimal128.FromI64(r.Int64N(most)))
		}
		b.Field(4).(*array.StringBuilder).Append(string("ANR"[r.IntN(3)]))
		b.Field(5).(*array.StringBuilder).Append(string("OF"[r.IntN(2)]))
		b.Field(6).(*array.Date32Builder).Append(9000)
		b.Field(7).(*array.StringBuilder).Append(modes[r.IntN(len(modes))])
		b.Field(8).(*array.StringBuilder).Append(fmt.Sprintf("carefully final deposits %d sleep", r.IntN(1e6)))
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

// cpuTime is what this process has used of the processors, in seconds.
func cpuTime() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkLineitem(b *testing.B) {
	const query = `SELECT l_orderkey, UPPER(l_shipmode) AS m, l_extendedprice * (1 - l_discount) AS rev,
		CONCAT(l_returnflag, l_linestatus) AS f, SUBSTRING(l_comment, 1, 10) AS c FROM t WHERE l_quantity > 10`
	const functions = 6 // UPPER, *, -, CONCAT, SUBSTRING, >
	for _, mode := range []expr.Mode{expr.ZETA, expr.ANSI} {
		b.Run(mode.String(), func(b *testing.B) {
			in := orders()
			sel, err := syntax.ParseSelect(query)
			if err != nil {
				b.Fatal(err)
			}
			t, err := compile(sel, in.Schema, mode)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			start := cpuTime()
			for b.Loop() {
				out, err := t.Apply(context.Background(), plugin.Task{}, in)
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			perSecond := float64(in.Rows()) * float64(b.N) / (cpuTime() - start)
			b.ReportMetric(perSecond/1e6, "Mrows/cpu-s")
			b.ReportMetric(perSecond*functions/1e6, "Mfunctions/cpu-s")
		})
	}
}
