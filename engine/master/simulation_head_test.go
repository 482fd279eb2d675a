package master

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/rpc"
	"seikan/engine/task"
)

// simHead is a head: the real protocol and enumeration, carried out on models.
type simHead struct {
	t           *simTask
	sink        *sinkModel
	manifest    *checkpoint.Manifest
	protocol    *checkpoint.Protocol
	enumeration *task.Enumeration
	links       [simSubtasks]*simLink
	barrier     record.Barrier // newest sent
	drained     bool
	wish        checkpoint.Event // asked for before it led
}

// begin settles what the newest checkpoint owes; ready is called behind it. (Invariant 1)
func (h *simHead) begin(restore bool, ready func()) {
	t, w := h.t, h.t.w.n.w
	h.sink = w.sink(t.spec.JobID, t.spec.Pipeline)
	h.manifest = &checkpoint.Manifest{}
	if !restore {
		h.settle(ready)
		return
	}
	w.read(t.w.n, 0, func() {
		p := w.store.jobs[t.spec.JobID].pipes[t.spec.Pipeline]
		c := p.latest()
		if c == nil {
			return
		}
		if w.mutant == mutantOldManifest {
			for _, o := range p.rows {
				if _, there := w.blobs[o.blob]; there && o.status == c.status {
					c = o
					break
				}
			}
		}
		if h.manifest = w.blobs[c.blob]; h.manifest == nil {
			w.fail("the manifest of checkpoint %d of %s/%d is gone", c.id, t.spec.JobID, t.spec.Pipeline)
		}
	}, t.then(func(err error) { h.settle(ready) }))
}

func (h *simHead) settle(ready func()) {
	t, w, m := h.t, h.t.w.n.w, h.manifest
	h.commit(m.Commits, func() {
		wait := w.between(time.Millisecond, 20*time.Millisecond)
		if w.chance(12) {
			wait = w.between(500*time.Millisecond, 3*simLease)
		}
		w.after(wait, func() {
			h.sink.recover(t.spec.Attempt, m.Commits)
			w.on(t.w.n, 0, t.alive(func() {
				if m.Checkpoint == 0 {
					ready()
					return
				}
				h.sink.judgeManifest(m, "going on")
				w.write(t.w.n, 0, func() error { return w.acknowledge(t.spec.JobID, t.spec.Pipeline, m.Checkpoint) }, t.then(func(error) { ready() }))
			}))
		})
	}, func() { t.fail("the sink is away") })
}

// commit renames piece by piece; a failure in between leaves a part done. A slow rename takes
// effect late, even when the head is gone.
func (h *simHead) commit(commits []checkpoint.Commit, done, failed func()) {
	t, w := h.t, h.t.w.n.w
	if len(commits) == 0 {
		done()
		return
	}
	if w.chance(25) {
		w.on(t.w.n, w.between(0, 50*time.Millisecond), t.alive(failed))
		return
	}
	wait := w.between(time.Millisecond, 15*time.Millisecond)
	if w.chance(12) {
		wait = w.between(500*time.Millisecond, 3*simLease)
	}
	w.after(wait, func() {
		h.sink.commit(string(commits[0].State.Data), t.spec.Attempt, t.w.n.id)
		w.on(t.w.n, time.Millisecond, t.alive(func() { h.commit(commits[1:], done, failed) }))
	})
}

// lead begins to enumerate and to take checkpoints.
func (h *simHead) lead() {
	t := h.t
	e := checkpoint.Enumeration{Done: true}
	if m := h.manifest; m.Checkpoint > 0 {
		e.Splits = m.Enumeration.Splits
	} else {
		for i := range simSplits {
			e.Splits = append(e.Splits, plugin.Split{ID: strconv.Itoa(i)})
		}
	}
	h.enumeration = task.NewEnumeration(nil, simSubtasks, e)
	h.protocol = checkpoint.NewProtocol(checkpoint.Config{Subtasks: simSubtasks, Interval: t.w.n.w.slow * t.job().spec.interval, Timeout: t.w.n.w.slow * 1200 * time.Millisecond, Tolerable: 3}, t.w.n.clock())
	t.set(rpc.Running)
	if h.wish != nil {
		h.tell(h.wish)
	}
	h.drain()
	h.tick()
}

func (h *simHead) tick() {
	h.tell(checkpoint.Tick{})
	h.t.later(h.t.w.n.w.slow*150*time.Millisecond, h.tick)
}

func (h *simHead) drain() {
	if !h.drained && h.enumeration.Drained() {
		h.drained = true
		h.tell(checkpoint.Drained{})
	}
}

