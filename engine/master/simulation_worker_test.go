package master

import (
	"slices"
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/record"
	"seikan/engine/rpc"
	"seikan/engine/worker"
)

// simWorker obeys by the rules of the real worker.
type simWorker struct {
	n       *simNode
	gone    bool // its process has crashed
	tasks   map[rpc.TaskKey]*simTask
	rules   worker.Rules
	session *simSession
	waking  bool
	watched bool
}

// simSession is a stream between a worker and a master.
type simSession struct {
	worker      *simWorker
	master      *simNode
	life        int // of master
	seq         uint64
	sent        map[uint64]time.Time
	toMaster    time.Duration
	toWorker    time.Duration
	reign       *simReign // that took it in
	number      uint64    // in reign
	incarnation string
	broken      bool
}

func newSimWorker(n *simNode) *simWorker {
	sw := &simWorker{n: n, tasks: map[rpc.TaskKey]*simTask{}}
	n.w.on(n, n.w.between(0, n.w.lease/4), sw.tick)
	return sw
}

// wall is the node's monotonic clock as the rules want it.
func (sw *simWorker) wall() time.Time { return time.Unix(1, 0).Add(sw.n.clock()) }

func (sw *simWorker) tick() {
	sw.report()
	sw.n.w.on(sw.n, sw.n.real(sw.n.w.lease/4), sw.tick)
}

// wake reports soon.
func (sw *simWorker) wake() {
	if sw.waking || sw.gone {
		return
	}
	sw.waking = true
	sw.n.w.on(sw.n, sw.n.w.between(0, 3*time.Millisecond), func() {
		sw.waking = false
		sw.report()
	})
}

// connect opens a session with the master, as far as it is known.
func (sw *simWorker) connect() {
	n := sw.n
	if n.leader < 0 {
		return
	}
	sw.open(0)
}

func (sw *simWorker) open(late time.Duration) {
	m := sw.n.w.nodes[sw.n.leader]
	sw.session = &simSession{worker: sw, master: m, life: m.life, sent: map[uint64]time.Time{}, toMaster: sw.n.w.now + late}
	sw.report()
}

// lost ends a session; the worker tries again.
func (s *simSession) lost() {
	s.broken = true
	sw := s.worker
	sw.n.w.on(sw.n, sw.n.w.between(20*time.Millisecond, 400*time.Millisecond), func() {
		if sw.session == s {
			sw.connect()
		}
	})
}

func (sw *simWorker) report() {
	s, w := sw.session, sw.n.w
	if s == nil || s.broken || sw.gone {
		return
	}
	s.seq++
	s.sent[s.seq] = sw.wall()
	r := &rpc.Report{Node: rpc.NodeInfo{ID: sw.n.id, Incarnation: sw.n.incarnation(), Addr: sw.n.id, Role: "master_and_worker", Slots: sw.n.slots, Draining: sw.n.draining},
		Seq: s.seq, Epoch: sw.rules.Epoch(), Obeyed: sw.rules.Obeyed()}
	for _, t := range sw.tasks {
		r.Tasks = append(r.Tasks, rpc.TaskReport{TaskKey: t.spec.TaskKey, State: t.state, Error: t.err, Link: t.link, Kind: t.kind})
	}
	at := max(s.toMaster, w.now+w.delay())
	s.toMaster = at
	w.after(at-w.now, func() {
		if s.broken {
			return
		}
		if !s.master.alive || s.master.life != s.life || !w.connected(sw.n, s.master) {
			s.lost()
			return
		}
		w.on(s.master, 0, func() { s.master.hear(s, r) })
	})
}

// delay is how long a message is on its way, which is long at times.
func (w *world) delay() time.Duration {
	if w.chance(40) {
		return w.between(10*time.Millisecond, time.Second)
	}
	return w.between(500*time.Microsecond, 10*time.Millisecond)
}

