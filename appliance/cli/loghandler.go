package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// logHandler writes records as SeaTunnel's client logs them: below WARN to stdout, the rest to
// stderr.
type logHandler struct {
	t      *terminal
	level  slog.Level
	compat bool     // SeaTunnel's pattern: time, level, [logger], [thread]
	speaks string   // the action that speaks, "" for the program
	thread []string // pipeline and subtask
	attrs  string
}

func newLogHandler(t *terminal, level slog.Level) *logHandler {
	return &logHandler{t: t, level: level}
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s ", r.Time.Format("2006-01-02 15:04:05,000"), r.Level)
	switch {
	case h.compat:
		speaks, thread := "seikan", "main"
		if h.speaks != "" {
			speaks = h.speaks
		}
		if len(h.thread) > 0 {
			thread = strings.Join(h.thread, " ")
		}
		if len(speaks) > 30 {
			speaks = speaks[len(speaks)-30:] // the end tells more, as log4j has it
		}
		fmt.Fprintf(&b, "[%-30s] [%s] ", speaks, thread)
	case len(h.thread) > 0 || h.speaks != "":
		words := h.thread
		if h.speaks != "" {
			words = slices.Insert(slices.Clone(words), min(1, len(words)), h.speaks)
		}
		fmt.Fprintf(&b, "[%s] ", strings.Join(words, " "))
	}
	b.WriteString("- " + r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool { appendAttr(&b, a); return true })
	b.WriteByte('\n')
	w := h.t.out
	if r.Level >= slog.LevelWarn {
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
	c.thread = slices.Clone(h.thread)
	var b strings.Builder
	for _, a := range attrs {
		switch a.Key {
		case "pipeline", "subtask":
			c.thread = append(c.thread, a.Key+"-"+a.Value.String())
		case "action":
			c.speaks = a.Value.String()
		default:
			appendAttr(&b, a)
		}
	}
	c.attrs += b.String()
	return &c
}

// WithGroup is part of slog.Handler; the format is flat.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
