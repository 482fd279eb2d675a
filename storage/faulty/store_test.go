package faulty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"seikan/storage"
	"seikan/storage/local"
	"seikan/storage/storagetest"
)

func newLocal(t *testing.T) *local.Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "faulty-test-") // in memory where that is possible
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	s, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWithoutFaultsItIsTheStoreInside(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store { return New(newLocal(t), Options{}) })
}

// The model holds, for each name, the contents that may be there.
func TestWhateverFailsEveryObjectIsOldOrNew(t *testing.T) {
	t.Parallel()
	total := map[Kind]int{}
	for seed := range uint64(40) {
		s := New(newLocal(t), Options{Seed: seed, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
			Rates: map[Kind]int{Fail: 250, LostAnswer: 200, Cut: 200, Delay: 100}})
		rng := rand.New(rand.NewPCG(seed, 1))
		may := map[string]map[string]bool{"a": {"": true}, "b": {"": true}} // "": there is none
		for step := range 40 {
			name := []string{"a", "b"}[rng.IntN(2)]
			content := fmt.Sprint(step, strings.Repeat("x", rng.IntN(6000)))
			var err error
			after := map[string]bool{content: true}
			switch rng.IntN(4) {
			case 0, 1:
				_, err = s.Put(t.Context(), name, strings.NewReader(content))
			case 2:
				_, err = s.Create(t.Context(), name, strings.NewReader(content))
				if errors.Is(err, storage.ErrExist) {
					if may[name][""] && len(may[name]) == 1 {
						t.Fatalf("seed %d: create found an object where none can be", seed)
					}
					delete(may[name], "")
					continue
				}
			case 3:
				err = s.Delete(t.Context(), name)
				after = map[string]bool{"": true}
			}
			if err == nil {
				may[name] = after
				continue
			}
			if !errors.Is(err, ErrInjected) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			maps.Copy(may[name], after)
			if r, err := s.Get(t.Context(), name, 0, -1); err == nil {
				if b, err := io.ReadAll(r); err == nil && !may[name][string(b)] {
					t.Fatalf("seed %d: %d bytes of %s were never written whole", seed, len(b), name)
				}
				_ = r.Close()
			}
		}
		s.Calm()
		for name, contents := range may {
			got := ""
			r, err := s.Get(t.Context(), name, 0, -1)
			if err == nil {
				b, rerr := io.ReadAll(r)
				got, err = string(b), errors.Join(rerr, r.Close())
			}
			if err != nil && !errors.Is(err, storage.ErrNotExist) || !contents[got] {
				t.Errorf("seed %d: %s holds %.20q (%v)", seed, name, got, err)
			}
		}
		for k, n := range s.Faults() {
			total[k] += n
		}
		_ = s.Close()
	}
	for _, k := range []Kind{Fail, LostAnswer, Cut, Delay} {
		if total[k] == 0 {
			t.Errorf("no fault of kind %q was injected", k)
		}
	}
}

func TestLostAnswerIsDoneAndAnError(t *testing.T) {
	t.Parallel()
	s := New(newLocal(t), Options{Rates: map[Kind]int{LostAnswer: 1000}})
	defer func() { _ = s.Close() }()
	if _, err := s.Create(t.Context(), "a", strings.NewReader("x")); !errors.Is(err, ErrInjected) {
		t.Errorf("create: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); err != nil {
		t.Errorf("the object is not there: %v", err)
	}
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, ErrInjected) {
		t.Errorf("delete: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("the object is still there: %v", err)
	}
}

func TestCutReadsFailAndShortReadsDoNot(t *testing.T) {
	t.Parallel()
	inner := newLocal(t)
	defer func() { _ = inner.Close() }()
	if _, err := inner.Put(t.Context(), "a", strings.NewReader(strings.Repeat("x", 5000))); err != nil {
		t.Fatal(err)
	}
	for kind, fails := range map[Kind]bool{Cut: true, Short: false} {
		s := New(inner, Options{Rates: map[Kind]int{kind: 1000}})
		for range 50 {
			r, err := s.Get(t.Context(), "a", 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if errors.Is(err, ErrInjected) != fails || len(b) >= 5000 || r.Close() != nil {
				t.Fatalf("%s: %d bytes, %v", kind, len(b), err)
			}
		}
	}
}

func TestDeleteMayStopInTheMiddle(t *testing.T) {
	t.Parallel()
	inner := newLocal(t)
	s := New(inner, Options{Rates: map[Kind]int{Fail: 1000}})
	defer func() { _ = s.Close() }()
	left := map[int]bool{}
	for range 40 {
		for _, name := range []string{"1", "2", "3"} {
			if _, err := inner.Put(t.Context(), name, strings.NewReader("")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Delete(t.Context(), "1", "2", "3"); !errors.Is(err, ErrInjected) {
			t.Fatal(err)
		}
		page, err := inner.List(t.Context(), "", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		left[len(page.Objects)] = true
	}
	if !left[1] || !left[2] || !left[3] || left[0] {
		t.Errorf("numbers of objects left: %v", left)
	}
}

func TestSeedReplays(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (log []string) {
		var slept time.Duration
		s := New(newLocal(t), Options{Seed: seed, MaxDelay: time.Minute, Rates: map[Kind]int{Fail: 300, LostAnswer: 300, Cut: 300, Short: 300, Delay: 300},
			Sleep: func(_ context.Context, d time.Duration) error {
				if d <= 0 || d > time.Minute {
					t.Errorf("a delay of %v", d)
				}
				slept += d
				return nil
			}})
		defer func() { _ = s.Close() }()
		for i := range 30 {
			name := fmt.Sprint(i % 3)
			_, err := s.Put(t.Context(), name, strings.NewReader(strings.Repeat("x", 5000)))
			n := int64(-1)
			r, err2 := s.Get(t.Context(), name, 0, -1)
			if err2 == nil {
				n, err2 = io.Copy(io.Discard, r)
				_ = r.Close()
			}
			_, err3 := s.List(t.Context(), "", "", 5)
			log = append(log, fmt.Sprint(err != nil, err2 != nil, n, err3 != nil, slept))
		}
		return log
	}
	a, b, c := fmt.Sprint(run(7)), fmt.Sprint(run(7)), fmt.Sprint(run(8))
	if a != b || a == c {
		t.Error("a seed gives other faults the second time, or two seeds the same")
	}
}

func TestDelayEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := New(newLocal(t), Options{MaxDelay: time.Hour, Rates: map[Kind]int{Delay: 1000}})
	defer func() { _ = s.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *storage.Error
	if _, err := s.Put(ctx, "a", strings.NewReader("x")); !errors.Is(err, context.Canceled) || !errors.As(err, &e) {
		t.Errorf("error is %v", err)
	}
}
