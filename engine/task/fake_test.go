package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/checkpoint"
	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/storage"
	"seikan/storage/local"
)

// table is the schema of the rows these tests move: a number that is unique in the job.
func table(name string) *record.Schema {
	return (&record.Schema{Path: record.TablePath{Table: name}, Columns: []record.Column{{Name: "id", Type: record.Of(record.BigInt)}},
		PrimaryKey: &record.PrimaryKey{Name: "pk", Columns: []string{"id"}}}).Freeze()
}

// rowsPerBatch is how many rows the fake reader puts into a batch.
const rowsPerBatch = 10

// fakeSource has splits of numbered rows. Split i of n rows holds i*1e6 … i*1e6+n-1.
type fakeSource struct {
	schema *record.Schema
	traits plugin.SourceTraits
	rounds [][]plugin.Split // what each Discover finds; Done with the last
	// poll runs before each batch; its error is the reader's. An event it returns takes the
	// batch's place.
	poll func(ctx context.Context, split string, at int64) (record.Event, error)
	// bad tells which rows the reader reports as bad.
	bad func(id int64) bool

	mu   sync.Mutex
	open int // readers and enumerators not closed
	most int // most splits one reader held at once
}

func split(i, rows int) plugin.Split {
	return plugin.Split{ID: fmt.Sprint(i), Rows: int64(rows), Data: fmt.Appendf(nil, "%d %d", i, rows)}
}

func splits(n, rows int) [][]plugin.Split {
	var out []plugin.Split
	for i := range n {
		out = append(out, split(i, rows))
	}
	return [][]plugin.Split{out}
}

func (s *fakeSource) Tables() []*record.Schema    { return []*record.Schema{s.schema} }
func (s *fakeSource) Traits() plugin.SourceTraits { return s.traits }

func (s *fakeSource) count(n int) {
	s.mu.Lock()
	s.open += n
	s.mu.Unlock()
}

type fakeEnumerator struct {
	source *fakeSource
	Round  int
}

func (s *fakeSource) Enumerator(_ context.Context, _ plugin.Task, state *plugin.State) (plugin.Enumerator, error) {
	e := &fakeEnumerator{source: s}
	if state != nil {
		if err := json.Unmarshal(state.Data, e); err != nil {
			return nil, err
		}
	}
	s.count(1)
	return e, nil
}

func (e *fakeEnumerator) Discover(context.Context) (plugin.Discovery, error) {
	d := plugin.Discovery{Again: time.Millisecond}
	if e.Round < len(e.source.rounds) {
		d.Splits = e.source.rounds[e.Round]
		e.Round++
	}
	d.Done = e.Round >= len(e.source.rounds) && !e.source.traits.Unbounded
	return d, nil
}

func (e *fakeEnumerator) Snapshot() (plugin.State, error) {
	data, err := json.Marshal(e)
	return plugin.State{Version: 1, Data: data}, err
}
func (e *fakeEnumerator) Close() error { e.source.count(-1); return nil }

type fakeReader struct {
	source *fakeSource
	task   plugin.Task
	splits []plugin.Split
}

func (s *fakeSource) Reader(_ context.Context, task plugin.Task) (plugin.Reader, error) {
	s.count(1)
	return &fakeReader{source: s, task: task}, nil
}

func (r *fakeReader) Add(_ context.Context, s plugin.Split) error {
	r.splits = append(r.splits, s)
	r.source.mu.Lock()
	r.source.most = max(r.source.most, len(r.splits))
	r.source.mu.Unlock()
	return nil
}

