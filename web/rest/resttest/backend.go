// Package resttest is a cluster that is not there, for tests of what speaks to the REST API. Its
// rows are real.
package resttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/db/local"
	"seikan/db/state"
	"seikan/engine/master"
	"seikan/web/rest"
)

// Start is when the cluster's clock begins.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Backend implements rest.Backend.
type Backend struct {
	Store    *state.Jobs
	Info     rest.About
	Nodes    []rest.Member
	Counters map[string]map[string]int64
	Files    map[string]string // log files of this node; nil: it writes none
	Threads  rest.Pool
	Figures  rest.Facts
	NotReady error
	// Plan is how a submitted job goes on; nil: Planned.
	Plan func(id string)

	mu        sync.Mutex
	now       time.Time
	nextID    int
	Submitted []rest.Submission
	Stopped   []string
	Tags      map[string]string
}

// New makes a cluster of two nodes without jobs.
func New(t testing.TB) *Backend {
	t.Helper()
	dir := t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "rest-test-"); err == nil { // memory, where there is one: no disk is tested here
		dir = shm
		t.Cleanup(func() { _ = os.RemoveAll(shm) })
	}
	s, err := local.Open(filepath.Join(dir, "state.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := &Backend{now: Start,
		Info: rest.About{ClusterName: "seatunnel", Version: "2.3.9", Commit: "0123abc", Host: "192.0.2.1", Port: 5801, Telemetry: true},
		Nodes: []rest.Member{
			{Host: "192.0.2.1", Port: 5801, Master: true, Worker: true, Tags: map[string]string{"zone": "a"}, Slots: 4, SlotsUsed: 3,
				Vitals: &rest.Vitals{ProcessLoad: .2478, SystemLoad: .6, LoadAverage: 2.07, Processors: 12, PhysicalTotal: 16 << 30, PhysicalFree: 17301504,
					SwapFree: 512, HeapUsed: 1 << 20, HeapTotal: 4 << 20, HeapMax: 1 << 30, Goroutines: 42, PeakGoroutines: 50, GCs: 2, ForcedGCs: 1,
					GCPause: 110 * time.Millisecond, Connections: 1, Clients: 2, ClockAhead: -time.Second}},
			{Host: "192.0.2.2", Port: 5801, Worker: true, SlotsUsed: 1},
		},
		Counters: map[string]map[string]int64{},
		Files:    map[string]string{"seatunnel-engine-server.log": "started\n", "job-733584788375666693.log": "row <1>\nrow 2\n"},
		Threads:  rest.Pool{Coordinator: true, Active: 1, Core: 10, Max: 20, Size: 2, Completed: 5, Tasks: 6},
	}
	age, unknown := 7*time.Second, int64(3)
	b.Figures = rest.Facts{StateBytes: 4096, StateWarn: 1 << 30, StateMax: 4 << 30, Reigns: 2, Renewals: 9, Master: true, BackupAge: &age, Unknown: &unknown,
		Checkpoints: []rest.CheckpointFacts{{JobID: "733584788375666693", Pipeline: 1, Age: 3 * time.Second, Took: 250 * time.Millisecond, Bytes: 512, Failed: 1}}}
	n := 0
	b.Store = state.New(s, b.Now, func() string { b.mu.Lock(); defer b.mu.Unlock(); n++; return fmt.Sprint("op-", n) })
	return b
}

// Now is the cluster's clock.
func (b *Backend) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Pass lets time pass.
func (b *Backend) Pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// ways lead to each status a job can be in.
var ways = [][]state.Status{
	{},
	{state.Created},
	{state.Created, state.Pending},
	{state.Created, state.Pending, state.Scheduled},
	{state.Created, state.Pending, state.Running},
	{state.Created, state.Pending, state.Running, state.Failing},
	{state.Created, state.Pending, state.Running, state.Failing, state.Failed},
	{state.Created, state.Pending, state.Running, state.DoingSavepoint},
	{state.Created, state.Pending, state.Running, state.DoingSavepoint, state.SavepointDone},
	{state.Created, state.Pending, state.Running, state.Canceling},
	{state.Created, state.Canceling, state.Canceled},
	{state.Created, state.Pending, state.Running, state.Finished},
}

// Fill adds a job in each status a job can be in, and returns their ids: 733584788375666689 and on.
func (b *Backend) Fill(t testing.TB) map[state.Status]string {
	t.Helper()
	ids := map[state.Status]string{}
	for i, way := range ways {
		id := fmt.Sprint(733584788375666689 + i)
		restored := ""
		if i%2 == 1 {
			restored = "savepoint"
		}
		last := b.submit(t, id, restored)
		for _, s := range way {
			b.Pass(10 * time.Second)
			m := state.Move{To: s}
			switch s {
			case state.Created:
				m.Shape = shape(t)
			case state.Failing:
				m.Error = "sink <Console> is gone"
			case state.Failed, state.Finished:
				m.Metrics = `{"SourceReceivedCount#db.a":5,"SourceReceivedCount#db.b":15,"SourceReceivedBytes#db.a":123456789,"SinkWriteCount#db.a":20,"DirtyCount#db.a":1}`
			}
			j, err := b.Store.Move(t.Context(), id, m)
			if err != nil {
				t.Fatal(err)
			}
			last = j
		}
		ids[last.Status] = id
	}
	b.Counters[ids[state.Running]] = map[string]int64{"SourceReceivedCount#db.a": 700, "SinkWriteCount#db.a": 650, "SourceReceivedBytes#db.a": 70000, "SinkWriteBytes#db.a": 65000}
	b.Pass(time.Minute)
	return ids
}

