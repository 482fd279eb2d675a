package member

import (
	"context"
	"log"
	"log/slog"
	"strings"
)

// newLogger turns memberlist's lines into ours.
func newLogger(to *slog.Logger) *log.Logger { return log.New(logWriter{to}, "", 0) }

type logWriter struct{ to *slog.Logger }

// Write implements io.Writer: one line a call, "[LEVEL] memberlist: what".
func (w logWriter) Write(line []byte) (int, error) {
	level, text := slog.LevelWarn, strings.TrimSpace(string(line))
	for mark, l := range map[string]slog.Level{
		"[DEBUG]": slog.LevelDebug, "[INFO]": slog.LevelInfo, "[WARN]": slog.LevelWarn, "[ERR]": slog.LevelWarn, "[ERROR]": slog.LevelWarn,
	} {
		if rest, ok := strings.CutPrefix(text, mark); ok {
			level, text = l, strings.TrimPrefix(strings.TrimSpace(rest), "memberlist: ")
			break
		}
	}
	w.to.Log(context.Background(), level, "gossip: "+text)
	return len(line), nil
}