func (h *simHead) tell(e checkpoint.Event) {
	if h.protocol == nil || !h.t.working() {
		return
	}
	for _, d := range h.protocol.Step(h.t.w.n.clock(), e) {
		h.obey(d)
	}
}

// ask: what is asked for too early is asked for again by lead.
func (h *simHead) ask(e checkpoint.Event) {
	h.wish = e
	h.tell(e)
}

// attach takes in a chain; it hears of the barrier that is under way. (see task.Head.Attach)
func (h *simHead) attach(l *simLink) {
	h.links[l.chain.spec.Subtask] = l
	if h.barrier.Checkpoint > 0 && h.t.w.n.w.mutant != mutantLateChain {
		b := h.barrier
		l.down(func() { l.chain.chain.wanted = b })
	}
}

func (h *simHead) each(f func(c *simChain)) {
	for _, l := range h.links {
		if l != nil {
			l.down(func() { f(l.chain.chain) })
		}
	}
}

// obey does what checkpoint.Coordinator does.
func (h *simHead) obey(d checkpoint.Decision) {
	t, w := h.t, h.t.w.n.w
	job, pipeline, attempt := t.spec.JobID, t.spec.Pipeline, t.spec.Attempt
	switch d := d.(type) {
	case checkpoint.Allocate:
		var id int64
		w.write(t.w.n, 0, func() (err error) {
			id, err = w.beginCheckpoint(job, pipeline, attempt, d.Kind, d.Acknowledged)
			return err
		}, t.alive1(func(err error) {
			if err != nil {
				h.tell(checkpoint.Failed{Checkpoint: 0, Err: err})
				return
			}
			h.tell(checkpoint.Allocated{Checkpoint: id})
		}))
	case checkpoint.Send:
		if w.mutant == mutantMoveReadsOn && h.wish == (checkpoint.MoveAsked{}) {
			d.Barrier.Kind = record.Checkpoint
		}
		h.barrier = d.Barrier
		h.each(func(c *simChain) {
			if d.Barrier.Checkpoint > c.wanted.Checkpoint {
				c.wanted = d.Barrier
			}
		})
	case checkpoint.Enumerate:
		e := h.enumeration.Snapshot(d.Checkpoint)
		slices.SortFunc(e.Splits, func(a, b plugin.Split) int { return strings.Compare(a.ID, b.ID) })
		h.tell(checkpoint.Enumerated{Checkpoint: d.Checkpoint, Enumeration: e})
	case checkpoint.Store:
		m := d.Manifest
		if w.mutant == mutantForgotten {
			m.Commits = slices.DeleteFunc(m.Commits, func(c checkpoint.Commit) bool { return c.Checkpoint != m.Checkpoint })
		}
		if w.mutant == mutantEarlyCommit {
			h.commitAll(checkpoint.CommitAll{Checkpoint: m.Checkpoint, Commits: m.Commits})
		}
		name := blobName{job, pipeline, m.Checkpoint, attempt}
		lost := w.chance(15)
		w.after(w.between(2*time.Millisecond, 30*time.Millisecond), func() {
			if lost && w.random.IntN(2) == 0 {
				w.on(t.w.n, w.between(0, 400*time.Millisecond), t.alive(func() {
					h.tell(checkpoint.Failed{Checkpoint: m.Checkpoint, Err: errors.New("blob storage is away")})
				}))
				return
			}
			w.putManifest(name, m)
			w.on(t.w.n, w.between(time.Millisecond, 20*time.Millisecond), t.alive(func() {
				if lost {
					h.tell(checkpoint.Failed{Checkpoint: m.Checkpoint, Err: errors.New("blob storage did not answer")})
					return
				}
				h.tell(checkpoint.Stored{Checkpoint: m.Checkpoint})
			}))
		})
	case checkpoint.Record:
		w.write(t.w.n, 0, func() error {
			return w.completeCheckpoint(job, pipeline, d.Checkpoint, blobName{job, pipeline, d.Checkpoint, attempt})
		}, t.alive1(func(err error) {
			if err != nil {
				h.tell(checkpoint.Failed{Checkpoint: d.Checkpoint, Err: err})
				return
			}
			h.tell(checkpoint.Recorded(d))
		}))
	case checkpoint.Abort:
		if w.mutant != mutantLateRecord { // there the abort gets lost as well
			w.write(t.w.n, 0, func() error { return w.abortCheckpoint(job, pipeline, d.Checkpoint) }, func(error) {})
		}
		if w.mutant == mutantDropOnAbort {
			h.each(func(c *simChain) { c.kept = nil })
		}
	case checkpoint.CommitAll:
		if w.mutant != mutantEarlyCommit {
			h.commitAll(d)
		}
	case checkpoint.Complete:
		h.each(func(c *simChain) {
			c.kept = slices.DeleteFunc(c.kept, func(k checkpoint.Commit) bool { return k.Checkpoint <= d.Checkpoint })
		})
		w.on(t.w.n, w.between(time.Millisecond, 50*time.Millisecond), func() { w.prune(job, pipeline, d.Checkpoint) })
	case checkpoint.Fail:
		t.fail(d.Err.Error())
	case checkpoint.Finish:
		for _, l := range h.links {
			if d.Kind == record.Checkpoint && !l.chain.chain.final {
				w.fail("P2: %s/%d is moved while subtask %d reads on", job, pipeline, l.chain.spec.Subtask)
			}
		}
		h.each(func(c *simChain) { c.t.end(rpc.Finished, "") })
		t.kind = d.Kind
		t.end(rpc.Finished, "")
	}
}

