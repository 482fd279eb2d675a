package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/colinmarc/hdfs/v2"

	"seikan/storage"
)

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	o, err := s.get(ctx, name, offset, length)
	if err != nil {
		return nil, s.fail(ctx, "get", name, err)
	}
	return o, nil
}

func (s *Store) get(ctx context.Context, name string, offset, length int64) (*object, error) {
	if err := s.check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	for try := 0; ; try++ {
		o, err := s.open(ctx, name, offset, length)
		if err != errReplaced || try == 20 {
			return o, err
		}
	}
}

var errReplaced = errors.New("the object was replaced while it was opened")

// open reads the first bytes and makes sure that they are of the file whose size is known: the
// client asks for size and blocks separately, by name.
func (s *Store) open(ctx context.Context, name string, offset, length int64) (*object, error) {
	f, err := ask(ctx, func() (*hdfs.FileReader, error) { return s.client.Open(s.at(name)) }, func(f *hdfs.FileReader) { _ = f.Close() })
	if err != nil {
		return nil, s.notAFolder(ctx, path.Dir(name), err)
	}
	o := &object{s: s, ctx: ctx, name: name, file: f}
	if f.Stat().IsDir() {
		return nil, errors.Join(os.ErrNotExist, f.Close())
	}
	size := f.Stat().Size()
	if o.left = max(0, size-offset); length >= 0 {
		o.left = min(o.left, length)
	}
	if o.left == 0 {
		return o, nil
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	rerr := o.more()
	now, err := s.file(ctx, name)
	switch {
	case err == nil && fileID(now) != fileID(f.Stat()):
		err = errReplaced
	case err == nil:
		err = rerr
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return o, nil
}

func fileID(info os.FileInfo) uint64 {
	if status, ok := info.Sys().(*hdfs.FileStatus); ok {
		return status.GetFileId()
	}
	return 0
}

// object is an open object.
type object struct {
	s    *Store
	ctx  context.Context
	name string
	file *hdfs.FileReader
	buf  []byte // read, not yet given out
	left int64  // bytes to give out, with buf
	err  error
}

// more reads the next bytes into a buffer. A read that is left alone may still write to its own.
func (o *object) more() error {
	buf := o.buf[:cap(o.buf)]
	if len(buf) == 0 {
		buf = make([]byte, chunk)
	}
	n, err := within(o.ctx, func() (int, error) { return io.ReadFull(o.file, buf[:min(int64(len(buf)), o.left)]) }, nil)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("%d bytes before the end: %w", o.left, io.ErrUnexpectedEOF)
	}
	if err != nil {
		o.buf = nil
		return err
	}
	o.buf = buf[:n]
	return nil
}

func (o *object) Read(p []byte) (int, error) {
	if o.err != nil || len(p) == 0 {
		return 0, o.err
	}
	if o.left == 0 {
		o.err = io.EOF
		return 0, io.EOF
	}
	err := o.ctx.Err()
	if err == nil && len(o.buf) == 0 {
		err = o.more()
	}
	if err != nil {
		o.err = o.s.fail(o.ctx, "get", o.name, err)
		return 0, o.err
	}
	n := copy(p, o.buf)
	o.left -= int64(n)
	if o.buf = o.buf[n:]; len(o.buf) == 0 {
		o.buf = nil
	}
	return n, nil
}

func (o *object) Close() error {
	if o.err == nil {
		o.err = errors.New("it is closed")
	}
	return o.file.Close()
}

// List implements storage.Store. It reads only the folders that can hold names of the page.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if limit <= 0 {
		limit = 1000
	}
	l := lister{s: s, ctx: ctx, prefix: prefix, after: after, limit: limit + 1}
	dir := path.Dir(prefix + "x") // the deepest folder that holds all of them
	if dir != "." && s.check(context.Background(), dir) != nil {
		return storage.Page{}, s.fail(ctx, "list", prefix, ctx.Err()) // no object can have such a name
	}
	if err := l.walk(dir); err != nil {
		return storage.Page{}, s.fail(ctx, "list", prefix, err)
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
	entries, err := l.s.readDir(l.ctx, dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	type child struct {
		name string // whole, with a slash at the end if it is a folder
		info os.FileInfo
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
		case strings.HasPrefix(name, l.prefix) && name > l.after:
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
		l.found = append(l.found, storage.Info{Name: c.name, Size: c.info.Size(), ModTime: c.info.ModTime()})
	}
	return nil
}
