package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"seikan/storage"
)

func freeNames(t *testing.T, s storage.Store) {
	put(t, s, "folder/a", "x")
	for _, name := range []string{"nothing", "folder", "folder/b", "folder/a/b", "fold"} {
		_, err := s.Get(t.Context(), name, 0, -1)
		want(t, "get "+name, err, storage.ErrNotExist)
		_, err = s.Stat(t.Context(), name)
		want(t, "stat "+name, err, storage.ErrNotExist)
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	_, err := s.Get(t.Context(), "nothing", 5, 0)
	want(t, "get an empty range of nothing", err, storage.ErrNotExist)
	if got := names(t, s, "", 10); !slices.Equal(got, []string{"folder/a"}) {
		t.Errorf("objects are %q", got)
	}
}

func listPaged(t *testing.T, s storage.Store, n int) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]string, 0, n)
	for i := range n {
		name := fmt.Sprintf("%c/%x-%d", 'a'+rune(rng.IntN(4)), rng.IntN(40), i)
		if i%3 == 0 {
			name = fmt.Sprintf("%c%s%d", 'a'+rune(rng.IntN(4)), []string{"-", ".", "0", "/sub/"}[rng.IntN(4)], i)
		}
		all = append(all, name)
	}
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(32)
	for _, name := range all {
		g.Go(func() error { _, err := s.Put(ctx, name, strings.NewReader(name)); return err })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	for _, limit := range []int{n / 9, n - 1, n, n + 1} {
		if got := names(t, s, "", limit); !slices.Equal(got, all) {
			t.Fatalf("pages of %d: %d objects of %d, or in another order", limit, len(got), n)
		}
	}
	for range 40 { // from the middle, after names that exist and names that do not
		after := all[rng.IntN(n)]
		if rng.IntN(2) == 0 {
			after = after[:rng.IntN(len(after))] + "5"
		}
		rest := all[upper(all, after):]
		page, err := s.List(t.Context(), "", after, 7)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range page.Objects {
			got = append(got, o.Name)
		}
		wanted := rest[:min(7, len(rest))]
		if !slices.Equal(got, wanted) || (page.Next == "") != (len(rest) <= 7) {
			t.Fatalf("after %q: %q, next %q, want %q of %d", after, got, page.Next, wanted, len(rest))
		}
	}
}

// upper is the index of the first name greater than after.
func upper(sorted []string, after string) int {
	i, found := slices.BinarySearch(sorted, after)
	if found {
		i++
	}
	return i
}

func prefixes(t *testing.T, s storage.Store) {
	all := []string{"B", "a-b", "a.txt", "a/b", "a/b2", "a/c/d", "ab", "b", "b0/x"}
	for _, name := range all {
		put(t, s, name, "x")
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/c/", "a/c", "a/c/d", "a/c/d/", "b", "b0", "c", "a/z", "A", "/", "/a", "..", "../", "a/../", "a//", "./a", ".", strings.Repeat("p", 300)} {
		wanted := []string{}
		for _, name := range all {
			if strings.HasPrefix(name, prefix) {
				wanted = append(wanted, name)
			}
		}
		for _, limit := range []int{1, 2, 100} {
			if got := names(t, s, prefix, limit); !slices.Equal(got, wanted) {
				t.Errorf("prefix %q in pages of %d: %q, want %q", prefix, limit, got, wanted)
			}
		}
	}
	page, err := s.List(t.Context(), "a/", "a/b", 10)
	if err != nil || len(page.Objects) != 2 || page.Objects[0].Name != "a/b2" {
		t.Errorf("prefix and after together: %+v (%v)", page, err)
	}
	if page, err = s.List(t.Context(), "a/", "b", 10); err != nil || len(page.Objects) != 0 || page.Next != "" {
		t.Errorf("after lies beyond the prefix: %+v (%v)", page, err)
	}
}

func oddNames(t *testing.T, s storage.Store) {
	odd := []string{
		" ", "a b", "a+b", "a%b", "a%2Fb", "a&b=c", "a?b", "a#b", "a'b", `a"b`, "a*b", "(a)", "[a]", "{a}", "a,b;c", "a@b$c", "a!b~c^d`e|f<g>h",
		".hidden", "..a", "a..", "...", "-rf", "ü/é/正環", "🚢", "e\u0301", strings.Repeat("long", 50), "job/871234567890123456/1/2.manifest", "UPPER", "upper",
		"date=2026-01-01/part-0", "tab\tname",
	}
	for _, name := range odd {
		put(t, s, name, "is "+name)
	}
	for _, name := range odd {
		if got := get(t, s, name, 0, -1); got != "is "+name {
			t.Errorf("%q: got %q", name, got)
		}
		if info, err := s.Stat(t.Context(), name); err != nil || info.Name != name {
			t.Errorf("%q: stat says %+v (%v)", name, info, err)
		}
	}
	slices.Sort(odd)
	if got := names(t, s, "", 6); !slices.Equal(got, odd) {
		t.Errorf("listed\n%q, want\n%q", got, odd)
	}
	if err := s.Delete(t.Context(), odd...); err != nil {
		t.Error(err)
	}
	if got := names(t, s, "", 6); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

func wrongNames(t *testing.T, s storage.Store) {
	for _, name := range []string{
		"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "./a", "a/./b", "a//b", "a/", "//", "a\x00b", strings.Repeat("x/", 600) + "x",
	} {
		short := name[:min(len(name), 20)]
		_, err := s.Put(t.Context(), name, strings.NewReader("x"))
		want(t, fmt.Sprintf("put %q", short), err, storage.ErrName)
		_, err = s.Create(t.Context(), name, strings.NewReader("x"))
		if !errors.Is(err, storage.ErrNotSupported) {
			want(t, fmt.Sprintf("create %q", short), err, storage.ErrName)
		}
		_, err = s.Get(t.Context(), name, 0, -1)
		want(t, fmt.Sprintf("get %q", short), err, storage.ErrName)
		_, err = s.Stat(t.Context(), name)
		want(t, fmt.Sprintf("stat %q", short), err, storage.ErrName)
		want(t, fmt.Sprintf("delete %q", short), s.Delete(t.Context(), name), storage.ErrName)
	}
	if got := names(t, s, "", 10); len(got) != 0 {
		t.Errorf("objects are %q", got)
	}
}
