package localfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"seikan/engine/connector/file"
	"seikan/engine/plugin"
)

// System is the operating system's file system. Paths may start with file://.
type System struct{}

var (
	_ file.Volumes  = System{}
	_ file.Appender = System{}
)

// native is a path as the operating system writes it.
func native(path string) string {
	if rest, ok := strings.CutPrefix(path, "file:"); ok && strings.HasPrefix(rest, "/") {
		path = "/" + strings.TrimLeft(rest, "/")
	}
	return filepath.FromSlash(path)
}

// Stat describes a file or directory; what is neither is an error.
func (System) Stat(_ context.Context, path string) (file.Info, error) {
	info, err := os.Stat(native(path))
	if err != nil {
		return file.Info{}, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return file.Info{}, notRegular(path)
	}
	return describe(path, info), nil
}

func notRegular(path string) error {
	return fmt.Errorf("%s is not a regular file: %w", path, fs.ErrInvalid)
}

func describe(path string, info fs.FileInfo) file.Info {
	return file.Info{Path: path, Size: info.Size(), ModTime: info.ModTime(), Dir: info.IsDir()}
}

// ReadDir lists a directory. Links whose target is gone are left out.
func (System) ReadDir(ctx context.Context, dir string) ([]file.Info, error) {
	entries, err := os.ReadDir(native(dir))
	if err != nil {
		return nil, err
	}
	out := make([]file.Info, 0, len(entries))
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path := strings.TrimSuffix(dir, "/") + "/" + e.Name()
		info, err := e.Info()
		if err == nil && e.Type()&fs.ModeSymlink != 0 {
			info, err = os.Stat(native(path))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since, or a link to nothing
		case err != nil:
			return nil, err
		case info.IsDir() || info.Mode().IsRegular():
			out = append(out, describe(path, info))
		}
	}
	return out, nil
}

// Open reads from the start.
func (System) Open(_ context.Context, path string) (io.ReadCloser, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenAt gives random access.
func (System) OpenAt(_ context.Context, path string) (plugin.ReaderAtCloser, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func open(path string) (*os.File, error) {
	f, err := os.OpenFile(native(path), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not make it wait
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Create makes or empties a file.
func (s System) Create(ctx context.Context, path string) (file.Handle, error) {
	for try := 1; ; try++ {
		if err := s.MkdirAll(ctx, filepath.ToSlash(filepath.Dir(native(path)))); err != nil {
			return nil, err
		}
		f, err := os.Create(native(path))
		if errors.Is(err, fs.ErrNotExist) && try < 3 {
			continue // a job that ended just now removed the directory, which was empty
		}
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

// Rename moves a file inside one volume.
func (s System) Rename(ctx context.Context, from, to string) error {
	err := os.Rename(native(from), native(to))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(native(from)); err != nil {
		return err
	}
	if err := s.MkdirAll(ctx, filepath.ToSlash(filepath.Dir(native(to)))); err != nil {
		return err
	}
	return os.Rename(native(from), native(to))
}

// MkdirAll makes a directory and those above it, and syncs the directories that got a new name.
func (s System) MkdirAll(ctx context.Context, dir string) error {
	path := native(dir)
	var missing []string // innermost first
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, p)
		if p == filepath.Dir(p) {
			break
		}
	}
	if err := os.MkdirAll(path, 0o777); err != nil { // the umask takes away what it must
		return err
	}
	for _, p := range missing {
		if err := s.Sync(ctx, filepath.ToSlash(filepath.Dir(p))); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a file or an empty directory.
func (System) Remove(_ context.Context, path string) error { return os.Remove(native(path)) }

// RemoveAll deletes a tree.
func (System) RemoveAll(_ context.Context, path string) error { return os.RemoveAll(native(path)) }

// Sync writes a directory to disk. File systems that cannot do that are taken as they are.
func (System) Sync(_ context.Context, dir string) error {
	d, err := os.Open(native(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// CanRename moves a small file from one directory to the other: the number of the device does
// not tell (bind mounts share it, overlays hide it).
func (s System) CanRename(ctx context.Context, from, to string) (bool, error) {
	for _, dir := range []string{from, to} {
		if err := s.MkdirAll(ctx, dir); err != nil {
			return false, err
		}
	}
	probe, err := os.CreateTemp(native(from), ".seikan-probe-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(probe.Name())
	if err := probe.Close(); err != nil {
		return false, err
	}
	moved := filepath.Join(native(to), filepath.Base(probe.Name()))
	err = os.Rename(probe.Name(), moved)
	if errors.Is(err, syscall.EXDEV) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, os.Remove(moved)
}

// AppendAt writes one file behind the first at bytes of another.
func (System) AppendAt(_ context.Context, from, to string, at int64) error {
	in, err := open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(native(to), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = appendAt(in, out, at)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

func appendAt(in, out *os.File, at int64) error {
	info, err := out.Stat()
	if err != nil {
		return err
	}
	if info.Size() < at {
		return fmt.Errorf("%s has %d bytes, %d are expected before what is to be appended: was it changed?", out.Name(), info.Size(), at)
	}
	if _, err := out.Seek(at, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(out, in)
	if err != nil {
		return err
	}
	if err := out.Truncate(at + n); err != nil {
		return err
	}
	return out.Sync()
}
