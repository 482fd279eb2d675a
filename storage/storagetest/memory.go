package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"seikan/storage"
)

// Memory is a store in memory that keeps every promise but durability, for tests of a great many
// steps.
type Memory struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// NewMemory has no objects.
func NewMemory() *Memory { return &Memory{objects: map[string][]byte{}} }

func (m *Memory) fail(op, name string, err error) error {
	return &storage.Error{Op: op, Path: m.String() + name, Err: err}
}

// begin is what every operation on a name begins with.
func begin(ctx context.Context, name string) error {
	if err := storage.CheckName(name); err != nil {
		return err
	}
	return ctx.Err()
}

// Put implements storage.Store.
func (m *Memory) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return m.write(ctx, "put", name, r)
}

// Create implements storage.Store.
func (m *Memory) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return m.write(ctx, "create", name, r)
}

func (m *Memory) write(ctx context.Context, op, name string, r io.Reader) (storage.Info, error) {
	err := begin(ctx, name)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(r)
	}
	if err == nil {
		err = ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[name]; err == nil && taken && op == "create" {
		err = storage.ErrExist
	}
	if err != nil {
		return storage.Info{}, m.fail(op, name, err)
	}
	m.objects[name] = data
	return m.info(name), nil
}

// info describes an object; m.mu is held.
func (m *Memory) info(name string) storage.Info {
	return storage.Info{Name: name, Size: int64(len(m.objects[name])), ModTime: time.Unix(1, 0)}
}

// Get implements storage.Store.
func (m *Memory) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	err := begin(ctx, name)
	m.mu.Lock()
	data, there := m.objects[name]
	m.mu.Unlock()
	switch {
	case err != nil:
	case offset < 0:
		err = fmt.Errorf("offset %d is negative", offset)
	case !there:
		err = storage.ErrNotExist
	}
	if err != nil {
		return nil, m.fail("get", name, err)
	}
	data = data[min(offset, int64(len(data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Stat implements storage.Store.
func (m *Memory) Stat(ctx context.Context, name string) (storage.Info, error) {
	err := begin(ctx, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.objects[name]; err == nil && !there {
		err = storage.ErrNotExist
	}
	if err != nil {
		return storage.Info{}, m.fail("stat", name, err)
	}
	return m.info(name), nil
}

// List implements storage.Store.
func (m *Memory) List(ctx context.Context, prefix, after string, limit int) (p storage.Page, err error) {
	if err := ctx.Err(); err != nil {
		return p, m.fail("list", prefix, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.objects)) {
		switch {
		case !strings.HasPrefix(name, prefix) || name <= after:
		case len(p.Objects) == limit:
			p.Next = p.Objects[limit-1].Name
			return p, nil
		default:
			p.Objects = append(p.Objects, m.info(name))
		}
	}
	return p, nil
}

// Delete implements storage.Store.
func (m *Memory) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := begin(ctx, name); err != nil {
			return m.fail("delete", name, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		delete(m.objects, name)
	}
	return nil
}

// String is the location in messages.
func (m *Memory) String() string { return "memory:///" }

// Close implements storage.Store.
func (m *Memory) Close() error { return nil }
