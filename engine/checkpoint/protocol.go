package checkpoint

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Config is what the protocol must know. Durations are on the caller's monotonic clock.
type Config struct {
	Subtasks int
	Interval time.Duration // 0: no timed checkpoints
	Timeout  time.Duration // 0: none
	// Tolerable is the number of failed checkpoints in a row after which one more ends the attempt.
	Tolerable int
	// Counters are the sums of earlier attempts.
	Counters map[string]int64
}

// Event is a fact told to the protocol.
type Event interface{ event() }

type (
	// Tick says that time has passed.
	Tick struct{}
	// Allocated: the store gave the next checkpoint number; its row is PENDING.
	Allocated struct{ Checkpoint int64 }
	// Ack: a subtask has passed the barrier and prepared everything before it. Commits are
	// all it prepared and was not told to be recorded: also those of checkpoints given up.
	Ack struct {
		Checkpoint int64            `json:"checkpoint"`
		Subtask    int              `json:"subtask"`
		Splits     []plugin.Split   `json:"splits,omitempty"` // unfinished ones of its reader, as of the barrier
		Writers    []WriterState    `json:"writers,omitempty"`
		Commits    []Commit         `json:"commits,omitempty"`
		Counters   map[string]int64 `json:"counters,omitempty"` // of this attempt, as of the barrier
	}
	// Enumerated: what is still to be read, as of the barrier.
	Enumerated struct {
		Checkpoint  int64
		Enumeration Enumeration
	}
	// Stored: the manifest is durable.
	Stored struct{ Checkpoint int64 }
	// Recorded: the row says COMPLETED. This is the commit point.
	Recorded struct{ Checkpoint int64 }
	// Failed: a step of the checkpoint did not succeed and will not take effect.
	Failed struct {
		Checkpoint int64
		Err        error
	}
	// Committed: commits first reported up to and with this checkpoint are acknowledged.
	Committed struct{ Checkpoint int64 }
	// Broken: the attempt cannot go on, whatever is tried.
	Broken struct{ Err error }
	// Drained: every split is read to its end and no more will come.
	Drained struct{}
	// SavepointAsked: the user wants the job to stop with a savepoint.
	SavepointAsked struct{}
	// MoveAsked: the pipeline shall go on elsewhere, from a checkpoint that its readers stop behind.
	// (Invariant 9)
	MoveAsked struct{}
)

func (Tick) event()           {}
func (Allocated) event()      {}
func (Ack) event()            {}
func (Enumerated) event()     {}
func (Stored) event()         {}
func (Recorded) event()       {}
func (Failed) event()         {}
func (Committed) event()      {}
func (Broken) event()         {}
func (Drained) event()        {}
func (SavepointAsked) event() {}
func (MoveAsked) event()      {}

// Decision is something the coordinator must do.
type Decision interface{ decision() }

type (
	// Allocate the next checkpoint number, never used before. The same write acknowledges the
	// commits up to Acknowledged.
	Allocate struct {
		Kind         record.BarrierKind
		Acknowledged int64
	}
	// Send the barrier to every subtask.
	Send struct{ Barrier record.Barrier }
	// Enumerate: snapshot the enumeration, now that every reader passed the barrier.
	Enumerate struct{ Checkpoint int64 }
	// Store writes the manifest; its identity fields are for the coordinator to fill in. It must
	// have failed when Within has passed (0: at any time), and says then what it has waited for.
	Store struct {
		Manifest *Manifest
		Within   time.Duration
	}
	// Record completes the row.
	Record struct{ Checkpoint int64 }
	// CommitAll makes prepared work visible, repeated until that is done. Its acknowledgement can
	// wait for the next Allocate, except behind the last checkpoint of an attempt.
	CommitAll struct {
		Checkpoint  int64
		Commits     []Commit
		Acknowledge bool
	}
	// Complete tells the tasks that the checkpoint is complete.
	Complete struct{ Checkpoint int64 }
	// Abort marks the checkpoint as aborted. Nothing prepared is undone.
	Abort struct {
		Checkpoint int64
		Reason     string
	}
	// Warn says who has not answered.
	Warn struct {
		Checkpoint int64
		Waiting    []int // subtasks
		Reason     string
	}
	// Fail ends the attempt.
	Fail struct{ Err error }
	// Finish ends the pipeline: its final checkpoint is complete and committed. Of the kind
	// Checkpoint it is the end of the attempt alone, see MoveAsked.
	Finish struct{ Kind record.BarrierKind }
)

func (Allocate) decision()  {}
func (Send) decision()      {}
func (Enumerate) decision() {}
func (Store) decision()     {}
func (Record) decision()    {}
func (CommitAll) decision() {}
func (Complete) decision()  {}
func (Abort) decision()     {}
func (Warn) decision()      {}
func (Fail) decision()      {}
func (Finish) decision()    {}

