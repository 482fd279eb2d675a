package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// crash makes one part of an attempt fail, somewhere, sometime.
type crash struct {
	mu   sync.Mutex
	left int // steps until it happens
}

func (c *crash) step() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		return errTest
	}
	return nil
}

func (c *crash) arm(after int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = after
}

// TestCrashAnywhereGivesEveryRowOnce fails attempts at random steps of readers, writers,
// committers and checkpoint rows (after the row was written, too), restarts each from the
// newest recorded checkpoint with some parallelism, and counts. A staged sink and a ledger
// sink hang on the same source, and a second ledger sink gets half of the rows. (P2)
func TestCrashAnywhereGivesEveryRowOnce(t *testing.T) {
	t.Parallel()
	seeds := 30
	if os.Getenv("SEIKAN_SOAK") != "" {
		seeds = 1000
	}
	first := rand.Uint64() % 1e9
	if s, err := strconv.ParseUint(os.Getenv("SEIKAN_SEED"), 10, 64); err == nil {
		first, seeds = s, 1
	}
	for i := range seeds {
		seed := first + uint64(i)
		t.Run(fmt.Sprint("SEIKAN_SEED=", seed), func(t *testing.T) {
			t.Parallel()
			crashes(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func crashes(t *testing.T, random *rand.Rand) {
	var c crash
	source := &fakeSource{schema: table("t"), rounds: [][]plugin.Split{{split(0, 95), split(1, 40)}, {split(2, 61)}, {split(3, 10), split(4, 1)}},
		traits: plugin.SourceTraits{Replayable: true, Stored: true, Concurrent: random.IntN(2) == 0}}
	source.poll = func(context.Context, string, int64) (record.Event, error) { return record.Event{}, c.step() }
	hook := func(context.Context, *fakeWriter) error { return c.step() }
	staged, ledger, half := newSink(plugin.Staged), newSink(plugin.Ledger), newSink(plugin.Ledger)
	for _, s := range []*fakeSink{staged, ledger, half} {
		s.write, s.prepare = hook, hook
	}
	staged.commit = func(context.Context) error { return plugin.Permanent(c.step()) }
	p := newPipeline(t, source, 1, staged, ledger)
	p.transform(keepOdd{schema: source.schema}, 0)
	p.sink(half, 2, 1).Replicas = 2
	p.interval = time.Millisecond
	p.budget = NewBudget(700)
	p.rows.recorded = func(int64) error { return c.step() }
	for {
		p.plan.Pipelines[0].Parallelism = 1 + random.IntN(4)
		c.arm(0) // never
		if p.attempt < 12 {
			c.arm(1 + random.IntN(40))
		}
		kind, err := p.run()
		if err == nil && kind == record.CompletedPoint {
			break
		}
		if err != nil && !errors.Is(err, errTest) && !strings.Contains(err.Error(), errTest.Error()) {
			t.Fatal(err)
		}
	}
	sizes := []int{95, 40, 61, 10, 1}
	wantRows(t, "staged", staged.rows(), sizes, nil)
	wantRows(t, "ledger", ledger.rows(), sizes, nil)
	wantRows(t, "half", half.rows(), sizes, odd)
}

// TestSplitResumesWhereTheSlowestSinkWants: the reader goes back to what the sink that is
// furthest behind has, and a sink without a ledger has what the checkpoint says.
func TestSplitResumesWhereTheSlowestSinkWants(t *testing.T) {
	t.Parallel()
	at := func(rows int64) map[string]record.Position {
		return map[string]record.Position{"0/0": {Rows: rows}}
	}
	for name, c := range map[string]struct {
		ledgers []map[string]record.Position // nil: a sink without one
		want    int64
		done    bool
	}{
		"one ledger":                {[]map[string]record.Position{at(50)}, 50, false},
		"the least of two":          {[]map[string]record.Position{at(50), at(30)}, 30, false},
		"a ledger that has nothing": {[]map[string]record.Position{at(50), {}}, 0, false},
		"beside a staged sink":      {[]map[string]record.Position{at(50), nil}, 0, false},
		"all is done":               {[]map[string]record.Position{{"0/0": {Rows: 100, Done: true}}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := int64(-1)
			source := &fakeSource{schema: table("t"), rounds: splits(1, 100)}
			source.poll = func(_ context.Context, _ string, at int64) (record.Event, error) {
				if from < 0 {
					from = at
				}
				return record.Event{}, nil
			}
			var sinks []*fakeSink
			for _, l := range c.ledgers {
				s := newSink(plugin.Staged)
				if l != nil {
					s = newSink(plugin.Ledger)
					s.ledger = l
				}
				sinks = append(sinks, s)
			}
			if _, err := newPipeline(t, source, 1, sinks...).run(); err != nil {
				t.Fatal(err)
			}
			if c.done {
				if from >= 0 {
					t.Errorf("a split that is done was read from %d", from)
				}
				return
			}
			if from != c.want {
				t.Errorf("the reader began at row %d, expected %d", from, c.want)
			}
		})
	}
}

// TestSavepointRestoresWithOtherParallelism stops with a savepoint in the middle and goes on
// with more and with fewer subtasks.
func TestSavepointRestoresWithOtherParallelism(t *testing.T) {
	t.Parallel()
	source := &fakeSource{schema: table("t"), rounds: splits(6, 300)}
	sink := newSink(plugin.Staged)
	p := newPipeline(t, source, 2, sink)
	for _, parallelism := range []int{2, 5, 1} {
		p.plan.Pipelines[0].Parallelism = parallelism
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		a := p.next()
		var batches int
		var mu sync.Mutex
		source.poll = func(context.Context, string, int64) (record.Event, error) {
			mu.Lock()
			defer mu.Unlock()
			if batches++; batches < 20 {
				return record.Event{}, nil
			}
			if batches == 20 {
				a.Savepoint()
			}
			return record.Event{}, errSilence
		}
		kind, err := a.Run(ctx)
		if err != nil || kind != record.Savepoint {
			t.Fatalf("%d subtasks: ended as %q, %v", parallelism, kind, err)
		}
	}
	source.poll = nil
	if kind, err := p.run(); err != nil || kind != record.CompletedPoint {
		t.Fatalf("ended as %q, %v", kind, err)
	}
	wantOnce(t, sink.rows(), 6, 300, nil)
}

// TestRestoreCommitsBeforeItReads loses the process between the recorded row and the commit.
func TestRestoreCommitsBeforeItReads(t *testing.T) {
	t.Parallel()
	ctx, kill := context.WithTimeout(t.Context(), patience)
	defer kill()
	source := &fakeSource{schema: table("t"), rounds: splits(2, 100)}
	sink := newSink(plugin.Staged)
	sink.commit = func(ctx context.Context) error {
		if len(sink.heard) > 0 { // not the Recover at the start
			kill()
			return ctx.Err()
		}
		return nil
	}
	p := newPipeline(t, source, 2, sink)
	if _, err := p.next().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
	if n := len(sink.rows()); n != 0 {
		t.Fatalf("%d rows are visible before the commit", n)
	}
	sink.commit = nil
	source.poll = func(context.Context, string, int64) (record.Event, error) {
		t.Error("rows are read again though all were prepared")
		return record.Event{}, nil
	}
	if _, err := p.run(); err != nil {
		t.Fatal(err)
	}
	wantOnce(t, sink.rows(), 2, 100, nil)
}

// TestExpiredCheckpointNamesTheSubtaskAndWhatItDoes holds one subtask's writer up.
func TestExpiredCheckpointNamesTheSubtaskAndWhatItDoes(t *testing.T) {
	t.Parallel()
	warned := make(chan string, 100)
	source := &fakeSource{schema: table("t"), rounds: splits(2, 50)}
	sink := newSink(plugin.Staged)
	var line string
	sink.write = func(ctx context.Context, w *fakeWriter) error {
		if w.task.Subtask != 1 || line != "" {
			return nil
		}
		for line = range warned {
			if strings.Contains(line, "has not answered") {
				return nil
			}
		}
		return ctx.Err()
	}
	p := newPipeline(t, source, 2, sink)
	for i := range source.rounds[0] {
		source.rounds[0][i].Owner = i + 1
	}
	p.interval, p.timeout = time.Millisecond, 20*time.Millisecond
	p.plan.Env.TolerableFailures = 1000
	p.log = slog.New(slog.NewTextHandler(lines(warned), nil))
	if _, err := p.run(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"subtask=1", "Sink[0]-Fake writing", "level=WARN"} {
		if !strings.Contains(line, want) {
			t.Errorf("the warning %q does not name %q", line, want)
		}
	}
	wantOnce(t, sink.rows(), 2, 50, nil)
}

// lines is a Writer that sends each line on, or drops it when nobody takes them.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(bytes.TrimSpace(b)):
	default:
	}
	return len(b), nil
}

// TestRateLimitDoesNotHoldABarrierUp lets a subtask wait a day for its next bytes: it still
// takes checkpoints, and a savepoint ends it without the rows that were not let through.
func TestRateLimitDoesNotHoldABarrierUp(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]plan.Env{"rows": {RowsPerSecond: 1}, "bytes": {BytesPerSecond: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := &fakeSource{schema: table("t"), rounds: splits(1, 10_000)}
			sink := newSink(plugin.Staged)
			p := newPipeline(t, source, 1, sink)
			p.plan.Env = limit
			p.interval = time.Millisecond
			a := p.next()
			p.rows.recorded = func(id int64) error {
				if id == 3 {
					a.Savepoint()
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			kind, err := a.Run(ctx)
			if err != nil || kind != record.Savepoint {
				t.Fatalf("ended as %q, %v", kind, err)
			}
			p.plan.Env = plan.Env{}
			if _, err := p.run(); err != nil {
				t.Fatal(err)
			}
			wantOnce(t, sink.rows(), 1, 10_000, nil)
		})
	}
}
