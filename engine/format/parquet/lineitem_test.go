package parquet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/parquet/filetest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// lineitemSchema is TPC-H's lineitem.
func lineitemSchema() *record.Schema {
	col := func(name string, t record.Type) record.Column { return record.Column{Name: name, Type: t} }
	dec := record.DecimalOf(15, 2)
	str, date, long := record.Of(record.String), record.Of(record.Date), record.Of(record.BigInt)
	s := &record.Schema{Path: record.TablePath{Table: "lineitem"}, Columns: []record.Column{
		col("l_orderkey", long), col("l_partkey", long), col("l_suppkey", long), col("l_linenumber", record.Of(record.Int)),
		col("l_quantity", dec), col("l_extendedprice", dec), col("l_discount", dec), col("l_tax", dec),
		col("l_returnflag", str), col("l_linestatus", str),
		col("l_shipdate", date), col("l_commitdate", date), col("l_receiptdate", date),
		col("l_shipinstruct", str), col("l_shipmode", str), col("l_comment", str),
	}}
	return s.Freeze()
}

// lineitem makes rows rows shaped like TPC-H's, starting at row first.
func lineitem(schema *record.Schema, first, rows int) *record.Batch {
	rng := rand.New(rand.NewPCG(1, uint64(first)))
	words := []string{"carefully", "final", "deposits", "sleep", "furiously", "quickly", "express", "regular", "ideas", "packages", "above", "the", "bold", "requests", "haggle"}
	instructs := []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"}
	modes := []string{"AIR", "MAIL", "SHIP", "TRUCK", "RAIL", "FOB", "REG AIR"}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i := range rows {
		row := first + i
		b.Field(0).(*array.Int64Builder).Append(int64(row/4)*8/2 + int64(row/4)%8)
		b.Field(1).(*array.Int64Builder).Append(rng.Int64N(2_000_000))
		b.Field(2).(*array.Int64Builder).Append(rng.Int64N(100_000))
		b.Field(3).(*array.Int32Builder).Append(int32(row%7) + 1)
		b.Field(4).(*array.Decimal128Builder).Append(decimal128.FromI64(100 * (1 + rng.Int64N(50))))
		b.Field(5).(*array.Decimal128Builder).Append(decimal128.FromI64(90_000 + rng.Int64N(10_000_000)))
		b.Field(6).(*array.Decimal128Builder).Append(decimal128.FromI64(rng.Int64N(11)))
		b.Field(7).(*array.Decimal128Builder).Append(decimal128.FromI64(rng.Int64N(9)))
		b.Field(8).(*array.StringBuilder).Append([]string{"N", "R", "A"}[rng.IntN(3)])
		b.Field(9).(*array.StringBuilder).Append([]string{"O", "F"}[rng.IntN(2)])
		day := 8036 + rng.Int32N(2500)
		b.Field(10).(*array.Date32Builder).Append(arrow.Date32(day))
		b.Field(11).(*array.Date32Builder).Append(arrow.Date32(day + rng.Int32N(60) - 30))
		b.Field(12).(*array.Date32Builder).Append(arrow.Date32(day + rng.Int32N(30)))
		b.Field(13).(*array.StringBuilder).Append(instructs[rng.IntN(4)])
		b.Field(14).(*array.StringBuilder).Append(modes[rng.IntN(7)])
		c := fmt.Sprintf("%s %s %s %d", words[rng.IntN(15)], words[rng.IntN(15)], words[rng.IntN(15)], rng.IntN(100))
		b.Field(15).(*array.StringBuilder).Append(c)
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

func BenchmarkWrite(b *testing.B) {
	schema := lineitemSchema()
	batches := make([]*record.Batch, 64)
	for i := range batches {
		batches[i] = lineitem(schema, i*plugin.BatchRows, plugin.BatchRows)
	}
	writing, err := Format{}.Writing(filetest.Options(b, Format{}.WriteOptions(), "compress_codec = snappy"), schema)
	if err != nil {
		b.Fatal(err)
	}
	var size counter
	cpu := filetest.CPU()
	for b.Loop() {
		size = 0
		f, err := writing.Create(&size)
		if err != nil {
			b.Fatal(err)
		}
		for _, x := range batches {
			if err := f.Write(x); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	rows := float64(len(batches) * plugin.BatchRows)
	b.ReportMetric(float64(b.N)*rows/(filetest.CPU()-cpu).Seconds(), "rows/CPU-s")
	b.ReportMetric(float64(size)/rows, "B/row")
}

func BenchmarkRead(b *testing.B) {
	schema := lineitemSchema()
	batches := make([]*record.Batch, 64)
	for i := range batches {
		batches[i] = lineitem(schema, i*plugin.BatchRows, plugin.BatchRows)
	}
	f := filetest.Write(b, Format{}, "compress_codec = snappy", batches...)
	r := filetest.Reading(b, Format{}, nil)
	ctx := context.Background()
	cpu := filetest.CPU()
	for b.Loop() {
		s, err := r.Schema(ctx, f)
		if err != nil {
			b.Fatal(err)
		}
		rows, err := r.Open(ctx, plugin.Task{}, plugin.Split{}, f, filetest.Whole, s)
		if err != nil {
			b.Fatal(err)
		}
		for {
			batch, err := rows.Next(ctx)
			if err == plugin.ErrEnd {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			batch.Release()
		}
		rows.Close()
	}
	b.ReportMetric(float64(b.N*len(batches)*plugin.BatchRows)/(filetest.CPU()-cpu).Seconds(), "rows/CPU-s")
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
