package plugin

import (
	"context"

	"seikan/engine/option"
	"seikan/engine/record"
)

// SinkFactory makes Sinks of one plugin.
type SinkFactory struct {
	Spec *option.Spec
	// Guarantee tells, from the options, what the sink can keep; the plan prints it.
	Guarantee func(opts *option.Values) Guarantee
	// MultiTable says that SeaTunnel runs the plugin as a MultiTableSink.
	MultiTable bool
	// Committer says that the plugin has an aggregated committer, which takes a slot.
	Committer bool
	// New makes the sink of one table; placeholders in opts are already replaced.
	New func(ctx context.Context, job Job, table *record.Schema, opts *option.Values) (Sink, error)
}

// Guarantee is what a sink can promise about rows that are read again after a failure.
type Guarantee uint8

const (
	// Repeats: rows written since the last checkpoint come again.
	Repeats Guarantee = iota
	// Idempotent: rows come again but overwrite themselves (keyed upserts).
	Idempotent
	// Staged: rows become visible at commit, by two-phase commit.
	Staged
	// Ledger: the target keeps each split's position in the same transaction as its rows.
	Ledger
)

func (g Guarantee) String() string {
	return [...]string{"at-least-once", "at-least-once, idempotent", "exactly-once (staged)", "exactly-once (ledger)"}[g]
}

// Sink writes one table.
type Sink interface {
	// Writer is made once a subtask and replica; states are those of the writers that
	// stood in its place, oldest first, empty at a fresh start.
	Writer(ctx context.Context, task Task, states []State) (Writer, error)
	// Committer is made once a job, or is nil when there is nothing to commit.
	Committer(ctx context.Context, task Task) (Committer, error)
}

// NodeBound is a Sink whose target may be seen by one node only; it says why, or "".
type NodeBound interface{ NodeBound() string }

// TablePreparer is a Sink with save modes: PrepareTable creates, empties or checks the target
// once, before any reader starts. It must be harmless to run again.
type TablePreparer interface {
	PrepareTable(ctx context.Context, task Task) error
}

// Prepared is a writer's answer to a barrier.
type Prepared struct {
	Commits []State // for the committer, once the checkpoint is complete
	Writer  State   // for the writer that comes after this one
}

// Writer writes batches of one table. Its methods are called from one goroutine.
type Writer interface {
	// Write takes b's rows; it keeps b only by Retain.
	Write(ctx context.Context, b *record.Batch) error
	// Prepare makes everything written so far safe: waiting for a commit, or committed.
	Prepare(ctx context.Context, barrier record.Barrier) (Prepared, error)
	// Close frees what the writer holds. Rows not prepared are dropped.
	Close() error
}

// Resumer is a Writer whose target keeps positions. Resume is called before a split's rows;
// it fences older attempts and returns how far the target has this split.
type Resumer interface {
	Resume(ctx context.Context, split string) (record.Position, bool, error)
}

// SchemaChanger is a Writer that can follow its table's schema.
type SchemaChanger interface {
	ChangeSchema(ctx context.Context, change *record.SchemaChange) error
}

// Committer makes prepared work visible. Every method may be repeated with the same or
// overlapping lists; what is done already counts as done.
type Committer interface {
	Commit(ctx context.Context, commits []State) error
	// Recover runs before the writers of a new attempt: it commits pending and removes
	// whatever else earlier attempts of this run left behind.
	Recover(ctx context.Context, pending []State) error
	Close() error
}
