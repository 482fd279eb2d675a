package hdfs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"seikan/storage"
)

const (
	// tempDir holds objects until they are whole. It is no object and never listed.
	tempDir = ".seikan-tmp"
	// staleAfter is the age at which a half-written object is nobody's any more.
	staleAfter = 24 * time.Hour
	chunk      = 256 << 10
	dirMode    = 0o750
	fileMode   = 0o640
	cleanup    = 30 * time.Second
)

// Store implements storage.Store. An object becomes visible by a rename, which HDFS does in one
// step. A name cannot be an object and the folder of another object at the same time, and no part
// of it may hold a colon.
type Store struct {
	c           Config
	client      *hdfs.Client
	replication int
	blockSize   int64
}

// Open connects, makes the folder, and removes what interrupted writers left there a day ago.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{c: c}
	client, err := within(ctx, func() (*hdfs.Client, error) { return connect(c) }, func(c *hdfs.Client) { _ = c.Close() })
	if err != nil {
		return nil, s.fail(ctx, "open", "", err)
	}
	s.client = client
	if err := s.prepare(ctx); err != nil {
		err = s.fail(ctx, "open", "", err)
		_ = client.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	d, err := s.client.ServerDefaults()
	if err != nil {
		return err
	}
	s.replication, s.blockSize = d.Replication, d.BlockSize
	if s.c.Replication != 0 {
		s.replication = s.c.Replication
	}
	if s.c.BlockSize != 0 {
		s.blockSize = s.c.BlockSize
	}
	if err := s.makeDir(ctx, tempDir); err != nil {
		return err
	}
	return s.sweep(ctx)
}

