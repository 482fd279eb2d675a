package master

import (
	"fmt"
	"slices"
	"time"

	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/record"
)

// storeModel is the linearizable store with the guards of state.Jobs. Every operation is applied
// at one moment, or not, or late; its answer may get lost (state.ErrUnknown).
type storeModel struct {
	epoch int64
	jobs  map[string]*jobRow
	list  []*jobRow
}

type jobRow struct {
	row       state.Job
	spec      *jobSpec
	pipes     map[int]*pipeRow
	failing   time.Duration          // since when it fails
	failed    map[int]map[int64]bool // attempts with a failure of their own, by pipeline
	settled   map[int]bool           // pipelines whose settling has failed
	saved     bool                   // the save mode's row
	submitted bool                   // acknowledged to the user
	wrote     bool                   // a reader has written
	version   int                    // of what the master writes
}

type pipeRow struct {
	row   state.Pipeline
	place Placement
	names []string
	ran   bool        // the attempt was RUNNING before it ended
	falls state.Falls // all of the run: it is shorter than a window of retries
	rows  []*checkpointRow
}

type checkpointRow struct {
	id      int64
	kind    record.BarrierKind
	attempt int64
	status  state.CheckpointStatus
	blob    blobName
	acked   bool
	gone    bool // deleted by retention
}

// jobSpec is what the user submitted.
type jobSpec struct {
	shape    *Shape
	kinds    map[int]sinkKind
	interval time.Duration
}

func newStoreModel() *storeModel { return &storeModel{jobs: map[string]*jobRow{}} }

func (s *storeModel) ended() bool {
	for _, j := range s.list {
		if !j.row.Status.Ended() {
			return false
		}
	}
	return true
}

// change is a write of a master to a job: one that takes effect late is refused when the rows
// have changed since, which is what the guards of state.Jobs compare.
func (w *world) change(r *simReign, job string, apply func() error, done func(error)) {
	j := w.store.jobs[job]
	read := j.version
	w.write(r.n, r.epoch, func() error {
		if j.version != read && w.mutant != mutantBlindRetry {
			return state.ErrMoved
		}
		err := apply()
		if err == nil {
			j.version++
		}
		return err
	}, done)
}

// write sends a change. epoch is the master's, 0 for a worker, whose changes are forwarded to
// whoever leads and not fenced by it.
func (w *world) write(n *simNode, epoch int64, apply func() error, done func(error)) {
	w.stats.writes++
	if epoch == 0 {
		w.stats.checkpointWrites++ // nearly all that workers write
	}
	there := w.between(time.Millisecond, 15*time.Millisecond)
	back := w.between(time.Millisecond, 15*time.Millisecond)
	unknown, late := w.chance(30), w.random.IntN(3)
	guarded := func() error {
		if epoch != 0 && epoch != w.store.epoch && w.mutant != mutantDeposedWrites {
			return state.ErrDeposed
		}
		return apply()
	}
	w.after(there, func() {
		if !w.reachesStore(n, epoch) {
			w.on(n, back+w.between(0, time.Second), func() { done(errAway) })
			return
		}
		if !unknown {
			err := guarded()
			w.on(n, back, func() { done(err) })
			return
		}
		switch late {
		case 0: // never
		case 1:
			_ = guarded()
		case 2:
			w.after(w.between(20*time.Millisecond, 3*time.Second), func() {
				if w.raft.leader >= 0 || w.mutant == mutantBlindRetry {
					_ = guarded()
				}
			})
		}
		w.on(n, w.between(50*time.Millisecond, 500*time.Millisecond), func() { done(errUnknown) })
	})
}

// reachesStore says whether an operation of n gets through to the present leader.
func (w *world) reachesStore(n *simNode, epoch int64) bool {
	if epoch != 0 && w.mutant == mutantDeposedWrites {
		return true
	}
	if w.raft.leader < 0 {
		return false
	}
	l := w.nodes[w.raft.leader]
	if epoch != 0 && l != n {
		return false
	}
	return w.canLead(l) && w.connected(n, l) && w.connected(l, n)
}