func (b *Backend) submit(t testing.TB, id, restored string) state.Job {
	j, err := b.Store.CreateJob(t.Context(), state.Submit{ID: id, Name: "job " + id, Mode: "BATCH", Text: "{}", TextFormat: "json",
		RestoredFrom: restored}, "submit-"+id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// shape is the plan of a job with every kind of vertex.
func shape(t testing.TB) string {
	graph, err := json.Marshal(master.Dag{
		PipelineEdges: map[string][]master.DagEdge{"1": {{Input: "1", Target: "2"}, {Input: "2", Target: "3"}}},
		Vertices: []master.DagVertex{
			{ID: 1, Type: "source", Name: "pipeline-1 [Source[0]-FakeSource]", TablePaths: []string{"db.a", "db.b"}},
			{ID: 2, Type: "transform", Name: "pipeline-1 [TransformChain[Transform[0]-Sql]]"},
			{ID: 3, Type: "sink", Name: "pipeline-1 [Sink[0]-Console-MultiTableSink]", TablePaths: []string{"db.a"}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(master.Shape{Dag: graph, EnvOptions: map[string]string{"job.mode": "BATCH", "parallelism": "2",
		"custom_parameters": `{"password":"hunter2","team":"blue"}`, "token": "t0ken"}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Planned moves a job to CREATED.
func (b *Backend) Planned(id string) {
	_, err := b.Store.Move(context.Background(), id, state.Move{To: state.Created, Shape: `{"pipelines":[]}`})
	if err != nil {
		panic(err)
	}
}

// Unplannable fails a job before it has a plan.
func (b *Backend) Unplannable(id string) {
	for _, s := range []state.Status{state.Failing, state.Failed} {
		if _, err := b.Store.Move(context.Background(), id, state.Move{To: s, Error: "Plugin 'Nowhere' is not known"}); err != nil {
			panic(err)
		}
	}
}

func (b *Backend) About() rest.About           { return b.Info }
func (b *Backend) Ready(context.Context) error { return b.NotReady }
func (b *Backend) Jobs() *state.Jobs           { return b.Store }

// Pool is Threads.
func (b *Backend) Pool(context.Context) rest.Pool { return b.Threads }

// Facts is Figures.
func (b *Backend) Facts(context.Context) rest.Facts { return b.Figures }

// Submit adds a row.
func (b *Backend) Submit(ctx context.Context, s rest.Submission) (string, error) {
	b.mu.Lock()
	b.Submitted = append(b.Submitted, s)
	b.nextID++
	id := s.ID
	if id == "" {
		id = fmt.Sprint(900000000000000000 + b.nextID)
	}
	op := fmt.Sprint("request-", b.nextID)
	b.mu.Unlock()
	row := state.Submit{ID: id, Name: s.Name, Text: string(s.Text), TextFormat: string(s.Format), Mode: "BATCH"}
	add := b.Store.CreateJob
	if s.Restore {
		row.RestoredFrom = "latest"
		add = b.Store.Restart
	}
	if _, err := add(ctx, row, op); err != nil {
		return "", err
	}
	if b.Plan != nil {
		b.Plan(id)
	} else {
		b.Planned(id)
	}
	return id, nil
}

// Stop records the wish.
func (b *Backend) Stop(ctx context.Context, id string, savepoint bool) error {
	want := state.WantCancel
	if savepoint {
		want = state.WantSavepoint
		if j, err := b.Store.Job(ctx, id); err == nil && j.Status != state.Running {
			return fmt.Errorf("%w: job %s is %s, not RUNNING", state.ErrMoved, id, j.Status)
		}
	}
	if _, err := b.Store.SetDesired(ctx, id, want); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Stopped = append(b.Stopped, id+" "+string(want))
	return nil
}

func (b *Backend) Metrics(_ context.Context, ids []string) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	for _, id := range ids {
		if c, ok := b.Counters[id]; ok {
			out[id] = c
		}
	}
	return out, nil
}

func (b *Backend) Members(context.Context) ([]rest.Member, error) { return b.Nodes, nil }

func (b *Backend) UpdateTags(_ context.Context, tags map[string]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Tags = tags
	return nil
}

// ListLogs lists this node's files and one of the other.
func (b *Backend) ListLogs(ctx context.Context) ([]rest.LogFile, error) {
	out := []rest.LogFile{{Host: "192.0.2.2", Port: 5801, Name: "seatunnel-engine-server.log"}}
	names, err := b.LocalLogs(ctx)
	for _, name := range names {
		out = append(out, rest.LogFile{Host: b.Info.Host, Port: b.Info.Port, Name: name})
	}
	return out, err
}

func (b *Backend) LocalLogs(context.Context) ([]string, error) {
	if b.Files == nil {
		return nil, rest.ErrNoLogs
	}
	var out []string
	for name := range b.Files {
		out = append(out, name)
	}
	return out, nil
}

type logFile struct{ *strings.Reader }

func (logFile) Close() error { return nil }

func (b *Backend) OpenLog(_ context.Context, name string) (io.ReadCloser, error) {
	if b.Files == nil {
		return nil, rest.ErrNoLogs
	}
	text, ok := b.Files[name]
	if !ok {
		return nil, os.ErrNotExist
	}
	return logFile{strings.NewReader(text)}, nil
}
