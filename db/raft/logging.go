package raft

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
)

// rqlite and hashicorp/raft make their loggers from os.Stderr while they open and offer no way
// to replace them. So os.Stderr is a pipe for the duration of those calls; what is written to
// it, then and later, becomes records of a slog.Logger.
type capture struct {
	w    *os.File
	done chan struct{}
}

// stderrMu keeps two nodes of one process from exchanging os.Stderr at the same time.
var stderrMu sync.Mutex

func newCapture(log *slog.Logger) (*capture, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &capture{w: w, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer func() { _ = r.Close() }()
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadString('\n')
			if line = strings.TrimSpace(line); line != "" {
				relay(log, line)
			}
			if err != nil {
				return
			}
		}
	}()
	return c, nil
}

// during runs do with os.Stderr replaced.
func (c *capture) during(do func()) {
	stderrMu.Lock()
	defer stderrMu.Unlock()
	old := os.Stderr
	os.Stderr = c.w
	defer func() { os.Stderr = old }()
	do()
}

// writer is for loggers that can be given one.
func (c *capture) writer() io.Writer { return c.w }

func (c *capture) close() {
	_ = c.w.Close()
	<-c.done
}

// A line is like "[raft] 2026/11/24 06:03:50 [WARN]  no known peers" or
// "2026-11-24T06:03:50.003Z [ERROR] raft-net: failed to accept connection: error=...".
var logLine = regexp.MustCompile(`^(?:\[([\w-]+)\] )?(?:\d{4}[-/]\d\d[-/]\d\d[T ][\d:.]+(?:Z|[+-][\d:]+)? )?(?:\[(TRACE|DEBUG|INFO|WARN|ERROR)\]\s*)?(.*)$`)

func relay(log *slog.Logger, line string) {
	part, level, text := parseLine(line)
	log.Log(context.Background(), level, text, "part", part)
}

// parseLine takes a line apart. rqlite's own lines have no level: they tell of its doings.
func parseLine(line string) (part string, level slog.Level, text string) {
	m := logLine.FindStringSubmatch(line)
	if m == nil {
		return "store", slog.LevelInfo, line
	}
	part = m[1]
	if part == "" {
		part = "raft"
	}
	switch m[2] {
	case "TRACE", "DEBUG":
		level = slog.LevelDebug
	case "WARN":
		level = slog.LevelWarn
	case "ERROR":
		level = slog.LevelError
	case "":
		if level = slog.LevelDebug; strings.Contains(m[3], "fail") {
			level = slog.LevelWarn
		}
	}
	return part, level, m[3]
}