// take obeys an order as worker.Worker.take does.
func (sw *simWorker) take(s *simSession, o *rpc.Order) {
	if sw.gone {
		return
	}
	w, order, sent := sw.n.w, *o, s.sent[o.Seq]
	if order.Epoch < sw.rules.Epoch() && w.mutant == mutantStaleEpoch {
		order.Epoch, order.Number = sw.rules.Epoch(), sw.rules.Obeyed()
	}
	if order.Number < sw.rules.Obeyed() && order.Epoch == sw.rules.Epoch() && w.mutant == mutantLateOrder {
		order.Number = sw.rules.Obeyed()
	}
	if w.mutant == mutantLeaseFromReceipt && !sent.IsZero() {
		sent = sw.wall()
	}
	if order.Epoch > sw.rules.Epoch() {
		sw.wake() // the master waits to be heard of
	}
	obey, lapsed, start := sw.rules.Take(&order, sent, sw.wall())
	if lapsed && w.mutant != mutantLeaseIgnored {
		sw.stopAll("the lease ran out")
	}
	if !obey {
		return
	}
	sw.watch()
	starts, stops, forgets := worker.Obey(sw.tasks, order.Tasks)
	if w.mutant == mutantStartedTwice {
		for _, spec := range order.Tasks {
			if t := sw.tasks[spec.TaskKey]; t != nil && t.state == rpc.Stopped {
				starts = append(starts, spec)
			}
		}
	}
	for _, spec := range starts {
		if start && !sw.n.draining {
			sw.start(spec)
		}
	}
	for _, spec := range order.Tasks {
		switch t := sw.tasks[spec.TaskKey]; {
		case t == nil || t.head == nil:
		case spec.Savepoint:
			t.head.ask(checkpoint.SavepointAsked{})
		case spec.Move:
			t.head.ask(checkpoint.MoveAsked{})
		}
	}
	for _, key := range stops {
		sw.tasks[key].stop("the master ordered it")
	}
	for _, key := range forgets {
		delete(sw.tasks, key)
	}
	if len(starts)+len(stops) > 0 {
		sw.wake()
	}
}

// busy says whether a task runs.
func (sw *simWorker) busy() bool {
	for _, t := range sw.tasks {
		if !t.state.Ended() {
			return true
		}
	}
	return false
}

// patience stops what still runs when a node has been drained for long, as Worker.Drain does.
func (sw *simWorker) patience(life int) {
	sw.n.w.on(sw.n, sw.n.real(20*time.Second), func() {
		if sw.n.draining && sw.n.life == life {
			sw.stopAll("the node is drained")
		}
	})
}

// watch is the ticker of Worker.watchLease, looked at only when something can have changed.
func (sw *simWorker) watch() {
	if sw.watched || sw.rules.Expires().IsZero() {
		return
	}
	sw.watched = true
	w := sw.n.w
	left := max(0, sw.n.real(sw.rules.Expires().Sub(sw.wall())))
	w.on(sw.n, left, func() {
		jitter := w.between(0, 20*time.Millisecond)
		if w.chance(8) {
			jitter *= 30
		}
		w.on(sw.n, jitter, func() {
			sw.watched = false
			if sw.rules.Lapsed(sw.wall()) {
				if w.mutant == mutantLeaseIgnored {
					return
				}
				sw.stopAll("the lease ran out")
				return
			}
			sw.watch()
		})
	})
}

func (sw *simWorker) stopAll(reason string) {
	for _, key := range slices.SortedFunc(keysOf(sw.tasks), byKey) {
		sw.tasks[key].stop(reason)
	}
}

// simTask is a task on a worker.
type simTask struct {
	w      *simWorker
	spec   rpc.TaskSpec
	state  rpc.TaskState
	told   bool
	toldAt time.Duration
	err    string
	link   bool // err is a broken link to the head
	hangs  bool // it never comes to run
	kind   record.BarrierKind
	head   *simHead
	chain  *simChain
}

func (t *simTask) Ended() bool { return t.state.Ended() }

func (t *simTask) job() *jobRow { return t.w.n.w.store.jobs[t.spec.JobID] }

// working says whether the task still does something.
func (t *simTask) working() bool { return !t.told && !t.state.Ended() && !t.w.gone }

// alive does f if the task is working then.
func (t *simTask) alive(f func()) func() {
	return func() {
		if t.working() {
			t.w.n.w.effective(t)
			f()
		}
	}
}

func (t *simTask) alive1(f func(error)) func(error) {
	return func(err error) {
		if t.working() {
			f(err)
		}
	}
}

// then goes on after a step that must succeed.
func (t *simTask) then(f func(error)) func(error) {
	return t.alive1(func(err error) {
		if err != nil {
			t.fail(err.Error())
			return
		}
		f(nil)
	})
}

func (t *simTask) later(d time.Duration, f func()) { t.w.n.w.on(t.w.n, t.w.n.real(d), t.alive(f)) }

