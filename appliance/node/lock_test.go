package node

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOneHolderOfAJobWhateverTheTiming(t *testing.T) {
	t.Parallel()
	l := &Local{dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(l.dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	var holders, taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				f, err := l.lock("1")
				if err != nil {
					continue
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold the job", n)
				}
				taken.Add(1)
				holders.Add(-1)
				if err := unlock(f); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() == 0 {
		t.Error("nobody got it")
	}
}
