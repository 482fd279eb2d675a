package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"seikan/db"
)

// counted counts what a store is asked.
type counted struct {
	db.Store
	queries, rows, writes atomic.Int64
	seen                  func(sql string)
}

func (c *counted) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	r, err := c.Store.Query(ctx, s)
	c.queries.Add(1)
	if err == nil {
		c.rows.Add(int64(len(r.Values)))
	}
	if c.seen != nil {
		c.seen(s.SQL)
	}
	return r, err
}

func (c *counted) Write(ctx context.Context, statements ...db.Statement) (db.Result, error) {
	c.writes.Add(1)
	return c.Store.Write(ctx, statements...)
}

func TestAWatchReadsOnlyWhatHasChanged(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := &counted{Store: newStore(t)}
	j := New(store, ticking(), counting("op-")).WithPause(noPause)
	for i := range 50 {
		id := fmt.Sprint(i)
		must[Job](t)(j.CreateJob(ctx, Submit{ID: id, Name: "n", Mode: "BATCH", Text: "{}", TextFormat: "json"}, "op"+id))
		if i >= 10 { // history
			must[Job](t)(j.SetStatus(ctx, id, nil, Failing))
			must[Job](t)(j.FinishJob(ctx, id, Failed, "", ""))
		}
	}
	w := j.Watch()
	read := func() []*LiveJob { return must[[]*LiveJob](t)(w.Read(ctx)) }
	first := read()
	if len(first) != 10 || first[0].Job.ID != "0" || first[9].Job.ID != "9" {
		t.Fatalf("%d jobs, of 10", len(first))
	}
	store.queries.Store(0)
	store.rows.Store(0)
	read()
	if q, r := store.queries.Load(), store.rows.Load(); q != 1 || r != 1 {
		t.Errorf("nothing has changed: %d queries of %d rows", q, r)
	}
	must[Pipeline](t)(j.StartAttempt(ctx, "3", 1))
	must[Job](t)(j.SetDesired(ctx, "4", WantCancel))
	second := read()
	for i, l := range second {
		if changed := l != first[i]; changed != (i == 3 || i == 4) {
			t.Errorf("job %s is read anew: %v", l.Job.ID, changed)
		}
	}
	if len(second[3].Pipelines) != 1 || second[4].Job.Desired != WantCancel {
		t.Errorf("%+v, %+v", second[3], second[4])
	}
	p := second[3].Pipelines[0]
	p.Status = PipelineRunning
	must[Pipeline](t)(j.SavePipeline(ctx, p))
	must[Job](t)(j.SetStatus(ctx, "0", nil, Canceling))
	must[Job](t)(j.FinishJob(ctx, "0", Canceled, "", ""))
	third := read()
	if len(third) != 9 || third[2].Pipelines[0].Status != PipelineRunning {
		t.Errorf("%d jobs, %+v", len(third), third[2].Pipelines)
	}
	must[Job](t)(j.Restart(ctx, Submit{ID: "20", RestoredFrom: "latest", Text: "{}", TextFormat: "json"}, "again"))
	if fourth := read(); len(fourth) != 10 || fourth[9].Job.ID != "20" || fourth[9].Job.RunNo != 2 {
		t.Errorf("the restarted job is not there: %d jobs", len(fourth))
	}
}

// A master must not walk through the history: with 100 000 finished jobs that would be a second.
func TestAWatchDoesNotScanJobsThatHaveEnded(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := &counted{Store: newStore(t)}
	j := New(store, ticking(), counting("op-")).WithPause(noPause)
	var asked []string
	store.seen = func(sql string) { asked = append(asked, sql) }
	must[Job](t)(j.CreateJob(ctx, Submit{ID: "1", Name: "n", Mode: "BATCH", Text: "{}", TextFormat: "json"}, "op"))
	asked = nil
	must[[]*LiveJob](t)(j.Watch().Read(ctx))
	for _, sql := range asked {
		args := make([]any, strings.Count(sql, "?"))
		for i := range args {
			args[i] = ""
		}
		rows, err := store.Store.Query(ctx, db.S("EXPLAIN QUERY PLAN "+sql, args...))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range rows.Values {
			if detail, _ := v[3].(string); strings.HasPrefix(detail, "SCAN") {
				t.Errorf("%s\n%s", detail, sql)
			}
		}
	}
}

// TestAWatchTakesAJobInWholly: a job without its pipelines would be one whose tasks are to stop.
func TestAWatchTakesAJobInWholly(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const queries = 4 // the newest write, the versions, the jobs, their pipelines
	for nth := 1; nth <= queries+1; nth++ {
		store := &failing{Store: newStore(t)}
		j := New(store, ticking(), counting("op-")).WithPause(noPause)
		must[Job](t)(j.CreateJob(ctx, Submit{ID: "1", Name: "n", Mode: "BATCH", Text: "{}", TextFormat: "json"}, "op"))
		must[Pipeline](t)(j.StartAttempt(ctx, "1", 1))
		w := j.Watch()
		store.in = nth
		if _, err := w.Read(ctx); (err != nil) != (nth <= queries) {
			t.Fatalf("query %d fails: %v", nth, err)
		}
		store.in = 0
		if l := must[[]*LiveJob](t)(w.Read(ctx)); len(l) != 1 || len(l[0].Pipelines) != 1 {
			t.Errorf("after query %d failed: %d jobs, %+v", nth, len(l), l)
		}
	}
}

// failing is a store of which one query fails.
type failing struct {
	db.Store
	in int // how many queries from now, from 1; 0 none
}

func (f *failing) Query(ctx context.Context, s db.Statement) (*db.Rows, error) {
	if f.in--; f.in == 0 {
		return nil, errors.New("the disk does not answer")
	}
	return f.Store.Query(ctx, s)
}
