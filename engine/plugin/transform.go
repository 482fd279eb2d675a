package plugin

import (
	"context"

	"seikan/engine/option"
	"seikan/engine/record"
)

// TransformFactory makes Transforms of one plugin.
type TransformFactory struct {
	Spec *option.Spec
	// New is called once a subtask, and once more to plan; it does no work that shows outside.
	New func(ctx context.Context, job Job, input *record.Schema, opts *option.Values) (Transform, error)
}

// Transform maps batches of one table to batches. It is used by one goroutine at a time.
type Transform interface {
	// Schema is that of the batches Apply returns.
	Schema() *record.Schema
	// Apply returns a batch the caller owns; in stays the caller's. Rows may be dropped (see
	// record.Filter), never added. A bad row goes to task.Dirty.
	Apply(ctx context.Context, task Task, in *record.Batch) (*record.Batch, error)
	Close() error
}
