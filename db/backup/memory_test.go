package backup

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"seikan/storage"
)

// blobs is a storage in memory, for tests of a great many steps.
type blobs map[string][]byte

func (b blobs) Put(_ context.Context, name string, r io.Reader) (storage.Info, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return storage.Info{}, &storage.Error{Op: "put", Path: name, Err: err}
	}
	b[name] = data
	return storage.Info{Name: name, Size: int64(len(data))}, nil
}

func (b blobs) Create(context.Context, string, io.Reader) (storage.Info, error) {
	return storage.Info{}, storage.ErrNotSupported
}

func (b blobs) Get(_ context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	data, there := b[name]
	if !there {
		return nil, &storage.Error{Op: "get", Path: name, Err: storage.ErrNotExist}
	}
	end := int64(len(data))
	if length >= 0 {
		end = min(end, offset+length)
	}
	return io.NopCloser(bytes.NewReader(data[min(offset, end):end])), nil
}

func (b blobs) Stat(_ context.Context, name string) (storage.Info, error) {
	data, there := b[name]
	if !there {
		return storage.Info{}, &storage.Error{Op: "stat", Path: name, Err: storage.ErrNotExist}
	}
	return storage.Info{Name: name, Size: int64(len(data))}, nil
}

func (b blobs) List(_ context.Context, prefix, after string, limit int) (p storage.Page, err error) {
	for _, name := range slices.Sorted(maps.Keys(b)) {
		switch {
		case !strings.HasPrefix(name, prefix) || name <= after:
		case len(p.Objects) == limit:
			p.Next = p.Objects[limit-1].Name
			return p, nil
		default:
			p.Objects = append(p.Objects, storage.Info{Name: name, Size: int64(len(b[name]))})
		}
	}
	return p, nil
}

func (b blobs) Delete(_ context.Context, names ...string) error {
	for _, n := range names {
		delete(b, n)
	}
	return nil
}

func (b blobs) String() string { return "memory" }
func (b blobs) Close() error   { return nil }
