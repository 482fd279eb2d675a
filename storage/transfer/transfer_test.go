package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// memory is an object that is kept in memory.
type memory struct {
	mu      sync.Mutex
	parts   map[int][]byte
	whole   []byte
	done    bool
	aborted bool
	failAt  int
}

func (m *memory) Whole(_ context.Context, body []byte) error {
	m.whole, m.done = bytes.Clone(body), true
	return nil
}

func (m *memory) Begin(context.Context) error {
	m.parts = map[int][]byte{}
	return nil
}

var errPart = errors.New("the part is refused")

func (m *memory) Part(_ context.Context, n int, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n == m.failAt {
		return errPart
	}
	m.parts[n] = bytes.Clone(body)
	return nil
}

func (m *memory) Complete(_ context.Context, n int) error {
	for i := range n {
		m.whole = append(m.whole, m.parts[i+1]...)
	}
	m.done = true
	return nil
}

func (m *memory) Abort(ctx context.Context) error {
	m.aborted = true
	return ctx.Err()
}

func text(n int) string { return strings.Repeat("0123456789", n/10+1)[:n] }

func TestPartsMakeTheWhole(t *testing.T) {
	t.Parallel()
	const part = 1000
	for _, n := range []int{0, 1, part - 1, part, part + 1, 5 * part, 5*part + 7} {
		m := &memory{}
		size, err := Upload(t.Context(), strings.NewReader(text(n)), part, 10, m)
		if err != nil || size != int64(n) || string(m.whole) != text(n) || !m.done || m.aborted {
			t.Errorf("%d bytes: %d bytes, %d kept, done %v, aborted %v (%v)", n, size, len(m.whole), m.done, m.aborted, err)
		}
		if several := n >= part; several != (m.parts != nil) {
			t.Errorf("%d bytes in %d parts", n, len(m.parts))
		}
	}
}

func TestFailedUploadIsAborted(t *testing.T) {
	t.Parallel()
	broken := errors.New("the source broke")
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		source io.Reader
		failAt int
		ctx    context.Context
		want   error
	}{
		"source":  {io.MultiReader(strings.NewReader(text(3500)), failing{broken}), 0, t.Context(), broken},
		"part":    {strings.NewReader(text(900_000)), 3, t.Context(), errPart},
		"context": {io.MultiReader(strings.NewReader(text(3500)), calling(cancel), strings.NewReader(text(3500))), 0, ctx, context.Canceled},
	} {
		m := &memory{failAt: c.failAt}
		if _, err := Upload(c.ctx, c.source, 1000, 1000, m); !errors.Is(err, c.want) || m.done || !m.aborted {
			t.Errorf("%s: done %v, aborted %v, error %v", name, m.done, m.aborted, err)
		}
	}
}

// stuck is an object whose parts cannot be removed while the test runs.
type stuck struct {
	memory
	end chan struct{}
}

func (s *stuck) Abort(context.Context) error {
	<-s.end
	return nil
}

func TestWhoHasGivenUpDoesNotWaitForTheAbort(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := &stuck{end: make(chan struct{})}
	defer close(o.end)
	source := io.MultiReader(strings.NewReader(text(3500)), calling(cancel), strings.NewReader(text(3500)))
	if _, err := Upload(ctx, source, 1000, 1000, o); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "are left") {
		t.Errorf("error is %v", err)
	}
}

func TestTooManyPartsAreRefused(t *testing.T) {
	t.Parallel()
	m := &memory{}
	if _, err := Upload(t.Context(), strings.NewReader(text(4001)), 1000, 4, m); err == nil || m.done || !m.aborted || !strings.Contains(err.Error(), "larger") {
		t.Errorf("done %v, aborted %v, error %v", m.done, m.aborted, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type calling func()

func (c calling) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

// breaking serves a text whose connection breaks after every few bytes.
type breaking struct {
	text   string
	every  int
	opened int
	etag   string
}

func (b *breaking) open(_ context.Context, offset, length int64, etag string) (Body, error) {
	b.opened++
	if etag != "" && etag != b.etag {
		return Body{}, Final{errors.New("another object")}
	}
	end := int64(len(b.text))
	if length >= 0 {
		end = min(end, offset+length)
	}
	rest := b.text[offset:end]
	r := io.MultiReader(strings.NewReader(rest[:min(len(rest), b.every)]), failing{io.ErrUnexpectedEOF})
	return Body{ReadCloser: io.NopCloser(r), Size: int64(len(rest)), ETag: b.etag}, nil
}

func wrap(err error) error { return fmt.Errorf("wrapped: %w", err) }

func TestReadGoesOnAfterTheConnectionBroke(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ offset, length int64 }{{0, -1}, {17, -1}, {5, 3000}, {4990, 100}} {
		b := &breaking{text: text(5000), every: 700, etag: "1"}
		r, err := Open(t.Context(), c.offset, c.length, b.open, wrap)
		if err != nil {
			t.Fatal(err)
		}
		want := b.text[c.offset:]
		if c.length >= 0 {
			want = want[:min(int64(len(want)), c.length)]
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%+v: %d bytes, want %d (%v)", c, len(got), len(want), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadDoesNotGoOnInAnotherObject(t *testing.T) {
	t.Parallel()
	b := &breaking{text: text(5000), every: 700, etag: "1"}
	r, err := Open(t.Context(), 0, -1, b.open, wrap)
	if err != nil {
		t.Fatal(err)
	}
	b.etag = "2" // it is replaced
	got, err := io.ReadAll(r)
	if err == nil || !strings.Contains(err.Error(), "wrapped: another object") || len(got) != 700 {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
	_ = r.Close()
}

func TestReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := &breaking{text: text(5000), every: 700, etag: "1"}
	r, err := Open(ctx, 0, -1, b.open, wrap)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	_ = r.Close()
}

func TestFloorIsAPossibleNameNotAboveTheGivenOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "a": "a", "a/b": "a/b", "a/../b": "a/", "..": "", "a/..": "a/", "a//b": "a/", "..a": "..a", "/a": "", "a/.": "a/"} {
		if got := Floor(in); got != want || got > in {
			t.Errorf("Floor(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestRangeHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, -1, ""}, {5, -1, "bytes=5-"}, {0, 1, "bytes=0-0"}, {5, 10, "bytes=5-14"}, {5, 1<<63 - 1, "bytes=5-"}} {
		if got := Range(c.offset, c.length); got != c.want {
			t.Errorf("%d+%d: %q, want %q", c.offset, c.length, got, c.want)
		}
	}
}
