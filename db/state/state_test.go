package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seikan/db"
	"seikan/db/dbtest"
	"seikan/db/local"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ticking is a clock that goes on by a millisecond each time it is read.
func ticking() func() time.Time {
	var n atomic.Int64
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * time.Millisecond) }
}

func counting(prefix string) func() string {
	var n atomic.Int64
	return func() string { return fmt.Sprint(prefix, n.Add(1)) }
}

func noPause(ctx context.Context, _ int) error { return ctx.Err() }

func newStore(t *testing.T) *local.Store {
	t.Helper()
	dir := t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "state-test-"); err == nil { // memory, where there is one: no disk is tested here
		dir = shm
		t.Cleanup(func() { _ = os.RemoveAll(shm) })
	}
	s, err := local.Open(filepath.Join(dir, "state.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newJobs(t *testing.T) *Jobs {
	t.Helper()
	return New(newStore(t), ticking(), counting("op-")).WithPause(noPause)
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, want %v", err, target)
	}
}

func submit(id string) Submit {
	return Submit{ID: id, Name: "copy", Mode: "BATCH", Text: "env {}", TextFormat: "hocon", Owner: "n1"}
}

// running makes a job that runs.
func running(t *testing.T, j *Jobs, id string) {
	t.Helper()
	must[Job](t)(j.CreateJob(t.Context(), submit(id), "submit-"+id))
	for _, s := range []Status{Created, Pending, Scheduled, Running} {
		must[Job](t)(j.SetStatus(t.Context(), id, nil, s))
	}
}

func TestSubmitSentAgainIsTheSameJob(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	a := must[Job](t)(j.CreateJob(ctx, submit("1"), "request-1"))
	if a.Status != Initializing || a.Desired != WantRun || a.RunNo != 1 || a.RunID == "" || a.Text != "env {}" || a.Version != 1 {
		t.Errorf("new job is %+v", a)
	}
	must[Job](t)(j.SetStatus(ctx, "1", nil, Created))
	b := must[Job](t)(j.CreateJob(ctx, submit("1"), "request-1"))
	if b.RunID != a.RunID || b.Status != Created {
		t.Errorf("the same submit gives %+v", b)
	}
	_, err := j.CreateJob(ctx, submit("1"), "request-2")
	want(t, err, ErrExists)
	_, err = j.Job(ctx, "2")
	want(t, err, ErrNotFound)
	_, err = j.SetStatus(ctx, "2", nil, Created)
	want(t, err, ErrNotFound)
}

func TestStatusMovesByCompareAndSet(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	_, err := j.SetStatus(ctx, "1", []Status{Created}, Failing)
	want(t, err, ErrMoved)
	_, err = j.SetStatus(ctx, "1", nil, Canceled)
	want(t, err, ErrMoved)
	if _, err = j.SetStatus(ctx, "1", []Status{Finished}, Failing); err == nil || errors.Is(err, ErrMoved) {
		t.Errorf("a move that the diagram lacks: %v", err)
	}
	if _, err = j.FinishJob(ctx, "1", Running, "", ""); err == nil {
		t.Error("a job finishes as RUNNING")
	}
	must[Job](t)(j.Move(ctx, "1", Move{To: Failing, Error: "disk full", Allowed: 30 * time.Second}))
	if got := must[Job](t)(j.Job(ctx, "1")); got.Allowed != 30*time.Second || got.Error != "disk full" {
		t.Errorf("failing job is %+v", got)
	}
	got := must[Job](t)(j.FinishJob(ctx, "1", Failed, "second error", `{"read":1}`))
	stored := must[Job](t)(j.Job(ctx, "1"))
	if got.Text = stored.Text; !reflect.DeepEqual(got, stored) {
		t.Errorf("returned\n%+v\nstored\n%+v", got, stored)
	}
	if stored.Error != "disk full" || stored.Metrics != `{"read":1}` || stored.Started.IsZero() || stored.Finished.IsZero() {
		t.Errorf("failed job is %+v", stored)
	}
	for _, s := range Statuses {
		_, err := j.SetStatus(ctx, "1", nil, s)
		want(t, err, ErrMoved)
	}
	_, err = j.SetDesired(ctx, "1", WantCancel)
	want(t, err, ErrMoved)
	_, err = j.Claim(ctx, "1", "n1", "n2")
	want(t, err, ErrMoved)
}

func TestDesiredAndClaim(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	before := must[Job](t)(j.Job(ctx, "1"))
	same := must[Job](t)(j.SetDesired(ctx, "1", WantRun))
	if same.Version != before.Version {
		t.Error("wanting the same is a change")
	}
	must[Job](t)(j.SetDesired(ctx, "1", WantCancel))
	_, err := j.SetDesired(ctx, "1", WantSavepoint)
	want(t, err, ErrMoved)
	_, err = j.Claim(ctx, "1", "n2", "n3")
	want(t, err, ErrMoved)
	if got := must[Job](t)(j.Claim(ctx, "1", "n1", "n2")); got.Owner != "n2" || got.Attempt != 1 {
		t.Errorf("claimed job is %+v", got)
	}
}

