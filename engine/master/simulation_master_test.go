package master

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// simReign is what a master knows beyond the rows, as reign is.
type simReign struct {
	n        *simNode
	epoch    int64
	began    time.Duration
	over     bool
	busy     bool
	poked    bool
	number   uint64 // of orders
	sessions uint64
	peers    map[string]*simPeer
	plans    map[string]*planning
	unsure   unsures
	since    map[sinkKey]seen
	jobs     map[string]seenJob
	orders   map[Seat][]rpc.TaskSpec
	decided  map[string]bool // nodes known at the last decision
}

type seenJob struct {
	status state.Status
	run    int64
	at     time.Duration
}

type heardOf struct {
	session *simSession
	seq     uint64
}

type simPeer struct {
	fact      NodeFact
	session   *simSession
	number    uint64            // of session
	hello     *simSession       // has not heard of this master yet
	first     map[string]uint64 // session of each incarnation in which it was first seen
	proven    uint64            // the last first of those that have heard of this master
	seq       uint64            // newest report
	confirmed uint64            // newest before the mastership was last proved
}

func (n *simNode) beginReign() {
	w := n.w
	if w.raft.leader != n.index || n.reign != nil && !n.reign.over {
		return
	}
	r := &simReign{n: n, peers: map[string]*simPeer{}, plans: map[string]*planning{}, unsure: unsures{}, since: map[sinkKey]seen{}, jobs: map[string]seenJob{}}
	before := w.store.epoch
	w.write(n, 0, func() error {
		if w.raft.leader != n.index || w.store.epoch != before {
			return errAway
		}
		r.epoch = w.store.takeEpoch()
		return nil
	}, func(err error) {
		if err != nil {
			if w.raft.leader == n.index {
				w.on(n, 50*time.Millisecond, n.beginReign)
			}
			return
		}
		w.stats.reigns++
		w.note("%s reigns in epoch %d", n.id, r.epoch)
		r.began = n.clock()
		n.reign = r
		r.look()
		r.prove()
	})
}

func (r *simReign) now() time.Duration { return r.n.clock() - r.began }

func (r *simReign) look() {
	if r.ended() {
		return
	}
	r.step()
	r.n.w.on(r.n, r.n.real(simLook), r.look)
}

func (r *simReign) ended() bool {
	if r.over && r.n.reign == r {
		r.n.reign = nil
		if r.n.w.raft.leader == r.n.index { // elected again meanwhile
			r.n.beginReign()
		}
	}
	return r.over || r.n.reign != r
}

func (r *simReign) poke() {
	if r.busy {
		r.poked = true
		return
	}
	r.step()
}

// step is reign.step: read, publish orders, decide, act.
func (r *simReign) step() {
	if r.busy || r.ended() {
		return
	}
	r.busy, r.poked = true, false
	var jobs []JobFact
	w := r.n.w
	w.read(r.n, r.epoch, func() {
		if w.store.epoch == r.epoch || w.mutant == mutantDeposedWrites {
			jobs = r.rows()
		}
	}, func(err error) {
		if r.ended() {
			return
		}
		if err == nil && jobs == nil { // another epoch has been taken
			r.over = true
			r.ended()
			return
		}
		if err != nil {
			r.busy = false
			return
		}
		f := r.facts(jobs)
		r.number++
		before := r.orders
		r.orders, r.decided = Orders(f), map[string]bool{}
		for _, id := range sortedKeys(r.peers) {
			p := r.peers[id]
			r.decided[id] = p.session != nil
			if p.hello != nil {
				r.order(p.hello, 0)
				p.hello = nil
			}
			if p.session == nil {
				continue
			}
			seat := Seat{id, p.fact.Info.Incarnation}
			if before == nil || !slices.Equal(before[seat], r.orders[seat]) {
				r.order(p.session, p.confirmed)
			}
		}
		actions := Decide(f)
		if w.mutant == mutantAbruptMove {
			actions = append(r.abrupt(f), actions...)
		}
		r.act(actions)
	})
}

