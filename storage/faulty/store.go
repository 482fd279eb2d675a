// Package faulty wraps a blob store and makes it fail by seed, for tests of what is built on
// blob stores.
package faulty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"seikan/storage"
)

// ErrInjected is inside every error that the wrapper makes up.
var ErrInjected = errors.New("injected fault")

// Kind of a fault.
type Kind string

const (
	// Fail: the operation fails. A write may have consumed part of its reader, a delete may
	// have removed some of its names.
	Fail Kind = "failed"
	// LostAnswer: a write or delete is done, and yet reports an error.
	LostAnswer Kind = "done, answer lost"
	// Cut: the bytes of a Get end early with an error.
	Cut Kind = "read cut off"
	// Short: the bytes of a Get end early as if that were all. No store may do this; what
	// reads must notice by size or checksum.
	Short Kind = "read cut off silently"
	// Delay: the operation takes up to Options.MaxDelay longer.
	Delay Kind = "delayed"
)

// Options of New.
type Options struct {
	Seed uint64
	// Rates are faults per thousand operations that can have them; none by default.
	Rates map[Kind]int
	// MaxDelay of a Delay; 0 means a second.
	MaxDelay time.Duration
	// Sleep waits for a Delay; nil means by the real clock.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Store implements storage.Store. With one goroutine, a seed gives the same faults again.
type Store struct {
	inner storage.Store
	o     Options

	mu     sync.Mutex
	rng    *rand.Rand
	faults map[Kind]int
	calm   bool
}

// New wraps inner.
func New(inner storage.Store, o Options) *Store {
	if o.MaxDelay == 0 {
		o.MaxDelay = time.Second
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Store{inner: inner, o: o, rng: rand.New(rand.NewPCG(o.Seed, 0xfa017)), faults: make(map[Kind]int)}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Faults says how many of each kind were injected.
func (s *Store) Faults() map[Kind]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.faults)
}

// Calm ends the injecting, so that a test can look at what is there.
func (s *Store) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm = true
}

// strikes draws whether a fault of the kind happens now.
func (s *Store) strikes(k Kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calm || s.rng.IntN(1000) >= s.o.Rates[k] {
		return false
	}
	s.faults[k]++
	return true
}

// draw is a number from 0 to n-1.
func (s *Store) draw(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Int64N(n)
}

func (s *Store) fault(op, name string, k Kind) error {
	return s.fail(op, name, fmt.Errorf("%w: %s", ErrInjected, k))
}

func (s *Store) fail(op, name string, err error) error {
	return &storage.Error{Op: op, Path: s.inner.String() + "/" + name, Err: err}
}

// begin is the common start of an operation.
func (s *Store) begin(ctx context.Context, op, name string) error {
	if !s.strikes(Delay) {
		return nil
	}
	if err := s.o.Sleep(ctx, time.Duration(1+s.draw(int64(s.o.MaxDelay)))); err != nil {
		return s.fail(op, name, err)
	}
	return nil
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return s.write(ctx, "put", name, r, s.inner.Put)
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return s.write(ctx, "create", name, r, s.inner.Create)
}

func (s *Store) write(ctx context.Context, op, name string, r io.Reader,
	do func(context.Context, string, io.Reader) (storage.Info, error)) (storage.Info, error) {
	if err := s.begin(ctx, op, name); err != nil {
		return storage.Info{}, err
	}
	if s.strikes(Fail) {
		err := s.fault(op, name, Fail)
		if s.draw(2) == 0 {
			return storage.Info{}, err
		}
		// The store itself must cope with a source that breaks in the middle.
		if _, ierr := do(ctx, name, &cut{r: r, left: s.draw(4096), err: err}); ierr != nil {
			err = ierr
		}
		return storage.Info{}, err
	}
	info, err := do(ctx, name, r)
	if err == nil && s.strikes(LostAnswer) {
		return storage.Info{}, s.fault(op, name, LostAnswer)
	}
	return info, err
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := s.begin(ctx, "get", name); err != nil {
		return nil, err
	}
	if s.strikes(Fail) {
		return nil, s.fault("get", name, Fail)
	}
	r, err := s.inner.Get(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	switch {
	case s.strikes(Cut):
		return &cut{r: r, Closer: r, left: s.draw(4096), err: s.fault("get", name, Cut)}, nil
	case s.strikes(Short):
		return &cut{r: r, Closer: r, left: s.draw(4096), err: io.EOF}, nil
	}
	return r, nil
}

// cut ends a stream after some bytes, at the latest in place of its end.
type cut struct {
	r io.Reader
	io.Closer
	left int64
	err  error
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		c.left, err = 0, c.err
	}
	return n, err
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	if err := s.begin(ctx, "stat", name); err != nil {
		return storage.Info{}, err
	}
	if s.strikes(Fail) {
		return storage.Info{}, s.fault("stat", name, Fail)
	}
	return s.inner.Stat(ctx, name)
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if err := s.begin(ctx, "list", prefix); err != nil {
		return storage.Page{}, err
	}
	if s.strikes(Fail) {
		return storage.Page{}, s.fault("list", prefix, Fail)
	}
	return s.inner.List(ctx, prefix, after, limit)
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return s.inner.Delete(ctx)
	}
	if err := s.begin(ctx, "delete", names[0]); err != nil {
		return err
	}
	if s.strikes(Fail) {
		n := s.draw(int64(len(names)))
		if err := s.inner.Delete(ctx, names[:n]...); err != nil {
			return err
		}
		return s.fault("delete", names[n], Fail)
	}
	err := s.inner.Delete(ctx, names...)
	if err == nil && s.strikes(LostAnswer) {
		return s.fault("delete", names[0], LostAnswer)
	}
	return err
}

// String is the location of the store inside.
func (s *Store) String() string { return s.inner.String() }

// Close closes the store inside.
func (s *Store) Close() error { return s.inner.Close() }
