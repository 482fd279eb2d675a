package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// TestEveryRowReachesEverySinkOnce runs fan-out, a union of two ways and replicas through a
// budget that is smaller than a batch, with barriers in between.
func TestEveryRowReachesEverySinkOnce(t *testing.T) {
	t.Parallel()
	for _, budget := range []int64{1, 200, 1 << 20} {
		t.Run(fmt.Sprint("budget ", budget), func(t *testing.T) {
			t.Parallel()
			source := &fakeSource{schema: table("t"), rounds: splits(7, 205), traits: plugin.SourceTraits{Replayable: true, Stored: true}}
			direct, union, ledger := newSink(plugin.Staged), newSink(plugin.Staged), newSink(plugin.Ledger)
			p := newPipeline(t, source, 3, direct)
			p.budget, p.interval = NewBudget(budget), millisecond
			p.transform(keepOdd{schema: source.schema}, 0)
			p.transform(keepOdd{schema: source.schema}, 1)
			p.sink(union, 1, 0, 2)
			p.sink(ledger, 2, 2).Replicas = 3
			kind, err := p.run()
			if err != nil || kind != record.CompletedPoint {
				t.Fatalf("ended as %q, %v", kind, err)
			}
			wantOnce(t, direct.rows(), 7, 205, nil)
			wantOnce(t, ledger.rows(), 7, 205, odd)
			count := map[int64]int{} // every row comes by one way, the odd ones by the other too
			for _, id := range union.rows() {
				count[id]++
			}
			for i := range 7 {
				for j := range 205 {
					id := int64(i*1e6 + j)
					if want := 1 + int(id%2); count[id] != want {
						t.Fatalf("row %d reached the union %d times, expected %d", id, count[id], want)
					}
				}
			}
			if n := source.open + direct.open + union.open + ledger.open; n != 0 {
				t.Errorf("%d plugins were not closed", n)
			}
			if !p.budget.sem.TryAcquire(budget) {
				t.Error("bytes of the budget were not given back")
			}
		})
	}
}

