package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/storage"
	"seikan/storage/storagetest"
)

func open(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// folder is in memory where that is possible: most tests are not about the disk.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "storage-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func put(t *testing.T, s *Store, name, content string) {
	t.Helper()
	if _, err := s.Put(t.Context(), name, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		s, err := Open(filepath.Join(folder(t), "new", "root"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// The file is durable before it has its name, each new folder before what is in it is relied
// on, and the name before Put returns.
func TestObjectIsDurableWhenPutReturns(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"put", "create"} {
		root := t.TempDir()
		s := open(t, root)
		var steps []string
		s.fsync = func(f *os.File) error {
			rel, _ := filepath.Rel(root, f.Name())
			if strings.HasPrefix(rel, tempDir) {
				rel = "temp"
			}
			_, err := os.Stat(filepath.Join(root, "a/b/name"))
			steps = append(steps, fmt.Sprint(rel, " ", err == nil))
			return f.Sync()
		}
		write := s.Put
		if op == "create" {
			write = s.Create
		}
		if _, err := write(t.Context(), "a/b/name", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		wanted := []string{"temp false", ". false", "a false", "a/b true"}
		if !slices.Equal(steps, wanted) {
			t.Errorf("%s synced %q, want %q", op, steps, wanted)
		}
		s.fsync = func(*os.File) error { return errors.New("the disk is gone") }
		if _, err := write(t.Context(), "a/b/other", strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "disk is gone") {
			t.Errorf("%s with a failing disk: %v", op, err)
		}
		if _, err := s.Stat(t.Context(), "a/b/other"); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("%s: an object that is not durable has its name: %v", op, err)
		}
	}
}

func TestOpenRemovesOnlyStaleTemporaryFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, open(t, root), "object", "x")
	old := time.Now().Add(-staleAfter - time.Hour)
	for _, name := range []string{".seikan-tmp/old", ".seikan-tmp/young", "object"} {
		path := filepath.Join(root, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "young") {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := open(t, root)
	left, err := s.readDir(tempDir)
	if err != nil || len(left) != 1 || left[0].Name() != "young" {
		t.Errorf("temporary files are %v (%v)", left, err)
	}
	for _, prefix := range []string{"", ".", ".seikan-tmp", ".seikan-tmp/"} {
		page, err := s.List(t.Context(), prefix, "", 10)
		for _, o := range page.Objects {
			if o.Name != "object" {
				t.Errorf("prefix %q lists %s", prefix, o.Name)
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Get(t.Context(), ".seikan-tmp/young", 0, -1); !errors.Is(err, storage.ErrName) {
		t.Errorf("a temporary file is an object: %v", err)
	}
}

func TestWritersLeaveNoTemporaryFiles(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "a", "x")
	_, _ = s.Create(t.Context(), "b", strings.NewReader("x"))
	_, _ = s.Create(t.Context(), "a", strings.NewReader("x"))
	_, _ = s.Put(t.Context(), "c", io.MultiReader(strings.NewReader("x"), errReader{}))
	_, _ = s.Put(t.Context(), "a/b", strings.NewReader("x"))
	if left, err := s.readDir(tempDir); err != nil || len(left) != 0 {
		t.Errorf("temporary files are %v (%v)", left, err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLinksDoNotLeadOutOfTheFolder(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, root)
	for link, target := range map[string]string{"file": secret, "folder": outside, "inside": "object"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "object", "x")
	for _, name := range []string{"file", "folder/secret", "inside"} {
		if r, err := s.Get(t.Context(), name, 0, -1); err == nil {
			t.Errorf("%s can be read", name)
			_ = r.Close()
		}
	}
	if _, err := s.Put(t.Context(), "folder/new", strings.NewReader("x")); err == nil {
		t.Error("a link leads a writer out of the folder")
	}
	if err := s.Delete(t.Context(), "folder/secret"); err == nil {
		t.Error("a link leads a delete out of the folder")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside are %v (%v)", entries, err)
	}
	page, err := s.List(t.Context(), "", "", 10)
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Name != "object" {
		t.Errorf("objects are %+v (%v)", page.Objects, err)
	}
}

func TestObjectAndFolderOfOneNameIsExplained(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "object", "x")
	put(t, s, "folder/x", "x")
	for _, name := range []string{"object/x", "object/x/y", "folder"} {
		_, err := s.Put(t.Context(), name, strings.NewReader("y"))
		_, err2 := s.Create(t.Context(), name, strings.NewReader("y"))
		for _, err := range []error{err, err2} {
			if err == nil || !strings.Contains(err.Error(), "both an object and a part of another") || errors.Is(err, storage.ErrExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestEmptyFoldersDoNotStay(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	put(t, s, "a/b/c/d", "x")
	put(t, s, "a/e", "x")
	if err := s.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "a/b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a/b is still there: %v", err)
	}
	put(t, s, "a/b/c/d", "again")
	if _, err := s.Stat(t.Context(), "a/e"); err != nil {
		t.Error(err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "root")
	s := open(t, root)
	put(t, s, "a/b", "x")
	for name, mode := range map[string]os.FileMode{"": 0o700, "a": 0o700, "a/b": 0o600} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v (%v), want %v", name, info.Mode(), err, mode)
		}
	}
}

func TestEmptiedFolderCanBeWrittenAgain(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	put(t, s, "a/b", "x")
	for _, name := range []string{"a", tempDir} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "a/b", "x")
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for in, wanted := range map[string]string{
		"file:///a/b": "/a/b", "file:/a/b": "/a/b", "FILE:///a": "/a", "file://localhost/a/b": "/a/b", "/a/b": "/a/b",
		"relative/x": "relative/x", "file:///a%20b/c": "/a b/c", "file:///a#b?c": "/a#b?c", "file:///": "/",
		"file://host/a": "", "file://": "", "file:a": "", "file:": "", "": "", "hdfs://host/a": "", "s3://b/c": "", "file:///%zz": "",
	} {
		got, err := ParseURL(in)
		if got != wanted || (err == nil) != (wanted != "") {
			t.Errorf("%q: %q (%v), want %q", in, got, err, wanted)
		}
	}
}

func TestOpenSaysWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var e *storage.Error
	if _, err := Open(file); !errors.As(err, &e) || e.Op != "open" || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v", err)
	}
}