// prove is reign.prove: leases are renewed by what was heard before the epoch was read.
func (r *simReign) prove() {
	if !r.ended() {
		r.confirm()
		r.n.w.on(r.n, r.n.real(simLook), r.prove)
	}
}

func (r *simReign) confirm() {
	heard := map[string]heardOf{}
	for id, p := range r.peers {
		heard[id] = heardOf{p.session, p.seq}
	}
	w, master := r.n.w, false
	w.read(r.n, r.epoch, func() { master = w.store.epoch == r.epoch || w.mutant == mutantDeposedWrites }, func(err error) {
		if err != nil || r.ended() {
			return
		}
		if !master {
			r.over = true
			r.ended()
			return
		}
		for _, id := range sortedKeys(r.peers) {
			p := r.peers[id]
			if h := heard[id]; p.session != nil && h.session == p.session && h.seq > p.confirmed {
				p.confirmed = h.seq
				if r.orders != nil {
					r.order(p.session, p.confirmed)
				}
			}
		}
	})
}

// rows reads what is live, oldest submit first; it is never nil.
func (r *simReign) rows() []JobFact {
	out := []JobFact{}
	for _, j := range r.n.w.store.list {
		if j.row.Status.Ended() {
			continue
		}
		f := JobFact{Job: j.row, Pipelines: map[int]PipelineFact{}}
		if j.row.Shape != "" {
			f.Shape = j.spec.shape
		}
		for id, p := range j.pipes {
			if p.row.RunNo == j.row.RunNo {
				f.Pipelines[id] = PipelineFact{Row: p.row, Placement: p.place, Names: p.names, Falls: p.falls}
			}
		}
		out = append(out, f)
	}
	return out
}

func (r *simReign) facts(jobs []JobFact) Facts {
	w := r.n.w
	f := Facts{Now: r.now(), Lease: w.lease, Wait: true, Nodes: map[string]NodeFact{}, Jobs: jobs}
	if w.mutant == mutantNoLeaseWait {
		f.Lease = w.lease / 4
	}
	for id, p := range r.peers {
		if p.session != nil {
			f.Nodes[id] = p.fact
		}
	}
	for i, j := range jobs {
		s, ok := r.jobs[j.Job.ID]
		if !ok || s.status != j.Job.Status || s.run != j.Job.RunNo {
			s = seenJob{j.Job.Status, j.Job.RunNo, f.Now}
			r.jobs[j.Job.ID] = s
		}
		jobs[i].Since = s.at
		jobs[i].Unsure = r.unsure.of(j, f.Now)
		for id, p := range j.Pipelines {
			key := sinkKey{j.Job.ID, id}
			s, ok := r.since[key]
			if !ok || s.status != p.Row.Status || s.attempt != p.Row.Attempt {
				s = seen{status: p.Row.Status, attempt: p.Row.Attempt, at: f.Now, order: r.number + 1}
				r.since[key] = s
			}
			p.Since, p.SinceOrder = s.at, s.order
			if w.mutant == mutantOrderUnacknowledged {
				p.SinceOrder = 0
			}
			if w.mutant == mutantOldAttempt {
				r.adopt(f, &p)
			}
			j.Pipelines[id] = p
			if w.mutant == mutantNotGone {
				r.blind(f, p)
			}
		}
		if p := r.plans[j.Job.ID]; p != nil {
			jobs[i].Planning = !p.done
			if jobs[i].Shape == nil {
				jobs[i].Shape = p.shape
			}
		}
	}
	return f
}

// adopt is a mutant: an attempt that is reported as running counts as the present one.
func (r *simReign) adopt(f Facts, p *PipelineFact) {
	for _, id := range sortedKeys(f.Nodes) {
		for key, t := range f.Nodes[id].Tasks {
			if key.JobID == p.Row.JobID && int64(key.Pipeline) == p.Row.ID && key.Attempt < p.Row.Attempt && !t.State.Ended() {
				p.Row.Attempt = key.Attempt
			}
		}
	}
}

