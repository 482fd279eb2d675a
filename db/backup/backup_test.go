package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/storage"
	"seikan/storage/faulty"
	"seikan/storage/local"
)

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	testKey = []byte("a key of a cluster\n")
	wanted  = Want{Cluster: "seatunnel", Schema: 3}
)

// memory is a folder without a disk where there is one: no disk is tested here.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "backup-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newStore(t testing.TB) *local.Store {
	t.Helper()
	s, err := local.Open(filepath.Join(memory(t), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// world is a state that changes page by page, and every consistent copy of it there ever was.
type world struct {
	rng     *rand.Rand
	bytes   []byte
	version int64
	now     time.Time
	copies  map[string]int64 // bytes -> version
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), now: start, copies: map[string]int64{}}
	w.bytes = make([]byte, 40*pageSize)
	w.note()
	return w
}

func (w *world) note() {
	w.version++
	w.copies[string(w.bytes)] = w.version
}

// change alters a few pages, and sometimes the length.
func (w *world) change() {
	for range 1 + w.rng.IntN(3) {
		if len(w.bytes) > 0 {
			w.bytes[w.rng.IntN(len(w.bytes))] ^= byte(1 + w.rng.IntN(255))
		}
	}
	switch w.rng.IntN(8) {
	case 0:
		w.bytes = append(w.bytes, make([]byte, w.rng.IntN(3*pageSize))...)
	case 1:
		w.bytes = w.bytes[:len(w.bytes)-w.rng.IntN(min(len(w.bytes)+1, 2*pageSize))]
	case 2:
		for n := range w.bytes {
			w.bytes[n] = byte(w.rng.Uint32())
		}
	}
	w.note()
}

func (w *world) uploader(t testing.TB, s storage.Store, key []byte) *Uploader {
	return &Uploader{Store: s, Cluster: "seatunnel", ClusterID: "c1", Schema: 3, Key: key, Dir: memory(t),
		Log: slog.New(slog.DiscardHandler), Clock: func() time.Time { return w.now },
		Source:  func(out io.Writer) error { _, err := out.Write(w.bytes); return err },
		Version: func(context.Context) (int64, error) { return w.version, nil }}
}

func step(t testing.TB, u *Uploader) (Info, bool) {
	t.Helper()
	i, made, err := u.Step(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i, made
}

func newest(t testing.TB, s storage.Store, key []byte) (Info, []byte) {
	t.Helper()
	i, err := Newest(t.Context(), s, key, wanted)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Restore(t.Context(), s, i, key, &b); err != nil {
		t.Fatal(err)
	}
	return i, b.Bytes()
}

func TestDeltaAndBaseGiveTheStateBack(t *testing.T) {
	t.Parallel()
	for name, key := range map[string][]byte{"plain": nil, "encrypted": testKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newWorld(1), newStore(t)
			u := w.uploader(t, s, key)
			first, made := step(t, u)
			if !made || !first.Full() || first.Seq != 1 {
				t.Fatalf("the first is %+v", first)
			}
			if _, made = step(t, u); made {
				t.Error("a state that has not changed was backed up again")
			}
			deltas := 0
			for n := range 150 {
				w.change()
				i, made := step(t, u)
				if !made || i.Seq != int64(n+2) {
					t.Fatalf("backup %d: made %v %+v", n, made, i)
				}
				if !i.Full() {
					deltas++
				}
				got, data := newest(t, s, key)
				if got.Name != i.Name || !bytes.Equal(data, w.bytes) || got.Version != w.version {
					t.Fatalf("backup %d does not give the state back", n)
				}
			}
			if deltas < 50 || deltas == 150 {
				t.Errorf("%d of 150 are deltas", deltas)
			}
		})
	}
}

func TestTheHundredthStandsAlone(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	u := w.uploader(t, s, nil)
	var full []int
	for n := range 201 {
		w.bytes[0]++
		w.note()
		if i, _ := step(t, u); i.Full() {
			full = append(full, n)
		}
	}
	if !slices.Equal(full, []int{0, 100, 200}) {
		t.Errorf("those that stand alone are %v", full)
	}
}

func TestEncryptedBackupShowsNothing(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	w.bytes = bytes.Repeat([]byte("password=hunter2 "), 1000)
	for _, key := range [][]byte{testKey, nil} {
		i, err := w.uploader(t, s, key).Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		data := read(t, s, i.Name)
		plain := bytes.Contains(data, []byte("hunter2"))
		if plain == (key != nil) {
			t.Errorf("key %q: the password can be read: %v", key, plain)
		}
	}
}

