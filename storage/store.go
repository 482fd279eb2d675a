// Package storage is the small interface to the places that keep blobs:
// checkpoints, backups, archives. Backends are sub-packages.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Sentinel errors; a backend wraps them in *Error.
var (
	ErrNotExist     = errors.New("object does not exist")
	ErrExist        = errors.New("object exists already")
	ErrNotSupported = errors.New("not supported by this storage")
)

// Info describes one object.
type Info struct {
	Name    string // slash-separated, relative to the store's root, never starting with a slash
	Size    int64
	ModTime time.Time
}

// Page is one page of a listing, in byte order of names.
type Page struct {
	Objects []Info
	Next    string // pass as after to go on; empty when this was the last page
}

// Store keeps blobs under names. Implementations are safe for concurrent use, stream in
// bounded memory whatever the object's size, and stop when ctx ends. Every error is an
// *Error that wraps a sentinel where one fits.
type Store interface {
	// Put writes the whole of r under name, replacing what is there. The object becomes
	// visible at once and whole, and is durable when Put returns nil; after an error
	// either the old or the new object is there, never a part.
	Put(ctx context.Context, name string, r io.Reader) (Info, error)
	// Create is Put that fails with ErrExist when the name is taken. Of two racing
	// writers exactly one succeeds. A backend without it returns ErrNotSupported.
	Create(ctx context.Context, name string, r io.Reader) (Info, error)
	// Get opens length bytes from offset; length < 0 means to the end. A range beyond
	// the end yields what there is. ErrNotExist when the name is free.
	Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	// Stat returns ErrNotExist when the name is free.
	Stat(ctx context.Context, name string) (Info, error)
	// List returns up to limit objects whose names start with prefix and are greater
	// than after, in byte order. A prefix that matches nothing is an empty page.
	List(ctx context.Context, prefix, after string, limit int) (Page, error)
	// Delete removes the names; those that do not exist count as removed. On error some
	// may be gone.
	Delete(ctx context.Context, names ...string) error
	// String is a location for messages and logs, without secrets.
	String() string
	Close() error
}

// Error says which operation failed on which object, and what the user may do about it.
type Error struct {
	Op   string // put, create, get, stat, list, delete, open
	Path string // full location, without secrets
	Hint string // may be empty
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("storage: %s %s: %v", e.Op, e.Path, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
