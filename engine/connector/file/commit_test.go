package file_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"seikan/appliance/testbed/lacking"
	"seikan/engine/connector/file"
	"seikan/engine/connector/localfile"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// prepared writes rows 1 to 5 and prepares them.
func prepared(t *testing.T, s plugin.Sink, task plugin.Task) (plugin.Writer, plugin.Prepared) {
	t.Helper()
	w, err := s.Writer(t.Context(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := plugintest.Batch(plugintest.Schema(), "s", 0, 5)
	defer b.Release()
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	p, err := w.Prepare(t.Context(), record.Barrier{Checkpoint: 1, Kind: record.Checkpoint})
	if err != nil {
		t.Fatal(err)
	}
	return w, p
}

func TestFilesWaitWhereSeaTunnelPutsThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, p := prepared(t, mustSink(t, plugintest.Schema(), dir, csvOut), plugintest.Task(t, 1))
	waiting := keys(tree(t, filepath.Join(dir, "tmp")))
	if len(waiting) != 1 || len(p.Commits) != 1 {
		t.Fatalf("%v, %d commits", waiting, len(p.Commits))
	}
	parts := strings.Split(waiting[0], "/")
	if len(parts) != 6 || parts[0] != "seatunnel" || parts[1] != "900000000000000001" || len(parts[2]) != 36 ||
		!strings.HasPrefix(parts[3], "T_900000000000000001_"+strings.ReplaceAll(parts[2], "-", "")[:10]) || parts[4] != "NON_PARTITION" {
		t.Errorf("%s", waiting[0])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if again := tree(t, filepath.Join(dir, "tmp")); len(again) != 1 {
		t.Errorf("closing the writer removed prepared files: %v", again)
	}
}

func TestRecoverRemovesEarlierAttemptsOfThisSinkOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := plugintest.Schema()
	other.Path.Table = "other"
	sinks := []plugin.Sink{mustSink(t, plugintest.Schema(), dir, csvOut), mustSink(t, other, dir, csvOut), mustSink(t, plugintest.Schema(), dir, csvOut), mustSink(t, plugintest.Schema(), dir, csvOut)}
	tasks := make([]plugin.Task, len(sinks))
	for i, s := range sinks {
		tasks[i] = plugintest.Task(t, 1)
		switch i {
		case 2:
			tasks[i].RunID = "another run"
		case 3:
			tasks[i].Action = "Sink[1]-LocalFile"
		}
		prepared(t, s, tasks[i])
	}
	if n := len(tree(t, filepath.Join(dir, "tmp"))); n != 4 {
		t.Fatalf("%d files wait", n)
	}
	late, _ := sinks[0].Committer(t.Context(), tasks[0]) // of the attempt whose work it is: it may be late
	if err := late.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := len(tree(t, filepath.Join(dir, "tmp"))); n != 4 {
		t.Fatalf("%d files are left: a late attempt removed work that is not older than itself", n)
	}
	next := tasks[0]
	next.Attempt++
	c, _ := sinks[0].Committer(t.Context(), next)
	if err := c.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := len(tree(t, filepath.Join(dir, "tmp"))); n != 3 {
		t.Errorf("%d files are left, want those of the three others", n)
	}
}

func TestACommitWhoseFilesAreGoneNamesThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustSink(t, plugintest.Schema(), dir, csvOut)
	_, p := prepared(t, s, plugintest.Task(t, 1))
	os.RemoveAll(filepath.Join(dir, "tmp"))
	c, _ := s.Committer(t.Context(), plugintest.Task(t, 1))
	err := c.Commit(t.Context(), p.Commits)
	wrong(t, err, "T_900000000000000001", "neither file", dir+"/out")
	if !plugin.IsPermanent(err) {
		t.Error("it would be tried again")
	}
}

func TestACommitCutShortGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustSink(t, plugintest.Schema(), dir, csvOut+"batch_size = 1")
	_, p := prepared(t, s, plugintest.Task(t, 1))
	for i, from := range keys(tree(t, filepath.Join(dir, "tmp"))) {
		if i < 2 {
			os.MkdirAll(filepath.Join(dir, "out"), 0o755)
			if err := os.Rename(filepath.Join(dir, "tmp", from), filepath.Join(dir, "out", filepath.Base(from))); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, _ := s.Committer(t.Context(), plugintest.Task(t, 1))
	if err := c.Recover(t.Context(), p.Commits); err != nil {
		t.Fatal(err)
	}
	if out := tree(t, filepath.Join(dir, "out")); len(out) != 5 {
		t.Errorf("%v", keys(out))
	}
	c.Close()
	if entries, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(entries) != 0 {
		t.Errorf("left in tmp: %v", entries)
	}
}

func TestRowsThatWereNotPreparedGoWithTheWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustSink(t, plugintest.Schema(), dir, csvOut)
	w, _ := prepared(t, s, plugintest.Task(t, 1))
	b := plugintest.Batch(plugintest.Schema(), "s", 5, 9)
	defer b.Release()
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := len(tree(t, filepath.Join(dir, "tmp"))); n != 2 {
		t.Fatalf("%d files wait", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(tree(t, filepath.Join(dir, "tmp"))); n != 1 {
		t.Errorf("%d files wait after closing", n)
	}
}

func TestASinkThatCannotWriteSaysWhereAndGivesUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"out": "a file"})
	s := mustSink(t, plugintest.Schema(), dir, "path = \"$DIR/out/below\"")
	_, err := s.Writer(t.Context(), plugintest.Task(t, 1), nil)
	wrong(t, err, dir+"/out/below", "not a directory")
	if !plugin.IsPermanent(err) {
		t.Error("it would be tried again")
	}
}

