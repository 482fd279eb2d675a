package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"seikan/appliance/config"
	"seikan/db"
	"seikan/db/local"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/storage"
	blobs "seikan/storage/local"
)

var errInjected = errors.New("injected")

// brittle breaks once, when told to, at the write whose text holds a word: before or after it.
type brittle struct {
	db.Store
	word  string
	after bool
	hit   func()
	fired bool
}

func (b *brittle) Write(ctx context.Context, statements ...db.Statement) (db.Result, error) {
	if b.word == "" || !slices.ContainsFunc(statements, func(s db.Statement) bool { return strings.Contains(s.SQL, b.word) }) {
		return b.Store.Write(ctx, statements...)
	}
	b.fired = true
	if b.hit != nil {
		hit := b.hit
		b.word = ""
		hit()
		return b.Store.Write(ctx, statements...)
	}
	if b.after {
		if res, err := b.Store.Write(ctx, statements...); err != nil {
			return res, err
		}
	}
	b.word = "INSERT" // the process is dead from here on
	return db.Result{Outcome: db.Unknown}, errInjected
}

// brittleBlobs breaks at the n-th put from now, before or after it.
type brittleBlobs struct {
	storage.Store
	n     int
	after bool
}

func (b *brittleBlobs) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	if b.n <= 0 {
		return b.Store.Put(ctx, name, r)
	}
	if b.n--; b.n != 0 {
		return b.Store.Put(ctx, name, r)
	}
	b.n = -1 // and from now on never again
	if b.after {
		if info, err := b.Store.Put(ctx, name, r); err != nil {
			return info, err
		}
	}
	return storage.Info{}, errInjected
}

// bygone is a state with history, and where it is archived.
type bygone struct {
	t      *testing.T
	store  *local.Store
	blobs  storage.Store
	now    time.Time
	runs   []string // job ids
	events int
}

