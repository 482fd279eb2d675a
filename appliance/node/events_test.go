package node

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
)

// receiver takes posts in, and answers with a status.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	posts  [][]map[string]any
	header http.Header
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		var events []map[string]any
		body, err := io.ReadAll(q.Body)
		if err = errors.Join(err, json.Unmarshal(body, &events)); err != nil || q.Method != http.MethodPost {
			t.Errorf("%s %s: %v", q.Method, body, err)
		}
		if r.header = q.Header; r.status/100 == 2 {
			r.posts = append(r.posts, events)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (p *bygone) reporter(r *receiver, log io.Writer) *reporter {
	return newReporter(p.rows(p.store), config.EventReport{URL: r.URL + "/events?token=hush", Headers: map[string]string{"X-Token": "t"}}, slog.New(slog.NewTextHandler(log, nil)))
}

func TestEventsArePostedOnceInOrder(t *testing.T) {
	t.Parallel()
	p, r := newPast(t, 1), newReceiver(t)
	if err := p.reporter(r, io.Discard).report(t.Context()); err != nil || len(r.posts) != 0 {
		t.Fatalf("what happened before is posted: %v (%v)", r.posts, err)
	}
	p.ended("7", state.Failed)
	for range 2 { // the second has nothing to say
		if err := p.reporter(r, io.Discard).report(t.Context()); err != nil { // another leader each time
			t.Fatal(err)
		}
	}
	if len(r.posts) != 1 || len(r.posts[0]) != 6 {
		t.Fatalf("posted: %v", r.posts)
	}
	last := r.posts[0][5]
	if last["jobId"] != "7" || last["eventType"] != "JOB_STATUS" || last["jobStatus"] != "FAILED" || last["createdTime"] != float64(p.now.UnixMilli()) && last["createdTime"] == nil {
		t.Errorf("the last event is %v", last)
	}
	if r.header.Get("Content-Type") != "application/json" || r.header.Get("X-Token") != "t" {
		t.Errorf("headers are %v", r.header)
	}
}

func TestEventsComeAgainUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	p, r := newPast(t, 0), newReceiver(t)
	if err := p.reporter(r, io.Discard).report(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.ended("1", state.Finished)
	for _, status := range []int{http.StatusInternalServerError, http.StatusFound, http.StatusBadRequest} {
		r.status = status
		err := p.reporter(r, io.Discard).report(t.Context())
		if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), r.URL) {
			t.Errorf("%d: %v", status, err)
		}
	}
	r.status = http.StatusOK
	if err := p.reporter(r, io.Discard).report(t.Context()); err != nil || len(r.posts) != 1 || len(r.posts[0]) != 5 {
		t.Errorf("posted: %v (%v)", r.posts, err)
	}
	gone := p.reporter(r, io.Discard)
	r.Close()
	p.ended("2", state.Finished)
	if err := gone.report(t.Context()); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("nobody is there: %v", err)
	}
}

func TestTooManyEventsAreReportedFromTheNewestOn(t *testing.T) {
	t.Parallel()
	p, r := newPast(t, 0), newReceiver(t)
	j := p.rows(p.store)
	p.ended("1", state.Finished)
	if err := j.SetReported(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for range reportKept - 2 {
		if err := j.AddEvent(t.Context(), "1", "LIFECYCLE_READER_OPEN", "", `{"tablePath":"a.b"}`); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	if err := p.reporter(r, &log).report(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.posts) != 1 || len(r.posts[0]) != reportKept || r.posts[0][1]["jobStatus"] != "FINISHED" || r.posts[0][2]["tablePath"] != "a.b" || r.posts[0][2]["eventType"] != "LIFECYCLE_READER_OPEN" {
		t.Errorf("%d posts, the first events: %v", len(r.posts), r.posts[0][:3])
	}
	if !strings.Contains(log.String(), "events=3") || strings.Contains(log.String(), "hush") {
		t.Errorf("the log says %s", &log)
	}
}

func TestEventsOfAnyDetailAreObjects(t *testing.T) {
	t.Parallel()
	for _, detail := range []string{"", "null", "[]", "7", "{", `{"eventType":"x","jobId":"y"}`} {
		got := reported(state.Event{JobID: "1", Kind: "ADOPTED", Detail: detail, At: time.UnixMilli(5)})
		if got["eventType"] != "ADOPTED" || got["jobId"] != "1" || got["createdTime"] != int64(5) {
			t.Errorf("%q: %v", detail, got)
		}
	}
}

func TestAnOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	o := once{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, err := range []error{nil, errInjected, errInjected, nil, nil, errInjected} {
		o.tell("posts fail", err, t.Context())
	}
	if warned, over := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=INFO"); warned != 2 || over != 1 {
		t.Errorf("the log says\n%s", &log)
	}
}

func TestTasksOfAJobAreReported(t *testing.T) {
	r := newReceiver(t)
	c := startCluster(t, 1, func(cfg *config.Config) { cfg.EventReport.URL = r.URL })
	s := c.nodes[0]
	rep := newReporter(s.master.Jobs, s.cfg.EventReport, s.log)
	if err := rep.report(t.Context()); err != nil {
		t.Fatal(err)
	}
	j, err := s.Submit(t.Context(), ClusterJob{Format: "hocon", Text: `env { parallelism = 2 }
		source { FakeSource { row.num = 10, schema { fields { id = bigint } } } }
		sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 20 } ] } } }`})
	if err != nil {
		t.Fatal(err)
	}
	c.ended(j.ID, 20*time.Second)
	seen := map[any]int{}
	c.wait("every kind of event is posted", 20*time.Second, func() bool {
		if err := rep.report(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		clear(seen)
		for _, post := range r.posts {
			for _, e := range post {
				if e["jobId"] != j.ID {
					t.Errorf("an event of nobody: %v", e)
				}
				seen[e["eventType"]]++
			}
		}
		return seen["LIFECYCLE_WRITER_CLOSE"] >= 2 && seen["LIFECYCLE_ENUMERATOR_CLOSE"] >= 1
	})
	if seen["LIFECYCLE_READER_OPEN"] < 2 || seen["LIFECYCLE_READER_CLOSE"] < 2 || seen["LIFECYCLE_ENUMERATOR_OPEN"] < 1 || seen["JOB_STATUS"] < 5 {
		t.Errorf("seen are %v", seen)
	}
}
