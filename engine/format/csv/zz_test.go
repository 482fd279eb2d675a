package csv

import (
	"context"
	"os"
	"testing"
	"io"
	"fmt"
	"runtime"

	"seikan/appliance/testbed/lineitem"
	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type osFile struct{ name string; size int64 }

func (f osFile) Name() string { return f.name }
func (f osFile) Size() int64  { return f.size }
func (f osFile) Open(context.Context) (io.ReadCloser, error)            { return os.Open(f.name) }
func (f osFile) OpenAt(context.Context) (plugin.ReaderAtCloser, error) { return os.Open(f.name) }

func TestZZ(t *testing.T) {
	const name = "/tmp/csvfmt/l.csv"
	if _, err := os.Stat(name); err != nil {
		f, _ := os.Create(name)
		n, _ := lineitem.Write(f, 1, 1<<30)
		f.Close()
		fmt.Println("rows", n)
	}
	st, _ := os.Stat(name)
	r := reader(t, "skip_header_row_number = 1", lineitem.Schema())
	w, _ := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), ""), lineitem.Schema())
	for _, write := range []bool{false, true} {
		start := cpu()
		pieces, err := r.Cut(context.Background(), osFile{name, st.Size()}, 64<<20)
		if err != nil { t.Fatal(err) }
		fmt.Println("cut", len(pieces), cpu()-start)
		start = cpu()
		out, _ := os.Create("/tmp/csvfmt/out.csv")
		e, _ := w.Create(out)
		rows := 0
		for _, p := range pieces {
			err := delimitedtest.Read(context.Background(), plugin.Task{}, r, osFile{name, st.Size()}, p, record.Position{}, func(b *record.Batch) {
				rows += b.Rows()
				if write {
					if err := e.Write(b); err != nil { t.Fatal(err) }
				}
			})
			if err != nil { t.Fatal(err) }
		}
		e.Close()
		out.Close()
		d := cpu() - start
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("write=%v rows=%d cpu=%v krows/cpu-s=%.0f sys=%dMB\n", write, rows, d, float64(rows)/d.Seconds()/1e3, m.Sys>>20)
	}
}