func newPast(t *testing.T, jobs int) *bygone {
	t.Helper()
	store, err := local.Open(filepath.Join(t.TempDir(), "state.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b, err := blobs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &bygone{t: t, store: store, blobs: b, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	for i := range jobs {
		p.ended(fmt.Sprint(i), state.Finished)
	}
	return p
}

func (p *bygone) clock() time.Time { p.now = p.now.Add(time.Millisecond); return p.now }

func (p *bygone) rows(s db.Store) *state.Jobs {
	return state.New(s, p.clock, state.RandomID).WithPause(func(ctx context.Context, _ int) error { return ctx.Err() })
}

// ended adds a job that has run to an end.
func (p *bygone) ended(id string, end state.Status) {
	p.t.Helper()
	j := p.rows(p.store)
	if _, err := j.CreateJob(p.t.Context(), state.Submit{ID: id, Name: "job " + id, Mode: "BATCH", Text: `{"n":` + id + `}`, TextFormat: "json"}, "s"+id); err != nil {
		p.t.Fatal(err)
	}
	way := []state.Status{state.Created, state.Pending, state.Running, end}
	if end == state.Failed {
		way = slices.Insert(way, 3, state.Failing)
	}
	for _, s := range way {
		if _, err := j.Move(p.t.Context(), id, state.Move{To: s, Metrics: `{"n":1}`}); err != nil {
			p.t.Fatal(err)
		}
	}
	p.runs = append(p.runs, id)
	p.events += 1 + len(way)
}

func (p *bygone) retention(s db.Store, b storage.Store) *retention {
	return &retention{jobs: p.rows(s), blobs: b, log: slog.New(slog.DiscardHandler), now: func() time.Time { return p.now },
		policy: state.Policy{Expire: time.Hour, Restorable: 24 * time.Hour, MaxJobs: 1000, MaxEvents: 1000}, archive: true}
}

// column reads a column of all files of a kind, in the order of their names.
func (p *bygone) column(kind, name string) (out []string) {
	p.t.Helper()
	list, err := p.blobs.List(p.t.Context(), checkpoint.History+kind+"/", "", 1000)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range list.Objects {
		in, err := p.blobs.Get(p.t.Context(), o.Name, 0, -1)
		if err != nil {
			p.t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err = errors.Join(err, in.Close()); err != nil {
			p.t.Fatal(err)
		}
		table, err := pqarrow.ReadTable(p.t.Context(), bytes.NewReader(data), pq.NewReaderProperties(nil), pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			p.t.Fatal(err)
		}
		i := table.Schema().FieldIndices(name)[0]
		for _, chunk := range table.Column(i).Data().Chunks() {
			for k := range chunk.Len() {
				out = append(out, chunk.ValueStr(k))
			}
		}
		table.Release()
	}
	return out
}

// complete checks that everything is archived once, and gone from the state.
func (p *bygone) complete() {
	p.t.Helper()
	runs := p.column(state.ArchiveRuns, "job_id")
	slices.Sort(runs)
	want := slices.Clone(p.runs)
	slices.Sort(want)
	if !slices.Equal(runs, want) {
		p.t.Errorf("runs in the archive are %q, want %q", runs, want)
	}
	events := p.column(state.ArchiveEvents, "id")
	slices.Sort(events)
	if len(events) != p.events-1 || len(slices.Compact(slices.Clone(events))) != len(events) { // the newest stays
		p.t.Errorf("%d events are in the archive, want %d: %q", len(events), p.events-1, events)
	}
	h, err := p.rows(p.store).Holdings(p.t.Context(), state.Policy{})
	if err != nil || h.Runs != 0 || h.Jobs != 0 || h.Events != 1 {
		p.t.Errorf("left are %+v (%v)", h, err)
	}
}

func TestHistoryIsArchivedOnceWhereverTheLeaderDies(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*bygone, *brittle, *brittleBlobs){
		"nowhere":                      func(*bygone, *brittle, *brittleBlobs) {},
		"before runs are marked":       func(_ *bygone, s *brittle, _ *brittleBlobs) { s.word = "UPDATE job_run SET batch" },
		"after runs are marked":        func(_ *bygone, s *brittle, _ *brittleBlobs) { s.word, s.after = "UPDATE job_run SET batch", true },
		"before the file is put":       func(_ *bygone, _ *brittle, b *brittleBlobs) { b.n = 1 },
		"after the file is put":        func(_ *bygone, _ *brittle, b *brittleBlobs) { b.n, b.after = 1, true },
		"after the second file is put": func(_ *bygone, _ *brittle, b *brittleBlobs) { b.n, b.after = 2, true },
		"before runs are dropped":      func(_ *bygone, s *brittle, _ *brittleBlobs) { s.word = "DELETE FROM job_run" },
		"after runs are dropped":       func(_ *bygone, s *brittle, _ *brittleBlobs) { s.word, s.after = "DELETE FROM job_run", true },
		"before events are dropped":    func(_ *bygone, s *brittle, _ *brittleBlobs) { s.word = "DELETE FROM event" },
		"before jobs are forgotten":    func(_ *bygone, s *brittle, _ *brittleBlobs) { s.word = "DELETE FROM job " },
		"another leader is faster": func(p *bygone, s *brittle, _ *brittleBlobs) {
			s.word = "DELETE FROM job_run"
			s.hit = func() {
				if err := p.retention(p.store, p.blobs).pass(p.t.Context()); err != nil {
					p.t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPast(t, 7)
			s, b := &brittle{Store: p.store}, &brittleBlobs{Store: p.blobs}
			p.now = p.now.Add(2 * time.Hour)
			fault(p, s, b)
			err := p.retention(s, b).pass(t.Context())
			if err != nil && !errors.Is(err, errInjected) || !s.fired && b.n >= 0 && name != "nowhere" {
				t.Fatalf("the first pass: %v, the store broke: %v", err, s.fired)
			}
			for range 2 {
				if err := p.retention(p.store, p.blobs).pass(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			p.complete()
		})
	}
}

func TestArchivedRunsHaveEverything(t *testing.T) {
	t.Parallel()
	p := newPast(t, 1)
	end := p.now
	p.now = p.now.Add(2 * time.Hour)
	if err := p.retention(p.store, p.blobs).pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{"job_id": "0", "run_no": "1", "name": "job 0", "mode": "BATCH", "status": "FINISHED", "error": "", "metrics": `{"n":1}`,
		"text": `{"n":0}`, "text_format": "json"} {
		if got := p.column(state.ArchiveRuns, column); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	if got := p.column(state.ArchiveRuns, "finished"); len(got) != 1 || !strings.HasPrefix(got[0], end.Format("2006-01-02T15:04:05")) {
		t.Errorf("finished is %q, want about %v", got, end)
	}
	list, err := p.blobs.List(t.Context(), "", "", 10)
	if err != nil || len(list.Objects) != 2 || !strings.HasPrefix(list.Objects[1].Name, "seikan/history/runs/2026-03-01/") {
		t.Errorf("files are %+v (%v)", list, err)
	}
	out, err := checkpoint.Sweeper{Jobs: p.rows(p.store), Blobs: p.blobs, Log: slog.New(slog.DiscardHandler)}.Run(t.Context())
	if err != nil || out.Left != 0 || len(out.Deleted) != 0 {
		t.Errorf("the sweeper takes the archive for %+v (%v)", out, err)
	}
}

func TestWithoutArchiveHistoryJustGoes(t *testing.T) {
	t.Parallel()
	p := newPast(t, 3)
	p.now = p.now.Add(2 * time.Hour)
	r := p.retention(p.store, p.blobs)
	r.archive = false
	if err := r.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.runs, p.events = nil, 1
	p.complete()
}

func TestYoungHistoryStays(t *testing.T) {
	t.Parallel()
	p := newPast(t, 3)
	if err := p.retention(p.store, p.blobs).pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h, err := p.rows(p.store).Holdings(t.Context(), state.Policy{}); err != nil || h.Jobs != 3 || h.Runs != 3 {
		t.Errorf("left are %+v (%v)", h, err)
	}
}

func TestFailedJobsKeepTheirCheckpointsForAWhile(t *testing.T) {
	t.Parallel()
	p := newPast(t, 0)
	j := p.rows(p.store)
	p.ended("1", state.Failed)
	if _, err := j.Restart(t.Context(), state.Submit{ID: "1", Name: "x", Mode: "BATCH", Text: "{}", TextFormat: "json"}, "again"); err != nil {
		t.Fatal(err)
	}
	pipeline, err := j.StartAttempt(t.Context(), "1", 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := j.BeginCheckpoint(t.Context(), "1", 1, pipeline.Attempt, state.Periodic, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := "seikan/1/1/000000000001-1.manifest"
	if _, err := p.blobs.Put(t.Context(), name, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.CompleteCheckpoint(t.Context(), c.Key, state.Manifest{Name: name}), j.AcknowledgeCommits(t.Context(), c.Key)); err != nil {
		t.Fatal(err)
	}
	for _, to := range []state.Status{state.Failing, state.Failed} {
		if _, err := j.SetStatus(t.Context(), "1", nil, to); err != nil {
			t.Fatal(err)
		}
	}
	look := func(want bool) {
		t.Helper()
		if err := p.retention(p.store, p.blobs).pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, rows := j.Job(t.Context(), "1")
		_, blob := p.blobs.Stat(t.Context(), name)
		if (rows == nil) != want || (blob == nil) != want {
			t.Errorf("the job: %v; its manifest: %v", rows, blob)
		}
	}
	p.now = p.now.Add(2 * time.Hour)
	look(true)
	p.now = p.now.Add(24 * time.Hour)
	look(false)
}

func TestOldFilesOfTheArchiveAreDeleted(t *testing.T) {
	t.Parallel()
	p := newPast(t, 1)
	p.now = p.now.Add(2 * time.Hour)
	r := p.retention(p.store, p.blobs)
	r.days = 30 * 24 * time.Hour
	if err := r.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.blobs.Put(t.Context(), checkpoint.History+"runs/notes/x.txt", strings.NewReader("x")); err != nil { // somebody else's
		t.Fatal(err)
	}
	p.now = p.now.Add(29 * 24 * time.Hour)
	if err := r.pass(t.Context()); err != nil || len(p.column(state.ArchiveEvents, "id")) == 0 {
		t.Errorf("gone too early (%v)", err)
	}
	p.now = p.now.Add(2 * 24 * time.Hour)
	if err := r.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := p.blobs.List(t.Context(), checkpoint.History, "", 10); err != nil || len(list.Objects) != 1 || !strings.HasSuffix(list.Objects[0].Name, "x.txt") {
		t.Errorf("left are %+v (%v)", list, err)
	}
}

// A follower's retention can write nothing; the leader's is seen by all.
func TestHistoryLeavesACluster(t *testing.T) {
	c := startCluster(t, 3, func(cfg *config.Config) {
		cfg.HistoryJobExpire, cfg.History = time.Millisecond, config.History{MaxJobs: 10, MaxEvents: 1000, Archive: true}
	})
	j, err := c.nodes[1].Submit(t.Context(), ClusterJob{Format: "hocon", Text: `env {}
		source { FakeSource { row.num = 10, schema { fields { id = bigint } } } }
		sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 10 } ] } } }`})
	if err != nil {
		t.Fatal(err)
	}
	c.ended(j.ID, 20*time.Second)
	for _, s := range c.nodes {
		if err := s.retention().pass(t.Context()); (err == nil) != s.raft.IsLeader() {
			t.Errorf("leader %v: %v", s.raft.IsLeader(), err)
		}
	}
	for i, s := range c.nodes {
		if _, err := s.Jobs().Job(t.Context(), j.ID); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("node %d knows the job: %v", i, err)
		}
	}
	p := &bygone{t: t, blobs: c.nodes[0].blobs}
	if runs := p.column(state.ArchiveRuns, "job_id"); !slices.Equal(runs, []string{j.ID}) {
		t.Errorf("archived are %q", runs)
	}
	if text := p.column(state.ArchiveRuns, "text"); len(text) != 1 || !strings.Contains(text[0], "FakeSource") {
		t.Errorf("archived is %q", text)
	}
}
