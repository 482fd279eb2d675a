package master

import (
	"cmp"
	"time"

	"seikan/db/state"
)

// How long each transient state may last (P5, Invariant 10). The row says it; these are what is written there,
// and what holds for rows of older programs, which say nothing. When one has passed, the master goes
// one step further: from asking (a checkpoint, a savepoint) to cancelling, and from waiting for an end to
// leaving a task to itself, fenced by its attempt.
const (
	// planWithin bounds planning, which may connect to the job's systems.
	planWithin = time.Minute
	// startWithin is from placing an attempt until all its tasks run, commits that are owed included.
	startWithin = 10 * time.Minute
	// prepareWithin is for the save modes of a job, which may move much data.
	prepareWithin = 30 * time.Minute
	// moveWithin is for the checkpoint before a pipeline leaves a node that is drained.
	moveWithin = 15 * time.Second
	// savepointWithin is for a savepoint, with several times checkpoint.timeout.
	savepointWithin = 10 * time.Minute
	// cancelWithin is until a cancel is forced: commits that are owed stay for a restore.
	cancelWithin = 2 * time.Minute
	// failWithin is for a failed job to stop, and to finish what it owes if that can be.
	failWithin = 90 * time.Second
	// abandon is how long a task may take to stop before it is left to itself: its attempt number
	// is of the past, so whatever it still does is refused or has no effect.
	abandon = time.Minute
	// atOnce makes a state end by force: what it waits for was waited for already.
	atOnce = time.Millisecond
)

// allowed is how long a job may stay in its present status, 0 for ever.
func allowed(j JobFact) time.Duration {
	limit := time.Duration(0)
	switch j.Job.Status {
	case state.Initializing:
		limit = 2 * planWithin
	case state.DoingSavepoint:
		limit = savepointWithin
		if j.Shape != nil {
			limit += 5 * time.Duration(j.Shape.CheckpointTimeoutMS) * time.Millisecond
		}
	case state.Canceling:
		limit = cancelWithin
	case state.Failing:
		limit = failWithin
	}
	return cmp.Or(j.Job.Allowed, limit)
}

// to is a move into a transient status with the time that it may last.
func to(j JobFact, s state.Status) state.Move {
	j.Job.Status, j.Job.Allowed = s, 0
	return state.Move{To: s, Allowed: allowed(j)}
}

// overdue says whether a job has been in its status for too long.
func (d *decider) overdue(j JobFact) bool {
	limit := allowed(j)
	return limit > 0 && d.Now-j.Since > limit
}
