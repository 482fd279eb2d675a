package master

import (
	"strconv"

	"seikan/engine/checkpoint"
)

type sinkKind int

const (
	stagedSink sinkKind = iota // files: renamed at commit
	ledgerSink                 // SQL: the position in the same transaction
)

const simSplits = 3

type sinkKey struct {
	job      string
	pipeline int
}

// sinkModel is the target of a pipeline. What it is asked takes effect when it comes in, whoever
// sent it and however long ago.
type sinkModel struct {
	w         *world
	key       sinkKey
	kind      sinkKind
	visible   [simSplits][simRows]int
	staged    map[string]stagedWork
	committed map[string]bool
	bound     bool  // staged work is seen on its own node only
	recovered int64 // highest attempt that has cleared up
	copies    map[string][]rowID
	ledger    [simSplits]ledgerRow
}

type stagedWork struct {
	attempt int64
	node    string
	rows    []rowID
}

type rowID struct{ split, row int }

type ledgerRow struct {
	attempt  int64
	position int
}

func (w *world) sink(job string, pipeline int) *sinkModel {
	key := sinkKey{job, pipeline}
	s := w.sinks[key]
	if s == nil {
		s = &sinkModel{w: w, key: key, kind: w.store.jobs[job].spec.kinds[pipeline], staged: map[string]stagedWork{}, committed: map[string]bool{}, copies: map[string][]rowID{}}
		s.bound = w.store.jobs[job].spec.shape.Pipelines[pipeline-1].NodeBound != ""
		w.sinks[key] = s
	}
	return s
}

func (s *sinkModel) show(r rowID) {
	s.visible[r.split][r.row]++
	if n := s.visible[r.split][r.row]; n > 1 {
		s.w.fail("P2: row %d of split %d of %v is visible %d times", r.row, r.split, s.key, n)
	}
	s.w.store.jobs[s.key.job].wrote = true
}

// commit renames one piece of prepared work; what is renamed already counts as done.
func (s *sinkModel) commit(name string, by int64, node string) {
	work, there := s.staged[name]
	switch {
	case there && s.bound && work.node != node:
		s.w.fail("P2: %s of %v lies on %s and is committed on %s", name, s.key, work.node, node)
	case there:
		s.w.note("%v: attempt %d commits %s", s.key, by, name)
		delete(s.staged, name)
		s.committed[name] = true
		for _, r := range work.rows {
			s.show(r)
		}
		if s.w.mutant == mutantLateRename {
			s.copies[name] = work.rows
		}
	case !s.committed[name]:
		s.w.fail("P2: commit by attempt %d of %s of %v, which is gone: its rows are lost", by, name, s.key)
	case s.w.mutant == mutantLateRename && by < s.recovered:
		for _, r := range s.copies[name] {
			s.show(r)
		}
	}
}

// recover removes what earlier attempts left and pending does not name. The attempt's own
// number bounds it: one that clears up late must not touch the work of those after it.
func (s *sinkModel) recover(by int64, pending []checkpoint.Commit) {
	keep := map[string]bool{}
	for _, c := range pending {
		keep[string(c.State.Data)] = true
	}
	s.recovered = max(s.recovered, by)
	for _, name := range sortedKeys(s.staged) {
		if (s.staged[name].attempt < by || s.w.mutant == mutantLateRecover && s.staged[name].attempt != by) && !keep[name] {
			delete(s.staged, name)
		}
	}
}

// take makes an attempt the owner of a split's ledger row and gives the position; it is refused
// when a later one has it.
func (s *sinkModel) take(split int, by int64) (at int, ok bool) {
	l := &s.ledger[split]
	if l.attempt > by {
		return 0, false
	}
	if s.w.mutant != mutantNoFence {
		l.attempt = by
	}
	return l.position, true
}

// transact writes rows up to a position; it is refused to all but the owner.
func (s *sinkModel) transact(split int, by int64, from, to int) (ok bool) {
	l := &s.ledger[split]
	if l.attempt != by && s.w.mutant != mutantNoFence {
		return false
	}
	for r := from; r < to; r++ {
		s.show(rowID{split, r})
	}
	l.position = max(l.position, to)
	return true
}

// holds says whether the sink durably has a split's rows up to a position, and no more if exact.
func (s *sinkModel) holds(split, to int) bool {
	for r := range to {
		if s.visible[split][r] != 1 {
			return false
		}
	}
	return true
}

// judgeManifest checks that the sink has all that a restore from m passes over (P2).
func (s *sinkModel) judgeManifest(m *checkpoint.Manifest, when string) {
	left := map[int]int{}
	for _, split := range m.Enumeration.Splits {
		n, _ := strconv.Atoi(split.ID)
		left[n] = int(split.At.Rows)
	}
	for i := range simSplits {
		to, unread := left[i]
		if !unread {
			to = simRows
		}
		if !s.holds(i, to) {
			s.w.fail("P2: %s from checkpoint %d of %v is ahead of the sink in split %d: %v", when, m.Checkpoint, s.key, i, s.visible[i][:to])
		}
	}
}