func read(t testing.TB, s storage.Store, name string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t testing.TB, s storage.Store, name string, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), name, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	i, _ := step(t, w.uploader(t, s, testKey))
	if _, err := w.uploader(t, s, nil).Now(t.Context()); err != nil { // a newer one without a key
		t.Fatal(err)
	}
	only := newStore(t)
	put(t, only, i.Name, read(t, s, i.Name))
	moved := newStore(t)
	put(t, moved, strings.Replace(i.Name, "seatunnel/", "other/", 1), read(t, s, i.Name))
	for name, c := range map[string]struct {
		store storage.Store
		key   []byte
		want  Want
		err   error
		says  string
	}{
		"no key":            {only, nil, wanted, ErrKey, "seikan-cluster.key"},
		"another key":       {only, []byte("another"), wanted, ErrKey, "the key here is"},
		"not encrypted":     {s, testKey, wanted, ErrKey, "not encrypted"},
		"newer schema":      {only, testKey, Want{Cluster: "seatunnel", Schema: 2}, ErrNewer, "version 3"},
		"other cluster":     {moved, testKey, Want{Cluster: "other"}, ErrOtherCluster, `"seatunnel"`},
		"none":              {only, testKey, Want{Cluster: "nobody"}, ErrNone, "nobody"},
		"none so early":     {only, testKey, Want{Cluster: "seatunnel", AsOf: start.Add(-time.Second)}, ErrNone, "seatunnel"},
		"no cluster's name": {only, testKey, Want{Cluster: "../x"}, nil, "cannot be the name"},
	} {
		_, err := Newest(t.Context(), c.store, c.key, c.want)
		if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := Newest(t.Context(), only, bytes.TrimSpace(testKey), wanted); err != nil || got.Name != i.Name {
		t.Errorf("the key without its line break: %v", err)
	}
}

func TestAsOfFindsTheOneOfThatTime(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	u := w.uploader(t, s, nil)
	var all []Info
	for range 5 {
		i, _ := step(t, u)
		all = append(all, i)
		w.change()
		w.now = w.now.Add(time.Minute)
	}
	got, err := Newest(t.Context(), s, nil, Want{Cluster: "seatunnel", AsOf: start.Add(150 * time.Second)})
	if err != nil || got.Name != all[2].Name {
		t.Errorf("found %s (%v)", got.Name, err)
	}
}

func TestDamagedOneIsPassedOverAndNamed(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	u := w.uploader(t, s, nil)
	base, _ := step(t, u)
	before := bytes.Clone(w.bytes)
	w.bytes[0]++
	w.note()
	delta, _ := step(t, u)
	data := read(t, s, delta.Name)
	put(t, s, delta.Name, data[:len(data)-1])
	got, state := newest(t, s, nil)
	if got.Name != base.Name || !bytes.Equal(state, before) || len(got.Passed) != 1 || !strings.Contains(got.Passed[0].Error(), delta.Name) {
		t.Errorf("found %s, passed %v", got.Name, got.Passed)
	}
	if err := s.Delete(t.Context(), base.Name); err != nil {
		t.Fatal(err)
	}
	put(t, s, delta.Name, data)
	if _, err := Newest(t.Context(), s, nil, wanted); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), base.Name) {
		t.Errorf("a delta without its base: %v", err)
	}
	if i, _ := step(t, u); !i.Full() {
		t.Error("the next one stands on a base that is gone")
	}
}