// read looks at the rows at one moment.
func (w *world) read(n *simNode, epoch int64, look func(), done func(error)) {
	back := w.between(time.Millisecond, 12*time.Millisecond)
	w.after(w.between(time.Millisecond, 12*time.Millisecond), func() {
		if !w.reachesStore(n, epoch) {
			w.on(n, back+w.between(0, 500*time.Millisecond), func() { done(errAway) })
			return
		}
		look()
		w.on(n, back, func() { done(nil) })
	})
}

func (s *storeModel) takeEpoch() int64 {
	s.epoch++
	return s.epoch
}

func (w *world) submit(i int) {
	spec := &jobSpec{shape: &Shape{RetryTimes: 1000, RetryWaitMS: 100 + int64(w.random.IntN(300))}, kinds: map[int]sinkKind{}}
	if w.random.IntN(4) > 0 {
		spec.interval = w.between(200*time.Millisecond, 900*time.Millisecond)
	}
	switch {
	case w.calm:
		spec.shape.RetryTimes = 0
	case w.seed%8 == 5:
		spec.shape.RetryTimes = int64(w.random.IntN(3))
	}
	for p := range 1 + w.random.IntN(2) {
		shape := PipelineShape{ID: p + 1, Parallelism: simSubtasks, Committers: w.random.IntN(2)}
		if p == 0 && w.random.IntN(4) == 0 {
			shape.NodeBound = "LocalFile"
		}
		spec.shape.Pipelines = append(spec.shape.Pipelines, shape)
		spec.kinds[p+1] = sinkKind(w.random.IntN(2))
	}
	j := &jobRow{row: state.Job{ID: fmt.Sprintf("job%d", i), Status: state.Initializing, Desired: state.WantRun, RunNo: 1, RunID: fmt.Sprintf("run%d", i)}, spec: spec, pipes: map[int]*pipeRow{}, failed: map[int]map[int64]bool{}, settled: map[int]bool{}}
	var try func()
	try = func() {
		if w.raft.leader < 0 { // not acknowledged: the user asks again
			w.after(100*time.Millisecond, try)
			return
		}
		w.waiting--
		w.store.jobs[j.row.ID] = j
		w.store.list = append(w.store.list, j)
		j.submitted = true
		w.note("%s is submitted: %d pipelines, interval %v", j.row.ID, len(spec.shape.Pipelines), spec.interval)
	}
	try()
	if w.random.IntN(3) == 0 {
		want := []state.Desired{state.WantCancel, state.WantSavepoint, state.WantStop}[w.random.IntN(3)]
		w.after(w.between(0, 10*time.Second), func() { w.desire(j, want) })
	}
}

func (w *world) desire(j *jobRow, want state.Desired) {
	if j.submitted && !j.row.Status.Ended() && state.CanWant(j.row.Desired, want) {
		w.note("%s: the user wants %s", j.row.ID, want)
		j.row.Desired = want
	}
}

// restart is `-r` of a job that ended with a savepoint.
func (w *world) restart(j *jobRow) {
	w.note("%s is restarted from its savepoint", j.row.ID)
	j.row.Status, j.row.Desired, j.row.Shape, j.row.Error = state.Initializing, state.WantRun, "", ""
	j.row.RunNo++
	j.failed, j.settled = map[int]map[int64]bool{}, map[int]bool{}
	j.version++
	j.row.RestoredFrom = "savepoint"
}

