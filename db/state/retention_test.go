package state

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/db"
)

func TestWhatIsDueDependsOnAgeAndNumber(t *testing.T) {
	t.Parallel()
	p := Policy{Expire: time.Hour, MaxJobs: 10, MaxEvents: 100}
	now := start.Add(24 * time.Hour)
	old, late := now.Add(-time.Hour), now.Add(-time.Minute)
	for name, c := range map[string]struct {
		h    Holdings
		want Due
	}{
		"nothing there":         {Holdings{}, Due{Jobs: old, Runs: old, Events: old}},
		"within the numbers":    {Holdings{LastEvent: 100}, Due{Jobs: old, Runs: old, Events: old}},
		"too many jobs":         {Holdings{JobsFrom: late}, Due{Jobs: late, Runs: old, Events: old}},
		"too many runs":         {Holdings{RunsFrom: late}, Due{Jobs: old, Runs: late, Events: old}},
		"too many, and all old": {Holdings{RunsFrom: start}, Due{Jobs: old, Runs: old, Events: old}},
		"too many events":       {Holdings{LastEvent: 130}, Due{Jobs: old, Runs: old, Events: old, Event: 30}},
	} {
		if got := p.Due(c.h, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestJobsThatCanBeGoneOnWithStay(t *testing.T) {
	t.Parallel()
	p := Policy{Expire: time.Hour, Restorable: 10 * time.Hour}
	now := start.Add(24 * time.Hour)
	for _, c := range []struct {
		job  Ended
		age  time.Duration
		want bool
	}{
		{Ended{Status: Finished}, 2 * time.Hour, false},
		{Ended{Status: Failed}, 2 * time.Hour, false},
		{Ended{Status: Failed, Checkpoint: true}, 2 * time.Hour, true},
		{Ended{Status: Failed, Checkpoint: true}, 10 * time.Hour, false},
		{Ended{Status: Finished, Checkpoint: true}, 2 * time.Hour, false},
		{Ended{Status: SavepointDone, Savepoint: true, Checkpoint: true}, 24000 * time.Hour, true},
		{Ended{Status: Failed, Savepoint: true, Checkpoint: true}, 24000 * time.Hour, true},
	} {
		c.job.Finished = now.Add(-c.age)
		if got := p.Keeps(c.job, now); got != c.want {
			t.Errorf("%+v of %v is kept: %v", c.job, c.age, got)
		}
	}
}

// finished runs jobs to their end, one after the other.
func finished(t *testing.T, j *Jobs, ids ...string) {
	t.Helper()
	for _, id := range ids {
		running(t, j, id)
		must[Job](t)(j.SetStatus(t.Context(), id, nil, Finished))
	}
}

func everything() Due {
	late := start.Add(time.Hour)
	return Due{Jobs: late, Runs: late, Events: late}
}

func TestABatchIsTheSameForWhoeverGoesOnWithIt(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	finished(t, j, "1", "2", "3")
	first := must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, everything(), 2))
	finished(t, j, "0") // more is due meanwhile
	again := must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, everything(), 100))
	if first != again || first.Rows != 2 || first.ID == "" || first.First.IsZero() {
		t.Fatalf("the batch is %+v and then %+v", first, again)
	}
	runs := must[[]ArchivedRun](t)(j.BatchRuns(ctx, first.ID, 0, 100))
	if len(runs) != 2 || runs[0].JobID != "1" || runs[1].JobID != "2" || runs[0].Text == "" {
		t.Errorf("the batch holds %+v", runs)
	}
	if rest := must[[]ArchivedRun](t)(j.BatchRuns(ctx, first.ID, 1, 100)); len(rest) != 1 || rest[0].JobID != "2" {
		t.Errorf("after the first row: %+v", rest)
	}
	wrong := first
	wrong.Rows = 3
	want(t, j.DropBatch(ctx, wrong), ErrMoved)
	ok(t, j.DropBatch(ctx, first))
	ok(t, j.DropBatch(ctx, first))
	next := must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, everything(), 100))
	ok(t, j.DropBatch(ctx, first)) // late: another batch is there
	if runs = must[[]ArchivedRun](t)(j.BatchRuns(ctx, next.ID, 0, 100)); next.Rows != 2 || len(runs) != 2 || runs[0].JobID != "3" || runs[1].JobID != "0" {
		t.Errorf("the next batch is %+v: %+v", next, runs)
	}
	if len(must[[]Run](t)(j.Runs(ctx, "1")))+len(must[[]Run](t)(j.Runs(ctx, "2"))) != 0 {
		t.Error("runs that were dropped are there")
	}
}

