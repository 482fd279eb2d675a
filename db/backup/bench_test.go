package backup

import (
	"context"
	"testing"
)

// BenchmarkStep backs up a state of 64 MiB: all of it, and after three pages have changed.
func BenchmarkStep(b *testing.B) {
	for name, full := range map[string]bool{"full": true, "delta": false} {
		b.Run(name, func(b *testing.B) {
			w, s := newWorld(1), newStore(b)
			w.bytes = make([]byte, 64<<20)
			for n := range w.bytes { // compresses to about half
				w.bytes[n] = byte(w.rng.Uint32()) & 0x0f
			}
			w.copies = map[string]int64{}
			u := w.uploader(b, s, testKey)
			u.Dir = memory(b)
			if _, _, err := u.Step(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(w.bytes)))
			b.ReportAllocs()
			for b.Loop() {
				for n := range 3 {
					w.bytes[n<<20]++
				}
				w.version++
				if full {
					u.base = Info{}
				}
				if _, _, err := u.Step(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(u.last.Size), "stored-bytes")
		})
	}
}
