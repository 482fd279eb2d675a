package master

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/rpc"
)

// The simulation of a cluster: masters decide by Decide and Orders, workers obey by
// worker.Rules, heads run checkpoint.Protocol; store, network, clocks, blob storage and sinks are
// models. One seeded queue of events drives everything in one goroutine, so that a seed replays
// identically. Faults end at simCalm; everything must have ended well at simEnd, which leaves time
// for an attempt that hangs at its start.
const (
	simLease    = 2 * time.Second
	simLook     = 400 * time.Millisecond
	simCalm     = 14 * time.Second
	simEnd      = startWithin + 260*time.Second
	simSubtasks = 2
	simRows     = 8 // of each split
	simVoters   = 3 // the other nodes only work
)

// mutant is a bug put in on purpose; the simulation must find each.
type mutant int

// violation ends a run.
type violation string

type world struct {
	random  *rand.Rand
	seed    uint64
	mutant  mutant
	now     time.Duration
	queue   eventQueue
	count   uint64
	nodes   []*simNode
	raft    raftModel
	store   *storeModel
	blobs   map[blobName]*checkpoint.Manifest
	sinks   map[sinkKey]*sinkModel
	live    liveModel
	faulty  bool            // faults may happen
	calm    bool            // only changes of the master and drained nodes: nothing may stop without a checkpoint (P4)
	waiting int             // jobs to be submitted still
	hung    map[string]bool // jobs of which something hangs
	sum     uint64
	trace   func(format string, args ...any)
	blocked [simVoters][simVoters]bool
	slow    time.Duration // what a chain does takes so many times as long
	lease   time.Duration
	stats   simStats
}

type simStats struct{ events, writes, checkpointWrites, checkpoints, restarts, moves, reigns, stops int }

func (w *world) fail(format string, args ...any) {
	panic(violation(fmt.Sprintf("%v: ", w.now) + fmt.Sprintf(format, args...)))
}

func (w *world) note(format string, args ...any) {
	if w.trace != nil {
		w.trace("%10v "+format, append([]any{w.now}, args...)...)
	}
}

// chance is true once in n while faults may happen.
func (w *world) chance(n int) bool { return w.faulty && !w.calm && w.random.IntN(n) == 0 }

func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.random.Int64N(int64(b-a)))
}

type simEvent struct {
	node *simNode // nil: of the world
	life int      // of node
	do   func()
}

// eventQueue is a heap by time, then by order of pushing. Its slots have no pointers, so that
// moving them is cheap.
type eventQueue struct {
	heap   []eventSlot
	events []simEvent
	free   []int32
}

type eventSlot struct {
	at    time.Duration
	order uint64
	event int32
}

