package plugin

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"seikan/engine/job/hocon"
	"seikan/engine/record"
)

// Job is what a plugin may know of the job when it is made.
type Job struct {
	ID          string // empty while a file is only checked
	Streaming   bool
	Parallelism int          // of this plugin
	Tables      []string     // sink: paths of all tables of its input
	ConfigDir   string       // directory of the job file, for relative paths of included files
	Env         *hocon.Value // the env block, variables replaced
	Log         *slog.Logger
}

// Task is who runs a piece of a job, and the services it may use.
type Task struct {
	JobID       string
	RunID       string // globally unique, new at each submit, kept by failover and by -r
	Pipeline    int    // from 1
	Action      string // "Source[0]-FakeSource"
	Subtask     int    // from 0
	Parallelism int
	Replica     int   // writer copy of a multi-table sink, from 0
	Attempt     int64 // grows with each placement of the task
	BatchRows   int   // most rows a reader puts into a batch; 0 means the BatchRows constant
	Log         *slog.Logger
	Now         func() time.Time
	// Dirty takes a row that cannot be read, converted or written. It returns nil when the
	// job's budget allows going on without the row, else the error to fail with.
	Dirty func(ctx context.Context, row DirtyRow) error
}

// MaxRows is the number of rows at which a reader closes its batch.
func (t Task) MaxRows() int {
	if t.BatchRows > 0 {
		return min(t.BatchRows, BatchRows)
	}
	return BatchRows
}

// DirtyRow is a row that could not be handled.
type DirtyRow struct {
	Raw   []byte // the row's bytes as found, as far as known
	Err   error  // what is wrong, naming file and line or column where known
	Table string
	Split string
	At    record.Position
}

type permanent struct{ error }

// Permanent marks an error that trying again cannot heal: a wrong password, a missing table,
// a row that cannot be read.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

func (p permanent) Unwrap() error { return p.error }

// IsPermanent reports whether an error in the chain was marked by Permanent, or is a problem
// of the job file.
func IsPermanent(err error) bool {
	var p permanent
	var file hocon.Problems
	var one hocon.Problem
	return errors.As(err, &p) || errors.As(err, &file) || errors.As(err, &one)
}