func (w *world) move(id string, m state.Move) error {
	j := w.store.jobs[id]
	if !state.CanMove(j.row.Status, m.To) || m.From != nil && !slices.Contains(m.From, j.row.Status) {
		return state.ErrMoved
	}
	if m.To.Ended() {
		w.judgeEnd(j, m.To)
		if m.To != state.Failed {
			for _, p := range j.pipes {
				for _, c := range p.rows {
					if c.status == state.CheckpointCompleted && !c.acked && !c.gone {
						return state.ErrUnacknowledged
					}
				}
			}
		}
		for _, p := range j.pipes {
			p.abort()
		}
	}
	if m.To == state.Failing {
		j.failing = w.now
	}
	w.note("%s: %s -> %s %s", id, j.row.Status, m.To, m.Error)
	j.row.Status, j.row.Allowed = m.To, m.Allowed
	if j.row.Error == "" {
		j.row.Error = m.Error
	}
	if m.Shape != "" {
		j.row.Shape = m.Shape
	}
	if m.To == state.SavepointDone && w.random.IntN(2) == 0 {
		w.waiting++
		w.after(w.between(0, time.Second), func() { w.waiting--; w.restart(j) })
	}
	return nil
}

func (p *pipeRow) abort() {
	for _, c := range p.rows {
		if c.status == state.CheckpointPending {
			c.status = state.CheckpointAborted
		}
	}
}

func (w *world) placeAttempt(id string, pipeline int, place Placement) error {
	j := w.store.jobs[id]
	if j.row.Status.Ended() {
		return state.ErrMoved
	}
	p := j.pipes[pipeline]
	if p == nil {
		p = &pipeRow{}
		j.pipes[pipeline] = p
	}
	old := p.row
	p.row = state.Pipeline{JobID: id, ID: int64(pipeline), RunNo: j.row.RunNo, Status: state.PipelineCreated, Attempt: old.Attempt + 1, LastCheckpoint: old.LastCheckpoint}
	if old.Attempt > 0 && old.RunNo == j.row.RunNo {
		p.row.Restores = old.Restores + 1
		w.stats.restarts++
	}
	if _, settle := place["settle"]; w.calm && !settle && p.row.Restores > 0 && p.falls.Last != state.FallMoved {
		w.fail("P4: a change of the master alone restarted pipeline %d of %s: %s", pipeline, id, old.Error)
	}
	if p.falls.Last == state.FallMoved {
		w.stats.moves++
	}
	if old.RunNo != p.row.RunNo {
		p.falls = state.Falls{}
	}
	p.place, p.names = place, sortedKeys(place)
	p.abort()
	w.note("%s/%d: attempt %d at %v", id, pipeline, p.row.Attempt, place)
	return nil
}

func (w *world) savePipeline(s state.Pipeline, fall state.Fall) error {
	p := w.store.jobs[s.JobID].pipes[int(s.ID)]
	switch {
	case p == nil || p.row.Attempt != s.Attempt:
		return state.ErrMoved
	case p.row.Status == s.Status && p.row.Error == s.Error:
		return nil
	case p.row.Status.Ended():
		return state.ErrMoved
	}
	w.note("%s/%d attempt %d: %s -> %s %s %s", s.JobID, s.ID, s.Attempt, p.row.Status, s.Status, s.Error, fall)
	p.ran = p.row.Status == state.PipelineRunning
	p.row.Status, p.row.Error, p.row.Permanent, p.row.FinalKind, p.row.Allowed = s.Status, s.Error, s.Permanent, s.FinalKind, s.Allowed
	p.falls.Last = fall
	switch fall {
	case state.FallFailure:
		p.falls.Failures++
	case state.FallOffline:
		p.falls.Offline++
	case state.FallMoved:
		p.falls.Moved++
	}
	return nil
}

// Checkpoint rows.

func (w *world) beginCheckpoint(id string, pipeline int, attempt int64, kind record.BarrierKind, acknowledged int64) (int64, error) {
	j := w.store.jobs[id]
	p := j.pipes[pipeline]
	if j.row.Status.Ended() || p.row.Attempt != attempt {
		return 0, state.ErrMoved
	}
	if w.mutant != mutantNumberReused || len(p.rows) == 0 || p.rows[len(p.rows)-1].status != state.CheckpointAborted {
		p.row.LastCheckpoint++
	}
	for _, c := range p.rows {
		if c.id == p.row.LastCheckpoint && !c.gone {
			w.fail("checkpoint number %d of %s/%d is given out twice", c.id, id, pipeline)
		}
	}
	p.rows = append(p.rows, &checkpointRow{id: p.row.LastCheckpoint, kind: kind, attempt: attempt, status: state.CheckpointPending})
	w.stats.checkpoints++
	p.acknowledge(acknowledged)
	return p.row.LastCheckpoint, nil
}

