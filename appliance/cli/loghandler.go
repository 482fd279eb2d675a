package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// logHandler writes records as SeaTunnel's client logs them: below WARN to stdout, the rest to
// stderr. While progress bars are shown, everything goes above them.
type logHandler struct {
	mu    *sync.Mutex
	above *io.Writer // the bars' writer while there are bars
	t     *terminal
	level slog.Level
	where []string // the task that speaks
	attrs string
}

func newLogHandler(t *terminal, level slog.Level) *logHandler {
	return &logHandler{mu: &sync.Mutex{}, above: new(io.Writer), t: t, level: level}
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s ", r.Time.Format("2006-01-02 15:04:05,000"), r.Level)
	if len(h.where) > 0 {
		fmt.Fprintf(&b, "[%s] ", strings.Join(h.where, " "))
	}
	b.WriteString("- " + r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool { appendAttr(&b, a); return true })
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.t.out
	switch {
	case *h.above != nil:
		w = *h.above
	case r.Level >= slog.LevelWarn:
		w = h.t.err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func appendAttr(b *strings.Builder, a slog.Attr) {
	v := a.Value.Resolve().String()
	if strings.ContainsAny(v, " \t\n\"") {
		v = fmt.Sprintf("%q", v)
	}
	fmt.Fprintf(b, " %s=%s", a.Key, v)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	var b strings.Builder
	for _, a := range attrs {
		switch a.Key {
		case "pipeline":
			c.where = append(slices.Clip(c.where), "pipeline-"+a.Value.String())
		case "action":
			c.where = append(slices.Clip(c.where), a.Value.String())
		case "subtask":
			c.where = append(slices.Clip(c.where), "subtask-"+a.Value.String())
		default:
			appendAttr(&b, a)
		}
	}
	c.attrs += b.String()
	return &c
}

// WithGroup is part of slog.Handler; the format is flat.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

// setAbove sends records to w while bars are shown; nil ends that.
func (h *logHandler) setAbove(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*h.above = w
}