func TestEveryFlippedOrMissingByteIsNoticed(t *testing.T) {
	t.Parallel()
	for name, key := range map[string][]byte{"plain": nil, "encrypted": testKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newWorld(1), blobs{}
			u := w.uploader(t, s, key)
			step(t, u)
			w.bytes[0]++
			w.note()
			i, _ := step(t, u)
			if i.Full() {
				t.Fatal("not a delta")
			}
			base := read(t, s, i.Base)
			for target, data := range map[string][]byte{i.Name: read(t, s, i.Name), i.Base: base} {
				broken := func(what string, bad []byte) {
					put(t, s, target, bad)
					bad2 := i
					if target == i.Name {
						bad2.Size = int64(len(bad))
					}
					if err := restore(t.Context(), s, bad2, key, io.Discard); err == nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrKey) {
						t.Fatalf("%s of %s: %v", what, target, err)
					}
				}
				for n := range data {
					bad := bytes.Clone(data)
					bad[n] ^= 1 << (n % 8)
					broken(fmt.Sprint("flip ", n), bad)
					broken(fmt.Sprint("cut ", n), data[:n])
				}
				broken("one more", append(bytes.Clone(data), 0))
				put(t, s, target, data)
			}
			if err := restore(t.Context(), s, i, key, io.Discard); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A leader that was deposed and does not know it yet must not hide what the next one wrote.
func TestOlderStateDoesNotBecomeTheNewest(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	old := w.uploader(t, s, nil)
	oldBytes, oldVersion := bytes.Clone(w.bytes), w.version
	old.Version = func(context.Context) (int64, error) { return oldVersion, nil }
	old.Source = func(out io.Writer) error { _, err := out.Write(oldBytes); return err }
	step(t, old)
	w.change()
	u := w.uploader(t, s, nil)
	i, _ := step(t, u)
	if _, _, err := old.Step(t.Context()); !errors.Is(err, ErrBehind) {
		t.Errorf("the old leader's step: %v", err)
	}
	// Had it looked just before: the leader puts its own on top, though nothing has changed.
	data := read(t, s, old.last.Name)
	late := i
	late.Seq++
	put(t, s, late.name("seatunnel"), data)
	if next, made := step(t, u); !made || next.Seq != i.Seq+2 {
		t.Errorf("the leader's own is not the newest again: %v %+v", made, next)
	}
	if got, state := newest(t, s, nil); got.Version != w.version || !bytes.Equal(state, w.bytes) {
		t.Error("an older state is restored")
	}
}

// Two clusters that were configured alike do not take each other's state for their own.
func TestAnotherClusterInTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	mine, other := w.uploader(t, s, nil), w.uploader(t, s, nil)
	mine.Folder, other.Folder, other.Cluster, other.ClusterID = "copied", "copied", "another", "c2"
	step(t, mine)
	if _, _, err := other.Step(t.Context()); !errors.Is(err, ErrOtherCluster) || !strings.Contains(err.Error(), "clusterName") {
		t.Errorf("the other cluster's backup: %v", err)
	}
	if _, err := Newest(t.Context(), s, nil, Want{Folder: "copied", Cluster: "another"}); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("the other cluster's restore: %v", err)
	}
	if i, err := Newest(t.Context(), s, nil, Want{Folder: "copied"}); err != nil || i.Cluster != "seatunnel" {
		t.Errorf("whoever does not mind whose it is: %+v, %v", i, err)
	}
}

// A cluster that was restored elsewhere while this one was thought dead keeps the newest backup.
func TestAnOldIncarnationGivesWay(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	old := w.uploader(t, s, nil)
	step(t, old)
	next := w.uploader(t, s, nil)
	next.ClusterID = "c2"
	if _, made := step(t, next); !made {
		t.Fatal("the new incarnation makes no backup")
	}
	w.change()
	again := w.uploader(t, s, nil) // another leader of the old one
	for _, u := range []*Uploader{old, again} {
		if _, _, err := u.Step(t.Context()); !errors.Is(err, ErrBehind) || !strings.Contains(err.Error(), "c2") {
			t.Errorf("the old incarnation's backup: %v", err)
		}
	}
	if _, made := step(t, next); !made {
		t.Error("the new incarnation makes no more backups")
	}
}

func TestAgeIsHowFarTheBackupIsBehind(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	f := faulty.New(s, faulty.Options{Rates: map[faulty.Kind]int{faulty.Fail: 1000}})
	u := w.uploader(t, f, nil)
	u.since = w.now
	w.now = w.now.Add(3 * time.Second)
	if _, _, err := u.Step(t.Context()); err == nil || u.Age() != 3*time.Second || u.Status().Failures != 1 {
		t.Errorf("age %v, %+v", u.Age(), u.Status())
	}
	f.Calm()
	step(t, u)
	w.now = w.now.Add(4 * time.Second)
	if u.Age() != 4*time.Second || u.Status().Failures != 0 {
		t.Errorf("age %v", u.Age())
	}
	step(t, u) // nothing has changed: it is all in there
	if u.Age() != 0 || u.Status().Backups != 1 {
		t.Errorf("age %v, %+v", u.Age(), u.Status())
	}
}

func TestRunBacksUpUntilItIsStopped(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	u := w.uploader(t, s, nil)
	u.Every = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var seen int64
	version := u.Version
	u.Version = func(ctx context.Context) (int64, error) {
		if seen++; seen == 5 {
			cancel()
		}
		return version(ctx)
	}
	if err := u.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if i, _ := newest(t, s, nil); i.Seq != 1 {
		t.Errorf("%+v", i)
	}
}

func TestRestoreFileIsThereWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w, s := newWorld(1), newStore(t)
	i, _ := step(t, w.uploader(t, s, nil))
	dir := memory(t)
	path := filepath.Join(dir, "state.db")
	data := read(t, s, i.Name)
	put(t, s, i.Name, append(bytes.Clone(data[:len(data)-1]), data[len(data)-1]^1))
	if err := RestoreFile(t.Context(), s, i, nil, path); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	put(t, s, i.Name, data)
	if err := RestoreFile(t.Context(), s, i, nil, path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, w.bytes) {
		t.Errorf("another file (%v)", err)
	}
	if err := RestoreFile(t.Context(), s, i, nil, path); err == nil {
		t.Error("a file was written over")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%v is left", left)
	}
}