// TestQueuesStayWithinTheByteBudget holds one of two sinks back until the reader cannot go on.
func TestQueuesStayWithinTheByteBudget(t *testing.T) {
	t.Parallel()
	const cost = rowsPerBatch*8 + 256 // of a batch, see record.Event.Bytes
	const budget = 20 * cost
	full := make(chan struct{})
	var p *pipeline
	var once sync.Once
	var mu sync.Mutex
	read := 0
	source := &fakeSource{schema: table("t"), rounds: splits(1, 1000)}
	source.poll = func(context.Context, string, int64) (record.Event, error) {
		mu.Lock()
		defer mu.Unlock()
		read++
		// The slow sink has taken none of the batches read before, so all are in its queue.
		if held := (read - 1) * cost; held > budget+cost && !closed(full) {
			t.Errorf("%d bytes wait in the slow sink's queue, and the budget is %d", held, budget)
		}
		return record.Event{}, nil
	}
	fast, slow := newSink(plugin.Staged), newSink(plugin.Staged)
	slow.write = func(ctx context.Context, _ *fakeWriter) error {
		// Until no more batch fits.
		for p.budget.sem.TryAcquire(cost) {
			p.budget.sem.Release(cost)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		once.Do(func() { close(full) })
		return nil
	}
	p = newPipeline(t, source, 1, fast, slow)
	p.budget = NewBudget(budget)
	slow.write = gate(slow.write, full)
	if _, err := p.run(); err != nil {
		t.Fatal(err)
	}
	wantOnce(t, slow.rows(), 1, 1000, nil)
	wantOnce(t, fast.rows(), 1, 1000, nil)
}

// gate runs f until done is closed.
func gate(f func(context.Context, *fakeWriter) error, done chan struct{}) func(context.Context, *fakeWriter) error {
	return func(ctx context.Context, w *fakeWriter) error {
		if closed(done) {
			return nil
		}
		return f(ctx, w)
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestReplicasKeepAKeyTogether splits rows by primary key: a key's rows go to one replica,
// in every subtask to the same one.
func TestReplicasKeepAKeyTogether(t *testing.T) {
	t.Parallel()
	run := func() map[int64]int {
		source := &fakeSource{schema: table("t"), rounds: splits(4, 100)}
		sink := newSink(plugin.Staged)
		p := newPipeline(t, source, 2, sink)
		p.plan.Pipelines[0].Sinks[0].Replicas = 3
		if _, err := p.run(); err != nil {
			t.Fatal(err)
		}
		wantOnce(t, sink.rows(), 4, 100, nil)
		return sink.subject
	}
	first, second := run(), run()
	used := map[int]bool{}
	for id, replica := range first {
		used[replica] = true
		if second[id] != replica {
			t.Fatalf("key %d went to replica %d and then to %d", id, replica, second[id])
		}
	}
	if len(used) != 3 {
		t.Errorf("%d of 3 replicas got rows", len(used))
	}
}

func TestSchemaChangeReachesSinksInOrder(t *testing.T) {
	t.Parallel()
	source := &fakeSource{schema: table("t"), rounds: splits(1, 40)}
	after := source.schema.WithColumns(append(slices.Clone(source.schema.Columns), record.Column{Name: "more", Type: record.Of(record.Int)})).Freeze()
	changed := false
	source.poll = func(_ context.Context, _ string, at int64) (record.Event, error) {
		if at != 20 || changed {
			return record.Event{}, nil
		}
		changed = true
		return record.Event{Change: &record.SchemaChange{Before: source.schema, After: after}}, nil
	}
	sink := newSink(plugin.Repeats)
	sink.follows = true
	p := newPipeline(t, source, 1, sink)
	if _, err := p.run(); err != nil {
		t.Fatal(err)
	}
	want := []string{"rows 10", "rows 10", "change to 2 columns", "rows 10", "rows 10", "barrier 1"}
	if !slices.Equal(sink.heard, want) {
		t.Errorf("the sink heard %q, expected %q", sink.heard, want)
	}
}

// TestSchemaChangeNobodyCanFollowFailsForGood covers a sink and a transform that cannot.
func TestSchemaChangeNobodyCanFollowFailsForGood(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"sink": "this sink cannot follow it", "transform": "transforms cannot follow it"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := &fakeSource{schema: table("t"), rounds: splits(1, 40)}
			source.poll = func(context.Context, string, int64) (record.Event, error) {
				return record.Event{Change: &record.SchemaChange{Before: source.schema, After: source.schema}}, nil
			}
			p := newPipeline(t, source, 1, newSink(plugin.Repeats))
			if name == "transform" {
				p.transform(keepOdd{schema: source.schema}, 0)
				p.plan.Pipelines[0].Sinks[0].Inputs = []int{1}
			}
			_, err := p.run()
			if err == nil || !strings.Contains(err.Error(), want) || !plugin.IsPermanent(err) {
				t.Errorf("the error is %v (permanent: %t), expected a permanent %q", err, plugin.IsPermanent(err), want)
			}
		})
	}
}

func TestSplitsFoundWhileRunningAreRead(t *testing.T) {
	t.Parallel()
	source := &fakeSource{schema: table("t"), rounds: [][]plugin.Split{{split(0, 30)}, nil, {split(1, 30), split(2, 30)}, nil, {split(3, 30)}}}
	sink := newSink(plugin.Staged)
	p := newPipeline(t, source, 2, sink)
	p.interval = millisecond
	if _, err := p.run(); err != nil {
		t.Fatal(err)
	}
	wantOnce(t, sink.rows(), 4, 30, nil)
}

func TestConcurrentSourceTakesItsSplitsAtOnce(t *testing.T) {
	t.Parallel()
	for _, concurrent := range []bool{true, false} {
		rounds := splits(4, 50)
		for i := range rounds[0] {
			rounds[0][i].Owner = 1 // all of the first subtask
		}
		source := &fakeSource{schema: table("t"), rounds: rounds, traits: plugin.SourceTraits{Concurrent: concurrent}}
		sink := newSink(plugin.Staged)
		p := newPipeline(t, source, 2, sink)
		if _, err := p.run(); err != nil {
			t.Fatal(err)
		}
		wantOnce(t, sink.rows(), 4, 50, nil)
		if want := map[bool]int{true: 4, false: 1}[concurrent]; source.most != want {
			t.Errorf("concurrent %t: a reader held %d splits, expected %d", concurrent, source.most, want)
		}
	}
}

