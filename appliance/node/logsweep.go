package node

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"seikan/appliance/config"
	"seikan/db"
	"seikan/db/state"
)

// keptLog is a log file of this node, as its name and the disk tell.
type keptLog struct {
	name   string
	job    string // of whose job; "": of the node
	rolled bool   // nobody writes it any more
	bytes  int64
	at     time.Time // of its last line
}

var logName = regexp.MustCompile(`^(?:job-([0-9]+)|([\w.-]+?))\.log(\.\d{4}-\d\d-\d\d-\d+)?$`)

// logsToDrop names the files that have to go: rolled ones beyond their age, logs of jobs that have
// been silent for that long or, when gone says so, whose history has expired; and then the oldest,
// until all are within the limit. A file that is being written stays. It is pure.
func logsToDrop(files []keptLog, cfg config.Logs, now time.Time, gone func(job string) bool) []string {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b keptLog) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	var out []string
	var all int64
	for _, f := range files {
		all += f.bytes
	}
	for _, f := range files {
		age := now.Sub(f.at)
		idle := f.rolled || f.job != "" && age > idleFile
		old := cfg.MaxAge > 0 && age > cfg.MaxAge
		large := cfg.MaxTotal > 0 && all > cfg.MaxTotal
		if !idle || !old && !large && (f.job == "" || !gone(f.job)) {
			continue
		}
		out = append(out, f.name)
		all -= f.bytes
	}
	return out
}

// sweepLogsEvery is how often files are looked at besides when one is rolled.
const sweepLogsEvery = 10 * time.Minute

// sweepLogs bounds the log folder in size and age. The log of a job goes with the job's history.
func (s *Server) sweepLogs(ctx context.Context) {
	for pause(ctx, sweepLogsEvery) {
		gone := func(string) bool { return false }
		if s.cfg.Telemetry.DeleteJobLogs {
			gone = func(job string) bool {
				_, err := s.jobs.Job(db.Stale(ctx), job)
				return errors.Is(err, state.ErrNotFound)
			}
		}
		if n, err := s.logs.sweep(gone); err != nil {
			s.log.Warn("old log files are not all deleted", "error", err)
		} else if n > 0 {
			s.log.Debug("old log files are deleted", "files", n)
		}
	}
}

// sweep deletes what logsToDrop names.
func (l *Logs) sweep(gone func(job string) bool) (n int, err error) {
	l.mu.Lock()
	cfg, now, current := l.cfg, l.now(), filepath.Base(l.main.path)
	l.mu.Unlock()
	entries, err := os.ReadDir(cfg.Dir)
	if err != nil {
		return 0, err
	}
	var files []keptLog
	for _, e := range entries {
		m := logName.FindStringSubmatch(e.Name())
		info, err := e.Info()
		if m == nil || err != nil || !info.Mode().IsRegular() || m[1] == "" && !strings.HasPrefix(e.Name(), current) {
			continue // not ours, or another process's
		}
		files = append(files, keptLog{name: e.Name(), job: m[1], rolled: m[3] != "", bytes: info.Size(), at: info.ModTime()})
	}
	for _, name := range logsToDrop(files, cfg, now, gone) {
		l.forget(name)
		if e := os.Remove(filepath.Join(cfg.Dir, name)); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
			continue
		}
		n++
	}
	return n, err
}

// forget closes a job's file before it is deleted, if it is open: a line that comes late begins a
// new one.
func (l *Logs) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, f := range l.jobs {
		if filepath.Base(f.path) == name {
			_ = f.f.Close() // it goes anyway
			delete(l.jobs, id)
		}
	}
}
