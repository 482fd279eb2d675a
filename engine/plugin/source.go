// Package plugin holds the interfaces between the engine and its connectors, transforms and
// formats, and the registry of those compiled in.
package plugin

import (
	"context"
	"time"

	"seikan/engine/option"
	"seikan/engine/record"
)

// State is something a plugin wants back later, possibly by a newer version of itself: it must
// read the Version it writes today and the one before.
type State struct {
	Version int    `json:"v"`
	Data    []byte `json:"data,omitempty"`
}

// SourceFactory makes Sources of one plugin.
type SourceFactory struct {
	Spec *option.Spec
	// New checks what the spec cannot and finds the tables' schemas, connecting when it must.
	New func(ctx context.Context, job Job, opts *option.Values) (Source, error)
}

// Source reads tables. One Source serves the enumerator and all readers of a node.
type Source interface {
	// Tables are the schemas of the rows to come; at least one.
	Tables() []*record.Schema
	Traits() SourceTraits
	// Enumerator is made once a job; state is nil or what Snapshot last gave.
	Enumerator(ctx context.Context, task Task, state *State) (Enumerator, error)
	// Reader is made once a subtask.
	Reader(ctx context.Context, task Task) (Reader, error)
}

// SourceTraits is what the plan must know of a source.
type SourceTraits struct {
	Unbounded  bool // does not end by itself
	Replayable bool // a split's rows are a function of the position, so a ledger can resume it
	Stored     bool // positions can be given back after a restart (false: rows are lost or come again)
	Concurrent bool // a reader takes all its splits at once, not one after the other
	// NodeBound says why the data can only be read on the node that planned it; "" when it can
	// be read anywhere.
	NodeBound string
}

// Split is a unit of progress. Its bounds are fixed when it is planned.
type Split struct {
	ID    string          `json:"id"` // stable: the same part of the data gets the same id again
	Table string          `json:"table,omitempty"`
	Data  []byte          `json:"data,omitempty"` // the source's own description of the bounds
	At    record.Position `json:"at"`             // where to go on reading
	// Bytes and Rows estimate the size for progress bars; 0 when unknown.
	Bytes int64 `json:"bytes,omitempty"`
	Rows  int64 `json:"rows,omitempty"`
	// Owner is the subtask (modulo the parallelism) that must read the split, plus one; 0 lets
	// any idle reader take it.
	Owner int `json:"owner,omitempty"`
}

// Discovery is what an enumerator found.
type Discovery struct {
	Splits []Split       // not reported before
	Done   bool          // there will never be more
	Again  time.Duration // when to ask again, unless Done
}

// Enumerator finds splits. Splits that were handed out are the engine's to remember; Snapshot
// holds only what Discover needs to go on.
type Enumerator interface {
	Discover(ctx context.Context) (Discovery, error)
	Snapshot() (State, error)
	Close() error
}

// Reader reads splits. Its methods are called from one goroutine.
type Reader interface {
	// Add hands over a split to be read from split.At.
	Add(ctx context.Context, split Split) error
	// Poll returns the next batch or schema change, or an empty event when nothing came for
	// a while. It returns within about a second, so that a barrier never waits long, and
	// closes a batch after about BatchRows rows, BatchBytes bytes or Linger of silence. The
	// batch with To.Done set ends its split.
	Poll(ctx context.Context) (record.Event, error)
	Close() error
}

// CheckpointListener is a Reader that wants to know that a checkpoint is complete, to tell its
// system (consumer offsets, acknowledgements).
type CheckpointListener interface {
	CheckpointComplete(ctx context.Context, checkpoint int64) error
}

// When a reader closes a batch.
const (
	BatchRows  = 4096
	BatchBytes = 1 << 20
	Linger     = 5 * time.Millisecond
)

// SplitReader reads one split, for readers that go through their splits one by one.
type SplitReader interface {
	// Next returns the next batch and ErrEnd behind the last one. Split, From and To of the
	// batch are filled in by OneByOne where they are empty.
	Next(ctx context.Context) (*record.Batch, error)
	Close() error
}