func (p *pipeRow) find(id int64) *checkpointRow {
	for _, c := range p.rows {
		if c.id == id && !c.gone {
			return c
		}
	}
	return nil
}

func (w *world) completeCheckpoint(id string, pipeline int, n int64, blob blobName) error {
	p := w.store.jobs[id].pipes[pipeline]
	c := p.find(n)
	if w.mutant == mutantBlindRetry && c != nil && c.status != state.CheckpointCompleted {
		c.status, c.blob = state.CheckpointCompleted, blob
		w.after(0, func() { w.checkCompleted(id, pipeline, c) })
		return nil
	}
	switch {
	case c == nil:
		return state.ErrNotFound
	case c.status == state.CheckpointCompleted && c.blob == blob:
		return nil
	case c.status != state.CheckpointPending || c.attempt != p.row.Attempt:
		return state.ErrMoved
	case w.mutant != mutantLateRecord && p.latest() != nil && p.latest().id > n:
		return state.ErrMoved
	}
	c.status, c.blob = state.CheckpointCompleted, blob
	w.note("%s/%d: checkpoint %d is recorded (%s)", id, pipeline, n, c.kind)
	w.checkCompleted(id, pipeline, c)
	return nil
}

func (w *world) checkCompleted(id string, pipeline int, c *checkpointRow) {
	p := w.store.jobs[id].pipes[pipeline]
	if _, ok := w.blobs[c.blob]; !ok {
		w.fail("checkpoint %d of %s/%d is recorded without its manifest", c.id, id, pipeline)
	}
	if c.attempt != p.row.Attempt {
		w.fail("P3: checkpoint %d of attempt %d of %s/%d is recorded in attempt %d", c.id, c.attempt, id, pipeline, p.row.Attempt)
	}
}

func (w *world) abortCheckpoint(id string, pipeline int, n int64) error {
	c := w.store.jobs[id].pipes[pipeline].find(n)
	if c == nil || c.status == state.CheckpointCompleted {
		return state.ErrMoved
	}
	c.status = state.CheckpointAborted
	return nil
}

func (w *world) acknowledge(id string, pipeline int, n int64) error {
	p := w.store.jobs[id].pipes[pipeline]
	c := p.find(n)
	if c == nil || c.status != state.CheckpointCompleted {
		return state.ErrMoved
	}
	p.acknowledge(n)
	return nil
}

func (p *pipeRow) acknowledge(n int64) {
	for _, o := range p.rows {
		if o.id <= n && o.status == state.CheckpointCompleted {
			o.acked = true
		}
	}
}

// newest is the completed row with the highest number, or nil.
func (p *pipeRow) latest() *checkpointRow {
	for _, c := range slices.Backward(p.rows) {
		if c.status == state.CheckpointCompleted && !c.gone {
			return c
		}
	}
	return nil
}

// prune keeps the newest completed checkpoint up to n.
func (w *world) prune(id string, pipeline int, n int64) {
	p := w.store.jobs[id].pipes[pipeline]
	kept := false
	for _, c := range slices.Backward(p.rows) {
		if c.id > n || c.gone || c.status == state.CheckpointPending || c.kind == record.Savepoint {
			continue
		}
		if c.status == state.CheckpointCompleted && !kept {
			kept = true
			continue
		}
		delete(w.blobs, c.blob)
		c.gone = true
	}
}

type blobName struct {
	job        string
	pipeline   int
	checkpoint int64
	attempt    int64
}

// putManifest stores a manifest; nothing is ever written over.
func (w *world) putManifest(name blobName, m *checkpoint.Manifest) {
	if _, there := w.blobs[name]; there {
		w.fail("manifest %v is written over", name)
	}
	w.blobs[name] = m
}
