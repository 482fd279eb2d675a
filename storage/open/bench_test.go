package open

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

const gigabyte = 1 << 30

// pattern is so many bytes, whole MiB, that do not compress to nothing.
func pattern(size int64) io.Reader {
	block := make([]byte, 1<<20)
	seed := uint32(1)
	for i := range block {
		seed = seed*1664525 + 1013904223
		block[i] = byte(seed >> 24)
	}
	readers := make([]io.Reader, size>>20)
	for i := range readers {
		readers[i] = bytes.NewReader(block)
	}
	return io.MultiReader(readers...)
}

// BenchmarkGigabyte writes and reads one object of 1 GiB. The largest resident size of the process
// is reported in MiB: it holds all that the client holds.
func BenchmarkGigabyte(b *testing.B) {
	for _, kind := range Kinds {
		b.Run(kind, func(b *testing.B) {
			settings, errs := Parse("hdfs", keysOf(b, kind))
			if errs != nil {
				b.Fatal(errs)
			}
			s, err := Open(b.Context(), settings)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Delete(b.Context(), "gigabyte"); _ = s.Close() })
			b.Run("put", func(b *testing.B) {
				measure(b, func() error {
					_, err := s.Put(b.Context(), "gigabyte", pattern(gigabyte))
					return err
				})
			})
			b.Run("get", func(b *testing.B) {
				measure(b, func() error {
					r, err := s.Get(b.Context(), "gigabyte", 0, -1)
					if err != nil {
						return err
					}
					n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 256<<10))
					if err == nil && n != gigabyte {
						err = fmt.Errorf("%d bytes", n)
					}
					_ = r.Close()
					return err
				})
			})
		})
	}
}

func measure(b *testing.B, do func() error) {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak starts anew
	b.SetBytes(gigabyte)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(peakBytes(b))/(1<<20), "peak-MiB")
}

// peakBytes is the largest resident size of this process.
func peakBytes(t testing.TB) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(peak, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
