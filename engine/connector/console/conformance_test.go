package console

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
)

// logged is a Console sink whose log is kept.
type logged struct {
	plugin.Sink
	log *slog.Logger
}

func (s logged) Writer(ctx context.Context, task plugin.Task, states []plugin.State) (plugin.Writer, error) {
	task.Log = s.log
	return s.Sink.Writer(ctx, task, states)
}

func names(log *bytes.Buffer) []string {
	var out []string
	for _, m := range regexp.MustCompile(`INSERT : \d+, (name \d+)`).FindAllStringSubmatch(log.String(), -1) {
		out = append(out, m[1])
	}
	return out
}

func TestConformance(t *testing.T) {
	t.Parallel()
	plugintest.Sink(t, func(t *testing.T) plugintest.SinkCase {
		log, out := messages(slog.LevelInfo)
		return plugintest.SinkCase{
			New: func(t *testing.T) plugin.Sink {
				return logged{&sink{schema: plugintest.Schema(), print: true}, log}
			},
			Names: func(*testing.T) []string { return names(out) },
		}
	})
}
