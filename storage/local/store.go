// Package local keeps objects as files under one folder of this machine, or of a file system
// that several machines have mounted.
package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"seikan/storage"
)

const (
	// tempDir holds objects until they are whole. It is no object and never listed.
	tempDir = ".seikan-tmp"
	// staleAfter is the age at which a half-written object is nobody's any more.
	staleAfter = 24 * time.Hour
)

// Store implements storage.Store. Files have mode 0600. Nothing outside of its folder can be
// reached, not even through symbolic links (os.Root). A name cannot be an object and the folder
// of another object at the same time, unlike in other stores.
type Store struct {
	path  string
	root  *os.Root
	fsync func(*os.File) error

	mu      sync.Mutex
	durable map[string]bool // folders known to survive a crash
}

// ParseURL gives the folder of a file URL, as Hadoop writes it (file:///a/b, file:/a/b,
// file://localhost/a/b), or of a plain path.
func ParseURL(s string) (string, error) {
	const scheme = "file:"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		if strings.Contains(s, "://") || s == "" {
			return "", fmt.Errorf("storage location %q: expected a path or file:///path", s)
		}
		return s, nil
	}
	p := s[len(scheme):]
	if host, ok := strings.CutPrefix(p, "//"); ok {
		slash := strings.IndexByte(host, '/')
		if slash < 0 {
			return "", fmt.Errorf("storage location %q: expected file:///path with three slashes", s)
		}
		if name := host[:slash]; name != "" && !strings.EqualFold(name, "localhost") {
			return "", fmt.Errorf("storage location %q: a file URL cannot name the host %q; mount the folder and use file:///path", s, name)
		}
		p = host[slash:]
	}
	p, err := url.PathUnescape(p)
	if err != nil {
		return "", fmt.Errorf("storage location %q: %w", s, err)
	}
	if !path.IsAbs(p) {
		return "", fmt.Errorf("storage location %q: expected an absolute path", s)
	}
	return p, nil
}

// Open opens or makes the folder and removes what interrupted writers left there a day ago.
func Open(root string) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, &storage.Error{Op: "open", Path: root, Err: err}
	}
	s := &Store{path: abs, fsync: (*os.File).Sync, durable: map[string]bool{".": true}}
	if err := s.open(); err != nil {
		return nil, s.fail("open", "", err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.path, 0o700); err != nil {
		return err
	}
	if s.root, err = os.OpenRoot(s.path); err != nil {
		return err
	}
	if err = s.root.Mkdir(tempDir, 0o700); errors.Is(err, fs.ErrExist) {
		err = s.sweep()
	}
	if err != nil {
		_ = s.root.Close()
	}
	return err
}

