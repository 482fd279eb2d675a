package localfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, want %q (%v)", filepath.Base(path), got, want, err)
	}
}

func TestRenameReplacesAndMakesDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/a", "new")
	if err := (System{}).Rename(t.Context(), dir+"/a", dir+"/x/y/b"); err != nil {
		t.Fatal(err)
	}
	expect(t, dir+"/x/y/b", "new")
	write(t, dir+"/a", "newer")
	if err := (System{}).Rename(t.Context(), dir+"/a", "file://"+dir+"/x/y/b"); err != nil {
		t.Fatal(err)
	}
	expect(t, dir+"/x/y/b", "newer")
	err := (System{}).Rename(t.Context(), dir+"/a", dir+"/q/b")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("renaming what is not there: %v", err)
	}
	if _, err := os.Stat(dir + "/q"); err == nil {
		t.Error("a directory was made for nothing")
	}
}

func TestAppendAtMayBeRepeated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/to", "0123")
	write(t, dir+"/from", "456")
	for range 2 {
		if err := (System{}).AppendAt(t.Context(), dir+"/from", dir+"/to", 4); err != nil {
			t.Fatal(err)
		}
		expect(t, dir+"/to", "0123456")
	}
	write(t, dir+"/to", "012")
	if err := (System{}).AppendAt(t.Context(), dir+"/from", dir+"/to", 4); err == nil || !strings.Contains(err.Error(), "has 3 bytes, 4 are expected") {
		t.Errorf("a hole was left: %v", err)
	}
}

func TestOnlyFilesAndDirectoriesAreListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/f", "abc")
	for _, err := range []error{os.Mkdir(dir+"/d", 0o755), syscall.Mkfifo(dir+"/fifo", 0o644), os.Symlink("f", dir+"/link"), os.Symlink("nowhere", dir+"/dangling"), os.Symlink("d", dir+"/dlink")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	infos, err := (System{}).ReadDir(t.Context(), dir+"/")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, i := range infos {
		got[strings.TrimPrefix(i.Path, dir+"/")] = i.Dir
		if !i.Dir && i.Size != 3 {
			t.Errorf("%s has size %d", i.Path, i.Size)
		}
	}
	if len(got) != 4 || got["f"] || !got["d"] || got["link"] || !got["dlink"] {
		t.Errorf("%v", got)
	}
}

func TestAPipeAndADirectoryAreNotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (System{}).Stat(t.Context(), dir+"/fifo"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("stat of a pipe: %v", err)
	}
	for _, path := range []string{dir, dir + "/fifo"} {
		if f, err := (System{}).Open(t.Context(), path); f != nil || !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s was opened: %v", path, err)
		}
		if f, err := (System{}).OpenAt(t.Context(), path); f != nil || !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s was opened: %v", path, err)
		}
	}
}

func TestMkdirAllSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/f", "")
	if err := (System{}).MkdirAll(t.Context(), dir+"/f/g"); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v", err)
	}
	if err := (System{}).MkdirAll(t.Context(), dir+"/a/b/c"); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir + "/a/b/c"); err != nil || !info.IsDir() {
		t.Errorf("%v", err)
	}
}