func (a eventSlot) before(b eventSlot) bool {
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (q *eventQueue) push(at time.Duration, order uint64, e simEvent) {
	n := int32(len(q.events))
	if k := len(q.free); k > 0 {
		n, q.free = q.free[k-1], q.free[:k-1]
		q.events[n] = e
	} else {
		q.events = append(q.events, e)
	}
	q.heap = append(q.heap, eventSlot{at, order, n})
	h, i := q.heap, len(q.heap)-1
	for i > 0 && h[i].before(h[(i-1)/2]) {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
}

func (q *eventQueue) pop() (eventSlot, simEvent) {
	h := q.heap
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= last {
			break
		}
		if c+1 < last && h[c+1].before(h[c]) {
			c++
		}
		if h[i].before(h[c]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	q.heap = h
	e := q.events[first.event]
	q.events[first.event] = simEvent{}
	q.free = append(q.free, first.event)
	return first, e
}

// after does something of the world's.
func (w *world) after(d time.Duration, f func()) { w.push(w.now+d, nil, 0, f) }

// on does something on a node, unless it has crashed by then; a node that is paused does it late.
func (w *world) on(n *simNode, d time.Duration, f func()) { w.push(w.now+d, n, n.life, f) }

func (w *world) push(at time.Duration, n *simNode, life int, f func()) {
	w.count++
	w.queue.push(at, w.count, simEvent{n, life, f})
}

func (w *world) step() {
	slot, e := w.queue.pop()
	w.now = slot.at
	if n := e.node; n != nil {
		if n.life != e.life {
			return
		}
		if n.pausedUntil > w.now {
			w.push(n.pausedUntil, n, e.life, e.do)
			return
		}
	}
	w.stats.events++
	w.sum = (w.sum ^ uint64(slot.at) ^ slot.order<<20) * 0x100000001b3
	e.do()
}

// simNode is a process: voter, master when it leads, and worker.
type simNode struct {
	w           *world
	index       int
	id          string
	life        int // grows with each start
	alive       bool
	pausedUntil time.Duration
	resumed     time.Duration // end of the last pause
	rate        float64       // of its clock
	slots       int
	draining    bool
	leader      int // the node it takes for the master, -1 for none
	reign       *simReign
	worker      *simWorker
}

// clock is the node's monotonic clock.
func (n *simNode) clock() time.Duration { return time.Duration(float64(n.w.now) * n.rate) }

// real is how long d of the node's clock really is.
func (n *simNode) real(d time.Duration) time.Duration { return time.Duration(float64(d) / n.rate) }

func (n *simNode) paused() bool { return n.pausedUntil > n.w.now }

func (n *simNode) incarnation() string { return fmt.Sprintf("%s.%d", n.id, n.life) }

func (n *simNode) start() {
	n.life++
	n.alive = true
	n.draining = false
	n.leader = -1
	n.reign = nil
	n.worker = newSimWorker(n)
	n.w.note("%s starts, incarnation %d", n.id, n.life)
	n.worker.connect()
}

func (n *simNode) crash() {
	w := n.w
	w.note("%s crashes", n.id)
	back := w.between(50*time.Millisecond, 3*simLease)
	if n.leader >= 0 && w.chance(2) { // its last word, a new session, is late
		n.worker.open(w.between(0, 3*time.Second))
		back = w.between(50*time.Millisecond, 300*time.Millisecond)
	}
	n.alive = false
	n.life++
	n.pausedUntil = 0
	n.reign = nil
	if w.raft.leader == n.index {
		w.raft.leader, w.raft.silent = -1, 0
	}
	n.worker.gone = true
	for _, t := range n.worker.tasks {
		t.state = rpc.Stopped
		w.forgetLive(t)
	}
	life := n.life
	w.after(back, func() {
		if n.life == life {
			n.start()
		}
	})
}

func (n *simNode) pause(d time.Duration) {
	n.w.note("%s pauses for %v", n.id, d)
	n.pausedUntil = n.w.now + d
	n.resumed = n.pausedUntil
}

// connected says whether a message gets from one node to another now.
func (w *world) connected(from, to *simNode) bool {
	return from == to || from.index >= simVoters || to.index >= simVoters || !w.blocked[from.index][to.index]
}

// raftModel elects; only the present leader can write and read.
type raftModel struct {
	leader  int // -1: none
	silent  time.Duration
	changes int
}

const raftTick = 100 * time.Millisecond

func (w *world) canLead(n *simNode) bool {
	if !n.alive || n.paused() {
		return false
	}
	votes := 0
	for _, o := range w.nodes[:simVoters] {
		if o.alive && !o.paused() && w.connected(n, o) && w.connected(o, n) {
			votes++
		}
	}
	return votes > simVoters/2
}

func (w *world) raftWork() {
	r := &w.raft
	switch {
	case r.leader >= 0 && w.canLead(w.nodes[r.leader]):
		r.silent = 0
	case r.leader >= 0:
		if r.silent += raftTick; r.silent >= 3*raftTick {
			w.depose(raftTick, 700*time.Millisecond)
		}
	default:
		if w.random.IntN(3) == 0 {
			for _, i := range w.random.Perm(simVoters) {
				if w.canLead(w.nodes[i]) {
					w.elect(i)
					break
				}
			}
		}
	}
	for _, n := range w.nodes { // who leads gets around
		if r.leader >= 0 && n.alive && n.leader != r.leader && w.connected(w.nodes[r.leader], n) {
			w.on(n, w.between(time.Millisecond, 100*time.Millisecond), func() {
				if n.leader != w.raft.leader && w.raft.leader >= 0 {
					n.leader = w.raft.leader
					n.worker.connect()
				}
			})
		}
	}
	w.after(raftTick, w.raftWork)
}

// depose takes the leadership away; the old leader notices after a while.
func (w *world) depose(from, to time.Duration) {
	r := &w.raft
	old := w.nodes[r.leader]
	r.leader, r.silent = -1, 0
	reign := old.reign
	if reign == nil {
		return
	}
	if w.chance(4) { // its raft hangs on the disk, its sessions do not
		to *= 5
	}
	w.on(old, w.between(from, to), func() {
		w.on(old, w.between(0, from), func() { reign.over = true })
	})
}

func (w *world) elect(i int) {
	w.raft.leader, w.raft.silent = i, 0
	w.raft.changes++
	n := w.nodes[i]
	w.note("%s is elected", n.id)
	w.on(n, w.between(time.Millisecond, 80*time.Millisecond), n.beginReign)
}

// transfer changes the leader without any other fault.
func (w *world) transfer() {
	if w.raft.leader < 0 {
		return
	}
	old := w.raft.leader
	w.depose(time.Millisecond, 300*time.Millisecond)
	for _, i := range w.random.Perm(simVoters) {
		if i != old && w.canLead(w.nodes[i]) {
			w.elect(i)
			return
		}
	}
}

// drain moves what runs on a node elsewhere, and then stops the process or lets it take tasks again.
func (n *simNode) drain() {
	w := n.w
	for _, o := range w.nodes[:simVoters] {
		if o.draining {
			return // one after the other, as in a rolling upgrade
		}
	}
	w.note("%s is drained", n.id)
	n.draining = true
	n.worker.wake()
	n.worker.patience(n.life)
	stop := w.random.IntN(2) == 0
	w.after(w.between(time.Second, 25*time.Second), func() {
		if stop {
			n.restart()
			return
		}
		n.draining = false
		n.worker.wake()
	})
}

// restart ends a process in good order.
func (n *simNode) restart() {
	w := n.w
	switch {
	case !n.alive: // it crashed meanwhile
	case n.worker.busy():
		w.after(100*time.Millisecond, n.restart)
	case w.calm && w.raft.leader == n.index: // leadership is handed over first
		w.transfer()
		w.after(time.Second, n.restart)
	default:
		n.crash()
	}
}

// trouble makes one fault and the next.
func (w *world) trouble() {
	if !w.faulty {
		return
	}
	n := w.nodes[w.random.IntN(len(w.nodes))]
	switch k := w.random.IntN(14); {
	case k >= 12 && n.alive || w.calm && k%2 == 0:
		n.drain()
	case w.calm || k < 2:
		w.transfer()
	case k < 4 && n.alive:
		n.crash()
	case k < 8 && n.alive && !n.paused():
		n.pause(w.between(simLease/10, 3*simLease))
	case k < 11:
		w.partition(n)
	}
	w.after(w.between(300*time.Millisecond, 4*time.Second), w.trouble)
}

// partition cuts a node off the others, both ways or one way, or one pair.
func (w *world) partition(n *simNode) {
	out, in, one := w.random.IntN(3) > 0, w.random.IntN(3) > 0, w.random.IntN(2) == 0
	other := w.random.IntN(len(w.nodes))
	w.note("%s is cut off: out %v, in %v, from one %v", n.id, out, in, one)
	set := func(v bool) {
		for i := range w.nodes {
			if i == n.index || one && i != other {
				continue
			}
			w.blocked[n.index][i] = v && out || !v && w.blocked[n.index][i] && !out
			w.blocked[i][n.index] = v && in || !v && w.blocked[i][n.index] && !in
		}
	}
	set(true)
	w.after(w.between(100*time.Millisecond, 3*simLease), func() { set(false) })
}

// newWorld prepares a run.
func newWorld(seed uint64, m mutant) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 11)), seed: seed, mutant: m, store: newStoreModel(), blobs: map[blobName]*checkpoint.Manifest{}, sinks: map[sinkKey]*sinkModel{}, hung: map[string]bool{}, faulty: true,
		live: liveModel{running: map[sinkKey][]*simTask{}, started: map[rpc.TaskKey]bool{}}}
	w.raft.leader = -1
	w.slow, w.lease = 1, simLease
	w.calm = seed%8 == 7
	for i := range simVoters {
		n := &simNode{w: w, index: i, id: string(rune('a' + i)), rate: 0.95 + 0.1*w.random.Float64()}
		if seed%3 == 0 {
			n.slots = 4 + w.random.IntN(3)
		}
		w.nodes = append(w.nodes, n)
	}
	w.begin()
	w.after(w.between(time.Second, 3*time.Second), w.trouble)
	jobs := 1 + w.random.IntN(2)
	w.waiting = jobs
	for i := range jobs {
		w.after(w.between(0, 4*time.Second), func() { w.submit(i) })
	}
	w.after(simCalm, w.heal)
	return w
}