// commitAll repeats until the commits are acknowledged.
func (h *simHead) commitAll(d checkpoint.CommitAll) {
	t, w := h.t, h.t.w.n.w
	again := func() { t.later(w.between(50*time.Millisecond, 300*time.Millisecond), func() { h.commitAll(d) }) }
	h.commit(d.Commits, func() {
		if !d.Acknowledge || w.mutant == mutantUnacknowledged {
			h.tell(checkpoint.Committed{Checkpoint: d.Checkpoint})
			return
		}
		w.write(t.w.n, 0, func() error { return w.acknowledge(t.spec.JobID, t.spec.Pipeline, d.Checkpoint) }, t.alive1(func(err error) {
			if err != nil {
				again()
				return
			}
			h.tell(checkpoint.Committed{Checkpoint: d.Checkpoint})
		}))
	}, again)
}

// simChain is a subtask with its reader and writer.
type simChain struct {
	t      *simTask
	sink   *sinkModel
	link   *simLink
	wanted record.Barrier // newest asked for
	passed int64
	split  int // -1: none
	asked  bool
	at     int // next row of split
	flush  int // ledger: rows before it are in the target
	open   []rowID
	kept   []checkpoint.Commit
	final  bool
}

// linkUp looks for the head until it is there.
func (c *simChain) linkUp() {
	t, w := c.t, c.t.w.n.w
	for _, n := range w.nodes {
		if n.id != t.spec.HeadAddr || !n.alive || n.paused() || !w.connected(t.w.n, n) || !w.connected(n, t.w.n) {
			continue
		}
		key := t.spec.TaskKey
		key.Role, key.Subtask = rpc.Head, 0
		if h := n.worker.tasks[key]; h != nil && h.working() && h.head.protocol != nil {
			c.link = &simLink{w: w, head: h, chain: t}
			c.link.up(func() { h.head.attach(c.link) })
			t.set(rpc.Running)
			c.work()
			return
		}
	}
	t.later(w.between(20*time.Millisecond, 90*time.Millisecond), c.linkUp)
}

func (c *simChain) next() {
	w := c.t.w.n.w
	c.t.later(w.slow*w.between(10*time.Millisecond, 70*time.Millisecond), c.work)
}

// work does one thing: answer a barrier, take a split, move rows.
func (c *simChain) work() {
	t, w := c.t, c.t.w.n.w
	switch {
	case w.chance(300):
		t.fail("the source broke")
	case c.asked: // a reader waits for the answer before it looks at barriers
		c.next()
	case c.wanted.Checkpoint > c.passed:
		c.pass(c.wanted)
	case c.final:
		c.next()
	case c.split < 0:
		c.asked = true
		passed, h := c.passed, c.link.head.head
		c.link.up(func() {
			s, ok, _ := h.enumeration.Next(context.Background(), t.spec.Subtask, passed)
			c.link.down(func() { c.got(s, ok) })
		})
		c.next()
	default:
		c.move()
	}
}

func (c *simChain) got(s plugin.Split, ok bool) {
	c.asked = false
	if !ok {
		return
	}
	c.split, _ = strconv.Atoi(s.ID)
	c.at, c.flush = int(s.At.Rows), int(s.At.Rows)
	if c.sink.kind != ledgerSink {
		return
	}
	at, ok := c.sink.take(c.split, c.t.spec.Attempt)
	if !ok {
		c.t.fail("a newer attempt of this task has taken over")
		return
	}
	if at < c.at {
		c.t.w.n.w.fail("P2: split %d of %v begins at %d, its ledger holds %d", c.split, c.sink.key, c.at, at)
	}
	c.at, c.flush = at, at
	c.finishSplit()
}