// mount mounts a file system in memory.
func mount(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		lacking.Skip(t, "mounting needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func TestTmpPathOnAnotherFileSystemIsReplaced(t *testing.T) {
	t.Parallel()
	for _, out := range []string{"/mnt/out", "/mnt"} { // path below a mount point, and path as one
		dir := t.TempDir()
		mount(t, filepath.Join(dir, "mnt"), "1m")
		s := mustSink(t, plugintest.Schema(), dir, "file_format_type = csv\npath = \"$DIR"+out+"\"")
		var log bytes.Buffer
		task := plugintest.Task(t, 1)
		task.Log = slog.New(slog.NewTextHandler(&log, nil))
		w, p := prepared(t, s, task)
		hidden := tree(t, filepath.Join(dir, "mnt", ".seikan-tmp"))
		if len(hidden) != 1 || !strings.Contains(log.String(), ".seikan-tmp") || !strings.Contains(log.String(), "WARN") {
			t.Errorf("%s: %v, log %s", out, hidden, log.String())
		}
		if n := len(rowsOf(t, mustSource(t, dir, csvSchema+"path = \"$DIR"+out+"\""))); n != 0 {
			t.Errorf("%s: %d rows show before the commit", out, n)
		}
		c, _ := s.Committer(t.Context(), task)
		for _, err := range []error{c.Commit(t.Context(), p.Commits), w.Close(), c.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if left := keys(tree(t, filepath.Join(dir, "mnt"))); len(left) != 1 || strings.Contains(left[0], ".seikan") {
			t.Errorf("%s: %v", out, left)
		}
		if entries, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(entries) > 0 {
			t.Errorf("%s: left in tmp: %v", out, entries)
		}
	}
}

func TestAFullDiskNamesTheFileAndKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mnt := filepath.Join(dir, "mnt")
	mount(t, mnt, "3m")
	s := mustSink(t, plugintest.Schema(), mnt, csvOut)
	task := plugintest.Task(t, 1)
	w, p := prepared(t, s, task)
	c, _ := s.Committer(t.Context(), task)
	if err := c.Commit(t.Context(), p.Commits); err != nil {
		t.Fatal(err)
	}
	big := plugintest.Batch(plugintest.Schema(), "s", 5, 100_000)
	defer big.Release()
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		err = w.Write(t.Context(), big)
	}
	wrong(t, err, mnt+"/tmp/seatunnel", "no space left", "free space")
	if !errors.Is(err, syscall.ENOSPC) || plugin.IsPermanent(err) {
		t.Errorf("a full disk can be healed: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, filepath.Join(mnt, "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", keys(left))
	}
	if n := len(rowsOf(t, mustSource(t, mnt, csvSchema+`path = "$DIR/out"`))); n != 5 {
		t.Errorf("%d rows are there, 5 were committed", n)
	}
}

// failing is a System whose files cannot be written or synced.
type failing struct {
	localfile.System
	write, sync error
}

type failingFile struct {
	file.Handle
	f failing
}

func (f failing) Create(ctx context.Context, path string) (file.Handle, error) {
	h, err := f.System.Create(ctx, path)
	return failingFile{h, f}, err
}

func (h failingFile) Write(p []byte) (int, error) {
	if h.f.write != nil {
		return 0, h.f.write
	}
	return h.Handle.Write(p)
}

func (h failingFile) Sync() error {
	if h.f.sync != nil {
		return h.f.sync
	}
	return h.Handle.Sync()
}

// What has not reached the disk must not be reported as prepared.
func TestPrepareFailsWhenTheDiskDoes(t *testing.T) {
	t.Parallel()
	for _, f := range []failing{{write: syscall.EIO}, {sync: syscall.EIO}} {
		dir := t.TempDir()
		factory := file.SinkFactory(file.Connector{Name: "Failing", Open: func(context.Context, plugin.Job, *option.Values) (file.System, error) { return f, nil }})
		s, err := sinkOf(t, factory, plugintest.Schema(), dir, csvOut)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Writer(t.Context(), plugintest.Task(t, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		b := plugintest.Batch(plugintest.Schema(), "s", 0, 5)
		err = w.Write(t.Context(), b)
		b.Release()
		if err == nil {
			_, err = w.Prepare(t.Context(), record.Barrier{Checkpoint: 1, Kind: record.Checkpoint})
		}
		wrong(t, err, "input/output error", dir+"/tmp/seatunnel")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if left := tree(t, filepath.Join(dir, "tmp")); len(left) > 0 {
			t.Errorf("left behind: %v", keys(left))
		}
	}
}

func TestUpdatesAndDeletesAreWrittenWithAWarning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustSink(t, plugintest.Schema(), dir, csvOut)
	var log bytes.Buffer
	task := plugintest.Task(t, 1)
	task.Log = slog.New(slog.NewTextHandler(&log, nil))
	w, err := s.Writer(t.Context(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := plugintest.Batch(plugintest.Schema(), "s", 0, 2)
	defer b.Release()
	b.Kinds = []record.RowKind{record.Insert, record.Delete}
	for range 2 {
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, s, w, task)
	if strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("log %s", log.String())
	}
	if n := len(rowsOf(t, mustSource(t, dir, csvSchema+`path = "$DIR/out"`))); n != 4 {
		t.Errorf("%d rows", n)
	}
}
