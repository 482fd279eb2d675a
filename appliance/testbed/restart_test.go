package testbed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/appliance/testbed/lacking"
	"seikan/db/local"
	"seikan/db/state"
	"seikan/engine/master"
	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
	blobs "seikan/storage/local"
)

// stubborn is a source and a sink that fail as told; no rows flow.
type stubborn struct {
	mu       sync.Mutex
	failures []error // of the attempts, in order
	attempts int
	prepared int // save modes
	prepare  func(ctx context.Context) error
}

func (s *stubborn) Tables() []*record.Schema {
	return []*record.Schema{(&record.Schema{Path: record.TablePath{Table: "t"}}).Freeze()}
}
func (s *stubborn) Traits() plugin.SourceTraits { return plugin.SourceTraits{Stored: true} }
func (s *stubborn) Enumerator(context.Context, plugin.Task, *plugin.State) (plugin.Enumerator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if s.attempts <= len(s.failures) {
		return nil, s.failures[s.attempts-1]
	}
	return nothing{}, nil
}
func (s *stubborn) Reader(context.Context, plugin.Task) (plugin.Reader, error) { return nothing{}, nil }
func (s *stubborn) Writer(context.Context, plugin.Task, []plugin.State) (plugin.Writer, error) {
	return nothing{}, nil
}
func (s *stubborn) Committer(context.Context, plugin.Task) (plugin.Committer, error) { return nil, nil }
func (s *stubborn) PrepareTable(ctx context.Context, _ plugin.Task) error {
	s.mu.Lock()
	s.prepared++
	s.mu.Unlock()
	if s.prepare != nil {
		return s.prepare(ctx)
	}
	return nil
}

// nothing has no splits and writes no rows.
type nothing struct{}

func (nothing) Discover(context.Context) (plugin.Discovery, error) {
	return plugin.Discovery{Done: true}, nil
}
func (nothing) Snapshot() (plugin.State, error)            { return plugin.State{}, nil }
func (nothing) Add(context.Context, plugin.Split) error    { return nil }
func (nothing) Poll(context.Context) (record.Event, error) { return record.Event{}, nil }
func (nothing) Write(context.Context, *record.Batch) error { return nil }
func (nothing) Prepare(context.Context, record.Barrier) (plugin.Prepared, error) {
	return plugin.Prepared{}, nil
}
func (nothing) Close() error { return nil }

// jobs is local mode's master over a state of its own.
func jobs(t *testing.T) *master.Local {
	t.Helper()
	store, err := local.Open(t.TempDir()+"/local.db", local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	kept, err := blobs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &master.Local{Jobs: state.New(store, time.Now, state.RandomID), Blobs: kept, Log: slog.New(slog.DiscardHandler), Retained: 3}
}

func (s *stubborn) plan(retries int) *plan.Plan {
	spec := &option.Spec{Name: "Stubborn"}
	schema := s.Tables()[0]
	return &plan.Plan{Env: plan.Env{RetryTimes: retries, MemoryBytes: 1 << 20, TolerableFailures: 3}, Pipelines: []*plan.Pipeline{{
		ID: 1, Parallelism: 1, Source: &plan.SourceNode{Action: "Source[0]-Stubborn", Source: s, Tables: []*record.Schema{schema}},
		Sinks: []*plan.SinkNode{{Action: "Sink[0]-Stubborn", Factory: &plugin.SinkFactory{Spec: spec}, Inputs: []int{0}, Replicas: 1,
			Tables: []plan.SinkTable{{Table: "t", Schema: schema, Sink: s}}}},
	}}}
}

var (
	errPassing = errors.New("the network is away")
	errLasting = plugin.Permanent(errors.New("the password is wrong"))
)

// TestOnlyErrorsThatCanHealAreTriedAgain counts attempts against job.retry.times.
func TestOnlyErrorsThatCanHealAreTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures []error
		retries  int
		want     state.Status
		attempts int
	}{
		"none":             {nil, 3, state.Finished, 1},
		"just enough":      {[]error{errPassing, errPassing}, 2, state.Finished, 3},
		"too many":         {[]error{errPassing, errPassing, errPassing}, 2, state.Failed, 3},
		"no retries":       {[]error{errPassing}, 0, state.Failed, 1},
		"cannot heal":      {[]error{errLasting}, 5, state.Failed, 1},
		"cannot heal then": {[]error{errPassing, fmt.Errorf("connect: %w", errLasting)}, 5, state.Failed, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s := jobs(t), &stubborn{failures: c.failures}
			job, err := l.Jobs.CreateJob(t.Context(), state.Submit{ID: "1", Name: "n", Mode: "BATCH"}, "op")
			if err != nil {
				t.Fatal(err)
			}
			run, err := l.Start(t.Context(), s.plan(c.retries), job, false)
			if err != nil {
				t.Fatal(err)
			}
			out, err := run.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if out.Job.Status != c.want || s.attempts != c.attempts {
				t.Errorf("ended %s after %d attempts (%v), expected %s after %d", out.Job.Status, s.attempts, out.Err, c.want, c.attempts)
			}
			if s.prepared != 1 {
				t.Errorf("the save mode ran %d times", s.prepared)
			}
			if c.want == state.Finished {
				return
			}
			// A restore goes on without the save mode.
			s.failures = nil
			if job, err = l.Jobs.Restart(t.Context(), state.Submit{ID: "1", Name: "n", Mode: "BATCH", RestoredFrom: "latest"}, "op2"); err != nil {
				t.Fatal(err)
			}
			if run, err = l.Start(t.Context(), s.plan(0), job, true); err != nil {
				t.Fatal(err)
			}
			if out, err = run.Wait(t.Context()); err != nil || out.Job.Status != state.Finished {
				t.Fatalf("the restored job ended %s, %v, %v", out.Job.Status, out.Err, err)
			}
			if s.prepared != 1 {
				t.Errorf("the save mode ran %d times, once after a restore", s.prepared)
			}
		})
	}
}

