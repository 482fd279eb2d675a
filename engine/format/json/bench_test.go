package json

import (
	"bytes"
	"context"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"seikan/appliance/testbed/lineitem"
	"seikan/engine/format/csv"
	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// batches are rows of the lineitem table.
var batches = sync.OnceValue(func() (out []*record.Batch) {
	var b bytes.Buffer
	if _, err := lineitem.Write(&b, 1, 16<<20); err != nil {
		panic(err)
	}
	r, err := csv.Format{}.Reading(delimitedtest.Options(&testing.B{}, csv.Format{}.ReadOptions(), "skip_header_row_number = 1"), lineitem.Schema(), nil)
	if err != nil {
		panic(err)
	}
	err = delimitedtest.Read(context.Background(), plugin.Task{}, r, delimitedtest.File("f", b.Bytes()), whole, record.Position{}, func(b *record.Batch) {
		b.Retain()
		out = append(out, b)
	})
	if err != nil {
		panic(err)
	}
	return out
})

// cpu is the processor time of this process, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func write(b *testing.B, w io.Writer) (rows int64) {
	f, err := Format{}.Writing(delimitedtest.Options(b, Format{}.WriteOptions(), ""), lineitem.Schema())
	if err != nil {
		b.Fatal(err)
	}
	e, err := f.Create(w)
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range batches() {
		if err := e.Write(batch); err != nil {
			b.Fatal(err)
		}
		rows += int64(batch.Rows())
	}
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
	return rows
}

func BenchmarkWrite(b *testing.B) {
	batches()
	start, rows := cpu(), int64(0)
	for b.Loop() {
		rows += write(b, io.Discard)
	}
	b.ReportMetric(float64(rows)/(cpu()-start).Seconds()/1e3, "krows/cpu-s")
}

func BenchmarkRead(b *testing.B) {
	var text bytes.Buffer
	write(b, &text)
	r := reader(b, "", lineitem.Schema())
	b.SetBytes(int64(text.Len()))
	start, rows := cpu(), int64(0)
	for b.Loop() {
		err := delimitedtest.Read(context.Background(), plugin.Task{}, r, delimitedtest.File("f", text.Bytes()), whole, record.Position{}, func(b *record.Batch) {
			rows += int64(b.Rows())
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/(cpu()-start).Seconds()/1e3, "krows/cpu-s")
}
