package backup

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"seikan/storage"
	"seikan/storage/faulty"
)

// Whatever the storage does, a restore that succeeds gives a state that once was; and when the
// storage is well again, one at least as new as the last backup that was reported as made.
func TestRestoreIsAlwaysAStateThatWas(t *testing.T) {
	t.Parallel()
	made, failed, restored := 0, 0, 0
	for seed := range uint64(100) {
		m, f, r := oneSeed(t, seed)
		made, failed, restored = made+m, failed+f, restored+r
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if made < 300 || failed < 150 || restored < 100 {
		t.Errorf("%d made, %d failed, %d restored: the faults are not well dosed", made, failed, restored)
	}
}

func oneSeed(t *testing.T, seed uint64) (made, failed, restored int) {
	w, inner := newWorld(seed), blobs{}
	rates := map[faulty.Kind]int{faulty.Fail: 60, faulty.LostAnswer: 60, faulty.Cut: 60, faulty.Short: 60, faulty.Delay: 20}
	s := faulty.New(inner, faulty.Options{Seed: seed, Rates: rates, Sleep: func(context.Context, time.Duration) error { return nil }})
	var key []byte
	if seed%2 == 1 {
		key = testKey
	}
	u := w.uploader(t, s, key)
	good := int64(0) // version of the newest reported backup
	try := func(from storage.Store) (int64, error) {
		i, err := Newest(t.Context(), from, key, wanted)
		if err != nil {
			return 0, err
		}
		var b bytes.Buffer
		if err := Restore(t.Context(), from, i, key, &b); err != nil {
			return 0, err
		}
		version, was := w.copies[b.String()]
		if !was || version != i.Version {
			t.Errorf("version %d is restored as something else", i.Version)
		}
		return version, nil
	}
	for range 25 {
		w.now = w.now.Add(time.Duration(w.rng.IntN(40)) * time.Minute)
		switch w.rng.IntN(6) {
		case 0: // another leader
			u = w.uploader(t, s, key)
		case 1:
			if version, err := try(s); err == nil {
				restored++
				_ = version // while reads are cut off silently, an older one may be found
			}
		default:
			w.change()
			if _, _, err := u.Step(t.Context()); err != nil {
				failed++
			} else {
				made++
				good = w.version
			}
		}
	}
	s.Calm()
	if good > 0 {
		if version, err := try(s); err != nil || version < good {
			t.Errorf("version %d was backed up, %d is restored: %v", good, version, err)
		}
		restored++
	}
	// Bytes that rot are noticed, whichever object holds them.
	all, err := List(t.Context(), s, "seatunnel")
	if err != nil || len(all) == 0 {
		return made, failed, restored
	}
	i := all[w.rng.IntN(len(all))]
	data := bytes.Clone(inner[i.Name])
	if w.rng.IntN(2) == 0 {
		data = data[:w.rng.IntN(len(data))]
	} else {
		data[w.rng.IntN(len(data))] ^= 0x10
	}
	inner[i.Name] = data
	if _, err := try(s); err == nil {
		restored++
	}
	return made, failed, restored
}

// FuzzSnapshot reads what anybody may have put there: an error or the file that its header
// promises, in bounded time and memory.
func FuzzSnapshot(f *testing.F) {
	for _, key := range [][]byte{nil, testKey} {
		w, s := newWorld(1), blobs{}
		u := w.uploader(f, s, key)
		for range 3 {
			i, _, err := u.Step(context.Background())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(s[i.Name], key != nil)
			w.bytes[7]++
			w.note()
		}
	}
	f.Add([]byte(nil), false)
	f.Fuzz(func(t *testing.T, data []byte, keyed bool) {
		var key []byte
		if keyed {
			key = testKey
		}
		i := Info{Name: "x", Size: int64(len(data))}
		out := newOutput(io.Discard)
		err := restore(context.Background(), blobs{"x": data}, i, key, &limited{w: out, left: 1 << 26})
		if err != nil {
			return
		}
		i, err = Inspect(context.Background(), blobs{"x": data}, i)
		if err != nil || out.check(i.Header) != nil {
			t.Errorf("restored, and then: %v %v", err, out.check(i.Header))
		}
	})
}

// limited ends a restore that would go on for ever.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, io.ErrShortWrite
	}
	return l.w.Write(p)
}