func (s *Store) sweep() error {
	entries, err := s.readDir(tempDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < staleAfter {
			continue // just finished, or still being written
		}
		if err := s.root.Remove(path.Join(tempDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Put implements storage.Store by renaming a finished file.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	return s.write(ctx, "put", name, r, s.root.Rename)
}

// Create implements storage.Store by link(2), which fails when the name is taken.
func (s *Store) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	if err := s.check(ctx, name); err != nil {
		return storage.Info{}, s.fail("create", name, err)
	}
	if info, err := s.root.Lstat(name); err == nil && !info.IsDir() { // before reading all of r for nothing
		return storage.Info{}, s.fail("create", name, fs.ErrExist)
	}
	return s.write(ctx, "create", name, r, s.root.Link)
}

func (s *Store) write(ctx context.Context, op, name string, r io.Reader, publish func(temp, name string) error) (storage.Info, error) {
	if err := s.check(ctx, name); err != nil {
		return storage.Info{}, s.fail(op, name, err)
	}
	temp := path.Join(tempDir, randomName())
	defer func() { _ = s.root.Remove(temp) }() // fails after a rename, which is right
	info, err := s.fill(ctx, temp, r)
	if err == nil {
		err = s.publish(temp, name, publish)
	}
	if err != nil {
		return storage.Info{}, s.fail(op, name, err)
	}
	return storage.Info{Name: name, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// fill writes the temporary file and makes it durable.
func (s *Store) fill(ctx context.Context, temp string, r io.Reader) (info fs.FileInfo, err error) {
	const flags = os.O_CREATE | os.O_EXCL | os.O_WRONLY
	f, err := s.root.OpenFile(temp, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // somebody has emptied the folder
		if err = s.root.Mkdir(tempDir, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			f, err = s.root.OpenFile(temp, flags, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := copyInto(ctx, f, r); err != nil {
		return nil, err
	}
	if err := s.fsync(f); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.Stat()
}

// publish gives the finished file its name. The folder may be removed in between by a Delete
// that found it empty: then it is made again.
func (s *Store) publish(temp, name string, do func(temp, name string) error) error {
	dir := path.Dir(name)
	for try := 0; ; try++ {
		err := s.makeDir(dir)
		if err == nil {
			err = do(temp, name)
		}
		if err == nil {
			return s.syncDir(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 20 {
			if info, serr := s.root.Lstat(name); serr == nil && info.IsDir() {
				return syscall.EISDIR
			}
			return err
		}
		s.forget(dir)
	}
}

// makeDir makes a folder and those above it, each durable before the next.
func (s *Store) makeDir(dir string) error {
	s.mu.Lock()
	known := s.durable[dir]
	s.mu.Unlock()
	if known {
		return nil
	}
	parent := path.Dir(dir)
	if err := s.makeDir(parent); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.syncDir(parent); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.durable) > 10_000 { // only a cache
		s.durable = map[string]bool{".": true}
	}
	s.durable[dir] = true
	return nil
}

// forget drops what is known of a folder and those above it.
func (s *Store) forget(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		delete(s.durable, dir)
	}
}

func (s *Store) syncDir(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(s.fsync(d), d.Close())
}

// Delete implements storage.Store. Folders that become empty are removed too.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	dirs := map[string]bool{}
	for _, name := range names {
		err := s.check(ctx, name)
		if err == nil {
			if _, err = s.lstat(name); err == nil {
				err = s.root.Remove(name)
			}
			if gone(err) {
				continue
			}
		}
		if err != nil {
			return s.fail("delete", name, err)
		}
		dirs[path.Dir(name)] = true
	}
	for dir := range dirs {
		for dir != "." && s.root.Remove(dir) == nil { // fails when it is not empty
			s.forget(dir)
			dir = path.Dir(dir)
		}
		if err := s.syncDir(dir); err != nil && !gone(err) {
			return s.fail("delete", dir, err)
		}
	}
	return nil
}

// String is the folder as a file URL.
func (s *Store) String() string { return "file://" + s.path }

// Close releases the folder.
func (s *Store) Close() error { return s.root.Close() }

// check is what every operation on a name begins with.
func (s *Store) check(ctx context.Context, name string) error {
	if err := storage.CheckName(name); err != nil {
		return err
	}
	if reserved(name) {
		return fmt.Errorf("%w: %s is reserved", storage.ErrName, tempDir)
	}
	return ctx.Err()
}

func reserved(name string) bool { return name == tempDir || strings.HasPrefix(name, tempDir+"/") }

// fail wraps an error with what was attempted and what the user may do.
func (s *Store) fail(op, name string, err error) error {
	e := &storage.Error{Op: op, Path: s.String(), Err: err}
	if name != "" {
		e.Path += "/" + name
	}
	writing := op == "put" || op == "create"
	switch {
	case errors.Is(err, syscall.EISDIR) || writing && errors.Is(err, syscall.ENOTDIR):
		e.Hint = "in a folder a name cannot be both an object and a part of another object's name; choose another name"
	case gone(err) && !writing && op != "open":
		e.Err = storage.ErrNotExist
	case errors.Is(err, fs.ErrExist) && op == "create":
		e.Err = storage.ErrExist
	case op == "create" && (errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported)):
		e.Err = fmt.Errorf("%w: the file system has no hard links: %w", storage.ErrNotSupported, err)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		e.Hint = "the disk or the quota is full; make room and try again"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "the user that runs seikan must own the folder"
	}
	return e
}

// gone says that no object has the name: it is free, or a part of it is an object.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func randomName() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails, by its contract
	return hex.EncodeToString(b[:])
}