// TestErrorSaysWhoFailed lets each part fail, and wants its name, everything closed, and what
// the plugin said about trying again.
func TestErrorSaysWhoFailed(t *testing.T) {
	t.Parallel()
	fail := func(context.Context, *fakeWriter) error { return plugin.Permanent(errTest) }
	for name, c := range map[string]struct {
		arrange func(p *pipeline, s *fakeSink)
		want    string
		lasting bool
	}{
		"reader": {func(p *pipeline, _ *fakeSink) {
			p.source.poll = func(context.Context, string, int64) (record.Event, error) { return record.Event{}, errTest }
		}, "Source[0]-Fake: made to fail", false},
		"transform": {func(p *pipeline, _ *fakeSink) {
			p.transform(keepOdd{schema: p.source.schema, fail: errTest}, 0)
			p.plan.Pipelines[0].Sinks[0].Inputs = []int{1}
		}, "Transform[0]-Odd: made to fail", false},
		"writer":  {func(_ *pipeline, s *fakeSink) { s.write = fail }, "Sink[0]-Fake: table t: made to fail", true},
		"prepare": {func(_ *pipeline, s *fakeSink) { s.prepare = fail }, "Sink[0]-Fake: table t: made to fail", true},
		"commit": {func(_ *pipeline, s *fakeSink) {
			calls := 0
			s.commit = func(context.Context) error { // Recover comes first
				if calls++; calls == 1 {
					return nil
				}
				return plugin.Permanent(errTest)
			}
		}, "commit of checkpoint 1: Sink[0]-Fake: made to fail", true},
		"a table without a writer": {func(p *pipeline, _ *fakeSink) {
			s := p.plan.Pipelines[0].Sinks[0]
			s.Tables[0].Table = "a"
			s.Tables = append(s.Tables, plan.SinkTable{Table: "b", Schema: p.source.schema, Sink: s.Tables[0].Sink})
		}, "multi table sink can not write table: t", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := &fakeSource{schema: table("t"), rounds: splits(3, 500)}
			sink := newSink(plugin.Staged)
			p := newPipeline(t, source, 2, sink)
			p.budget = NewBudget(500)
			c.arrange(p, sink)
			_, err := p.run()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the error is %v, expected %q", err, c.want)
			}
			if plugin.IsPermanent(err) != c.lasting {
				t.Errorf("the error counts as permanent: %t, expected %t", plugin.IsPermanent(err), c.lasting)
			}
			if source.open+sink.open != 0 {
				t.Errorf("%d plugins were not closed", source.open+sink.open)
			}
			if !p.budget.sem.TryAcquire(500) {
				t.Error("bytes of the budget were not given back")
			}
		})
	}
}

// TestCancelEndsEveryPhase cancels while each part is at work.
func TestCancelEndsEveryPhase(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"read", "write", "prepare", "commit", "idle"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hang := func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() }
			source := &fakeSource{schema: table("t"), rounds: splits(3, 500)}
			sink := newSink(plugin.Staged)
			p := newPipeline(t, source, 2, sink)
			p.budget = NewBudget(500)
			switch phase {
			case "read":
				source.poll = func(ctx context.Context, _ string, _ int64) (record.Event, error) { return record.Event{}, hang(ctx) }
			case "write":
				sink.write = func(ctx context.Context, _ *fakeWriter) error { return hang(ctx) }
			case "prepare":
				sink.prepare = func(ctx context.Context, _ *fakeWriter) error { return hang(ctx) }
			case "commit":
				calls := 0
				sink.commit = func(ctx context.Context) error {
					if calls++; calls == 1 {
						return nil
					}
					return hang(ctx)
				}
			case "idle":
				source.traits.Unbounded, p.interval = true, millisecond
				p.rows.recorded = func(id int64) error {
					if id == 20 {
						cancel()
					}
					return nil
				}
			}
			patient, stop := context.WithTimeout(ctx, patience)
			defer stop()
			_, err := p.next().Run(patient)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v, expected that it was canceled", err)
			}
			if source.open+sink.open != 0 {
				t.Errorf("%d plugins were not closed", source.open+sink.open)
			}
		})
	}
}