func TestRunsThatAreNotDueAreInNoBatch(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	finished(t, j, "1", "2")
	end := must[Job](t)(j.Job(ctx, "2")).Finished
	b := must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, Due{Runs: end}, 100))
	if runs := must[[]ArchivedRun](t)(j.BatchRuns(ctx, b.ID, 0, 9)); len(runs) != 1 || runs[0].JobID != "1" {
		t.Errorf("batch %+v: %+v", b, runs)
	}
	before := must[int64](t)(j.Changes(ctx))
	if none := must[Batch](t)(j.NextBatch(ctx, ArchiveEvents, Due{Events: start}, 100)); none.Rows != 0 {
		t.Errorf("events: %+v", none)
	}
	ok(t, j.DropBatch(ctx, b))
	if none := must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, Due{Runs: end}, 100)); none.Rows != 0 {
		t.Errorf("runs: %+v", none)
	}
	if after := must[int64](t)(j.Changes(ctx)); after != before+1 {
		t.Errorf("%d writes for nothing", after-before-1)
	}
}

func TestABatchOfLargeTextsIsSmall(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	for i := range 4 {
		s := submit(fmt.Sprint(i))
		s.Text = strings.Repeat("x", 3<<20)
		must[Job](t)(j.CreateJob(ctx, s, "s"+s.ID))
		for _, to := range []Status{Canceling, Canceled} {
			must[Job](t)(j.SetStatus(ctx, s.ID, nil, to))
		}
	}
	if b := must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, everything(), 100)); b.Rows != 2 {
		t.Errorf("%d runs of 3 MiB are in a batch", b.Rows)
	}
}

func TestTheNewestEventStaysForItsNumber(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	finished(t, j, "1")
	all := must[[]Event](t)(j.Events(ctx, "1", 0, 100))
	var kept []Event
	for range 10 {
		b := must[Batch](t)(j.NextBatch(ctx, ArchiveEvents, everything(), 2))
		if b.Rows == 0 {
			break
		}
		kept = append(kept, must[[]Event](t)(j.BatchEvents(ctx, b.ID, 0, 100))...)
		ok(t, j.DropBatch(ctx, b))
	}
	left := must[[]Event](t)(j.Events(ctx, "1", 0, 100))
	if len(left) != 1 || !slices.Equal(append(kept, left...), all) {
		t.Errorf("%+v was archived, %+v is left, of %+v", kept, left, all)
	}
}

func TestEventsBeyondTheirNumberAreDueWhateverTheirAge(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	finished(t, j, "1", "2")
	p := Policy{Expire: 1000 * time.Hour, MaxEvents: 3}
	d := p.Due(must[Holdings](t)(j.Holdings(ctx, p)), start)
	b := must[Batch](t)(j.NextBatch(ctx, ArchiveEvents, d, 100))
	ok(t, j.DropBatch(ctx, b))
	if h := must[Holdings](t)(j.Holdings(ctx, p)); h.Events != 3 {
		t.Errorf("%d events are left: %+v", h.Events, h)
	}
}

func TestJobsBeyondTheirNumberAreDueOldestFirst(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	finished(t, j, "1", "2", "3", "4", "5")
	p := Policy{Expire: 1000 * time.Hour, MaxJobs: 2}
	h := must[Holdings](t)(j.Holdings(ctx, p))
	d := p.Due(h, start)
	if fourth := must[Job](t)(j.Job(ctx, "4")); h.Jobs != 5 || h.Runs != 5 || !d.Runs.Equal(fourth.Finished) || !d.Jobs.Equal(fourth.Finished) {
		t.Fatalf("%+v makes %+v", h, d)
	}
	if early := must[[]Ended](t)(j.EndedJobs(ctx, d.Jobs, Ended{}, 10)); len(early) != 0 {
		t.Errorf("jobs whose runs are not archived would go: %+v", early)
	}
	ok(t, j.DropBatch(ctx, must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, d, 100))))
	ended := must[[]Ended](t)(j.EndedJobs(ctx, d.Jobs, Ended{}, 2))
	ended = append(ended, must[[]Ended](t)(j.EndedJobs(ctx, d.Jobs, ended[1], 2))...)
	ok(t, j.Forget(ctx, ended))
	if n := must[map[Status]int](t)(j.Count(ctx)); len(ended) != 3 || n[Finished] != 2 {
		t.Errorf("%+v were dropped, %v are left", ended, n)
	}
}

