package expr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/expr/javaregex"
	"seikan/engine/record"
)

// Limits on what one evaluation may build, in bytes.
const (
	maxValue  = 16 << 20  // one text
	maxColumn = 512 << 20 // one column of one batch
	maxKept   = 32 << 20  // memory a frame keeps for the next batch
	maxRegexs = 256       // patterns that come from rows, kept compiled
	maxSlow   = 5         // rows on which a regular expression may run out of time
)

// RowError is a row that could not be computed.
type RowError struct {
	Row int // from 0, in the batch given to Eval
	Err error
}

// RowErrors are the rows of one batch that could not be computed, in order, one entry a row.
type RowErrors []RowError

// Error tells the first failure and how many there are.
func (e RowErrors) Error() string {
	more := ""
	if len(e) > 1 {
		more = fmt.Sprintf(" (and %d more rows)", len(e)-1)
	}
	return fmt.Sprintf("row %d: %s%s", e[0].Row, e[0].Err, more)
}

// Unwrap returns the first failure.
func (e RowErrors) Unwrap() error { return e[0].Err }

// frame is the state of one evaluation: the batch, a vec for each node of the program, and
// which rows matter at the moment.
type frame struct {
	ctx   context.Context
	data  arrow.RecordBatch
	n     int
	mode  Mode
	env   Env
	slots []vec
	// live tells the rows whose value is wanted, nil for all. Errors of others are not.
	live   []bool
	failed []RowError
	bad    []bool
	clock  time.Time // ANSI: the one reading of this evaluation
	slow   int       // rows that ran out of time
	fatal  error     // an error of the evaluation, not of a row
	regexs map[regexKey]regexEntry
	held   []arrow.Array
}

type regexKey struct {
	pattern string
	flags   javaregex.Flags
	full    bool
}

type regexEntry struct {
	re  *javaregex.Regexp
	err error
}

func (f *frame) start(ctx context.Context, data arrow.RecordBatch, n int, mode Mode, env Env) {
	f.ctx, f.data, f.n, f.mode, f.env = ctx, data, n, mode, env
	f.live, f.fatal, f.slow = nil, nil, 0
	f.failed, f.clock = nil, time.Time{}
}

// now asks the clock: in ANSI mode once for all rows.
func (f *frame) now() time.Time {
	if f.mode == ZETA {
		return f.env.Now()
	}
	if f.clock.IsZero() {
		f.clock = f.env.Now()
	}
	return f.clock
}

// finish tells whether the evaluation as a whole went wrong.
func (f *frame) finish() error {
	if f.fatal == nil {
		f.fatal = f.ctx.Err()
	}
	return f.fatal
}

func (f *frame) errors() error {
	if len(f.failed) == 0 {
		return nil
	}
	slices.SortFunc(f.failed, func(a, b RowError) int { return a.Row - b.Row })
	return RowErrors(f.failed)
}

// clear lets go of the batch; it reports whether the frame is small enough to be kept.
func (f *frame) clear() bool {
	for _, a := range f.held {
		a.Release()
	}
	f.held = f.held[:0]
	f.data, f.ctx, f.bad = nil, nil, f.bad[:0]
	size := 0
	for i := range f.slots {
		f.slots[i].unload()
		size += f.slots[i].size()
	}
	return size <= maxKept
}

// out returns the vec of a slot, ready for values.
func (f *frame) out(slot int, n *node) *vec {
	v := &f.slots[slot]
	v.reset(n.typ, f.n)
	return v
}

// wanted reports whether the value of row i matters.
func (f *frame) wanted(i int) bool { return f.live == nil || f.live[i] }

// fail records that row i cannot be computed; the first reason stays.
func (f *frame) fail(i int, err error) {
	if !f.wanted(i) {
		return
	}
	if len(f.bad) == 0 {
		f.bad = grow(f.bad, f.n)
		clear(f.bad)
	}
	if errors.Is(err, javaregex.ErrTimeout) {
		if f.slow++; f.slow == maxSlow {
			f.fatal = fmt.Errorf("%d rows of one batch: %w", maxSlow, err)
		}
	}
	if !f.bad[i] {
		f.bad[i] = true
		f.failed = append(f.failed, RowError{i, err})
	}
}

// regex returns a compiled pattern that came from a row.
func (f *frame) regex(pattern string, flags javaregex.Flags, full bool) (*javaregex.Regexp, error) {
	key := regexKey{pattern, flags, full}
	if e, ok := f.regexs[key]; ok {
		return e.re, e.err
	}
	if f.regexs == nil || len(f.regexs) >= maxRegexs {
		f.regexs = map[regexKey]regexEntry{}
	}
	key.pattern = string(append([]byte(nil), pattern...)) // the row's memory goes away
	compile := javaregex.Compile
	if full {
		compile = javaregex.Full
	}
	re, err := compile(key.pattern, flags)
	f.regexs[key] = regexEntry{re, err}
	return re, err
}

// node is a compiled expression.
type node struct {
	typ      record.Type
	at       int
	value    *vec // of a constant
	volatile bool // may not be computed ahead
	column   int  // 1 + the index of the column it is, 0 for others
	eval     func(f *frame) *vec
}

func (n *node) run(f *frame) *vec {
	if n.value != nil {
		return n.value
	}
	return n.eval(f)
}

func (n *node) constant() bool { return n.value != nil }

func (n *node) isNull() bool { return n.value != nil && n.value.isNull(0) }
