package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
)

func TestALogIsRotatedBySizeAndDayAndOldFilesGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := OpenLogs(config.Logs{Dir: dir, FileName: "server", MaxBytes: 40, MaxFiles: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l.now = func() time.Time { return now }
	for i := range 6 {
		if i == 4 {
			now = now.Add(24 * time.Hour)
		}
		l.write("", strings.Repeat(string(rune('a'+i)), 30)+"\n")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := filepath.Glob(filepath.Join(dir, "server.log.2026-03-*"))
	if err != nil || len(old) != 2 {
		t.Errorf("%d old files, want 2: %v", len(old), old)
	}
	text, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil || !strings.HasPrefix(string(text), "[] ff") || strings.Count(string(text), "\n") != 1 {
		t.Errorf("the present file: %q %v", text, err)
	}
}

func TestAJobsLinesAreFoundWithWhatContinuesThem(t *testing.T) {
	t.Parallel()
	for _, perJob := range []bool{false, true} {
		dir := t.TempDir()
		l, err := OpenLogs(config.Logs{Dir: dir, FileName: "server", PerJob: perJob}, nil)
		if err != nil {
			t.Fatal(err)
		}
		log := l.Logger()
		log.Info("of the node")
		log.With("job", "7").Warn("bad\n  because")
		log.With("job", "77").Info("another job's")
		log.Info("ended", "job", "7")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		path, prefix := l.main.path, "[7] "
		if perJob {
			path, prefix = filepath.Join(dir, "job-7.log"), ""
		}
		lines, next, more, err := readLog(path, prefix, 0)
		if err != nil || more || len(lines) != 3 || !strings.HasSuffix(lines[0], "- bad") || lines[1] != "  because" || !strings.HasSuffix(lines[2], "- ended") {
			t.Errorf("per job %v: %q, more %v, %v", perJob, lines, more, err)
		}
		if lines, _, _, err := readLog(path, prefix, next); len(lines) != 0 || err != nil {
			t.Errorf("per job %v: from the end: %q %v", perJob, lines, err)
		}
	}
}
