package csv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"seikan/appliance/testbed/lineitem"
	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

var table = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if _, err := lineitem.Write(&b, 1, 64<<20); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// cpu is the processor time of this process, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reading(b *testing.B) plugin.FileReading {
	r, err := Format{}.Reading(delimitedtest.Options(b, Format{}.ReadOptions(), "skip_header_row_number = 1"), lineitem.Schema(), nil)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// each reads the table once and hands every batch to f.
func each(b *testing.B, reading plugin.FileReading, f func(*record.Batch) error) (rows int64) {
	ctx := context.Background()
	split, err := reading.Open(ctx, plugin.Task{}, plugin.Split{}, delimitedtest.File("lineitem.csv", table()), plugin.Range{To: -1}, lineitem.Schema())
	if err != nil {
		b.Fatal(err)
	}
	for {
		batch, err := split.Next(ctx)
		if errors.Is(err, plugin.ErrEnd) {
			return rows
		}
		if err != nil {
			b.Fatal(err)
		}
		if err := f(batch); err != nil {
			b.Fatal(err)
		}
		rows += int64(batch.Rows())
		batch.Release()
	}
}

// report gives rows a second of processor time, all threads counted.
func report(b *testing.B, rows int64, since time.Duration) {
	b.ReportMetric(float64(rows)/(cpu()-since).Seconds()/1e3, "krows/cpu-s")
}

func BenchmarkRead(b *testing.B) {
	r := reading(b)
	b.SetBytes(int64(len(table())))
	b.ResetTimer()
	start, rows := cpu(), int64(0)
	for b.Loop() {
		rows += each(b, r, func(*record.Batch) error { return nil })
	}
	report(b, rows, start)
}

func BenchmarkWrite(b *testing.B) {
	var batches []*record.Batch
	each(b, reading(b), func(batch *record.Batch) error {
		batch.Retain()
		batches = append(batches, batch)
		return nil
	})
	w, err := Format{}.Writing(delimitedtest.Options(b, Format{}.WriteOptions(), ""), lineitem.Schema())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(table())))
	b.ResetTimer()
	start, rows := cpu(), int64(0)
	for b.Loop() {
		e, err := w.Create(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		for _, batch := range batches {
			if err := e.Write(batch); err != nil {
				b.Fatal(err)
			}
			rows += int64(batch.Rows())
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
	report(b, rows, start)
}

func BenchmarkCopy(b *testing.B) {
	r := reading(b)
	w, err := Format{}.Writing(delimitedtest.Options(b, Format{}.WriteOptions(), ""), lineitem.Schema())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(table())))
	b.ResetTimer()
	start, rows := cpu(), int64(0)
	for b.Loop() {
		e, err := w.Create(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		rows += each(b, r, e.Write)
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
	report(b, rows, start)
}

func BenchmarkCut(b *testing.B) {
	r := reading(b)
	f := delimitedtest.File("lineitem.csv", table())
	b.SetBytes(int64(len(table())))
	for b.Loop() {
		if _, err := r.Cut(context.Background(), f, 8<<20); err != nil {
			b.Fatal(err)
		}
	}
}
