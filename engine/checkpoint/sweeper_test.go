package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	states "seikan/db/local"
	"seikan/db/state"
	"seikan/engine/record"
	"seikan/storage"
	blobs "seikan/storage/local"
)

// place is a real state and a real storage, with jobs by name.
type place struct {
	t     *testing.T
	jobs  *state.Jobs
	blobs storage.Store
	log   *bytes.Buffer
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "checkpoint-test-") // no disk is tested here
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	store, err := states.Open(filepath.Join(dir, "state.db"), states.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b, err := blobs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return &place{t, state.New(store, time.Now, state.RandomID), b, &bytes.Buffer{}}
}

func (p *place) logger() *slog.Logger { return slog.New(slog.NewTextHandler(p.log, nil)) }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// job is a running job with one pipeline in its first attempt.
func (p *place) job(id string) state.Job {
	p.t.Helper()
	ctx := p.t.Context()
	must[state.Job](p.t)(p.jobs.CreateJob(ctx, state.Submit{ID: id, Name: "copy", Mode: "STREAMING", Text: "{}", TextFormat: "json"}, "submit "+id))
	for _, s := range []state.Status{state.Created, state.Pending, state.Scheduled, state.Running} {
		must[state.Job](p.t)(p.jobs.SetStatus(ctx, id, nil, s))
	}
	must[state.Pipeline](p.t)(p.jobs.StartAttempt(ctx, id, 1))
	return must[state.Job](p.t)(p.jobs.Job(ctx, id))
}

func (p *place) end(id string, s state.Status) {
	p.t.Helper()
	via := map[state.Status]state.Status{state.Canceled: state.Canceling, state.Failed: state.Failing}
	if by, ok := via[s]; ok {
		must[state.Job](p.t)(p.jobs.SetStatus(p.t.Context(), id, nil, by))
	}
	must[state.Job](p.t)(p.jobs.FinishJob(p.t.Context(), id, s, "", ""))
}

// write puts a manifest on the storage, with or without a row.
func (p *place) write(job state.Job, checkpoint int64, attempt int64, kind record.BarrierKind) Ref {
	p.t.Helper()
	m := &Manifest{JobID: job.ID, RunID: job.RunID, Pipeline: 1, Checkpoint: checkpoint, Attempt: attempt, Kind: kind, Parallelism: 1}
	data := must[[]byte](p.t)(m.Encode())
	p.put(ManifestName(m), data)
	sum := sha256.Sum256(data)
	return Ref{Name: ManifestName(m), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Inline: data}
}

func (p *place) put(name string, data []byte) {
	p.t.Helper()
	must[storage.Info](p.t)(p.blobs.Put(p.t.Context(), name, bytes.NewReader(data)))
}

// take makes a checkpoint: PENDING with a manifest, then what end makes of it.
func (p *place) take(job state.Job, kind record.BarrierKind, end func(Rows, int64, Ref) error) int64 {
	p.t.Helper()
	rows := NewRows(p.jobs, job.ID, 1, 1)
	id := must[int64](p.t)(rows.Begin(p.t.Context(), kind, 0))
	ref := p.write(job, id, 1, kind)
	if end != nil {
		if err := end(rows, id, ref); err != nil {
			p.t.Fatal(err)
		}
	}
	return id
}

func (p *place) complete(r Rows, id int64, ref Ref) error {
	return errors.Join(r.Complete(p.t.Context(), id, ref), r.Acknowledge(p.t.Context(), id))
}

func (p *place) abort(r Rows, id int64, _ Ref) error { return r.Abort(p.t.Context(), id, "late") }

func (p *place) names() (out []string) {
	p.t.Helper()
	page := must[storage.Page](p.t)(p.blobs.List(p.t.Context(), "", "", 1000))
	for _, o := range page.Objects {
		out = append(out, o.Name)
	}
	return out
}