func (c *simChain) finishSplit() {
	if c.at < simRows || c.flush < c.at && c.sink.kind == ledgerSink {
		return
	}
	id, h := strconv.Itoa(c.split), c.link.head.head
	c.split = -1
	c.link.up(func() {
		h.enumeration.Finished(id)
		h.drain()
	})
}

func (c *simChain) move() {
	w := c.t.w.n.w
	to := min(c.at+1+w.random.IntN(2), simRows)
	if c.sink.kind == stagedSink {
		for r := c.at; r < to; r++ {
			c.open = append(c.open, rowID{c.split, r})
		}
		c.at = to
		c.finishSplit()
		c.next()
		return
	}
	c.at = to
	if to < simRows && w.random.IntN(2) == 0 {
		c.next()
		return
	}
	c.flushLedger(func() {
		c.finishSplit()
		c.next()
	})
}

// flushLedger commits a transaction, whose effect may be late.
func (c *simChain) flushLedger(done func()) {
	t, w := c.t, c.t.w.n.w
	if c.split < 0 || c.flush == c.at {
		done()
		return
	}
	split, from, to := c.split, c.flush, c.at
	wait := w.between(time.Millisecond, 10*time.Millisecond)
	if w.chance(30) {
		wait = w.between(100*time.Millisecond, 2*simLease)
	}
	w.after(wait, func() {
		ok := c.sink.transact(split, t.spec.Attempt, from, to)
		w.on(t.w.n, time.Millisecond, t.alive(func() {
			if !ok {
				t.fail("a newer attempt of this task has taken over")
				return
			}
			c.flush = to
			done()
		}))
	})
}

// pass answers a barrier: everything before it is prepared.
func (c *simChain) pass(b record.Barrier) {
	t, w := c.t, c.t.w.n.w
	c.passed = b.Checkpoint
	c.final = c.final || b.Kind.Final()
	ack := checkpoint.Ack{Checkpoint: b.Checkpoint, Subtask: t.spec.Subtask}
	if c.split >= 0 {
		ack.Splits = []plugin.Split{{ID: strconv.Itoa(c.split), At: record.Position{Rows: int64(c.at)}}}
	}
	answer := func() {
		ack.Commits = slices.Clone(c.kept) // Invariant 3
		h := c.link.head.head
		c.link.up(func() { h.tell(ack) })
		c.next()
	}
	switch {
	case c.sink.kind == ledgerSink:
		c.flushLedger(answer)
	case len(c.open) == 0:
		answer()
	default:
		name := "a" + strconv.FormatInt(t.spec.Attempt, 10) + "-c" + strconv.FormatInt(b.Checkpoint, 10) + "-s" + strconv.Itoa(t.spec.Subtask)
		rows := c.open
		c.open = nil
		w.after(w.between(time.Millisecond, 20*time.Millisecond), func() {
			if _, there := c.sink.staged[name]; there || c.sink.committed[name] {
				w.fail("P3: staged work %s of %v is written over", name, c.sink.key)
			}
			c.sink.staged[name] = stagedWork{t.spec.Attempt, t.w.n.id, rows}
			w.on(t.w.n, time.Millisecond, t.alive(func() {
				c.kept = append(c.kept, checkpoint.Commit{Checkpoint: b.Checkpoint, State: plugin.State{Version: 1, Data: []byte(name)}})
				answer()
			}))
		})
	}
}

// simLink is the stream between a chain and its head: in order, until it breaks.
type simLink struct {
	w           *world
	head, chain *simTask
	toHead      time.Duration // when the newest message comes in
	toChain     time.Duration
	broken      bool
}

func (l *simLink) up(f func())   { l.send(l.chain, l.head, &l.toHead, f) }
func (l *simLink) down(f func()) { l.send(l.head, l.chain, &l.toChain, f) }

func (l *simLink) send(from, to *simTask, last *time.Duration, f func()) {
	w := l.w
	at := max(*last, w.now+w.between(500*time.Microsecond, 8*time.Millisecond))
	*last = at
	w.after(at-w.now, func() {
		switch {
		case l.broken:
		case !w.connected(from.w.n, to.w.n) || !to.working():
			l.broken = true
			c := l.chain
			w.on(c.w.n, w.between(10*time.Millisecond, time.Second), c.alive(func() {
				c.link = true
				c.fail("the link to the head broke")
			}))
		default:
			w.on(to.w.n, 0, to.alive(f))
		}
	})
}
