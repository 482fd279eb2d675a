package open

import (
	"context"
	"io"
	"strings"

	"seikan/storage"
)

// Later is the store of settings whose system is down now: it is opened by the first call that
// finds it up. Until then every call fails like Open.
func Later(s Settings) storage.Store { return &later{settings: s, turn: make(chan struct{}, 1)} }

type later struct {
	settings Settings
	turn     chan struct{} // holds one token while somebody opens
	store    storage.Store // once open; guarded by turn
}

func (l *later) open(ctx context.Context) (storage.Store, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &storage.Error{Op: "open", Path: l.String(), Err: ctx.Err()}
	}
	defer func() { <-l.turn }()
	if l.store != nil {
		return l.store, nil
	}
	s, err := Open(ctx, l.settings)
	if err == nil {
		l.store = s
	}
	return s, err
}

func (l *later) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	s, err := l.open(ctx)
	if err != nil {
		return storage.Info{}, err
	}
	return s.Put(ctx, name, r)
}

func (l *later) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	s, err := l.open(ctx)
	if err != nil {
		return storage.Info{}, err
	}
	return s.Create(ctx, name, r)
}

func (l *later) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	s, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, name, offset, length)
}

func (l *later) Stat(ctx context.Context, name string) (storage.Info, error) {
	s, err := l.open(ctx)
	if err != nil {
		return storage.Info{}, err
	}
	return s.Stat(ctx, name)
}

func (l *later) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	s, err := l.open(ctx)
	if err != nil {
		return storage.Page{}, err
	}
	return s.List(ctx, prefix, after, limit)
}

func (l *later) Delete(ctx context.Context, names ...string) error {
	s, err := l.open(ctx)
	if err != nil {
		return err
	}
	return s.Delete(ctx, names...)
}

// Sweep is for open.Sweep.
func (l *later) Sweep(ctx context.Context) error {
	s, err := l.open(ctx)
	if err != nil {
		return err
	}
	return Sweep(ctx, s)
}

func (l *later) String() string { return strings.TrimSuffix(l.settings.Location, "/") }

func (l *later) Close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.store == nil {
		return nil
	}
	return l.store.Close()
}