func TestSweepDeletesTheDeadAndReportsTheUnknown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	live, done, failed := p.job("1001"), p.job("1002"), p.job("1003")
	p.take(live, record.Checkpoint, p.complete)   // 1: beyond what is retained
	p.take(live, record.Checkpoint, p.abort)      // 2
	p.take(live, record.Checkpoint, p.complete)   // 3
	p.take(live, record.Checkpoint, p.complete)   // 4
	p.take(live, record.Checkpoint, nil)          // 5: pending
	p.write(live, 77, 1, record.Checkpoint)       // newer than any row
	p.take(done, record.Checkpoint, p.complete)   // 1
	p.take(done, record.Savepoint, p.complete)    // 2: the user's
	p.write(done, 3, 1, record.Checkpoint)        // its row is gone
	p.write(done, 4, 1, record.Savepoint)         // a savepoint without a row
	p.take(failed, record.Checkpoint, p.complete) // 1: kept for -r
	p.write(state.Job{ID: "9999"}, 1, 1, record.Checkpoint)
	p.put("seikan/1001/1/notes.txt", []byte("x"))
	p.put("1001/1700000000000-5-1-1.ser", []byte("SeaTunnel's own"))
	p.put("seikan-other/1001/1/000000000001-1.manifest", []byte("x"))
	p.end("1002", state.Finished)
	p.end("1003", state.Failed)

	sweeper := Sweeper{Jobs: p.jobs, Blobs: p.blobs, Log: p.logger(), Retained: 2}
	out := must[Sweep](t)(sweeper.Run(t.Context()))
	want := []string{
		"1001/1700000000000-5-1-1.ser", "seikan-other/1001/1/000000000001-1.manifest",
		"seikan/1001/1/000000000003-1.manifest", "seikan/1001/1/000000000004-1.manifest", "seikan/1001/1/000000000005-1.manifest",
		"seikan/1001/1/000000000077-1.manifest", "seikan/1001/1/notes.txt",
		"seikan/1002/1/000000000002-1.manifest", "seikan/1002/1/000000000004-1.manifest",
		"seikan/1003/1/000000000001-1.manifest", "seikan/9999/1/000000000001-1.manifest",
	}
	if got := p.names(); !slices.Equal(got, want) {
		t.Errorf("left is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var unknown []string
	for _, u := range out.Unknown {
		unknown = append(unknown, u.Name)
	}
	slices.Sort(unknown)
	if !slices.Equal(unknown, []string{"seikan/1001/1/000000000077-1.manifest", "seikan/1001/1/notes.txt",
		"seikan/1002/1/000000000004-1.manifest", "seikan/9999/1/000000000001-1.manifest"}) {
		t.Errorf("reported are %+v", out.Unknown)
	}
	if out.Kept != 5 || out.Left != 4 || len(out.Deleted) != 2 || out.Bytes == 0 { // those of 1001 are pruned
		t.Errorf("%+v", out)
	}
	if again := must[Sweep](t)(sweeper.Run(t.Context())); len(again.Deleted) != 0 || len(again.Unknown) != 4 {
		t.Errorf("a second pass did %+v", again)
	}
}

func TestVerifyComparesTheManifestWithItsRow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	job := p.job("1")
	id := p.take(job, record.Checkpoint, p.complete)
	key := state.Key{JobID: "1", PipelineID: 1, ID: id}
	i := must[Inspection](t)(Verify(t.Context(), p.jobs, p.blobs, key))
	if i.RunID != job.RunID || i.Kind != state.Periodic || i.Parallelism != 1 || i.Key() != key {
		t.Errorf("%+v", i)
	}
	other := p.write(job, 9, 3, record.Checkpoint)
	p.put(i.Name, other.Inline)
	if _, err := Verify(t.Context(), p.jobs, p.blobs, key); !errors.Is(err, ErrDamaged) {
		t.Errorf("another manifest under its name: %v", err)
	}
	if err := p.blobs.Delete(t.Context(), i.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), p.jobs, p.blobs, key); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("a manifest that is gone: %v", err)
	}
	key.ID = 99
	if _, err := Verify(t.Context(), p.jobs, p.blobs, key); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a checkpoint without a row: %v", err)
	}
	if _, err := Inspect(t.Context(), p.blobs, "etc/passwd"); err == nil {
		t.Error("any object is read as a manifest")
	}
}

