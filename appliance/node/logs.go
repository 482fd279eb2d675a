package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"seikan/appliance/config"
)

// Logs are a node's log files: one for the node, rotated daily and by size, and, when configured,
// one for each job. Lines look as SeaTunnel's do.
type Logs struct {
	cfg   config.Logs
	also  io.Writer // the same lines, for a terminal; nil: none
	now   func() time.Time
	level slog.LevelVar
	mu    sync.Mutex
	main  logFile
	jobs  map[string]*logFile
}

// logFile is a file that lines are appended to.
type logFile struct {
	path string
	f    *os.File
	size int64
	day  string
	used time.Time
}

// OpenLogs opens the log files of a node. also, if not nil, gets every line, too.
func OpenLogs(cfg config.Logs, also io.Writer) (*Logs, error) {
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the log directory: %w; seatunnel.seikan.logs.dir names another", err)
	}
	l := &Logs{cfg: cfg, also: also, now: time.Now, jobs: map[string]*logFile{}}
	l.setLevel(cfg.Level)
	l.main.path = filepath.Join(cfg.Dir, cfg.FileName+".log")
	if err := l.main.open(l.now()); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return l, nil
}

func (f *logFile) open(now time.Time) error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.f, f.size, f.day = file, info.Size(), now.Format(time.DateOnly)
	if f.size > 0 {
		f.day = info.ModTime().Format(time.DateOnly)
	}
	return nil
}

// Close closes the files.
func (l *Logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.main.f.Close()
	for _, f := range l.jobs {
		err = errors.Join(err, f.f.Close())
	}
	l.jobs = map[string]*logFile{}
	return err
}

// idleFile is how long a job's file stays open without a line.
const idleFile = time.Hour

// write appends a line of a job, or of the node when job is "". A line that cannot be written is
// not worth stopping for.
func (l *Logs) write(job, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.also != nil {
		_, _ = io.WriteString(l.also, "["+job+"] "+line)
	}
	now := l.now()
	if !l.cfg.PerJob || job == "" {
		l.append(&l.main, "["+job+"] "+line, now)
		return
	}
	f := l.jobs[job]
	if f == nil {
		f = &logFile{path: filepath.Join(l.cfg.Dir, "job-"+job+".log")}
		if f.open(now) != nil {
			l.append(&l.main, "["+job+"] "+line, now)
			return
		}
		l.jobs[job] = f
		for id, other := range l.jobs {
			if other != f && now.Sub(other.used) > idleFile {
				_ = other.f.Close()
				delete(l.jobs, id)
			}
		}
	}
	f.used = now
	l.append(f, line, now)
}

func (l *Logs) append(f *logFile, line string, now time.Time) {
	day := now.Format(time.DateOnly)
	if f.size > 0 && (day != f.day || l.cfg.MaxBytes > 0 && f.size+int64(len(line)) > l.cfg.MaxBytes) {
		l.rotate(f, now)
	}
	n, _ := io.WriteString(f.f, line)
	f.size += int64(n)
	f.day = day
}

// rotate renames a file to NAME.log.DAY-N and begins anew; old files go.
func (l *Logs) rotate(f *logFile, now time.Time) {
	_ = f.f.Close()
	for i := 1; ; i++ {
		to := fmt.Sprintf("%s.%s-%d", f.path, f.day, i)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			_ = os.Rename(f.path, to)
			break
		}
	}
	if f.open(now) != nil {
		f.f = os.Stderr
	}
	old, err := filepath.Glob(f.path + ".*")
	if err != nil {
		return
	}
	type aged struct {
		path string
		at   time.Time
	}
	var files []aged
	for _, path := range old {
		if info, err := os.Stat(path); err == nil {
			files = append(files, aged{path, info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b aged) int { return b.at.Compare(a.at) })
	for i, a := range files {
		if l.cfg.MaxFiles > 0 && i >= l.cfg.MaxFiles || l.cfg.MaxAge > 0 && now.Sub(a.at) > l.cfg.MaxAge {
			_ = os.Remove(a.path)
		}
	}
}

// setLevel takes debug, info, warn or error; anything else is info.
func (l *Logs) setLevel(name string) {
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		level = slog.LevelInfo
	}
	l.level.Set(level)
}

// Reconfigure puts a new level and new limits of the files to use. Where the files are stays.
func (l *Logs) Reconfigure(cfg config.Logs) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg.MaxBytes, l.cfg.MaxTotal, l.cfg.MaxAge, l.cfg.MaxFiles = cfg.MaxBytes, cfg.MaxTotal, cfg.MaxAge, cfg.MaxFiles
	l.setLevel(cfg.Level)
}

// Logger writes to the files.
func (l *Logs) Logger() *slog.Logger { return slog.New(&logHandler{logs: l}) }

