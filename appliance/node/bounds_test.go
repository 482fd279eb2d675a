package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/web/rest"
)

func TestStateThatIsFullTakesNoNewJobUntilItIsSmaller(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := stateSize{log: slog.New(slog.NewTextHandler(&log, nil))}
	s.limits.Store(&config.StateSize{Warn: 100, Max: 1000})
	for _, c := range []struct {
		bytes int64
		full  bool
		says  string
	}{{50, false, ""}, {100, false, "level=WARN"}, {999, false, ""}, {1000, true, "level=ERROR"}, {960, true, ""}, {949, false, "level=INFO"}, {96, false, ""}, {90, false, "level=INFO"}} {
		log.Reset()
		s.take(c.bytes)
		if err := s.refuses(); errors.Is(err, errStateFull) != c.full {
			t.Errorf("%d bytes: %v", c.bytes, err)
		}
		if got := log.String(); !strings.Contains(got, c.says) || c.says == "" && got != "" {
			t.Errorf("%d bytes: the log says %q", c.bytes, got)
		}
	}
	s.take(1000)
	s.limits.Store(&config.StateSize{Max: 2000}) // an administrator allows more
	if s.take(1000); s.refuses() != nil {
		t.Errorf("more is allowed, and: %v", s.refuses())
	}
	if unlimited := levelOf(math.MaxInt64, config.StateSize{}, sizeFine); unlimited != sizeFine {
		t.Error("without limits something is too much")
	}
}

func TestPoolCountsWhatItSees(t *testing.T) {
	t.Parallel()
	var p jobPool
	p.see(2, 1, 10)
	p.reject()
	p.see(1, 0, 12)
	got := p.see(3, 1, 4) // history has gone
	if want := (rest.Pool{Coordinator: true, Active: 2, Max: math.MaxInt32, Size: 2, Queued: 1, Completed: 2, Tasks: 5, Rejected: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestHeapIsWrittenNearTheLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live  uint64
		limit int64
		want  bool
	}{{0, math.MaxInt64, false}, {math.MaxUint64, math.MaxInt64, false}, {84 << 20, 100 << 20, false}, {86 << 20, 100 << 20, true}} {
		if got := nearLimit(c.live, c.limit); got != c.want {
			t.Errorf("%d of %d: %v", c.live, c.limit, got)
		}
	}
	dir := filepath.Join(t.TempDir(), "dump", "zeta-server")
	path, err := writeHeap(dir, time.Now())
	info, statErr := os.Stat(path)
	if err = errors.Join(err, statErr); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 || filepath.Dir(path) != dir {
		t.Errorf("%s: %v", path, err)
	}
}

func TestLogsAreBoundedInSizeAndAge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	day := 24 * time.Hour
	files := []keptLog{
		{name: "server.log", bytes: 500, at: ago(90 * day)},
		{name: "server.log.1", rolled: true, bytes: 10, at: ago(8 * day)},
		{name: "server.log.2", rolled: true, bytes: 10, at: ago(6 * day)},
		{name: "job-1.log", job: "1", bytes: 100, at: ago(8 * day)},
		{name: "job-2.log", job: "2", bytes: 100, at: ago(2 * day)},
		{name: "job-3.log", job: "3", bytes: 100, at: ago(3 * day)},
		{name: "job-4.log", job: "4", bytes: 100, at: now},
		{name: "job-4.log.1", job: "4", rolled: true, bytes: 100, at: ago(time.Minute)},
	}
	none := func(string) bool { return false }
	for name, c := range map[string]struct {
		cfg  config.Logs
		gone func(string) bool
		want []string
	}{
		"no limits":            {config.Logs{}, none, nil},
		"age":                  {config.Logs{MaxAge: 7 * day}, none, []string{"job-1.log", "server.log.1"}},
		"size":                 {config.Logs{MaxTotal: 900}, none, []string{"job-1.log", "server.log.1", "server.log.2"}},
		"little room":          {config.Logs{MaxTotal: 1}, none, []string{"job-1.log", "server.log.1", "server.log.2", "job-3.log", "job-2.log", "job-4.log.1"}},
		"history that is gone": {config.Logs{}, func(job string) bool { return job == "2" || job == "4" }, []string{"job-2.log", "job-4.log.1"}},
	} {
		if got := logsToDrop(files, c.cfg, now, c.gone); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLogFolderIsSweptOfOurFilesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := OpenLogs(config.Logs{Dir: dir, FileName: "seatunnel-engine-server", PerJob: true, MaxTotal: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.write("77", "line\n")
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{"seatunnel-engine-server.log.2026-03-01-1", "job-5.log", "job-6.log.2026-03-01-12", "notes.log.2026-03-01-1", "job-x.log", "other.txt", "seatunnel-engine-worker.log"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := l.sweep(func(string) bool { return false }); err != nil || n != 3 {
		t.Errorf("%d files are gone (%v)", n, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"job-77.log", "job-x.log", "notes.log.2026-03-01-1", "other.txt", "seatunnel-engine-server.log", "seatunnel-engine-worker.log"}; !slices.Equal(left, want) {
		t.Errorf("left are %q", left)
	}
	later := time.Now().Add(48 * time.Hour)
	l.now = func() time.Time { return later }
	if n, err := l.sweep(func(job string) bool { return job == "77" }); err != nil || n != 1 {
		t.Errorf("%d files are gone (%v)", n, err)
	}
	l.write("77", "again\n")
	if text, err := os.ReadFile(filepath.Join(dir, "job-77.log")); err != nil || string(text) != "again\n" {
		t.Errorf("a line that comes late: %q (%v)", text, err)
	}
}

// A full state refuses submits on each node; it is found by its size alone.
func TestFullStateRefusesSubmitsAndSaysWhatToDo(t *testing.T) {
	c := startCluster(t, 1, func(cfg *config.Config) { cfg.State = config.StateSize{Max: 1} })
	s := c.nodes[0]
	c.wait("the size is known", 20*time.Second, func() bool { return s.figures.size.bytes.Load() > 0 })
	_, err := s.restBackend().Submit(context.Background(), rest.Submission{Text: []byte(`{"env":{},"source":[{"plugin_name":"FakeSource","schema":{"fields":{"id":"bigint"}}}],
		"sink":[{"plugin_name":"Assert","rules":{"row_rules":[{"rule_type":"MIN_ROW","rule_value":1}]}}]}`), Format: rest.JSON})
	var f *rest.Failure
	if !errors.As(err, &f) || f.Status != 507 || !strings.Contains(f.Message, "seatunnel.seikan.state.max-bytes") {
		t.Errorf("answer is %v", err)
	}
	if got := s.restBackend().Pool(t.Context()); got.Rejected != 1 {
		t.Errorf("the pool is %+v", got)
	}
	if facts := s.restBackend().Facts(t.Context()); facts.StateBytes <= 0 || facts.Reigns != 1 || facts.Renewals == 0 || !facts.Master {
		t.Errorf("facts are %s", fmt.Sprintf("%+v", facts))
	}
}
