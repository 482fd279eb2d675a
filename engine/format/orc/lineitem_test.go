package orc

import (
	"io"
	"testing"

	"seikan/engine/format/parquet/filetest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func lineitem(b *testing.B) []*record.Batch {
	schema := filetest.Schema(b, "orderkey", "bigint", "partkey", "bigint", "suppkey", "bigint", "linenumber", "int",
		"quantity", "decimal(15,2)", "price", "decimal(15,2)", "discount", "decimal(15,2)", "tax", "decimal(15,2)",
		"flag", "string", "status", "string", "ship", "date", "commit", "date", "receipt", "date",
		"instruct", "string", "mode", "string", "comment", "string")
	batches := make([]*record.Batch, 16)
	for i := range batches {
		batches[i] = filetest.Random(schema, plugin.BatchRows, 2000, uint64(i))
	}
	return batches
}

func BenchmarkWrite(b *testing.B) {
	batches := lineitem(b)
	writing, err := Format{}.Writing(filetest.Options(b, Format{}.WriteOptions(), "compress_codec = snappy"), batches[0].Schema)
	if err != nil {
		b.Fatal(err)
	}
	cpu := filetest.CPU()
	for b.Loop() {
		f, err := writing.Create(io.Discard)
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
	b.ReportMetric(float64(b.N*len(batches)*plugin.BatchRows)/(filetest.CPU()-cpu).Seconds(), "rows/CPU-s")
}

func BenchmarkRead(b *testing.B) {
	batches := lineitem(b)
	f := filetest.Write(b, Format{}, "compress_codec = snappy", batches...)
	r := filetest.Reading(b, Format{}, nil)
	cpu := filetest.CPU()
	for b.Loop() {
		if _, err := filetest.Read(r, f, filetest.Whole, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batches)*plugin.BatchRows)/(filetest.CPU()-cpu).Seconds(), "rows/CPU-s")
}
