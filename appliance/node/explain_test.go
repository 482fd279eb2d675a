package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"seikan/appliance/config"
)

func TestIgnoredSettingsTakeOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ignored := make([]config.Ignored, 11)
	ignored[0].Key = "seatunnel.engine.queue-type"
	explainOnce(&config.Config{Ignored: ignored}, slog.New(slog.NewTextHandler(&out, nil)))
	text := out.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "settings=11") || !strings.Contains(text, "seikan config check") {
		t.Errorf("logged %q", text)
	}
	out.Reset()
	if explainOnce(&config.Config{}, slog.New(slog.NewTextHandler(&out, nil))); out.Len() != 0 {
		t.Errorf("logged %q about nothing", out.String())
	}
}
