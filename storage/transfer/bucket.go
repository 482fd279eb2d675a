package transfer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"seikan/storage"
)

// Bucket is what stores of objects under keys have in common.
type Bucket struct {
	Root               string // before every name: "" or ends with a slash
	PartSize, MaxParts int
	// Object begins an object. writer is not empty for one that must not replace another; it
	// tells whose object it is.
	Object func(key, writer string) Object
	Stat   func(ctx context.Context, name string) (storage.Info, error)
	Fail   func(ctx context.Context, op, name string, err error) error
}

// RootOf is the Root for a folder, "" for none.
func RootOf(folder string) string {
	if folder == "" {
		return ""
	}
	return folder + "/"
}

// Put writes small objects by one request, larger ones in parts.
func (b *Bucket) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return b.write(ctx, "put", name, "", r)
}

// Create is Put of an object that knows its writer.
func (b *Bucket) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	err := storage.CheckName(name)
	if err == nil { // before reading all of r for nothing
		if _, err = b.Stat(ctx, name); err == nil {
			err = storage.ErrExist
		} else if errors.Is(err, storage.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return storage.Info{}, b.Fail(ctx, "create", name, err)
	}
	var writer [12]byte
	_, _ = rand.Read(writer[:])
	return b.write(ctx, "create", name, hex.EncodeToString(writer[:]), r)
}

func (b *Bucket) write(ctx context.Context, op, name, writer string, r io.Reader) (storage.Info, error) {
	err := storage.CheckName(name)
	var size int64
	if err == nil {
		size, err = Upload(ctx, r, b.PartSize, b.MaxParts, b.Object(b.Root+name, writer))
	}
	if err != nil {
		return storage.Info{}, b.Fail(ctx, op, name, err)
	}
	return storage.Info{Name: name, Size: size, ModTime: time.Now()}, nil
}

// Read checks what is asked for and opens it. Of an empty range it only sees that the object exists.
func (b *Bucket) Read(ctx context.Context, name string, offset, length int64, open OpenFunc) (io.ReadCloser, error) {
	fail := func(err error) error { return b.Fail(ctx, "get", name, err) }
	if err := storage.CheckName(name); err != nil {
		return nil, fail(err)
	}
	if offset < 0 {
		return nil, fail(fmt.Errorf("offset %d is negative", offset))
	}
	if length == 0 {
		if _, err := b.Stat(ctx, name); err != nil {
			return nil, fail(err)
		}
		return io.NopCloser(strings.NewReader("")), nil
	}
	return Open(ctx, offset, length, open, fail)
}

// CheckNames says which of the names is wrong.
func (b *Bucket) CheckNames(ctx context.Context, op string, names []string) error {
	for _, name := range names {
		if err := storage.CheckName(name); err != nil {
			return b.Fail(ctx, op, name, err)
		}
	}
	return nil
}

// Name is the name of a key.
func (b *Bucket) Name(key string) string { return strings.TrimPrefix(key, b.Root) }
