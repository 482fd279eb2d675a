package plugintest

import (
	"fmt"
	"slices"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// SinkCase is a sink and a way to see what it holds.
type SinkCase struct {
	// New makes a sink for Schema() over the target of this test; called again it is a new
	// process over the same target.
	New func(t *testing.T) plugin.Sink
	// Names returns the second column of every row in the target.
	Names     func(t *testing.T) []string
	Guarantee plugin.Guarantee
}

// Sink runs the suite for sinks. Each part has a target of its own, by t's name.
func Sink(t *testing.T, c func(t *testing.T) SinkCase) {
	t.Run("RowsArriveOnceAfterTheFinalBarrier", func(t *testing.T) { arrive(t, c(t)) })
	t.Run("ABarrierWithoutRowsIsFine", func(t *testing.T) { empty(t, c(t)) })
	t.Run("CommitMayBeRepeated", func(t *testing.T) { repeat(t, c(t)) })
	t.Run("SeveralCheckpointsAddUp", func(t *testing.T) { several(t, c(t)) })
	if g := c(t).Guarantee; g == plugin.Staged {
		t.Run("NothingShowsBeforeCommit", func(t *testing.T) { hidden(t, c(t)) })
		t.Run("PreparedWorkSurvivesACrash", func(t *testing.T) { recovered(t, c(t)) })
		t.Run("UnpreparedWorkIsClearedAway", func(t *testing.T) { cleared(t, c(t)) })
		t.Run("ALateCommitOfAnOldAttemptHasNoEffect", func(t *testing.T) { late(t, c(t)) })
	}
	if g := c(t).Guarantee; g == plugin.Ledger {
		t.Run("TheLedgerTellsWhereToGoOn", func(t *testing.T) { ledger(t, c(t)) })
		t.Run("AnOlderAttemptIsFenced", func(t *testing.T) { fenced(t, c(t)) })
	}
}

const split = "conformance-split"

var (
	timed = record.Barrier{Checkpoint: 1, Kind: record.Checkpoint}
	last  = record.Barrier{Checkpoint: 2, Kind: record.CompletedPoint}
)

// run is one attempt on a sink.
type run struct {
	t         *testing.T
	task      plugin.Task
	writer    plugin.Writer
	committer plugin.Committer
}

// begin starts an attempt: prepare the table at the first, recover, open a writer.
func begin(t *testing.T, c SinkCase, attempt int64, pending []plugin.State, states ...plugin.State) *run {
	t.Helper()
	r := &run{t: t, task: Task(t, attempt)}
	s := c.New(t)
	if p, ok := s.(plugin.TablePreparer); ok && attempt == 1 {
		r.must("prepare the table", p.PrepareTable(t.Context(), r.task))
	}
	var err error
	r.committer, err = s.Committer(t.Context(), r.task)
	r.must("committer", err)
	if r.committer != nil {
		r.must("recover", r.committer.Recover(t.Context(), pending))
	}
	r.writer, err = s.Writer(t.Context(), r.task, states)
	r.must("writer", err)
	if k, ok := r.writer.(plugin.Resumer); ok {
		_, _, err := k.Resume(t.Context(), split)
		r.must("resume", err)
	}
	return r
}

func (r *run) must(what string, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
}

func (r *run) write(from, to int64) {
	r.t.Helper()
	b := Batch(Schema(), split, from, to)
	defer b.Release()
	r.must("write", r.writer.Write(r.t.Context(), b))
}

func (r *run) prepare(b record.Barrier) plugin.Prepared {
	r.t.Helper()
	p, err := r.writer.Prepare(r.t.Context(), b)
	r.must("prepare", err)
	return p
}

func (r *run) commit(states []plugin.State) {
	r.t.Helper()
	if r.committer != nil {
		r.must("commit", r.committer.Commit(r.t.Context(), states))
	}
}

func (r *run) close() {
	r.t.Helper()
	r.must("close writer", r.writer.Close())
	if r.committer != nil {
		r.must("close committer", r.committer.Close())
	}
}

func expect(t *testing.T, c SinkCase, n int) {
	t.Helper()
	got := c.Names(t)
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("name %d", i+1)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("the target has %d rows %.200v, want %d", len(got), got, n)
	}
}

func arrive(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 10)
	r.write(10, 11)
	r.must("progress", r.writer.Write(t.Context(), End(Schema(), split, 11)))
	r.commit(r.prepare(last).Commits)
	r.close()
	expect(t, c, 11)
}

func empty(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.commit(r.prepare(timed).Commits)
	r.commit(r.prepare(last).Commits)
	r.close()
	expect(t, c, 0)
}

func repeat(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	p := r.prepare(last)
	r.commit(p.Commits)
	r.commit(p.Commits)
	r.commit(slices.Concat(p.Commits, p.Commits))
	r.close()
	expect(t, c, 5)
}

func several(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	p1 := r.prepare(timed)
	r.write(5, 9)
	r.commit(p1.Commits)
	p2 := r.prepare(last)
	r.commit(slices.Concat(p1.Commits, p2.Commits)) // an acknowledgement of the first got lost
	r.close()
	expect(t, c, 9)
}

func hidden(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	expect(t, c, 0)
	p := r.prepare(timed)
	expect(t, c, 0)
	r.commit(p.Commits)
	expect(t, c, 5)
	r.close()
}

func recovered(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	p := r.prepare(timed)
	r.write(5, 7) // lost with the crash; the source gives them again
	next := begin(t, c, 2, p.Commits, p.Writer)
	expect(t, c, 5)
	next.write(5, 9)
	next.commit(next.prepare(last).Commits)
	next.close()
	expect(t, c, 9)
}

func cleared(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	r.prepare(timed) // its checkpoint was never recorded
	next := begin(t, c, 2, nil)
	next.write(0, 5)
	next.commit(next.prepare(last).Commits)
	next.close()
	expect(t, c, 5)
}

func late(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	p := r.prepare(timed)
	next := begin(t, c, 2, nil)
	next.write(0, 5)
	done := next.prepare(last)
	next.commit(done.Commits)
	if r.committer != nil {
		_ = r.committer.Commit(t.Context(), p.Commits) // may fail; must not add rows
	}
	next.close()
	expect(t, c, 5)
}

func ledger(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	r.prepare(timed)
	next := begin(t, c, 2, nil)
	at, known, err := next.writer.(plugin.Resumer).Resume(t.Context(), split)
	next.must("resume", err)
	if !known || at.Rows != 5 {
		t.Fatalf("the ledger says %v (known %v), want row 5", at, known)
	}
	next.write(3, 9) // a reader may begin earlier; rows at or before the position are dropped
	next.must("end", next.writer.Write(t.Context(), End(Schema(), split, 9)))
	next.prepare(last)
	third := begin(t, c, 3, nil)
	at, known, err = third.writer.(plugin.Resumer).Resume(t.Context(), split)
	third.must("resume", err)
	if !known || at.Rows != 9 || !at.Done {
		t.Fatalf("the ledger says %+v (known %v), want row 9, done", at, known)
	}
	third.close()
	expect(t, c, 9)
}

func fenced(t *testing.T, c SinkCase) {
	r := begin(t, c, 1, nil)
	r.write(0, 5)
	next := begin(t, c, 2, nil)
	next.write(0, 5)
	next.prepare(last)
	_, err := r.writer.Prepare(t.Context(), timed)
	if err == nil {
		t.Fatal("an attempt whose split was taken over prepared its rows all the same")
	}
	next.close()
	expect(t, c, 5)
}
