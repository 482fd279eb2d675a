// Package storagetest is the conformance suite of blob stores: every backend runs the same one.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"seikan/storage"
)

// Run checks every promise of storage.Store. open gives a store without objects; the suite
// closes it.
func Run(t *testing.T, open func(t *testing.T) storage.Store) { run(t, testing.Short(), open) }

// RunSmall is Run with fewer and smaller objects, as go test -short does it: for another way to
// the same server.
func RunSmall(t *testing.T, open func(t *testing.T) storage.Store) { run(t, true, open) }

func run(t *testing.T, small bool, open func(t *testing.T) storage.Store) {
	objects, size := 10_000, int64(64<<20+12345)
	if small {
		objects, size = 300, 6<<20+12345
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Store)
	}{
		{"WhatIsPutComesBack", whatIsPut},
		{"PutReplaces", putReplaces},
		{"ReadersSeeOldOrNewWhole", oldOrNew},
		{"FailedWriteLeavesWhatWas", failedWrite},
		{"CreateRefusesATakenName", createTaken},
		{"OneOfRacingCreatorsWins", racingCreators},
		{"RangesYieldWhatThereIs", ranges},
		{"FreeNamesDoNotExist", freeNames},
		{"DeleteRemovesAll", deleteRemoves},
		{"ListIsInByteOrderAndPaged", func(t *testing.T, s storage.Store) { listPaged(t, s, objects) }},
		{"PrefixIsAStringNotAFolder", prefixes},
		{"OddNamesAreNames", oddNames},
		{"WrongNamesAreRefused", wrongNames},
		{"CancelledContextStopsEverything", cancelled},
		{"BigObjectIsStreamed", func(t *testing.T, s storage.Store) { bigObject(t, s, size) }},
		{"ManyWritersLoseNothing", manyWriters},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(t, s)
		})
	}
}

func put(t *testing.T, s storage.Store, name, content string) storage.Info {
	t.Helper()
	info, err := s.Put(t.Context(), name, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func get(t *testing.T, s storage.Store, name string, offset, length int64) string {
	t.Helper()
	content, err := read(t.Context(), s, name, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func read(ctx context.Context, s storage.Store, name string, offset, length int64) (string, error) {
	r, err := s.Get(ctx, name, offset, length)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// names lists all names of a prefix in pages.
func names(t *testing.T, s storage.Store, prefix string, limit int) []string {
	t.Helper()
	out := []string{}
	for after := ""; ; {
		page, err := s.List(t.Context(), prefix, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Objects) > limit {
			t.Fatalf("a page of %d for a limit of %d", len(page.Objects), limit)
		}
		for _, o := range page.Objects {
			out = append(out, o.Name)
		}
		if page.Next == "" {
			return out
		}
		if page.Next <= after {
			t.Fatalf("a page after %q goes on after %q", after, page.Next)
		}
		after = page.Next
	}
}

func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: error is %v, want %v", what, err, target)
	}
	var e *storage.Error
	if !errors.As(err, &e) || e.Op == "" || e.Path == "" {
		t.Errorf("%s: %v is not a storage.Error with operation and path", what, err)
	}
}

// create skips the test where the backend has no Create.
func create(t *testing.T, s storage.Store, name, content string) (storage.Info, error) {
	t.Helper()
	info, err := s.Create(t.Context(), name, strings.NewReader(content))
	if errors.Is(err, storage.ErrNotSupported) {
		t.Skipf("%v has no Create: %v", s, err)
	}
	return info, err
}

func whatIsPut(t *testing.T, s storage.Store) {
	if s.String() == "" {
		t.Error("the store has no name for messages")
	}
	for name, content := range map[string]string{
		"a": "hello", "empty": "", "deep/er/still/b": "\x00\xff\r\n", "c.bin": strings.Repeat("0123456789", 100_000),
	} {
		info := put(t, s, name, content)
		if info.Name != name || info.Size != int64(len(content)) {
			t.Errorf("put %s says %+v", name, info)
		}
		if got := get(t, s, name, 0, -1); got != content {
			t.Errorf("%s comes back with %d bytes, want %d", name, len(got), len(content))
		}
		stat, err := s.Stat(t.Context(), name)
		if err != nil || stat.Name != name || stat.Size != int64(len(content)) || stat.ModTime.IsZero() {
			t.Errorf("stat %s says %+v (%v)", name, stat, err)
		}
		page, err := s.List(t.Context(), name, "", 1)
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Size != stat.Size || page.Objects[0].ModTime.IsZero() {
			t.Errorf("list of %s says %+v (%v)", name, page, err)
		}
	}
}

func putReplaces(t *testing.T, s storage.Store) {
	for _, content := range []string{"first, and long", "second", "", "third"} {
		put(t, s, "x/a", content)
		if got := get(t, s, "x/a", 0, -1); got != content {
			t.Errorf("got %q after putting %q", got, content)
		}
	}
	if got := names(t, s, "", 10); !slices.Equal(got, []string{"x/a"}) {
		t.Errorf("objects are %q", got)
	}
}

func oldOrNew(t *testing.T, s storage.Store) {
	versions := []string{strings.Repeat("a", 200_000), strings.Repeat("b", 100_000)}
	put(t, s, "x", versions[0])
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := read(t.Context(), s, "x", 0, -1)
				if err != nil || got != versions[0] && got != versions[1] {
					t.Errorf("a reader saw %d bytes (%v), neither the old nor the new object", len(got), err)
					return
				}
			}
		})
	}
	for i := range 30 {
		put(t, s, "x", versions[i%2])
	}
	close(done)
	wg.Wait()
}

