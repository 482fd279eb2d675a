package expr

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// BenchmarkFunctions gives the nanoseconds of processor time a value of one function or
// operator takes.
func BenchmarkFunctions(b *testing.B) {
	in := benchBatch()
	for _, text := range []string{
		"i + 1", "d * 2.0", "dec * 1.05", "dec + dec", "dec / 3", "i > 10", "dec > 10", "s = 'item 77'", "s LIKE '%77%'",
		"s LIKE 'item%'", "s IN ('item 1', 'item 2', 'item 3')", "i IN (1, 2, 3, 4)", "i > 10 AND dec < 5",
		"UPPER(s)", "CONCAT(s, s)", "s || '-' || s", "SUBSTRING(s, 2, 4)", "TRIM(s)", "REPLACE(s, 'item', 'x')", "LPAD(s, 20, '*')", "LENGTH(s)", "LOCATE('7', s)",
		"REGEXP_REPLACE(s, '\\d', '#')", "REGEXP_LIKE(s, '7$')", "CAST(i AS STRING)", "CAST(dec AS STRING)", "CAST(d AS STRING)", "CAST(num AS INT)", "CAST(num AS DOUBLE)", "CAST(num AS DECIMAL(10,2))",
		"CASE WHEN i > 100 THEN 'big' WHEN i > 10 THEN s ELSE 'small' END", "COALESCE(s, 'x')", "ROUND(d, 2)", "ROUND(dec, 1)", "ABS(i)", "MOD(i, 7)", "CEIL(d)", "SQRT(d)",
		"YEAR(ts)", "DATEADD(ts, 1)", "DATE_TRUNC(ts)", "FORMATDATETIME(ts, 'yyyy-MM-dd HH:mm:ss')", "PARSEDATETIME(day, 'yyyy-MM-dd')", "DATEDIFF(ts, ts)",
	} {
		b.Run(text, func(b *testing.B) {
			e, err := syntax.ParseExpr(text)
			if err != nil {
				b.Fatal(err)
			}
			p, err := Compile(e, in.Schema, ZETA)
			if err != nil {
				b.Fatal(err)
			}
			start := cpuTime()
			for b.Loop() {
				a, err := p.Eval(context.Background(), in)
				if err != nil {
					b.Fatal(err)
				}
				a.Release()
			}
			b.ReportMetric((cpuTime()-start)*1e9/float64(b.N)/float64(in.Rows()), "cpu-ns/value")
		})
	}
}

// cpuTime is what this process has used of the processors, in seconds.
func cpuTime() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func benchBatch() *record.Batch {
	schema := (&record.Schema{Columns: []record.Column{
		{Name: "i", Type: record.Of(record.Int)}, {Name: "d", Type: record.Of(record.Double)}, {Name: "dec", Type: record.DecimalOf(15, 2)},
		{Name: "s", Type: record.Of(record.String)}, {Name: "num", Type: record.Of(record.String)}, {Name: "day", Type: record.Of(record.String)},
		{Name: "ts", Type: record.Of(record.Timestamp)},
	}}).Freeze()
	r := rand.New(rand.NewPCG(5, 6))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for range 4096 {
		v := r.Int64N(1000)
		b.Field(0).(*array.Int32Builder).Append(int32(v))
		b.Field(1).(*array.Float64Builder).Append(r.Float64() * 1000)
		b.Field(2).(*array.Decimal128Builder).Append(decimal128.FromI64(r.Int64N(1e7)))
		b.Field(3).(*array.StringBuilder).Append("item " + string(rune('0'+v%10)) + string(rune('0'+v/10%10)))
		b.Field(4).(*array.StringBuilder).Append(string(rune('1'+v%9)) + string(rune('0'+v/10%10)))
		b.Field(5).(*array.StringBuilder).Append("2024-02-1" + string(rune('0'+v%10)))
		b.Field(6).(*array.TimestampBuilder).Append(arrow.Timestamp(17e14 + v*1e9))
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}