// Protocol decides when a checkpoint is taken, complete, given up. It holds no clock, disk or
// network: facts go in, decisions come out. One checkpoint is pending at a time.
type Protocol struct {
	cfg       Config
	due       time.Duration // next timed checkpoint
	drained   bool
	savepoint bool
	moving    bool
	pending   *pending
	failures  int           // in a row
	pause     time.Duration // no final checkpoint before this
	carried   []Commit      // recorded, not acknowledged, oldest first
	recorded  int64         // newest complete checkpoint
	committed int64         // commits up to here are acknowledged
	final     record.BarrierKind
	over      bool
}

type pending struct {
	id       int64
	kind     record.BarrierKind
	last     bool // readers stop behind it
	since    time.Duration
	warned   int
	acked    map[int]bool
	splits   []plugin.Split
	writers  []WriterState
	commits  []Commit
	counters map[string]int64
	step     step
}

// longestPause is the longest between two tries of a final checkpoint, which does not wait for an
// interval: a storage that refuses at once gets time to come back.
const longestPause = 20 * time.Second

type step uint8

const (
	allocating step = iota
	collecting
	enumerating
	storing
	recording
)

// NewProtocol starts at now.
func NewProtocol(cfg Config, now time.Duration) *Protocol {
	return &Protocol{cfg: cfg, due: now + cfg.Interval}
}

// Pending is the number of the checkpoint being taken, or 0.
func (p *Protocol) Pending() int64 {
	if p.pending == nil {
		return 0
	}
	return p.pending.id
}

// Step takes one fact and returns what to do about it.
func (p *Protocol) Step(now time.Duration, e Event) []Decision {
	if p.over {
		return nil
	}
	var out []Decision
	switch e := e.(type) {
	case Tick:
		out = p.expire(now)
	case Broken:
		return p.fail(e.Err)
	case Drained:
		p.drained = true
	case SavepointAsked:
		p.savepoint = true
	case MoveAsked:
		p.moving = true
	case Allocated:
		if q := p.pending; q != nil && q.step == allocating {
			q.id, q.step, q.since = e.Checkpoint, collecting, now
			out = append(out, Send{q.barrier()})
		}
	case Ack:
		out = p.ack(e)
	case Enumerated:
		if q := p.at(e.Checkpoint, enumerating); q != nil {
			q.step = storing
			e.Enumeration.Splits = append(e.Enumeration.Splits, q.splits...)
			m := &Manifest{Checkpoint: q.id, Kind: q.kind, Parallelism: p.cfg.Subtasks,
				Enumeration: e.Enumeration, Writers: q.writers, Commits: slices.Concat(p.carried, q.commits), Counters: q.counters}
			out = append(out, Store{m, p.left(now, q)})
		}
	case Stored:
		if q := p.at(e.Checkpoint, storing); q != nil {
			q.step = recording
			out = append(out, Record{q.id})
		}
	case Recorded:
		if q := p.at(e.Checkpoint, recording); q != nil {
			out = p.complete(now, q)
		}
	case Failed:
		if q := p.pending; q != nil && (q.id == e.Checkpoint || q.step == allocating) {
			out = p.abort(now, e.Err.Error())
		}
	case Committed:
		out = p.acknowledge(e.Checkpoint)
	}
	if p.over {
		return out
	}
	return append(out, p.trigger(now)...)
}

// barrier is what the subtasks are sent: to them a move is like a savepoint.
func (q *pending) barrier() record.Barrier {
	b := record.Barrier{Checkpoint: q.id, Kind: q.kind}
	if q.last && !q.kind.Final() {
		b.Kind = record.Savepoint
	}
	return b
}

func (p *Protocol) at(checkpoint int64, s step) *pending {
	if q := p.pending; q != nil && q.id == checkpoint && q.step == s {
		return q
	}
	return nil
}

// trigger starts the next checkpoint when one is wanted and none is pending.
func (p *Protocol) trigger(now time.Duration) []Decision {
	if p.pending != nil || p.final != "" {
		return nil
	}
	var kind record.BarrierKind
	switch {
	case (p.savepoint || p.drained || p.moving) && now < p.pause:
		return nil
	case p.savepoint:
		kind = record.Savepoint
	case p.drained:
		kind = record.CompletedPoint
	case p.moving:
		kind = record.Checkpoint
	case p.cfg.Interval > 0 && now >= p.due:
		kind = record.Checkpoint
	default:
		return nil
	}
	p.pending = &pending{kind: kind, last: kind.Final() || p.moving, since: now, acked: map[int]bool{}, counters: maps.Clone(p.cfg.Counters)}
	if p.pending.counters == nil {
		p.pending.counters = map[string]int64{}
	}
	return []Decision{Allocate{kind, p.committed}}
}