// blind is a mutant: a failed attempt counts as gone at once.
func (r *simReign) blind(f Facts, p PipelineFact) {
	if p.Row.Status != state.PipelineFailed {
		return
	}
	for id, n := range f.Nodes {
		tasks := maps.Clone(n.Tasks)
		maps.DeleteFunc(tasks, func(k rpc.TaskKey, _ rpc.TaskReport) bool {
			return k.JobID == p.Row.JobID && int64(k.Pipeline) == p.Row.ID
		})
		n.Tasks, n.Obeyed, n.Heard = tasks, 1<<60, f.Now
		f.Nodes[id] = n
	}
}

// act carries out the actions, one after the other for each job.
func (r *simReign) act(actions []Action) {
	byJob := map[string][]Action{}
	for _, a := range actions {
		a = r.mutate(a)
		if h, ok := a.(Hold); ok {
			r.n.w.note("%s holds %s: %s", r.n.id, h.JobID, h.Reason)
			continue
		}
		byJob[jobOf(a)] = append(byJob[jobOf(a)], a)
	}
	left, failed := len(byJob), false
	if left == 0 {
		r.busy = false
		if r.poked {
			r.step()
		}
		return
	}
	finish := func(err error) {
		failed = failed || err != nil
		if left--; left > 0 || r.ended() {
			return
		}
		r.busy = false
		if !failed {
			r.step()
		}
	}
	waiting := sortedKeys(byJob)
	var more func()
	more = func() {
		if len(waiting) == 0 {
			return
		}
		id := waiting[0]
		waiting = waiting[1:]
		r.next(byJob[id], func(err error) {
			finish(err)
			more()
		})
	}
	for range 16 { // as many at once as reign.step allows
		more()
	}
}

// mutate is where mutants of decisions are.
func (r *simReign) mutate(a Action) Action {
	w := r.n.w
	switch a := a.(type) {
	case Save:
		if w.mutant == mutantOfflineCounts && a.Fall == state.FallOffline {
			a.Fall = state.FallFailure
		}
		return a
	case Begin:
		if _, settle := a.Placement[string(rpc.Settle)]; settle && w.mutant == mutantFailedUnsettled && w.store.jobs[a.JobID].row.Status == state.Failing {
			return End{JobID: a.JobID, Status: state.Failed}
		}
	}
	return a
}

// abrupt is a mutant: a pipeline leaves a drained node at once.
func (r *simReign) abrupt(f Facts) (out []Action) {
	for _, j := range f.Jobs {
		for _, id := range sortedKeys(j.Pipelines) {
			p := j.Pipelines[id]
			if _, drained := (&decider{Facts: f}).draining(p); drained && p.Row.Status == state.PipelineRunning {
				p.Row.Status = state.PipelineCanceled
				out = append(out, Save{p.Row, state.FallMoved})
			}
		}
	}
	return out
}

func (r *simReign) next(actions []Action, finish func(error)) {
	if len(actions) == 0 {
		finish(nil)
		return
	}
	r.carryOut(actions[0], func(err error) {
		switch {
		case errors.Is(err, state.ErrDeposed):
			r.over = true
			r.ended()
		case err != nil && !errors.Is(err, state.ErrMoved):
			finish(err)
		default:
			r.next(actions[1:], finish)
		}
	})
}