func (w *world) begin() {
	for _, n := range w.nodes {
		n.start()
	}
	w.after(0, w.raftWork)
}

// heal ends all faults.
func (w *world) heal() {
	w.note("faults cease")
	w.faulty = false
	w.blocked = [simVoters][simVoters]bool{}
	for _, n := range w.nodes {
		n.pausedUntil = min(n.pausedUntil, w.now)
		if !n.alive {
			n.start()
		}
	}
}

// run is one seed to its end; the problem is empty when all is well.
func (w *world) run() (problem string) {
	defer func() {
		if r := recover(); r != nil {
			v, ok := r.(violation)
			if !ok {
				panic(fmt.Sprintf("seed %d: %v", w.seed, r))
			}
			problem = string(v)
		}
	}()
	for w.waiting > 0 || !w.store.ended() {
		w.step()
		if w.now > w.slow*simEnd {
			for _, j := range w.store.list {
				if !j.row.Status.Ended() {
					w.fail("P5: job %s is %s still, %v after the last fault", j.row.ID, j.row.Status, w.now-simCalm)
				}
			}
			w.fail("P5: it does not end")
		}
	}
	w.judge()
	return ""
}

var errUnknown = fmt.Errorf("%w: simulated", state.ErrUnknown)
var errAway = errors.New("the store is away")

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
