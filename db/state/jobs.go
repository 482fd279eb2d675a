// Package state is the typed access to the control facts of jobs: the only SQL that writes them.
// Every change is one conditional write that takes effect exactly once, however often it has
// to be sent.
package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seikan/db"
)

var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists: the job id is taken by another submit.
	ErrExists = errors.New("job id is taken")
	// ErrMoved: the row is not in a state from which this change is allowed, which may be
	// because somebody else was first. Nothing was changed.
	ErrMoved = errors.New("state has changed")
	// ErrNoCheckpoint: a pipeline keeps no checkpoint of the number that a restart shall go on from.
	ErrNoCheckpoint = errors.New("there is no kept checkpoint")
	// ErrUnacknowledged: commits of a completed checkpoint are not acknowledged yet.
	ErrUnacknowledged = errors.New("commits are not acknowledged")
	// ErrDeposed: another master has taken a later epoch. Nothing was changed.
	ErrDeposed = errors.New("another master has taken over")
	// ErrUnknown: the store could not say in time whether the change took effect. It may, now
	// or a little later; calling again with the same operation id or re-reading tells.
	ErrUnknown = errors.New("outcome unknown")
)

// Jobs gives access to the rows. It is safe for concurrent use.
type Jobs struct {
	store db.Store
	clock func() time.Time
	newID func() string
	pause func(ctx context.Context, try int) error
	epoch int64 // 0: not fenced
}

// New makes the access to a store. clock gives the times that are written, newID the operation
// ids (RandomID, except where runs must be repeatable).
func New(store db.Store, clock func() time.Time, newID func() string) *Jobs {
	return &Jobs{store: store, clock: clock, newID: newID, pause: backOff}
}

// WithPause returns a copy that waits before its try-th attempt (from 1) as pause says, instead
// of 5 ms doubling up to 1 s.
func (j *Jobs) WithPause(pause func(ctx context.Context, try int) error) *Jobs {
	c := *j
	c.pause = pause
	return &c
}

// InEpoch returns a copy whose every write is refused with ErrDeposed unless epoch is still the
// one taken last (TakeEpoch).
func (j *Jobs) InEpoch(epoch int64) *Jobs {
	c := *j
	c.epoch = epoch
	return &c
}