var errSource = errors.New("the source broke")

// broken gives n bytes and then an error.
func broken(n int) io.Reader {
	return io.MultiReader(strings.NewReader(strings.Repeat("n", n)), &failing{})
}

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errSource }

func failedWrite(t *testing.T, s storage.Store) {
	put(t, s, "old", "content")
	for _, n := range []int{0, 10, 3 << 20} {
		for _, name := range []string{"old", "new"} {
			_, err := s.Put(t.Context(), name, broken(n))
			want(t, fmt.Sprintf("put %s that fails after %d bytes", name, n), err, errSource)
		}
		if _, err := s.Create(t.Context(), "new", broken(n)); !errors.Is(err, storage.ErrNotSupported) {
			want(t, fmt.Sprintf("create that fails after %d bytes", n), err, errSource)
		}
		if got := get(t, s, "old", 0, -1); got != "content" {
			t.Errorf("after a failed put of %d bytes the object has %d", n, len(got))
		}
		if _, err := s.Stat(t.Context(), "new"); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("after a failed put of %d bytes there is something: %v", n, err)
		}
	}
	if got := names(t, s, "", 10); !slices.Equal(got, []string{"old"}) {
		t.Errorf("objects are %q", got)
	}
}

func createTaken(t *testing.T, s storage.Store) {
	info, err := create(t, s, "d/a", "first")
	if err != nil || info.Name != "d/a" || info.Size != 5 {
		t.Fatalf("create says %+v (%v)", info, err)
	}
	_, err = create(t, s, "d/a", "second")
	want(t, "create again", err, storage.ErrExist)
	if got := get(t, s, "d/a", 0, -1); got != "first" {
		t.Errorf("the object is %q", got)
	}
	put(t, s, "d/b", "put")
	_, err = create(t, s, "d/b", "second")
	want(t, "create after put", err, storage.ErrExist)
	if err := s.Delete(t.Context(), "d/a"); err != nil {
		t.Fatal(err)
	}
	if _, err = create(t, s, "d/a", "third"); err != nil {
		t.Errorf("create after delete: %v", err)
	}
	if got := names(t, s, "", 10); !slices.Equal(got, []string{"d/a", "d/b"}) {
		t.Errorf("objects are %q", got)
	}
}

func racingCreators(t *testing.T, s storage.Store) {
	if _, err := create(t, s, "probe", ""); err != nil {
		t.Fatal(err)
	}
	const writers = 8
	for round := range 10 {
		name := fmt.Sprint("race/", round)
		won := make([]bool, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				_, err := s.Create(t.Context(), name, strings.NewReader(fmt.Sprint(w)))
				if won[w] = err == nil; err != nil {
					want(t, "the loser", err, storage.ErrExist)
				}
			})
		}
		wg.Wait()
		winners := 0
		for w, yes := range won {
			if !yes {
				continue
			}
			winners++
			if got := get(t, s, name, 0, -1); got != fmt.Sprint(w) {
				t.Errorf("%d won, the object is of %s", w, got)
			}
		}
		if winners != 1 {
			t.Errorf("%d creators succeeded", winners)
		}
	}
}

func ranges(t *testing.T, s storage.Store) {
	put(t, s, "digits", "0123456789")
	put(t, s, "empty", "")
	for _, c := range []struct {
		name           string
		offset, length int64
		want           string
	}{
		{"digits", 0, -1, "0123456789"}, {"digits", 3, -1, "3456789"}, {"digits", 9, -1, "9"}, {"digits", 10, -1, ""},
		{"digits", 11, -1, ""}, {"digits", 1 << 40, -1, ""}, {"digits", 0, 0, ""}, {"digits", 4, 0, ""}, {"digits", 0, 1, "0"},
		{"digits", 2, 3, "234"}, {"digits", 8, 2, "89"}, {"digits", 8, 100, "89"}, {"digits", 10, 1, ""}, {"digits", 20, 5, ""},
		{"digits", 0, 1 << 40, "0123456789"}, {"empty", 0, -1, ""}, {"empty", 0, 5, ""}, {"empty", 5, 5, ""},
	} {
		if got := get(t, s, c.name, c.offset, c.length); got != c.want {
			t.Errorf("%s from %d, %d bytes: %q, want %q", c.name, c.offset, c.length, got, c.want)
		}
	}
	if _, err := s.Get(t.Context(), "digits", -1, 1); err == nil {
		t.Error("a negative offset is taken")
	}
}