func TestAdoptTakesTheNewestValidManifestOfTheRun(t *testing.T) {
	t.Parallel()
	row := func(id int64, s state.CheckpointStatus) state.Checkpoint {
		return state.Checkpoint{Key: state.Key{JobID: "1", PipelineID: 1, ID: id}, Status: s}
	}
	found := func(id, attempt int64, run string, err error) Found {
		return Found{Object: Object{JobID: "1", Pipeline: 1, Checkpoint: id, Attempt: attempt}, RunID: run, Err: err}
	}
	bad := errors.New("damaged")
	for name, c := range map[string]struct {
		rows   []state.Checkpoint
		found  []Found
		take   int64 // 0: none
		passed int
	}{
		"nothing anywhere":              {},
		"the state knows the newest":    {rows: []state.Checkpoint{row(5, state.CheckpointCompleted)}, found: []Found{found(5, 1, "r", nil), found(4, 1, "r", nil)}},
		"newer than the state":          {rows: []state.Checkpoint{row(5, state.CheckpointCompleted)}, found: []Found{found(5, 1, "r", nil), found(8, 1, "r", nil), found(7, 1, "r", nil)}, take: 8},
		"the state knows none":          {found: []Found{found(1, 1, "r", nil)}, take: 1},
		"pending when it was copied":    {rows: []state.Checkpoint{row(5, state.CheckpointCompleted), row(6, state.CheckpointPending)}, found: []Found{found(6, 1, "r", nil)}, take: 6},
		"aborted is final":              {rows: []state.Checkpoint{row(5, state.CheckpointCompleted), row(6, state.CheckpointAborted)}, found: []Found{found(6, 1, "r", nil)}},
		"of another run":                {found: []Found{found(9, 1, "other", nil), found(3, 1, "r", nil)}, take: 3},
		"the newest is damaged":         {found: []Found{found(9, 1, "", bad), found(8, 1, "r", nil)}, take: 8, passed: 1},
		"all newer ones are damaged":    {rows: []state.Checkpoint{row(5, state.CheckpointCompleted)}, found: []Found{found(9, 1, "", bad), found(4, 1, "r", nil)}, passed: 1},
		"an old damaged one is no news": {rows: []state.Checkpoint{row(5, state.CheckpointCompleted)}, found: []Found{found(4, 1, "", bad)}},
	} {
		a := Adopt(c.rows, "r", c.found)
		got := int64(0)
		if a.Take != nil {
			got = a.Take.Checkpoint
		}
		if got != c.take || len(a.Passed) != c.passed {
			t.Errorf("%s: took %d, passed %d", name, got, len(a.Passed))
		}
	}
}

func TestRecoverAdoptsOnceAndRaisesNumbers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	job := p.job("1")
	p.take(job, record.Checkpoint, p.complete)
	newer := p.write(job, 40, 6, record.Checkpoint) // after the backup
	p.put("seikan/1/1/000000000041-6.manifest", newer.Inline[:20])
	future := time.Now().Unix() + 1e7
	p.write(state.Job{ID: "2", RunID: "x"}, future, future, record.Checkpoint)

	ctx := t.Context()
	for range 2 {
		if err := Recover(ctx, p.jobs, p.blobs, "second", "b.snap", p.logger()); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Newest(ctx, p.jobs, p.blobs, "1", 1, p.logger())
	if err != nil || m.Checkpoint != 40 || m.Attempt != 6 {
		t.Fatalf("the pipeline goes on from %+v (%v)", m, err)
	}
	c := must[state.Checkpoint](t)(p.jobs.LatestCheckpoint(ctx, "1", 1))
	if c.Acknowledged || !bytes.Equal(c.Manifest.Inline, newer.Inline) {
		t.Errorf("adopted as %+v", c)
	}
	next := must[state.Pipeline](t)(p.jobs.StartAttempt(ctx, "1", 1))
	if next.Attempt <= future || next.LastCheckpoint <= future {
		t.Errorf("numbers are given out again: %+v", next)
	}
	if n := strings.Count(p.log.String(), "000000000041-6"); n != 1 {
		t.Errorf("the damaged one is named %d times:\n%s", n, p.log.String())
	}
	i := must[state.Incarnation](t)(p.jobs.Incarnation(ctx))
	if i != (state.Incarnation{ID: "second", RestoredFrom: "b.snap", Settled: true}) {
		t.Errorf("%+v", i)
	}
}

// failing is a storage that cannot be listed.
type failing struct{ storage.Store }

func (failing) List(context.Context, string, string, int) (storage.Page, error) {
	return storage.Page{}, &storage.Error{Op: "list", Path: "x", Err: fmt.Errorf("away")}
}