func (r *simReign) carryOut(a Action, done func(error)) {
	w, n := r.n.w, r.n
	switch a := a.(type) {
	case Plan:
		p := &planning{}
		r.plans[a.JobID] = p
		if w.chance(300) {
			w.note("the plan of %s hangs", a.JobID)
			w.hung[a.JobID] = true
			done(nil)
			return
		}
		w.on(n, w.between(5*time.Millisecond, 200*time.Millisecond), func() {
			p.done, p.shape = true, w.store.jobs[a.JobID].spec.shape
			r.poke()
		})
		done(nil)
	case Move:
		w.change(r, a.JobID, func() error { return w.move(a.JobID, a.Move) }, done)
	case Begin:
		w.change(r, a.JobID, func() error { return w.placeAttempt(a.JobID, a.Pipeline, a.Placement) }, func(err error) {
			r.unsure.note(a, err, r.now())
			done(err)
		})
	case Save:
		w.change(r, a.Pipeline.JobID, func() error { return w.savePipeline(a.Pipeline, a.Fall) }, done)
	case End:
		w.change(r, a.JobID, func() error {
			err := w.move(a.JobID, state.Move{To: a.Status, Error: a.Error})
			if a.Forced && errors.Is(err, state.ErrUnacknowledged) {
				err = w.move(a.JobID, forced(err))
			}
			return err
		}, done)
	default:
		w.fail("unknown action %T", a)
	}
}

// hear is reign.enter and reign.heard.
func (n *simNode) hear(s *simSession, report *rpc.Report) {
	r := n.reign
	if r == nil || r.ended() {
		s.lost()
		return
	}
	if s.reign != nil && s.reign != r { // it ended with its reign
		s.lost()
		return
	}
	id, incarnation := report.Node.ID, report.Node.Incarnation
	p := r.peers[id]
	if p == nil {
		p = &simPeer{first: map[string]uint64{}}
		r.peers[id] = p
	}
	if s.reign == nil {
		r.sessions++
		s.reign, s.number, s.incarnation = r, r.sessions, incarnation
		if p.first[incarnation] == 0 {
			p.first[incarnation] = r.sessions
		}
	}
	late := n.w.mutant == mutantPastIncarnation
	if p.first[incarnation] < p.proven && !late || s.number < p.number { // a late word of a process that is no more
		s.lost()
		return
	}
	if !late && report.Epoch != r.epoch { // it counts when it has heard of this master
		p.hello = s
		if r.orders != nil {
			r.order(p.hello, 0)
		}
		return
	}
	entered := false
	if p.session != s {
		p.proven = max(p.proven, p.first[incarnation])
		p.session, p.number, p.confirmed, entered = s, s.number, 0, true
	}
	fact, changed := p.fact.next(report, r.now())
	p.fact = fact
	p.seq = report.Seq
	if n.w.mutant == mutantUnconfirmed && r.orders != nil {
		r.order(s, p.seq)
	}
	if entered {
		r.confirm()
	}
	if changed || entered {
		r.poke()
	}
}

// order sends a worker all that it shall run.
func (r *simReign) order(s *simSession, confirmed uint64) {
	w, id := r.n.w, s.worker.n.id
	o := &rpc.Order{Epoch: r.epoch, Number: r.number, Seq: confirmed, Lease: w.lease.Milliseconds(), Tasks: r.orders[Seat{id, s.incarnation}]}
	if w.mutant == mutantUnknownNode && !r.decided[id] {
		o.Tasks = nil
	}
	if w.mutant == mutantAnyIncarnation {
		for seat, tasks := range r.orders {
			if seat.Node == id && seat.Incarnation != s.incarnation {
				o.Tasks = append(slices.Clip(o.Tasks), tasks...)
			}
		}
	}
	at := max(s.toWorker, w.now+w.delay())
	s.toWorker = at
	deliver := func() {
		to := s.worker.n
		if s.broken {
			return
		}
		if !to.alive || !w.connected(r.n, to) {
			s.lost()
			return
		}
		w.on(to, 0, func() { s.worker.take(s, o) })
	}
	w.after(at-w.now, deliver)
	if w.chance(60) { // the same once more, late
		w.after(at-w.now+w.between(0, simLease), deliver)
	}
}

func keysOf[V any](m map[rpc.TaskKey]V) iter.Seq[rpc.TaskKey] { return maps.Keys(m) }
