package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

// fits refuses a changed file for a job whose saved state has no place in it.
func (s *Server) fits(ctx context.Context, id string, file *job.File) error {
	row, err := s.jobs.Job(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return nil // it begins
	}
	if err != nil {
		return err
	}
	const all = 100_000
	checkpoints, err := s.jobs.Checkpoints(ctx, id, all)
	if err != nil {
		return fmt.Errorf("look at the checkpoints of job %s: %w", id, err)
	}
	if !slices.ContainsFunc(checkpoints, func(c state.Checkpoint) bool { return c.Status == state.CheckpointCompleted }) {
		return nil
	}
	before, err := job.Parse("job."+row.TextFormat, []byte(row.Text), job.Options{Raw: true})
	if err != nil {
		return fmt.Errorf("read the stored text of job %s: %w", id, err)
	}
	misfits, _ := Fit(before, file)
	if len(misfits) == 0 {
		return nil
	}
	return fmt.Errorf("%w: job %s cannot be restored with this file: %s; put back what it had, or submit the file as a new job, which starts from the beginning",
		ErrConfig, id, strings.Join(misfits, "; "))
}

// Fit says what of a job's saved state has no place in a changed file. A pipeline is known by the
// position of its source, its writers and commits by the position of their sink.
func Fit(before, after *job.File) (misfits, notes []string) {
	for _, k := range []struct {
		kind, holds string
		old, new    []*hocon.Value
	}{{"source", "the position saved", before.Source, after.Source}, {"sink", "the commits and writer states saved", before.Sink, after.Sink}} {
		for i, old := range k.old {
			was := pluginName(old)
			if i >= len(k.new) {
				misfits = append(misfits, fmt.Sprintf("%s %d, %s, is gone: %s for it would be dropped", k.kind, i+1, was, k.holds))
				continue
			}
			if is := pluginName(k.new[i]); !strings.EqualFold(was, is) {
				misfits = append(misfits, fmt.Sprintf("%s %d was %s and is %s: %s mean nothing to it", k.kind, i+1, was, is, k.holds))
				continue
			}
			if k.kind == "source" && string(hocon.JSON(job.Redact(old, Sensitive))) != string(hocon.JSON(job.Redact(k.new[i], Sensitive))) {
				notes = append(notes, fmt.Sprintf("the options of source %d, %s, changed, and what was planned of it before is read as it was planned", i+1, was))
			}
		}
		if more := len(k.new) - len(k.old); more > 0 {
			notes = append(notes, fmt.Sprintf("%d more %ss start from the beginning", more, k.kind))
		}
	}
	return misfits, notes
}

func pluginName(block *hocon.Value) string {
	if f := block.Get("plugin_name"); f != nil {
		return f.Value.Text
	}
	return "?"
}
