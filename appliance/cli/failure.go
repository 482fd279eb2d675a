package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"seikan/appliance/node"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

const rule = "==============================================================================="

// block is the frame in which SeaTunnel reports that something ended badly; tools look for its
// title.
func block(title, reason, body string) string {
	return fmt.Sprintf("\n\n%s\n\n\n%s\n\nReason:%s\n\n%s\n\n%s\n\n", rule, title, reason, strings.TrimRight(body, "\n"), rule)
}

// configError shows what is wrong with a job file.
func configError(t *terminal, log *slog.Logger, r runRequest, err error, file *job.File) {
	if !r.compat {
		t.show(err, file.TextOf)
		return
	}
	reason, body := err.Error(), err.Error()
	var ps hocon.Problems
	if errors.As(err, &ps) {
		ps = slices.Clone(ps)
		slices.SortStableFunc(ps, func(a, b hocon.Problem) int {
			return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
		})
		if i := slices.IndexFunc(ps, func(p hocon.Problem) bool { return !p.Warning }); i >= 0 {
			reason = ps[i].Error()
		}
		var b bytes.Buffer
		if hocon.Render(&b, ps, file.TextOf, t.err.color()) == nil {
			body = b.String()
		}
	}
	log.Error(block("Config Error:", reason, body))
}

// jobFailed shows why a job failed.
func jobFailed(t *terminal, log *slog.Logger, r runRequest, id string, err error) {
	if r.compat {
		log.Error(block("Fatal Error, ", "SeaTunnel job executed failed", err.Error()))
		return
	}
	t.show(fmt.Errorf("job %s failed: %w\n  when the cause is gone: %s", id, err, r.goOn(id)), nil)
}

// logConfig logs the configuration as parsed, without its secrets.
func logConfig(log *slog.Logger, file *job.File) {
	var b bytes.Buffer
	if json.Indent(&b, hocon.JSON(job.Redact(file.Root, node.Sensitive)), "", "    ") == nil {
		log.Info("Parsed config file: \n" + b.String())
	}
}