func deleteRemoves(t *testing.T, s storage.Store) {
	all := []string{"a", "b/1", "b/2", "b/c/3", "keep", "b/c/keep"}
	for _, name := range all {
		put(t, s, name, name)
	}
	if err := s.Delete(t.Context()); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
	if err := s.Delete(t.Context(), "a", "b/1", "missing", "b/2", "b/c/3", "a"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if got := names(t, s, "", 10); !slices.Equal(got, []string{"b/c/keep", "keep"}) {
		t.Errorf("objects are %q", got)
	}
	put(t, s, "b/1", "again")
	if got := get(t, s, "b/1", 0, -1); got != "again" {
		t.Errorf("got %q", got)
	}
}

func cancelled(t *testing.T, s storage.Store) {
	put(t, s, "old", strings.Repeat("o", 1<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, "new", strings.NewReader("x"))
	want(t, "put", err, context.Canceled)
	if _, err = s.Create(ctx, "new", strings.NewReader("x")); !errors.Is(err, storage.ErrNotSupported) {
		want(t, "create", err, context.Canceled)
	}
	_, err = s.Get(ctx, "old", 0, -1)
	want(t, "get", err, context.Canceled)
	_, err = s.Stat(ctx, "old")
	want(t, "stat", err, context.Canceled)
	_, err = s.List(ctx, "", "", 10)
	want(t, "list", err, context.Canceled)
	want(t, "delete", s.Delete(ctx, "old"), context.Canceled)

	for _, name := range []string{"old", "new"} { // in the middle of a write
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Put(ctx, name, &cancelling{left: 64, cancel: cancel})
		want(t, "put that is cancelled in the middle", err, context.Canceled)
	}
	if got := get(t, s, "old", 0, -1); len(got) != 1<<20 {
		t.Errorf("a cancelled write left %d bytes", len(got))
	}
	if got := names(t, s, "", 10); !slices.Equal(got, []string{"old"}) {
		t.Errorf("objects are %q", got)
	}

	ctx, cancel = context.WithCancel(t.Context()) // in the middle of a read
	r, err := s.Get(ctx, "old", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := io.Copy(io.Discard, r); err == nil && n != 1<<20-10 {
		t.Errorf("a cancelled read ends after %d bytes as if that were all", n)
	}
	_ = r.Close()
}

// cancelling gives blocks of 64 KiB and cancels half-way.
type cancelling struct {
	left   int
	cancel context.CancelFunc
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.left--; c.left == 32 {
		c.cancel()
	}
	if c.left < 0 {
		return 0, io.EOF
	}
	return min(len(p), 64<<10), nil
}

func bigObject(t *testing.T, s storage.Store, size int64) {
	sum := sha256.New()
	info, err := s.Put(t.Context(), "big", io.TeeReader(io.LimitReader(&noise{}, size), sum))
	if err != nil || info.Size != size {
		t.Fatalf("put says %+v (%v), want %d bytes", info, err, size)
	}
	r, err := s.Get(t.Context(), "big", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n, err := io.Copy(got, r)
	if err := errors.Join(err, r.Close()); err != nil || n != size || !bytes.Equal(got.Sum(nil), sum.Sum(nil)) {
		t.Errorf("%d bytes came back (%v), or others than %d", n, err, size)
	}
	var tail [1000]byte
	_, _ = (&noise{at: uint32(size - 1000)}).Read(tail[:])
	if got := get(t, s, "big", size-1000, 2000); got != string(tail[:]) {
		t.Error("the end of the object is another one")
	}
}

// noise is a stream of bytes that depends on the position alone.
type noise struct{ at uint32 }

func (n *noise) Read(p []byte) (int, error) {
	for i := range p {
		n.at++
		p[i] = byte(n.at * 2654435761 >> 24)
	}
	return len(p), nil
}

func manyWriters(t *testing.T, s storage.Store) {
	const writers, each = 6, 15
	g, ctx := errgroup.WithContext(t.Context())
	for w := range writers {
		g.Go(func() error {
			for i := range each {
				name := fmt.Sprintf("dir%d/%d-%d", i%3, w, i)
				if _, err := s.Put(ctx, name, strings.NewReader(name)); err != nil {
					return err
				}
				gone := fmt.Sprintf("gone%d/%d", i%3, w) // folders come and go meanwhile
				if _, err := s.Put(ctx, gone, strings.NewReader("x")); err != nil {
					return err
				}
				if err := s.Delete(ctx, gone); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	got := names(t, s, "", 17)
	if len(got) != writers*each {
		t.Errorf("%d objects, want %d", len(got), writers*each)
	}
	for _, name := range got {
		if content := get(t, s, name, 0, -1); content != name {
			t.Errorf("%s holds %q", name, content)
		}
	}
}
