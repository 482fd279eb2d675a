package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"seikan/storage"
)

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	f, err := s.get(ctx, name, offset)
	if err != nil {
		return nil, s.fail("get", name, err)
	}
	var r io.Reader = f
	if length >= 0 {
		r = io.LimitReader(f, length)
	}
	return &object{reader{ctx, r}, f, s, name}, nil
}

func (s *Store) get(ctx context.Context, name string, offset int64) (*os.File, error) {
	if err := s.check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	if _, err := s.lstat(name); err != nil { // opening a pipe would wait for its writer
		return nil, err
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// object is an open object.
type object struct {
	reader
	file  *os.File
	store *Store
	name  string
}

func (o *object) Read(p []byte) (int, error) {
	n, err := o.reader.Read(p)
	if err != nil && err != io.EOF {
		err = o.store.fail("get", o.name, err)
	}
	return n, err
}

func (o *object) Close() error { return o.file.Close() }

// reader stops when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	err := s.check(ctx, name)
	if err == nil {
		var info fs.FileInfo
		if info, err = s.lstat(name); err == nil {
			return storage.Info{Name: name, Size: info.Size(), ModTime: info.ModTime()}, nil
		}
	}
	return storage.Info{}, s.fail("stat", name, err)
}

// lstat knows regular files only: folders, links and devices are not objects.
func (s *Store) lstat(name string) (fs.FileInfo, error) {
	info, err := s.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	return info, err
}

// List implements storage.Store. It reads only the folders that can hold names of the page.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if limit <= 0 {
		limit = 1000
	}
	l := lister{s: s, ctx: ctx, prefix: prefix, after: after, limit: limit + 1}
	dir := path.Dir(prefix + "x") // the deepest folder that holds all of them
	if dir != "." && (storage.CheckName(dir) != nil || reserved(dir)) {
		return storage.Page{}, nil // no object can have such a name
	}
	if err := l.walk(dir); err != nil {
		return storage.Page{}, s.fail("list", prefix, err)
	}
	page := storage.Page{Objects: l.found}
	if len(l.found) > limit {
		page.Objects = l.found[:limit]
		page.Next = page.Objects[limit-1].Name
	}
	return page, nil
}

type lister struct {
	s             *Store
	ctx           context.Context
	prefix, after string
	limit         int
	found         []storage.Info
}

// walk adds the objects below a folder in byte order of their whole names, in which a folder
// counts as its name with a slash: a-b comes before a/b, and a/b before a0.
func (l *lister) walk(dir string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	entries, err := l.s.readDir(dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	type child struct {
		name  string // whole, with a slash at the end if it is a folder
		entry fs.DirEntry
	}
	var children []child
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case reserved(name):
		case e.IsDir():
			name += "/"
			inPrefix := strings.HasPrefix(name, l.prefix) || strings.HasPrefix(l.prefix, name)
			if inPrefix && (name > l.after || strings.HasPrefix(l.after, name)) {
				children = append(children, child{name, e})
			}
		case e.Type().IsRegular() && strings.HasPrefix(name, l.prefix) && name > l.after:
			children = append(children, child{name, e})
		}
	}
	slices.SortFunc(children, func(a, b child) int { return strings.Compare(a.name, b.name) })
	for _, c := range children {
		if len(l.found) >= l.limit {
			return nil
		}
		if folder, ok := strings.CutSuffix(c.name, "/"); ok {
			if err := l.walk(folder); err != nil {
				return err
			}
			continue
		}
		info, err := c.entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted since
		}
		if err != nil {
			return err
		}
		l.found = append(l.found, storage.Info{Name: c.name, Size: info.Size(), ModTime: info.ModTime()})
	}
	return nil
}

func (s *Store) readDir(dir string) ([]fs.DirEntry, error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1)
	return entries, errors.Join(err, d.Close())
}