// ack notes what a subtask prepared. An answer to a checkpoint that was given up is not needed:
// the subtask reports the same work again with the next one.
func (p *Protocol) ack(e Ack) []Decision {
	q := p.at(e.Checkpoint, collecting)
	if q == nil || q.acked[e.Subtask] {
		return nil
	}
	q.acked[e.Subtask] = true
	q.splits = append(q.splits, e.Splits...)
	q.writers = append(q.writers, e.Writers...)
	for _, c := range e.Commits {
		// A recorded checkpoint holds all that its subtasks had prepared; one that has not
		// heard of it yet reports the same again.
		if c.Checkpoint > p.recorded {
			q.commits = append(q.commits, c)
		}
	}
	for k, n := range e.Counters {
		q.counters[k] += n
	}
	if len(q.acked) < p.cfg.Subtasks {
		return nil
	}
	q.step = enumerating
	return []Decision{Enumerate{q.id}}
}

func (p *Protocol) complete(now time.Duration, q *pending) []Decision {
	p.pending, p.failures, p.pause, p.recorded = nil, 0, 0, q.id
	p.carried = append(p.carried, q.commits...)
	p.due = now + p.cfg.Interval
	if q.last {
		p.final = q.kind
	}
	out := []Decision{Complete{q.id}}
	// Invariant 2: commits are sent only for work that a recorded checkpoint holds. Without
	// any there is still the row to acknowledge.
	return append(out, CommitAll{q.id, slices.Clone(p.carried), q.last})
}

// acknowledge forgets commits that are done: those of checkpoints up to this one.
func (p *Protocol) acknowledge(checkpoint int64) []Decision {
	p.committed = max(p.committed, checkpoint)
	p.carried = slices.DeleteFunc(p.carried, func(c Commit) bool { return c.Checkpoint <= checkpoint })
	if p.final == "" || p.committed < p.recorded {
		return nil
	}
	p.over = true
	return []Decision{Finish{p.final}}
}

// left is how long a checkpoint may still take, 0 without a timeout.
func (p *Protocol) left(now time.Duration, q *pending) time.Duration {
	if p.cfg.Timeout <= 0 {
		return 0
	}
	return max(1, q.since+p.cfg.Timeout*time.Duration(q.warned+1)-now)
}

func (p *Protocol) expire(now time.Duration) []Decision {
	q := p.pending
	if q == nil || p.cfg.Timeout <= 0 {
		return nil
	}
	limit := p.cfg.Timeout * time.Duration(q.warned+1)
	if q.step == storing { // the storage's own failure is due and says more
		limit += p.cfg.Timeout / 2
	}
	if now-q.since < limit {
		return nil
	}
	reason := "Checkpoint expired before completing. Please increase checkpoint timeout in the seatunnel.yaml or jobConfig env."
	if !q.last {
		return p.abort(now, reason)
	}
	// Readers have stopped behind a final barrier: giving it up would undo their work, so it
	// gets several times its timeout.
	q.warned++
	if q.warned > p.cfg.Tolerable {
		return append(p.abort(now, reason), p.fail(fmt.Errorf("%s %d: %s", q.kind, q.id, reason))...)
	}
	return []Decision{Warn{q.id, p.waiting(), reason}}
}

func (p *Protocol) abort(now time.Duration, reason string) []Decision {
	q := p.pending
	p.pending = nil
	p.failures++
	p.due = now + p.cfg.Interval
	p.pause = now + min(time.Second<<min(p.failures-1, 5), longestPause)
	out := []Decision{Warn{q.id, waitingOf(q, p.cfg.Subtasks), reason}}
	if q.id != 0 {
		out = append(out, Abort{q.id, reason})
	}
	if p.failures > p.cfg.Tolerable {
		return append(out, p.fail(fmt.Errorf("%d checkpoints failed in a row, the last (%s %d): %s", p.failures, q.kind, q.id, reason))...)
	}
	return out
}

func (p *Protocol) fail(err error) []Decision {
	if p.over {
		return nil
	}
	p.over = true
	return []Decision{Fail{err}}
}

func (p *Protocol) waiting() []int { return waitingOf(p.pending, p.cfg.Subtasks) }

func waitingOf(q *pending, subtasks int) []int {
	if q.step != collecting {
		return nil
	}
	var out []int
	for i := range subtasks {
		if !q.acked[i] {
			out = append(out, i)
		}
	}
	return out
}