func backOff(ctx context.Context, try int) error {
	t := time.NewTimer(min(5*time.Millisecond<<min(try-1, 10), time.Second))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

const (
	// maxTries of one operation: about six seconds with the usual pauses.
	maxTries = 14
	// keptOps is how many operation ids are remembered: minutes of writing, while an
	// operation is tried for seconds.
	keptOps = 16384
)

// decision is what an operation makes of the state it has just read: the writes that are right
// for it, with guards that fail when that state is no longer present, and the result once they
// have taken effect. No statements means that there is nothing to do.
type decision[T any] struct {
	statements []db.Statement
	result     T
}

// once carries out one operation exactly once, whatever the store answers. decide is called
// again for every try.
func once[T any](ctx context.Context, j *Jobs, what, op string, decide func() (decision[T], error)) (T, error) {
	result, err := tries(ctx, j, op, decide)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	return result, nil
}

// do is once for an operation without a result.
func (j *Jobs) do(ctx context.Context, what string, decide func() ([]db.Statement, error)) error {
	_, err := once(ctx, j, what, j.newID(), func() (decision[struct{}], error) {
		statements, err := decide()
		return decision[struct{}]{statements: statements}, err
	})
	return err
}

func tries[T any](ctx context.Context, j *Jobs, op string, decide func() (decision[T], error)) (T, error) {
	var (
		zero    T
		results [maxTries]T
		unknown bool // an earlier try may have taken effect
		last    error
	)
	for try := range maxTries {
		if try > 0 {
			if err := j.pause(ctx, try); err != nil {
				last = errors.Join(err, last)
				break
			}
		}
		d, err := decide()
		var failed *queryError
		if errors.As(err, &failed) {
			last = err
			continue
		}
		if err != nil || len(d.statements) == 0 {
			if !unknown {
				return d.result, err
			}
			// What decide saw may be the very work of an earlier try.
			winner, qerr := j.applied(ctx, op)
			switch {
			case qerr != nil:
				last = qerr
				continue
			case winner >= 0:
				return results[winner], nil
			}
			return d.result, err
		}
		results[try] = d.result
		res, werr := j.store.Write(ctx, j.wrap(op, try, d.statements)...)
		if res.Outcome == db.Done {
			return d.result, nil
		}
		last, unknown = werr, unknown || res.Outcome == db.Unknown
		winner, err := j.applied(ctx, op)
		switch {
		case err != nil:
			last = errors.Join(werr, err)
			continue
		case winner >= 0:
			return results[winner], nil
		case errors.Is(werr, db.ErrGuard):
			if err := j.deposed(ctx); errors.Is(err, ErrDeposed) {
				return zero, err
			}
		case res.Outcome == db.Refused && !errors.Is(werr, db.ErrBusy) && !unknown:
			return zero, werr // the next try would fare no better
		}
	}
	if unknown {
		return zero, fmt.Errorf("%w: %w", ErrUnknown, last)
	}
	return zero, last
}

// wrap adds to the statements the row by which the operation is recognised later, whose unique
// id also keeps a second, late copy from taking effect, and the guard of the epoch.
func (j *Jobs) wrap(op string, try int, statements []db.Statement) []db.Statement {
	out := make([]db.Statement, 0, len(statements)+4)
	out = append(out, db.S("INSERT INTO op(id, try) VALUES (?, ?)", op, int64(try)),
		db.S("DELETE FROM op WHERE seq <= (SELECT max(seq) FROM op) - ?", int64(keptOps)))
	if j.epoch != 0 {
		out = append(out, db.Guard("(SELECT epoch FROM leader) = ?", j.epoch)...)
	}
	return append(out, statements...)
}

// applied tells which try of the operation took effect, -1 for none so far.
func (j *Jobs) applied(ctx context.Context, op string) (int, error) {
	rows, err := j.query(ctx, "SELECT try FROM op WHERE id = ?", op)
	if err != nil || len(rows) == 0 {
		return -1, err
	}
	return min(max(int(rows[0].number()), 0), maxTries-1), nil
}

// deposed is ErrDeposed when a later epoch has been taken.
func (j *Jobs) deposed(ctx context.Context) error {
	if j.epoch == 0 {
		return nil
	}
	epoch, err := j.Epoch(ctx)
	if err == nil && epoch != j.epoch {
		err = fmt.Errorf("%w: epoch %d, this is %d", ErrDeposed, epoch, j.epoch)
	}
	return err
}

// queryError sets a failed read apart from a decision.
type queryError struct{ err error }

func (e *queryError) Error() string { return "read state: " + e.err.Error() }
func (e *queryError) Unwrap() error { return e.err }

func (j *Jobs) query(ctx context.Context, sql string, args ...any) ([]*row, error) {
	rows, err := j.store.Query(ctx, db.S(sql, args...))
	if err != nil {
		return nil, &queryError{err}
	}
	out := make([]*row, len(rows.Values))
	for i, v := range rows.Values {
		out[i] = &row{values: v}
	}
	return out, nil
}

// row hands out the values of one row from left to right.
type row struct {
	values []any
	at     int
}

func (r *row) next() any { r.at++; return r.values[r.at-1] }

func (r *row) text() string { s, _ := r.next().(string); return s }

func (r *row) number() int64 { n, _ := r.next().(int64); return n }

func (r *row) blob() []byte { b, _ := r.next().([]byte); return b }

func (r *row) duration() time.Duration { return time.Duration(r.number()) * time.Millisecond }

// time is zero for NULL.
func (r *row) time() time.Time {
	ms, ok := r.next().(int64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// ms is a time as it is stored: NULL when zero.
func ms(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// now is the present, cut to what is stored.
func (j *Jobs) now() time.Time { return time.UnixMilli(j.clock().UnixMilli()).UTC() }
