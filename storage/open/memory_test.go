package open

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"testing"
)

// Not parallel: it measures the whole process.
func TestLargeObjectsStreamInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 256 MiB to and from each store")
	}
	const size, most = 256 << 20, 100 << 20 // the program itself takes about 25 MiB
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			settings, errs := Parse("hdfs", keysOf(t, kind))
			if errs != nil {
				t.Fatal(errs)
			}
			s, err := Open(t.Context(), settings)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(s.Delete(context.Background(), "large"), s.Close()); err != nil {
					t.Error(err)
				}
			})
			debug.FreeOSMemory()
			if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
				t.Skip("no /proc")
			}
			if _, err := s.Put(t.Context(), "large", pattern(size)); err != nil {
				t.Fatal(err)
			}
			r, err := s.Get(t.Context(), "large", 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if err := errors.Join(err, r.Close()); err != nil || n != size {
				t.Fatalf("%d bytes came back (%v)", n, err)
			}
			if peak := peakBytes(t); peak > most {
				t.Errorf("%d MiB of memory for an object of %d MiB", peak>>20, size>>20)
			}
		})
	}
}