func (t *simTask) set(s rpc.TaskState) {
	t.state = s
	t.w.wake()
}

func (t *simTask) end(s rpc.TaskState, err string) {
	if !t.working() {
		return
	}
	t.w.n.w.note("%s: %s/%d attempt %d %s %d is %s %s", t.w.n.id, t.spec.JobID, t.spec.Pipeline, t.spec.Attempt, t.spec.Role, t.spec.Subtask, s, err)
	t.err = err
	t.w.n.w.forgetLive(t)
	t.set(s)
}

func (t *simTask) fail(err string) {
	if t.working() {
		t.w.n.w.failed(t)
	}
	t.end(rpc.Failed, err)
}

// stop tells the task to stop, which takes a moment and at times much longer.
func (t *simTask) stop(reason string) {
	if !t.working() {
		return
	}
	w := t.w.n.w
	w.note("%s: %s/%d attempt %d %s %d is told to stop: %s", t.w.n.id, t.spec.JobID, t.spec.Pipeline, t.spec.Attempt, t.spec.Role, t.spec.Subtask, reason)
	w.stats.stops++
	if t.chain != nil && !t.chain.final && w.calm && t.job().moving(t.spec) {
		w.fail("P4: %s/%d is moved without a checkpoint", t.spec.JobID, t.spec.Pipeline)
	}
	t.told, t.toldAt = true, w.now
	wait := w.between(time.Millisecond, 40*time.Millisecond)
	if w.chance(40) {
		wait = w.between(time.Second, 80*time.Second)
	}
	w.on(t.w.n, wait, func() {
		w.forgetLive(t)
		t.set(rpc.Stopped)
	})
}

func (sw *simWorker) start(spec rpc.TaskSpec) {
	w := sw.n.w
	t := &simTask{w: sw, spec: spec, state: rpc.Starting}
	w.note("%s starts %s/%d attempt %d %s %d", sw.n.id, spec.JobID, spec.Pipeline, spec.Attempt, spec.Role, spec.Subtask)
	w.begun(t)
	sw.tasks[spec.TaskKey] = t
	if t.hangs = spec.Role != rpc.Prepare && w.chance(1000); t.hangs {
		w.note("it will hang")
		w.hung[spec.JobID] = true
		t.head, t.chain = &simHead{t: t}, nil
		return
	}
	switch spec.Role {
	case rpc.Prepare:
		t.later(w.between(time.Millisecond, 50*time.Millisecond), t.prepare)
	case rpc.Head:
		t.head = &simHead{t: t}
		t.later(w.between(time.Millisecond, 50*time.Millisecond), func() { t.head.begin(spec.Restore, t.head.lead) })
	case rpc.Settle:
		t.head = &simHead{t: t}
		t.later(w.between(time.Millisecond, 50*time.Millisecond), func() {
			t.set(rpc.Running)
			t.head.begin(true, func() { t.end(rpc.Finished, "") })
		})
	case rpc.Chain:
		t.chain = &simChain{t: t, sink: w.sink(spec.JobID, spec.Pipeline), split: -1}
		t.later(w.between(time.Millisecond, 50*time.Millisecond), t.chain.linkUp)
	}
}

// prepare runs the job's save modes. (Invariant 8)
func (t *simTask) prepare() {
	t.set(rpc.Running)
	w, j, done := t.w.n.w, t.job(), false
	w.read(t.w.n, 0, func() { done = j.saved }, t.then(func(error) {
		if done && w.mutant != mutantSaveModeTwice {
			t.end(rpc.Finished, "")
			return
		}
		// The statement is sent with the lease valid and a deadline inside it.
		wait := min(w.between(time.Millisecond, 300*time.Millisecond), t.w.n.real(t.w.rules.Expires().Sub(t.w.wall())))
		if t.w.rules.Lapsed(t.w.wall()) {
			t.fail("the lease ran out")
			return
		}
		w.after(max(0, wait), func() {
			if j.wrote {
				w.fail("a save mode of %s runs after rows were written", j.row.ID)
			}
			w.on(t.w.n, time.Millisecond, t.alive(func() {
				if w.chance(8) {
					t.fail("the target is away")
					return
				}
				w.write(t.w.n, 0, func() error { j.saved = true; return nil }, t.then(func(error) { t.end(rpc.Finished, "") }))
			}))
		})
	}))
}