func TestNothingIsSettledWhileTheStorageIsAway(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.job("1")
	ctx := t.Context()
	if err := Recover(ctx, p.jobs, failing{p.blobs}, "second", "b", p.logger()); err == nil {
		t.Fatal("recovered from a storage that is away")
	}
	if _, err := p.jobs.Incarnation(ctx); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("something was changed: %v", err)
	}
	if err := p.jobs.AfterRestore(ctx, state.Restored{Incarnation: "second"}); err != nil { // and a crash
		t.Fatal(err)
	}
	if err := Settle(ctx, p.jobs, failing{p.blobs}, p.logger()); err == nil {
		t.Error("settled with a storage that is away")
	}
	if i := must[state.Incarnation](t)(p.jobs.Incarnation(ctx)); i.Settled {
		t.Error("settled")
	}
	if err := Settle(ctx, p.jobs, p.blobs, p.logger()); err != nil {
		t.Fatal(err)
	}
	if i := must[state.Incarnation](t)(p.jobs.Incarnation(ctx)); !i.Settled {
		t.Error("not settled")
	}
}

func TestARestartFromAnOlderCheckpointGoesOnFromItAndTheNewerAreSwept(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	job := p.job("1")
	first := p.take(job, record.Checkpoint, p.complete)
	p.take(job, record.Savepoint, p.complete)
	for range 1200 { // more than a look at all checkpoints of the job used to read
		rows := NewRows(p.jobs, "1", 1, 1)
		id := must[int64](t)(rows.Begin(ctx, record.Checkpoint, 0))
		if err := rows.Complete(ctx, id, Ref{Name: fmt.Sprint(id), SHA256: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	p.end("1", state.Failed)
	if err := Readable(ctx, p.jobs, p.blobs, "1", 3); err == nil || !strings.Contains(err.Error(), "checkpoint 3 of pipeline 1 cannot be gone on from") {
		t.Errorf("a checkpoint without a manifest is readable: %v", err)
	}
	if err := Readable(ctx, p.jobs, p.blobs, "1", first); err != nil {
		t.Error(err)
	}
	must[state.Job](t)(p.jobs.Restart(ctx, state.Submit{ID: "1", Name: "copy", Mode: "STREAMING", Text: "{}", TextFormat: "json", From: first}, "back"))
	m, err := Newest(ctx, p.jobs, p.blobs, "1", 1, p.logger())
	if err != nil || m == nil || m.Checkpoint != first {
		t.Fatalf("the pipeline goes on from %+v (%v)", m, err)
	}
	out := must[Sweep](t)(Sweeper{Jobs: p.jobs, Blobs: p.blobs, Log: p.logger()}.Run(ctx))
	if names := p.names(); len(names) != 1 || len(out.Deleted) != 1 {
		t.Errorf("deleted %v, kept %v", out.Deleted, names)
	}
}

func FuzzObjectName(f *testing.F) {
	f.Add("seikan/871234567890123456/1/000000000007-2.manifest")
	f.Add("seikan/1/1/1-1.manifest")
	f.Add("")
	f.Fuzz(func(t *testing.T, name string) {
		if o, ok := ParseName(name); ok && ManifestName(&Manifest{JobID: o.JobID, Pipeline: o.Pipeline, Checkpoint: o.Checkpoint, Attempt: o.Attempt}) != name {
			t.Errorf("%q is read as %+v", name, o)
		}
	})
}

// The state says that a job is over, but it may have been started again after the backup.
func TestSweepOfARestoredStateDeletesNothingItCannotProve(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	job := p.job("1")
	p.take(job, record.Checkpoint, p.complete)
	p.end("1", state.Finished)
	p.write(job, 9, 2, record.Checkpoint) // by the run that the backup does not know
	sweeper := Sweeper{Jobs: p.jobs, Blobs: p.blobs, Log: p.logger()}
	if err := p.jobs.AfterRestore(t.Context(), state.Restored{Incarnation: "second", From: "b.snap"}); err != nil {
		t.Fatal(err)
	}
	if _, err := sweeper.Run(t.Context()); err == nil {
		t.Error("swept before newer checkpoints were adopted")
	}
	if err := Settle(t.Context(), p.jobs, p.blobs, p.logger()); err != nil {
		t.Fatal(err)
	}
	out := must[Sweep](t)(sweeper.Run(t.Context()))
	if len(out.Deleted) != 1 || len(out.Unknown) != 1 || out.Unknown[0].Name != "seikan/1/1/000000000009-2.manifest" {
		t.Errorf("%+v", out)
	}
}