func TestEveryRunIsOneRowOfHistory(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	p := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	c := must[Checkpoint](t)(j.BeginCheckpoint(ctx, "1", 1, p.Attempt, Periodic, 0))
	ok(t, j.CompleteCheckpoint(ctx, c.Key, Manifest{Name: "m1", Size: 3, Checksum: "x"}))
	ok(t, j.MarkSaveMode(ctx, "1", "sink", "a.b"))
	_, err := j.Restart(ctx, submit("1"), "again")
	want(t, err, ErrMoved)
	must[Job](t)(j.Move(ctx, "1", Move{To: Failing, Error: "boom"}))
	first := must[Job](t)(j.FinishJob(ctx, "1", Failed, "", `{"read":1}`))

	s := submit("1")
	s.Name, s.Text, s.RestoredFrom = "copy again", "env { x = 1 }", c.Key.String()
	second := must[Job](t)(j.Restart(ctx, s, "again"))
	if same := must[Job](t)(j.Restart(ctx, s, "again")); same.Version != second.Version {
		t.Error("a restart sent again restarts again")
	}
	if second.RunNo != 2 || second.RunID != first.RunID || second.Status != Initializing || second.Error != "" ||
		second.Text != s.Text || !second.Finished.IsZero() || !second.Started.IsZero() || second.Metrics != "" {
		t.Errorf("restarted job is %+v", second)
	}
	if got := must[[]Pipeline](t)(j.Pipelines(ctx, "1")); len(got) != 0 {
		t.Errorf("pipelines of the old run are listed: %+v", got)
	}
	if _, done, err := j.SaveModeDone(ctx, "1", "sink", "a.b"); err != nil || !done {
		t.Errorf("save mode is done: %v (%v)", done, err)
	}
	again := must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
	if again.Attempt != p.Attempt+1 || again.Restores != 0 || again.LastCheckpoint != c.ID {
		t.Errorf("pipeline of the new run is %+v", again)
	}
	for _, st := range []Status{Created, Pending, Running, Canceling} {
		must[Job](t)(j.SetStatus(ctx, "1", nil, st))
	}
	_, err = j.SetStatus(ctx, "1", nil, Canceled)
	want(t, err, ErrUnacknowledged)
	ok(t, j.AcknowledgeCommits(ctx, c.Key))
	must[Job](t)(j.SetStatus(ctx, "1", nil, Canceled))
	s.RunID = "fresh"
	third := must[Job](t)(j.Restart(ctx, s, "third"))
	if third.RunNo != 3 || third.RunID != "fresh" {
		t.Errorf("third run is %+v", third)
	}
	runs := must[[]Run](t)(j.Runs(ctx, "1"))
	if len(runs) != 2 || runs[0].Status != Failed || runs[0].Error != "boom" || runs[0].Metrics != `{"read":1}` ||
		runs[0].Name != "copy" || runs[1].Status != Canceled || runs[1].Name != "copy again" || runs[1].RestoredFrom == "" ||
		runs[1].Finished.Before(runs[1].Started) || !runs[0].Finished.Equal(first.Finished) {
		t.Errorf("history is %+v", runs)
	}
}

func TestDeposedMasterCannotWrite(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	first := must[int64](t)(j.TakeEpoch(ctx, "n1"))
	old := j.InEpoch(first)
	running(t, old, "1")
	if got := must[Job](t)(j.Job(ctx, "1")); got.Epoch != first {
		t.Errorf("row carries epoch %d, want %d", got.Epoch, first)
	}
	second := must[int64](t)(j.TakeEpoch(ctx, "n2"))
	if second <= first {
		t.Fatalf("epoch %d after %d", second, first)
	}
	_, err := old.SetStatus(ctx, "1", nil, Finished)
	want(t, err, ErrDeposed)
	_, err = old.StartAttempt(ctx, "1", 1)
	want(t, err, ErrDeposed)
	want(t, old.AddEvent(ctx, "1", "X", "", ""), ErrDeposed)
	must[Job](t)(j.InEpoch(second).SetStatus(ctx, "1", nil, Finished))
}

