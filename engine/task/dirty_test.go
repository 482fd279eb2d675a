package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// letters is the sink that keeps dead letters: the id in each row's bytes.
type letters struct{ *fakeSink }

type letterWriter struct{ *fakeWriter }

func (l letters) Writer(ctx context.Context, task plugin.Task, states []plugin.State) (plugin.Writer, error) {
	w, err := l.fakeSink.Writer(ctx, task, states)
	if err != nil {
		return nil, err
	}
	return letterWriter{w.(*fakeWriter)}, nil
}

func (w letterWriter) Write(_ context.Context, b *record.Batch) error {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	for i := range b.Rows() {
		var id int64
		if _, err := fmt.Fscan(bytes.NewReader(b.Data.Column(0).(*array.Binary).Value(i)), &id); err != nil {
			return err
		}
		w.ids = append(w.ids, id)
	}
	return nil
}

func (p *pipeline) dirty(budget plan.Dirty) *fakeSink {
	sink := newSink(plugin.Staged)
	p.plan.Env.Dirty = budget
	p.plan.Dirty = &plan.SinkNode{Action: "Dirty-Fake", Index: -1, Inputs: []int{0}, Replicas: 1, Guarantee: plugin.Staged,
		Factory: &plugin.SinkFactory{Spec: &option.Spec{Name: "Fake"}, Committer: true},
		Tables:  []plan.SinkTable{{Table: "dirty", Schema: plan.DirtySchema(), Sink: letters{sink}}}}
	return sink
}

// TestDirtyBudget counts ten bad rows of a hundred against budgets.
func TestDirtyBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget plan.Dirty
		want   string // error; "" for success
	}{
		"none":            {plan.Dirty{}, "row 0 is bad"},
		"count exact":     {plan.Dirty{MaxCount: 10}, ""},
		"count too small": {plan.Dirty{MaxCount: 9}, "bad row number 10, and env.dirty.max-count is 9"},
		"ratio exact":     {plan.Dirty{MaxRatio: 0.1}, ""},
		"ratio too small": {plan.Dirty{MaxRatio: 0.09}, "a share of 0.1000, and env.dirty.max-ratio is 0.09"},
		"both, count":     {plan.Dirty{MaxCount: 5, MaxRatio: 0.5}, "max-count is 5"},
		"both, ratio":     {plan.Dirty{MaxCount: 50, MaxRatio: 0.05}, "max-ratio is 0.05"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := &fakeSource{schema: table("t"), rounds: splits(1, 100), bad: func(id int64) bool { return id%10 == 0 }}
			sink := newSink(plugin.Staged)
			p := newPipeline(t, source, 1, sink)
			letters := p.dirty(c.budget)
			_, err := p.run()
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !plugin.IsPermanent(err) {
					t.Fatalf("the error is %v, expected a permanent %q", err, c.want)
				}
				if n := len(sink.rows()) + len(letters.rows()); n > 0 {
					t.Errorf("%d rows were committed beyond the budget", n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantOnce(t, sink.rows(), 1, 100, func(id int64) bool { return id%10 != 0 })
			wantOnce(t, letters.rows(), 1, 100, func(id int64) bool { return id%10 == 0 })
		})
	}
}

// TestDeadLettersDoNotWaitForTheRowsBudget: a writer that adds dead letters holds bytes of the
// job's budget, and the reader waits for the rest of it.
func TestDeadLettersDoNotWaitForTheRowsBudget(t *testing.T) {
	t.Parallel()
	const rows = 20 * letterBatch
	source := &fakeSource{schema: table("t"), rounds: splits(1, rows)}
	sink := newSink(plugin.Staged)
	p := newPipeline(t, source, 1, sink)
	letters := p.dirty(plan.Dirty{MaxCount: rows})
	p.budget = NewBudget(400) // one batch and a bit
	n := 0
	sink.write = func(ctx context.Context, w *fakeWriter) error {
		for range rowsPerBatch {
			if n < rows {
				row := plugin.DirtyRow{Raw: fmt.Append(nil, n), Err: errTest}
				if err := w.task.Dirty(ctx, row); err != nil {
					return err
				}
				n++
			}
		}
		return nil
	}
	if _, err := p.run(); err != nil {
		t.Fatal(err)
	}
	wantOnce(t, letters.rows(), 1, rows, nil)
}

// TestDeadLettersAndTheirBudgetSurviveCrashes restarts at random steps: every bad row is kept
// once and counted once, so that a budget which is just enough stays enough.
func TestDeadLettersAndTheirBudgetSurviveCrashes(t *testing.T) {
	t.Parallel()
	bad := func(id int64) bool { return id%3 == 0 }
	first := rand.Uint64() % 1e9
	for i := range uint64(15) {
		seed := first + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			var c crash
			source := &fakeSource{schema: table("t"), rounds: splits(2, 300), bad: bad, traits: plugin.SourceTraits{Stored: true, Replayable: true}}
			source.poll = func(context.Context, string, int64) (record.Event, error) { return record.Event{}, c.step() }
			slow, quick := newSink(plugin.Staged), newSink(plugin.Staged)
			hook := func(context.Context, *fakeWriter) error { return c.step() }
			slow.write, slow.prepare, quick.write = hook, hook, hook
			p := newPipeline(t, source, 2, slow, quick)
			letters := p.dirty(plan.Dirty{MaxCount: 200}) // there are just as many
			p.interval = time.Millisecond
			p.rows.recorded = func(int64) error { return c.step() }
			shared := &BadRows{Budget: p.plan.Env.Dirty} // lives as long as the process
			for {
				c.arm(0)
				if p.attempt < 8 {
					c.arm(5 + random.IntN(60))
				}
				a := p.next()
				a.bad = shared
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				kind, err := a.Run(ctx)
				cancel()
				if err == nil && kind == record.CompletedPoint {
					if n := Sum(a.Map(), "DirtyCount"); n != 200 {
						t.Errorf("%d bad rows are counted, and there are 200", n)
					}
					if n := Sum(a.Map(), "SourceReceivedCount"); n != 400 {
						t.Errorf("%d good rows are counted, and there are 400", n)
					}
					break
				}
				if !errors.Is(err, errTest) && !strings.Contains(err.Error(), errTest.Error()) {
					t.Fatal(err)
				}
			}
			good := func(id int64) bool { return !bad(id) }
			wantRows(t, "slow", slow.rows(), []int{300, 300}, good)
			wantRows(t, "quick", quick.rows(), []int{300, 300}, good)
			wantRows(t, "dead letters", letters.rows(), []int{300, 300}, bad)
		})
	}
}