func (r *fakeReader) Poll(ctx context.Context) (record.Event, error) {
	s := r.splits[0]
	if r.source.poll != nil {
		switch e, err := r.source.poll(ctx, s.ID, s.At.Rows); {
		case errors.Is(err, errSilence):
			return record.Event{}, nil
		case err != nil || e != (record.Event{}):
			return e, err
		}
	}
	r.splits = r.splits[1:]
	var i, rows int64
	if _, err := fmt.Sscan(string(s.Data), &i, &rows); err != nil {
		return record.Event{}, err
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	from := s.At
	var ordinals []int64
	for len(ordinals) < r.task.MaxRows() && len(ordinals) < rowsPerBatch && s.At.Rows < rows {
		id := i*1e6 + s.At.Rows
		s.At.Rows++
		if r.source.bad != nil && r.source.bad(id) {
			row := plugin.DirtyRow{Raw: fmt.Append(nil, id), Err: fmt.Errorf("row %d is bad", id), Table: r.source.schema.Table(), Split: s.ID, At: s.At}
			if err := r.task.Dirty(ctx, row); err != nil {
				return record.Event{}, err
			}
			continue
		}
		b.Append(id)
		ordinals = append(ordinals, s.At.Rows)
	}
	s.At.Done = s.At.Rows >= rows
	if !s.At.Done {
		r.splits = append(r.splits, s) // concurrent splits take turns
	}
	column := b.NewArray()
	defer column.Release()
	out := record.NewBatch(r.source.schema, array.NewRecordBatch(r.source.schema.Arrow(), []arrow.Array{column}, int64(column.Len())))
	out.Split, out.From, out.To, out.Ordinals = s.ID, from, s.At, ordinals
	return record.Event{Batch: out}, nil
}

func (r *fakeReader) Close() error { r.source.count(-1); return nil }

// fakeSink keeps what was written in memory that outlives its attempts, by one of the
// mechanisms real sinks have.
type fakeSink struct {
	guarantee plugin.Guarantee
	follows   bool // schema changes
	// Hooks run before the step; their error is the writer's.
	write, prepare func(ctx context.Context, w *fakeWriter) error
	commit         func(ctx context.Context) error

	mu      sync.Mutex
	open    int
	visible []int64         // rows a reader of the target sees
	done    map[string]bool // committed transactions
	ledger  map[string]record.Position
	heard   []string      // batches, changes and barriers, in the order they came
	subject map[int64]int // replica each row went to
}

type transaction struct {
	Name string
	Rows []int64
}

type fakeWriter struct {
	sink    *fakeSink
	task    plugin.Task
	ids     []int64 // written, not prepared
	prepare int
}

func (s *fakeSink) Writer(_ context.Context, task plugin.Task, _ []plugin.State) (plugin.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	w := &fakeWriter{sink: s, task: task}
	switch {
	case s.guarantee == plugin.Ledger:
		return ledgerWriter{w}, nil
	case s.follows:
		return followingWriter{w}, nil
	}
	return w, nil
}

func (s *fakeSink) Committer(context.Context, plugin.Task) (plugin.Committer, error) {
	if s.guarantee != plugin.Staged {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return &fakeCommitter{s}, nil
}

func (w *fakeWriter) hear(format string, args ...any) {
	w.sink.heard = append(w.sink.heard, fmt.Sprintf(format, args...))
}

func (w *fakeWriter) Write(ctx context.Context, b *record.Batch) error {
	if w.sink.write != nil {
		if err := w.sink.write(ctx, w); err != nil {
			return err
		}
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	if b.Rows() == 0 {
		return nil
	}
	ids := b.Data.Column(0).(*array.Int64)
	w.hear("rows %d", b.Rows())
	key := fmt.Sprint(b.Split, "/", w.task.Replica)
	for i := range b.Rows() {
		if w.sink.guarantee == plugin.Ledger && b.Ordinal(i) <= w.sink.ledger[key].Rows {
			continue
		}
		w.ids = append(w.ids, ids.Value(i))
		w.sink.subject[ids.Value(i)] = w.task.Replica
	}
	if w.sink.guarantee != plugin.Staged { // at once, and with the position
		w.sink.visible = append(w.sink.visible, w.ids...)
		w.ids = nil
		if b.To.After(w.sink.ledger[key]) {
			w.sink.ledger[key] = b.To
		}
	}
	return nil
}

func (w *fakeWriter) Prepare(ctx context.Context, b record.Barrier) (plugin.Prepared, error) {
	if w.sink.prepare != nil {
		if err := w.sink.prepare(ctx, w); err != nil {
			return plugin.Prepared{}, err
		}
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.hear("barrier %d", b.Checkpoint)
	if w.sink.guarantee != plugin.Staged || len(w.ids) == 0 {
		return plugin.Prepared{}, nil
	}
	w.prepare++
	data, err := json.Marshal(transaction{fmt.Sprintf("%d-%d-%d-%d-%s", w.task.Attempt, w.task.Subtask, w.task.Replica, w.prepare, w.task.Action), w.ids})
	w.ids = nil
	return plugin.Prepared{Commits: []plugin.State{{Version: 1, Data: data}}}, err
}

func (w *fakeWriter) Close() error {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.sink.open--
	return nil
}

type ledgerWriter struct{ *fakeWriter }

func (w ledgerWriter) Resume(_ context.Context, split string) (record.Position, bool, error) {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	p, ok := w.sink.ledger[fmt.Sprint(split, "/", w.task.Replica)]
	return p, ok, nil
}

type followingWriter struct{ *fakeWriter }

func (w followingWriter) ChangeSchema(_ context.Context, c *record.SchemaChange) error {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.hear("change to %d columns", len(c.After.Columns))
	return nil
}

type fakeCommitter struct{ sink *fakeSink }

func (c *fakeCommitter) Commit(ctx context.Context, commits []plugin.State) error {
	if c.sink.commit != nil {
		if err := c.sink.commit(ctx); err != nil {
			return err
		}
	}
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	for _, s := range commits {
		var t transaction
		if err := json.Unmarshal(s.Data, &t); err != nil {
			return err
		}
		if !c.sink.done[t.Name] {
			c.sink.done[t.Name] = true
			c.sink.visible = append(c.sink.visible, t.Rows...)
		}
	}
	return nil
}

func (c *fakeCommitter) Recover(ctx context.Context, pending []plugin.State) error {
	return c.Commit(ctx, pending)
}

func (c *fakeCommitter) Close() error {
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	c.sink.open--
	return nil
}

func newSink(g plugin.Guarantee) *fakeSink {
	return &fakeSink{guarantee: g, done: map[string]bool{}, ledger: map[string]record.Position{}, subject: map[int64]int{}}
}

func (s *fakeSink) rows() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int64(nil), s.visible...)
}

// keepOdd is a transform that drops even rows.
type keepOdd struct {
	schema *record.Schema
	fail   error
}

func (t keepOdd) Schema() *record.Schema { return t.schema }
func (t keepOdd) Close() error           { return nil }
func (t keepOdd) Apply(_ context.Context, _ plugin.Task, in *record.Batch) (*record.Batch, error) {
	if t.fail != nil {
		return nil, t.fail
	}
	keep := make([]bool, in.Rows())
	for i := range keep {
		keep[i] = in.Data.Column(0).(*array.Int64).Value(i)%2 == 1
	}
	return record.Filter(in, keep)
}

// pipeline is a job under test.
type pipeline struct {
	t       *testing.T
	plan    *plan.Plan
	source  *fakeSource
	budget  *Budget
	rows    *memoryRows
	blobs   storage.Store
	log     *slog.Logger
	attempt int64

	interval, timeout time.Duration
	completed         func(context.Context, int64)
}

func newPipeline(t *testing.T, source *fakeSource, parallelism int, sinks ...*fakeSink) *pipeline {
	t.Helper()
	blobs, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Pipeline{ID: 1, Parallelism: parallelism, Source: &plan.SourceNode{Action: "Source[0]-Fake", Source: source, Tables: source.Tables()}}
	out := &pipeline{t: t, source: source, budget: NewBudget(1 << 20), rows: &memoryRows{}, blobs: blobs, log: slog.New(slog.DiscardHandler), completed: func(context.Context, int64) {},
		plan: &plan.Plan{Env: plan.Env{TolerableFailures: 3}, Pipelines: []*plan.Pipeline{p}}}
	for i, s := range sinks {
		out.sink(s, i, 0)
	}
	return out
}

func (p *pipeline) sink(s *fakeSink, index int, inputs ...int) *plan.SinkNode {
	pl := p.plan.Pipelines[0]
	n := &plan.SinkNode{Action: fmt.Sprintf("Sink[%d]-Fake", index), Index: index, Inputs: inputs, Replicas: 1, Guarantee: s.guarantee,
		Factory: &plugin.SinkFactory{Spec: &option.Spec{Name: "Fake"}, Committer: s.guarantee == plugin.Staged},
		Tables:  []plan.SinkTable{{Table: p.source.schema.Table(), Schema: p.source.schema, Sink: s}}}
	pl.Sinks = append(pl.Sinks, n)
	return n
}

func (p *pipeline) transform(t keepOdd, inputs ...int) {
	pl := p.plan.Pipelines[0]
	pl.Transforms = append(pl.Transforms, &plan.TransformNode{Action: fmt.Sprintf("Transform[%d]-Odd", len(pl.Transforms)), Inputs: inputs, Input: t.schema, Output: t.schema,
		Factory: &plugin.TransformFactory{New: func(context.Context, plugin.Job, *record.Schema, *option.Values) (plugin.Transform, error) {
			return t, nil
		}}})
}

// next prepares the next attempt, from the newest recorded manifest.
func (p *pipeline) next() *Attempt {
	p.attempt++
	pl := p.plan.Pipelines[0]
	return NewAttempt(HeadConfig{Plan: p.plan, Pipeline: pl, Manifest: p.rows.newest(p.t), Interval: p.interval, Timeout: p.timeout,
		Task: plugin.Task{JobID: "1", RunID: "r", Pipeline: 1, Attempt: p.attempt, Now: time.Now},
		Rows: p.rows, Blobs: p.blobs, Log: p.log, Completed: p.completed}, p.budget, &BadRows{Budget: p.plan.Env.Dirty, Log: p.log})
}

// run is one attempt that must end before the test's patience does.
func (p *pipeline) run() (record.BarrierKind, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	kind, err := p.next().Run(ctx)
	if ctx.Err() != nil {
		p.t.Fatalf("the pipeline hangs: %v", err)
	}
	return kind, err
}

const (
	patience    = 30 * time.Second
	millisecond = time.Millisecond
)

// memoryRows are checkpoint rows in memory.
type memoryRows struct {
	mu       sync.Mutex
	last     int64
	complete []checkpoint.Ref
	// recorded runs after a row was completed; its error is lost on the way back.
	recorded func(id int64) error
}

func (r *memoryRows) Begin(context.Context, record.BarrierKind, int64) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	return r.last, nil
}

func (r *memoryRows) Complete(_ context.Context, id int64, ref checkpoint.Ref) error {
	r.mu.Lock()
	r.complete = append(r.complete, ref)
	r.mu.Unlock()
	if r.recorded != nil {
		return r.recorded(id)
	}
	return nil
}
func (r *memoryRows) Abort(context.Context, int64, string) error { return nil }
func (r *memoryRows) Acknowledge(context.Context, int64) error   { return nil }

func (r *memoryRows) newest(t *testing.T) *checkpoint.Manifest {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.complete) == 0 {
		return nil
	}
	m, err := checkpoint.Decode(r.complete[len(r.complete)-1].Inline)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wantOnce checks that rows are exactly those of n splits of rows rows.
func wantOnce(t *testing.T, got []int64, n, rows int, keep func(id int64) bool) {
	t.Helper()
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = rows
	}
	wantRows(t, "the sink", got, sizes, keep)
}

// wantRows checks that rows are exactly those of splits of these sizes that keep allows.
func wantRows(t *testing.T, who string, got []int64, sizes []int, keep func(id int64) bool) {
	t.Helper()
	seen := map[int64]int{}
	for _, id := range got {
		seen[id]++
	}
	missing, doubled, want := 0, 0, 0
	for i, rows := range sizes {
		for j := range rows {
			id := int64(i)*1e6 + int64(j)
			if keep != nil && !keep(id) {
				continue
			}
			want++
			switch c := seen[id]; {
			case c == 0:
				missing++
			case c > 1:
				doubled++
			}
			delete(seen, id)
		}
	}
	if missing > 0 || doubled > 0 || len(seen) > 0 {
		t.Errorf("%s: of %d rows %d are missing, %d doubled, and %d came that should not", who, want, missing, doubled, len(seen))
	}
}

func odd(id int64) bool { return id%2 == 1 }

var (
	errTest    = errors.New("made to fail")
	errSilence = errors.New("nothing came for a while") // a poll hook's
)
