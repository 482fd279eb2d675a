package node

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/db"
	"seikan/db/state"
)

// longHistory fills the state with jobs that have ended, each with a text of 1 KiB, its pipelines,
// its run and six events.
func longHistory(t testing.TB, s *Server, jobs int) {
	t.Helper()
	const each = 5000
	text := `{"env":{},"source":["` + strings.Repeat("x", 1000) + `"]}`
	shape := `{"pipelines":[{"id":1,"parallelism":1}],"env_options":{"job.mode":"BATCH"},"dag":{"pipelineEdges":{},"vertices":[]}}`
	store := s.raft.Forwarding()
	for from := 0; from < jobs; from += each {
		n := min(each, jobs-from)
		count := fmt.Sprintf("WITH RECURSIVE i(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM i WHERE n < %d) ", from, from+n-1)
		_, err := store.Write(t.Context(),
			db.S(count+`INSERT INTO job(id, name, mode, status, allowed_ms, desired, run_no, run_id, restored_from, text, text_format, submit_ms, start_ms,
				finish_ms, error, owner, epoch, attempt, version, submit_op, op_id, metrics_json, shape) SELECT 700000000000000000 + n, 'job', 'BATCH', 'FINISHED', 0, 'RUN',
				1, 'run-' || n, '', ?, 'json', ? + n, ? + n, ? + n, '', 'node', 1, 1, 9, 's-' || n, 'o-' || n, '{"SourceReceivedCount#a":1}', ? FROM i`,
				text, int64(1_600_000_000_000), int64(1_600_000_000_010), int64(1_600_000_000_020), shape),
			db.S(count+`INSERT INTO pipeline(job_id, id, run_no, status, allowed_ms, restores, attempt, last_checkpoint, error, epoch, op_id)
				SELECT 700000000000000000 + n, p.id, 1, 'FINISHED', 0, 0, 1, 0, '', 1, '' FROM i, (SELECT 0 AS id UNION ALL SELECT 1) p`),
			db.S(count+`INSERT INTO job_run(job_id, run_no, run_id, restored_from, name, mode, status, text, text_format, submit_ms, start_ms, finish_ms, error, owner, metrics_json)
				SELECT 700000000000000000 + n, 1, 'run-' || n, '', 'job', 'BATCH', 'FINISHED', ?, 'json', ? + n, ? + n, ? + n, '', 'node', '{"SourceReceivedCount#a":1}' FROM i`,
				text, int64(1_600_000_000_000), int64(1_600_000_000_010), int64(1_600_000_000_020)),
			db.S(count+`INSERT INTO event(job_id, run_no, at_ms, kind, message, detail)
				SELECT 700000000000000000 + n, 1, ? + n, 'STATUS', 'RUNNING', '' FROM i, (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6)`,
				int64(1_600_000_000_000)))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkRestartWithLongHistory is the time from the start of a node whose state holds 100 000
// jobs that have ended until its master has taken its first step.
func BenchmarkRestartWithLongHistory(b *testing.B) {
	c := startCluster(b, 1)
	c.cfg.HistoryJobExpire = 1 << 62 // nothing leaves
	longHistory(b, c.nodes[0], 100_000)
	if err := c.nodes[0].raft.Snapshot(); err != nil { // as it is made now and then
		b.Fatal(err)
	}
	bytes, err := c.nodes[0].jobs.Bytes(db.Stale(b.Context()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/(1<<20), "MiB")
	b.Logf("the state has %d MiB", bytes>>20)
	var down time.Duration
	for b.Loop() {
		b.StopTimer()
		began := time.Now()
		c.nodes[0].Stop(b.Context())
		down += time.Since(began)
		b.StartTimer()
		c.start(0)
		c.waitReady(1)
	}
	b.ReportMetric(down.Seconds()/float64(b.N), "s/stop")
	n, err := c.nodes[0].jobs.Count(b.Context())
	if err != nil || n[state.Finished] != 100_000 {
		b.Errorf("%v jobs (%v)", n, err)
	}
}

// BenchmarkAnswersWithLongHistory is how long what a console asks for takes with 100 000 jobs that
// have ended.
func BenchmarkAnswersWithLongHistory(b *testing.B) {
	c := startCluster(b, 1, func(cfg *config.Config) {
		cfg.HTTP = config.HTTP{Enabled: true, BindAddress: "127.0.0.1", MaxBodyBytes: 1 << 20}
	})
	longHistory(b, c.nodes[0], 100_000)
	for _, path := range []string{"/overview", "/finished-jobs?limit=100", "/finished-jobs/FAILED?limit=100", "/running-jobs", "/metrics", "/finished-jobs"} {
		b.Run(path[1:], func(b *testing.B) {
			var bytes int64
			for b.Loop() {
				answer, err := http.Get("http://" + c.nodes[0].httpAddr + path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, answer.Body)
				if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != 200 {
					b.Fatal(answer.Status, err)
				}
				bytes += n
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "bytes/answer")
		})
	}
	b.Run("retention finds nothing due", func(b *testing.B) {
		r := c.nodes[0].retention()
		r.policy = state.Policy{Expire: 1 << 62, Restorable: 1 << 62, MaxJobs: 1 << 40, MaxEvents: 1 << 40}
		for b.Loop() {
			if err := r.pass(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("retention of all", func(b *testing.B) {
		r := c.nodes[0].retention()
		r.policy, r.archive = state.Policy{Expire: time.Hour, MaxJobs: 1, MaxEvents: 1000}, true
		for b.Loop() {
			if err := r.pass(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