// TestCancelDuringSaveModesIsACancel: the job is CANCELED, not FAILED.
func TestCancelDuringSaveModesIsACancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := jobs(t)
	s := &stubborn{prepare: func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() }}
	job, err := l.Jobs.CreateJob(ctx, state.Submit{ID: "1", Name: "n", Mode: "BATCH"}, "op")
	if err != nil {
		t.Fatal(err)
	}
	run, err := l.Start(ctx, s.plan(3), job, false)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.Wait(ctx)
	if err != nil || out.Job.Status != state.Canceled || out.Err != nil {
		t.Errorf("ended %s, %v, %v", out.Job.Status, out.Err, err)
	}
}

// TestDamagedCheckpointIsPassedOverLoudly kills a job, damages its newest checkpoint, and
// restores: the one before is used, with a warning, and the ledger keeps every row single.
func TestDamagedCheckpointIsPassedOverLoudly(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const rows, id = 4000, "871234567890123458"
	p.numbers(rows)
	text := `
env { checkpoint.interval = 20 %s }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { table = t, fields { id = int, name = string } } } }
sink { Jdbc { url = "jdbc:sqlite:$DIR/x.db", driver = "org.sqlite.JDBC", generate_sink_sql = true, database = main, table = t, enable_upsert = false, is_exactly_once = true } }`
	c := Command(t, p.path("state"), "run", p.write("job.conf", fmt.Sprintf(text, ", read_limit.rows_per_second = 500")), "--job-id", id)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	completed := func() (newest, n int) {
		db, err := sql.Open("sqlite", p.path("state", "local.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		// Before the state is made this fails, and counts as none.
		_ = db.QueryRow(`SELECT coalesce(max(id), 0), count(*) FROM checkpoint WHERE status = 'COMPLETED'`).Scan(&newest, &n)
		return newest, n
	}
	for end := time.Now().Add(patience); ; {
		if newest, n := completed(); n >= 2 && newest > 20 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("there are no checkpoints")
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // killed
	newest, _ := completed()
	db, err := sql.Open("sqlite", p.path("state", "local.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`UPDATE checkpoint SET manifest_inline = x'00' WHERE id = ?`, newest)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	e := p.seikan("run", p.write("job.conf", fmt.Sprintf(text, "")), "--restore", id)
	if e.code != 0 {
		t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
	}
	for _, want := range []string{"a checkpoint cannot be used", fmt.Sprintf("checkpoint=%d", newest), "going on from an older checkpoint"} {
		if !strings.Contains(e.out, want) {
			t.Errorf("nothing says %q:\n%s", want, tail(e.out))
		}
	}
	if n, single := p.count("x.db", "SELECT count(*) FROM t"), p.count("x.db", "SELECT count(DISTINCT id) FROM t"); n != rows || single != rows {
		t.Errorf("%d rows, %d different ones, expected %d", n, single, rows)
	}
}

// TestManyJobsLeaveNothingBehind runs jobs in one process and counts its descriptors.
func TestManyJobsLeaveNothingBehind(t *testing.T) {
	l := jobs(t)
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			lacking.Skip(t, "needs /proc: %v", err)
		}
		return len(entries)
	}
	one := func(i int) {
		job, err := l.Jobs.CreateJob(t.Context(), state.Submit{ID: fmt.Sprint(i), Name: "n", Mode: "BATCH"}, fmt.Sprint("op", i))
		if err != nil {
			t.Fatal(err)
		}
		run, err := l.Start(t.Context(), (&stubborn{}).plan(0), job, false)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := run.Wait(t.Context()); err != nil || out.Job.Status != state.Finished {
			t.Fatalf("ended %s, %v", out.Job.Status, err)
		}
	}
	one(0)
	before, routines := open(), runtime.NumGoroutine()
	count := 50
	if os.Getenv("SEIKAN_SOAK") != "" {
		count = 1000
	}
	for i := range count {
		one(i + 1)
	}
	const pool = 10 // connections of the store that come and go
	if after := open(); after > before+pool {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
	if after := runtime.NumGoroutine(); after > routines+pool {
		t.Errorf("%d goroutines run, %d before", after, routines)
	}
}