// logHandler formats records as SeaTunnel's servers do: time, level, [logger], [thread] - message.
type logHandler struct {
	logs   *Logs
	job    string
	speaks string
	thread []string
	attrs  string
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.logs.level.Level() }

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	speaks, thread, job := h.speaks, strings.Join(h.thread, " "), h.job
	if speaks == "" {
		speaks = "seikan"
	}
	if len(speaks) > 30 {
		speaks = speaks[len(speaks)-30:] // the end tells more, as log4j has it
	}
	if thread == "" {
		thread = "main"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s [%-30s] [%s] - %s%s", r.Time.Format("2006-01-02 15:04:05,000"), r.Level, speaks, thread, r.Message, h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "job" {
			job = a.Value.String()
		} else {
			writeAttr(&b, a)
		}
		return true
	})
	b.WriteByte('\n')
	h.logs.write(job, b.String())
	return nil
}

func writeAttr(b *strings.Builder, a slog.Attr) {
	v := a.Value.Resolve().String()
	if strings.ContainsAny(v, " \t\n\"") {
		v = fmt.Sprintf("%q", v)
	}
	fmt.Fprintf(b, " %s=%s", a.Key, v)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.thread = slices.Clone(h.thread)
	var b strings.Builder
	for _, a := range attrs {
		switch a.Key {
		case "job":
			c.job = a.Value.String()
		case "pipeline", "subtask":
			c.thread = append(c.thread, a.Key+"-"+a.Value.String())
		case "action":
			c.speaks = a.Value.String()
		default:
			writeAttr(&b, a)
		}
	}
	c.attrs += b.String()
	return &c
}

// WithGroup implements slog.Handler; the format is flat.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

// LogQuestion asks for a job's log lines from where the answer before ended, on each node.
type LogQuestion struct {
	ID   string           `json:"id"`
	From map[string]int64 `json:"from,omitempty"` // byte offsets by node
}

// LogAnswer is a part of each node's log.
type LogAnswer struct {
	Lines map[string][]string `json:"lines"` // by node address
	Next  map[string]int64    `json:"next"`  // by node id
	More  bool                `json:"more"`  // there is more now
}

const maxLogPart = 4 << 20 // bytes looked at for one answer

// jobLogs collects a job's log lines from all nodes that answer.
func (s *Server) jobLogs(ctx context.Context, q LogQuestion) (LogAnswer, error) {
	out := LogAnswer{Lines: map[string][]string{}, Next: map[string]int64{}}
	members, err := s.raft.Members()
	if err != nil {
		return out, fmt.Errorf("list the nodes: %w", err)
	}
	answers := make([]LogAnswer, len(members))
	failed := make([]error, len(members))
	var wg sync.WaitGroup
	for i, m := range members { // all at once: one that is silent does not hold up the others
		wg.Go(func() {
			within, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			failed[i] = s.askAt(within, m.Addr, "logs", q, &answers[i])
		})
	}
	wg.Wait()
	for i, m := range members {
		a := answers[i]
		if failed[i] != nil {
			out.Next[m.ID] = q.From[m.ID] // it may answer next time
			continue
		}
		for addr, lines := range a.Lines {
			out.Lines[addr] = append(out.Lines[addr], lines...)
		}
		out.Next[m.ID], out.More = a.Next[m.ID], out.More || a.More
	}
	return out, nil
}

func (s *Server) logsHere(_ context.Context, q LogQuestion) (LogAnswer, error) {
	id := s.raft.ID()
	out := LogAnswer{Lines: map[string][]string{}, Next: map[string]int64{id: q.From[id]}}
	if s.logs == nil || strings.Trim(q.ID, "0123456789") != "" {
		return out, nil
	}
	path, prefix := filepath.Join(s.cfg.Logs.Dir, "job-"+q.ID+".log"), ""
	if !s.cfg.Logs.PerJob {
		path, prefix = s.logs.main.path, "["+q.ID+"] "
	}
	lines, next, more, err := readLog(path, prefix, q.From[id])
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	out.Next[id], out.More = next, more
	if len(lines) > 0 {
		out.Lines[s.advertised()] = lines
	}
	return out, err
}

// readLog reads whole lines that begin with prefix, and those that continue them, from an offset.
func readLog(path, prefix string, from int64) (lines []string, next int64, more bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, from, false, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() < from {
		from = 0 // it was rotated
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, from, false, err
	}
	in, ours := bufio.NewReader(f), false
	for next = from; next-from < maxLogPart; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return lines, next, false, nil
		}
		if err != nil {
			return lines, next, false, err
		}
		next += int64(len(line))
		if begun := bytes.HasPrefix(line, []byte("[")); begun || prefix == "" {
			ours = bytes.HasPrefix(line, []byte(prefix))
		}
		if ours {
			lines = append(lines, strings.TrimPrefix(strings.TrimSuffix(string(line), "\n"), prefix))
		}
	}
	return lines, next, true, nil
}