func TestListingPagesNewestFirst(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	j := New(newStore(t), func() time.Time { return start }, counting("op-")).WithPause(noPause) // all submits in one millisecond
	var all []string
	for i := range 25 {
		id := fmt.Sprintf("%02d", i)
		must[Job](t)(j.CreateJob(ctx, submit(id), "s"+id))
		if i%5 == 0 {
			must[Job](t)(j.SetStatus(ctx, id, nil, Canceling))
			must[Job](t)(j.SetStatus(ctx, id, nil, Canceled))
		}
		all = append(all, id)
	}
	slices.Reverse(all)
	list := func(f Filter, limit int) (ids []string) {
		for after, pages := "", 0; pages < 50; pages++ {
			jobs, next, err := j.Jobs(ctx, f, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(jobs) > limit {
				t.Fatalf("%d jobs in a page of %d", len(jobs), limit)
			}
			for _, job := range jobs {
				if job.Text != "" {
					t.Error("a listing carries texts")
				}
				ids = append(ids, job.ID)
			}
			if after = next; next == "" {
				return ids
			}
		}
		t.Fatal("pages do not end")
		return nil
	}
	for _, limit := range []int{1, 5, 7, 25, 100} {
		if got := list(Filter{}, limit); !slices.Equal(got, all) {
			t.Errorf("pages of %d give %v", limit, got)
		}
	}
	if got := list(Filter{Statuses: []Status{Canceled, Failed}}, 2); !slices.Equal(got, []string{"20", "15", "10", "05", "00"}) {
		t.Errorf("canceled jobs are %v", got)
	}
	if got := list(Live(), 4); len(got) != 20 {
		t.Errorf("live jobs are %v", got)
	}
	if got := list(Filter{Owner: "nobody"}, 4); got != nil {
		t.Errorf("jobs of nobody are %v", got)
	}
	if _, _, err := j.Jobs(ctx, Filter{}, "nonsense", 5); err == nil {
		t.Error("a wrong page mark is taken")
	}
}

func TestEventsTellTheStory(t *testing.T) {
	t.Parallel()
	j, ctx := newJobs(t), t.Context()
	running(t, j, "1")
	must[Job](t)(j.CreateJob(ctx, submit("2"), "s2"))
	ok(t, j.AddEvent(ctx, "1", "SCHEMA", "column added", `{"c":1}`))
	all := must[[]Event](t)(j.Events(ctx, "1", 0, 100))
	var story []string
	for _, e := range all {
		story = append(story, e.Kind+" "+e.Message+e.Detail)
	}
	wanted := []string{"STATUS INITIALIZING", "STATUS CREATED", "STATUS PENDING", "STATUS SCHEDULED", "STATUS RUNNING", `SCHEMA column added{"c":1}`}
	if !slices.Equal(story, wanted) {
		t.Errorf("story is %q", story)
	}
	if rest := must[[]Event](t)(j.Events(ctx, "1", all[1].ID, 2)); len(rest) != 2 || rest[0].Message != "PENDING" || rest[0].RunNo != 1 {
		t.Errorf("a page is %+v", rest)
	}
}

func TestRacingMastersGetDifferentNumbers(t *testing.T) {
	t.Parallel()
	store, ctx := newStore(t), t.Context()
	plain := New(store, ticking(), counting("p-")).WithPause(noPause)
	running(t, plain, "1")
	first := must[Pipeline](t)(plain.StartAttempt(ctx, "1", 1))
	const masters, each = 3, 12
	var mu sync.Mutex
	got := map[string]int{}
	var flaky []*dbtest.Flaky
	var wg sync.WaitGroup
	for m := range masters {
		f := dbtest.NewFlaky(store, uint64(m))
		flaky = append(flaky, f)
		j := New(f, ticking(), counting(fmt.Sprint("m", m, "-"))).WithPause(noPause)
		wg.Go(func() {
			for range each {
				epoch, err := retryUnknown(func() (int64, error) { return j.TakeEpoch(ctx, "n") })
				mu.Lock()
				got[fmt.Sprint("epoch ", epoch)]++
				mu.Unlock()
				c, err2 := retryUnknown(func() (Checkpoint, error) { return j.BeginCheckpoint(ctx, "1", 1, first.Attempt, Periodic, 0) })
				mu.Lock()
				got[fmt.Sprint("checkpoint ", c.ID)]++
				mu.Unlock()
				p, err3 := retryUnknown(func() (Pipeline, error) { return j.StartAttempt(ctx, "1", 2) })
				mu.Lock()
				got[fmt.Sprint("attempt ", p.Attempt)]++
				mu.Unlock()
				if err := errors.Join(err, err2, err3); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for what, n := range got {
		if n != 1 {
			t.Errorf("%s was given out %d times", what, n)
		}
	}
	if len(got) != 3*masters*each {
		t.Errorf("%d numbers for %d operations", len(got), 3*masters*each)
	}
	for _, f := range flaky {
		f.Settle(ctx)
	}
}

// retryUnknown goes on where contention and faults together outlast the tries of one operation.
func retryUnknown[T any](do func() (T, error)) (T, error) {
	for {
		v, err := do()
		if !errors.Is(err, ErrUnknown) && !errors.Is(err, db.ErrGuard) && !errors.Is(err, dbtest.ErrInjected) {
			return v, err
		}
	}
}