func (s *Store) sweep(ctx context.Context) error {
	entries, err := s.readDir(ctx, tempDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if time.Since(e.ModTime()) < staleAfter {
			continue
		}
		if err := s.removeAll(ctx, path.Join(tempDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// at is the path in HDFS of a name.
func (s *Store) at(name string) string { return path.Join(s.c.Root, name) }

func (s *Store) makeDir(ctx context.Context, name string) error {
	_, err := ask(ctx, func() (any, error) { return nil, s.client.MkdirAll(s.at(name), dirMode) }, nil)
	return err
}

func (s *Store) readDir(ctx context.Context, name string) ([]os.FileInfo, error) {
	entries, err := ask(ctx, func() ([]os.FileInfo, error) { return s.client.ReadDir(s.at(name)) }, nil)
	return entries, s.notAFolder(ctx, name, err)
}

func (s *Store) removeAll(ctx context.Context, name string) error {
	_, err := ask(ctx, func() (any, error) { return nil, s.client.RemoveAll(s.at(name)) }, nil)
	return err
}

// remove removes a file or an empty folder.
func (s *Store) remove(ctx context.Context, name string) error {
	_, err := ask(ctx, func() (any, error) { return nil, s.client.Remove(s.at(name)) }, nil)
	return err
}

// rename is not repeated when the answer is lost: the second one would not find its source.
func (s *Store) rename(ctx context.Context, from, to string) error {
	_, err := within(ctx, func() (any, error) { return nil, s.client.Rename(s.at(from), s.at(to)) }, nil)
	return err
}

func (s *Store) lookup(ctx context.Context, name string) (os.FileInfo, error) {
	info, err := s.stat(ctx, name)
	return info, s.notAFolder(ctx, path.Dir(name), err)
}

func (s *Store) stat(ctx context.Context, name string) (os.FileInfo, error) {
	return ask(ctx, func() (os.FileInfo, error) { return s.client.Stat(s.at(name)) }, nil)
}

// notAFolder makes ENOTDIR of an error if dir, or a folder above it, is a file. HDFS may call that a
// lack of permission, and the client says it without a type.
func (s *Store) notAFolder(ctx context.Context, dir string, err error) error {
	if err == nil || gone(err) || !errors.Is(err, os.ErrPermission) && !strings.Contains(err.Error(), "not a directory") {
		return err
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if info, serr := s.stat(ctx, dir); serr == nil {
			if !info.IsDir() {
				return syscall.ENOTDIR
			}
			break
		}
	}
	return err
}

// file knows files only: folders are not objects.
func (s *Store) file(ctx context.Context, name string) (os.FileInfo, error) {
	info, err := s.lookup(ctx, name)
	if err == nil && info.IsDir() {
		err = os.ErrNotExist
	}
	return info, err
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	err := s.check(ctx, name)
	var size int64
	if err == nil {
		temp := path.Join(tempDir, randomName())
		if size, err = s.fill(ctx, temp, r); err == nil {
			err = s.publish(ctx, temp, name)
		}
		if err != nil {
			s.discard(ctx, temp)
		}
	}
	if err != nil {
		return storage.Info{}, s.fail(ctx, "put", name, err)
	}
	return storage.Info{Name: name, Size: size, ModTime: time.Now()}, nil
}

// discard removes what a failed write left, whatever has become of its context. Who has given up
// waiting does not wait for that either.
func (s *Store) discard(ctx context.Context, temp string) {
	remove := func() (any, error) { return nil, s.client.RemoveAll(s.at(temp)) } // if it fails, the next Open does it
	if ctx.Err() != nil {
		go func() { _, _ = remove() }()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cleanup)
	defer cancel()
	_, _ = within(ctx, remove, nil)
}

// fill writes a temporary file. Its parent exists.
func (s *Store) fill(ctx context.Context, temp string, r io.Reader) (size int64, err error) {
	create := func() (*hdfs.FileWriter, error) {
		return s.client.CreateFile(s.at(temp), s.replication, s.blockSize, fileMode)
	}
	abandon := func(f *hdfs.FileWriter) { _ = f.Close(); _ = s.client.RemoveAll(s.at(temp)) }
	f, err := ask(ctx, create, abandon)
	if errors.Is(err, os.ErrNotExist) { // somebody has emptied the folder
		if err = s.makeDir(ctx, path.Dir(temp)); err == nil {
			f, err = ask(ctx, create, abandon)
		}
	}
	if err != nil {
		return 0, err
	}
	buf := make([]byte, chunk)
	for {
		if err := ctx.Err(); err != nil {
			go abandon(f)
			return 0, err
		}
		n, rerr := io.ReadFull(r, buf)
		if n > 0 {
			if _, err := within(ctx, func() (int, error) { return f.Write(buf[:n]) }, nil); err != nil {
				go abandon(f)
				return 0, err
			}
			size += int64(n)
		}
		if rerr == io.EOF || rerr == io.ErrUnexpectedEOF {
			break
		}
		if rerr != nil {
			_, _ = within(ctx, func() (any, error) { return nil, f.Close() }, nil)
			return 0, rerr
		}
	}
	_, err = within(ctx, func() (any, error) { return nil, closeFile(f) }, nil)
	return size, err
}

// closeFile waits until the NameNode knows of enough copies of the last block.
func closeFile(f *hdfs.FileWriter) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := f.Close()
		if !hdfs.IsErrReplicating(err) || wait > 20*time.Second {
			return err
		}
		time.Sleep(wait)
	}
}

// publish gives the finished file its name. The folder may be removed in between by a Delete
// that found it empty: then it is made again.
func (s *Store) publish(ctx context.Context, temp, name string) error {
	for try := 0; ; try++ {
		err := s.notAFolder(ctx, path.Dir(name), s.rename(ctx, temp, name))
		if err == nil || !errors.Is(err, os.ErrNotExist) || try == 20 {
			if info, serr := s.lookup(ctx, name); err != nil && serr == nil && info.IsDir() {
				return syscall.EISDIR
			}
			return err
		}
		if err := s.notAFolder(ctx, path.Dir(name), s.makeDir(ctx, path.Dir(name))); err != nil {
			return err
		}
	}
}

// Delete implements storage.Store. Folders that become empty are removed too.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	dirs := map[string]bool{}
	for _, name := range names {
		err := s.check(ctx, name)
		if err == nil {
			if _, err = s.file(ctx, name); err == nil {
				err = s.remove(ctx, name)
			}
			if gone(err) {
				continue
			}
		}
		if err != nil {
			return s.fail(ctx, "delete", name, err)
		}
		dirs[path.Dir(name)] = true
	}
	for dir := range dirs {
		for dir != "." && s.remove(ctx, dir) == nil { // fails when it is not empty
			dir = path.Dir(dir)
		}
	}
	return s.fail(ctx, "delete", "", ctx.Err())
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	err := s.check(ctx, name)
	if err == nil {
		var info os.FileInfo
		if info, err = s.file(ctx, name); err == nil {
			return storage.Info{Name: name, Size: info.Size(), ModTime: info.ModTime()}, nil
		}
	}
	return storage.Info{}, s.fail(ctx, "stat", name, err)
}

// String is the folder as a URL.
func (s *Store) String() string { return "hdfs://" + s.c.Name + s.c.Root }

// Close ends the connection.
func (s *Store) Close() error { return s.client.Close() }

// check is what every operation on a name begins with.
func (s *Store) check(ctx context.Context, name string) error {
	if err := storage.CheckName(name); err != nil {
		return err
	}
	if reserved(name) {
		return fmt.Errorf("%w: %s is reserved", storage.ErrName, tempDir)
	}
	if strings.Contains(name, ":") {
		return fmt.Errorf("%w: HDFS allows no colon", storage.ErrName)
	}
	return ctx.Err()
}

func reserved(name string) bool { return name == tempDir || strings.HasPrefix(name, tempDir+"/") }

func randomName() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