func TestForgottenJobsLeaveNothing(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	point := func(id string, kind Kind) {
		p := must[Pipeline](t)(j.StartAttempt(ctx, id, 1))
		c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, id, 1, p.Attempt, kind, 0))
		ok(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "m"}))
		ok(t, j.AcknowledgeCommits(ctx, c.Key))
	}
	for id, kind := range map[string]Kind{"1": Periodic, "2": Savepoint, "3": Periodic} {
		running(t, j, id)
		point(id, kind)
		ok(t, j.MarkSaveMode(ctx, id, "s", "t"))
		must[Job](t)(j.SetStatus(ctx, id, nil, Finished))
	}
	ok(t, j.DropBatch(ctx, must[Batch](t)(j.NextBatch(ctx, ArchiveRuns, everything(), 100))))
	ended := must[[]Ended](t)(j.EndedJobs(ctx, everything().Jobs, Ended{}, 10))
	must[Job](t)(j.Restart(ctx, submit("3"), "again")) // meanwhile
	ok(t, j.Forget(ctx, ended))
	_, err := j.Job(ctx, "1")
	want(t, err, ErrNotFound)
	for _, table := range []string{"pipeline", "checkpoint", "save_mode"} {
		rows, err := j.query(ctx, "SELECT count(*) FROM "+table+" WHERE job_id = '1'")
		if err != nil || rows[0].number() != 0 {
			t.Errorf("%s has rows of a job that is gone (%v)", table, err)
		}
	}
	for id, status := range map[string]Status{"2": Finished, "3": Initializing} {
		if job := must[Job](t)(j.Job(ctx, id)); job.Status != status {
			t.Errorf("job %s is %s", id, job.Status)
		}
	}
}

func TestAbortedCheckpointsAreBounded(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	abort := func() {
		c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
		ok(t, j.AbortCheckpoint(ctx, c.Key, "late"))
	}
	for range keptAborted + 5 {
		abort()
	}
	if more := must[bool](t)(j.PruneAborted(ctx, start, 3)); !more {
		t.Error("five were too many, three are gone, and there are no more")
	}
	if more := must[bool](t)(j.PruneAborted(ctx, start, 3)); more {
		t.Error("there are more")
	}
	if left := must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 100)); len(left) != keptAborted || left[0].ID != keptAborted+5 {
		t.Errorf("%d rows are left", len(left))
	}
	must[bool](t)(j.PruneAborted(ctx, start.Add(time.Hour), 100)) // nothing has been completed since
	c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	ok(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "m"}))
	abort()
	if n := len(must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 100))); n != keptAborted+2 {
		t.Errorf("%d rows are left", n)
	}
	must[bool](t)(j.PruneAborted(ctx, start.Add(time.Hour), 100))
	if left := must[[]Checkpoint](t)(j.Checkpoints(ctx, "1", 100)); len(left) != 2 {
		t.Errorf("%d rows are left", len(left))
	}
}

func TestEndedJobsAreListedInTheOrderOfTheirEnds(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	finished(t, j, "5", "3", "9", "1")
	running(t, j, "7")
	var order []string
	for last := (Job{}); ; {
		page := must[[]Job](t)(j.EndedAfter(ctx, Filter{Statuses: []Status{Finished, Failed}}, last, 3))
		if len(page) == 0 {
			break
		}
		for _, last = range page {
			order = append(order, last.ID)
		}
	}
	if !slices.Equal(order, []string{"5", "3", "9", "1"}) {
		t.Errorf("order is %q", order)
	}
	if none := must[[]Job](t)(j.EndedAfter(ctx, Filter{Statuses: []Status{Canceled}}, Job{}, 3)); len(none) != 0 {
		t.Errorf("canceled: %+v", none)
	}
}

// watched remembers the queries it is asked.
type watched struct {
	db.Store
	mu   sync.Mutex
	seen []db.Statement
}

func (w *watched) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	w.mu.Lock()
	w.seen = append(w.seen, s)
	w.mu.Unlock()
	return w.Store.Query(ctx, s)
}

// What the master reads each step, and what pages read, must not take longer with a long history.
func TestNoStepOfTheMasterReadsAllJobs(t *testing.T) {
	t.Parallel()
	w, ctx := &watched{Store: newStore(t)}, t.Context()
	j := New(w, ticking(), counting("op-")).WithPause(noPause)
	finished(t, j, "1")
	running(t, j, "2")
	w.seen = nil
	_, _, err := j.Jobs(ctx, Live(), "", 1000)
	ok(t, err)
	if live := must[[]*LiveJob](t)(j.Watch().Read(ctx)); len(live) != 1 {
		t.Errorf("live are %v", live)
	}
	must[map[Status]int](t)(j.Count(ctx))
	must[[]Job](t)(j.EndedAfter(ctx, Filter{Statuses: []Status{Failed}}, Job{}, 10))
	must[[]Job](t)(j.EndedAfter(ctx, Filter{Statuses: []Status{Failed, Finished}}, Job{}, 10))
	must[Holdings](t)(j.Holdings(ctx, Policy{MaxJobs: 1}))
	for _, s := range w.seen {
		plan, err := w.Store.Query(ctx, db.S("EXPLAIN QUERY PLAN "+s.SQL, s.Args...))
		ok(t, err)
		for _, row := range plan.Values {
			step, _ := row[3].(string)
			if strings.Contains(step, "TEMP B-TREE") && strings.Contains(s.SQL, "finish_ms, id) >") {
				t.Errorf("%s is sorted: %s", s.SQL, step)
			}
			if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "COVERING INDEX") && !strings.Contains(step, "CONSTANT") {
				t.Errorf("%s: %s", s.SQL, step)
			}
		}
	}
}
