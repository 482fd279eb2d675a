package task

import (
	"context"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// TestAStorageThatDoesNotDeleteHoldsNothingUp: who deletes old checkpoints may wait for the storage
// for long; checkpoints go on, and so does the end of the pipeline.
func TestAStorageThatDoesNotDeleteHoldsNothingUp(t *testing.T) {
	t.Parallel()
	sink := newSink(plugin.Staged)
	source := &fakeSource{schema: table("t"), rounds: splits(1, 100)}
	p := newPipeline(t, source, 1, sink)
	source.poll = func(_ context.Context, _ string, at int64) (record.Event, error) {
		if at < 50 {
			return record.Event{}, nil
		}
		p.rows.mu.Lock() // the second half comes when three checkpoints are complete
		defer p.rows.mu.Unlock()
		if len(p.rows.complete) < 3 {
			return record.Event{}, errSilence
		}
		return record.Event{}, nil
	}
	p.interval = millisecond
	told := 0
	p.completed = func(ctx context.Context, _ int64) { told++; <-ctx.Done() }
	if kind, err := p.run(); err != nil || kind != record.CompletedPoint {
		t.Fatalf("%s, %v", kind, err)
	}
	if told != 1 {
		t.Errorf("it is told %d times while it waits", told)
	}
	wantOnce(t, sink.rows(), 1, 100, nil)
}
