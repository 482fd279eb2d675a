package node

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
)

// zeros is an endless body that counts what is taken of it.
type zeros struct{ taken int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.taken += int64(len(p))
	return len(p), nil
}

// TestBadRequestsAreAnsweredAlikeByEveryNode sends what is wrong to each node of a cluster, on both
// versions of the API and at the door of command lines: the answer is the same wherever the master
// is, and the cluster works as before.
func TestBadRequestsAreAnsweredAlikeByEveryNode(t *testing.T) {
	c := startCluster(t, 3, func(cfg *config.Config) {
		cfg.RESTV1 = config.RESTV1{Enabled: true, Groups: map[string]bool{"DATA": true, "CLUSTER_READ": true}}
		cfg.HTTP = config.HTTP{Enabled: true, BindAddress: "127.0.0.1", MaxBodyBytes: 1 << 20} // port 0: any
	})
	const job = `{"env":{"job.mode":"BATCH"},"source":[{"plugin_name":"FakeSource","row.num":5,"schema":{"fields":{"id":"bigint"}}}],"sink":[{"plugin_name":"Assert","rules":{"row_rules":[{"rule_type":"MIN_ROW","rule_value":5}]}}]}`
	done, err := c.nodes[0].Submit(t.Context(), ClusterJob{Format: "json", Text: job})
	if err != nil {
		t.Fatal(err)
	}
	if done = c.ended(done.ID, 20*time.Second); done.Status != state.Finished {
		t.Fatalf("job is %s: %s", done.Status, done.Error)
	}
	for name, q := range map[string]struct {
		path, kind, body string
		status           int
		says             []string
	}{
		"malformed JSON":              {"/submit-job", "application/json", `{"env":{`, 400, []string{"Invalid JSON format in request body.", "body:1:"}},
		"no JSON at all":              {"/submit-job", "application/xml", `<job/>`, 400, []string{"Invalid JSON format in request body."}},
		"an empty body":               {"/submit-job", "application/json", "", 400, []string{"Request body is empty."}},
		"JSON of no plugin":           {"/submit-job", "", strings.Replace(job, "FakeSource", "Nowhere", 1), 500, []string{"job.json:1:", "Nowhere"}},
		"HOCON that breaks off":       {"/submit-job?format=hocon", "", "env {\n  a = [1,\n", 400, []string{"job.hocon:"}},
		"HOCON of no plugin":          {"/submit-job?format=hocon", "", "env {}\nsource { Nowhere {} }\nsink { Assert {} }", 400, []string{"job.hocon:2:10: there is no source called", "job.hocon:3:15: sink Assert"}},
		"SQL that is none":            {"/submit-job?format=sql", "", "SELEKT 1;\n", 400, []string{"job.sql:1:"}},
		"an unknown format":           {"/submit-job?format=toml", "", job, 400, []string{"toml", "json, hocon or sql"}},
		"a job id of letters":         {"/submit-job?jobId=abc", "", job, 400, []string{`For input string: \"abc\"`}},
		"a used job id":               {"/submit-job?jobId=" + done.ID, "", job, 500, []string{"has already been submitted"}},
		"stop of letters":             {"/stop-job", "", `{"jobId":"abc"}`, 400, []string{`For input string: \"abc\"`}},
		"stop of nobody":              {"/stop-job", "", `{"jobId":1}`, 200, []string{`{"jobId":"1"}`}},
		"stop of one that ended":      {"/stop-job", "", `{"jobId":` + done.ID + `}`, 200, []string{done.ID}},
		"savepoint of one that ended": {"/stop-job", "", `{"jobId":` + done.ID + `,"isStopWithSavePoint":true}`, 500, []string{"savepoint", "has ended FINISHED"}},
		"savepoint of nobody":         {"/stop-job", "", `{"jobId":1,"isStopWithSavePoint":true}`, 500, []string{"savepoint", "not found"}},
		"tags that are a list":        {"/update-tags", "", `[]`, 400, []string{"Invalid JSON format"}},
		"restart without an id":       {"/submit-job?isStartWithSavePoint=true", "", job, 400, []string{"Please provide jobId when start with save point."}},
	} {
		for i, s := range c.nodes {
			for version, base := range map[string]string{"V1": "http://" + s.Addr() + "/hazelcast/rest/maps", "V2": "http://" + s.httpAddr} {
				status, text := post(t, base+q.path, q.kind, strings.NewReader(q.body))
				if status != q.status {
					t.Errorf("%s at node %d, %s: %d %s", name, i, version, status, text)
				}
				for _, word := range q.says {
					if !strings.Contains(text, word) {
						t.Errorf("%s at node %d, %s: %s does not say %s", name, i, version, text, word)
					}
				}
			}
		}
	}
	for i, s := range c.nodes {
		for path, says := range map[string]string{"/job-info/abc": `For input string: \"abc\"`, "/finished-jobs/DONE": "unknown job state", "/finished-jobs?limit=0": "limit", "/finished-jobs?after=1": "job 1"} {
			answer, err := http.Get("http://" + s.httpAddr + path)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != 400 || !strings.Contains(string(text), says) {
				t.Errorf("GET %s at node %d: %d %s", path, i, answer.StatusCode, text)
			}
		}
		door := "http://" + s.Addr() + doorPath
		for method, q := range map[string]struct {
			body   string
			status int
		}{"jobs": {"{", 400}, "nothing": {"{}", 400}, "job": {`{"id":"1"}`, 404}, "job.wish": {`{"id":"` + done.ID + `","want":"SAVEPOINT"}`, 409}, "job.submit": {`{"format":"json","text":"{"}`, 400}} {
			if status, text := post(t, door+method, "", strings.NewReader(q.body)); status != q.status || !strings.Contains(text, `"error"`) {
				t.Errorf("%s at the door of node %d: %d %s", method, i, status, text)
			}
		}
		large(t, "http://"+s.httpAddr+"/submit-job", 1<<20)
		large(t, "http://"+s.Addr()+"/hazelcast/rest/maps/submit-job", 1<<20)
		large(t, door+"job.submit", maxMessage)
		javaPeer(t, s.Addr())
	}
	kept := &http.Transport{} // whose connections stay open
	defer kept.CloseIdleConnections()
	for _, s := range c.nodes {
		answer, err := (&http.Client{Transport: kept}).Get("http://" + s.httpAddr + "/-/live")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
	members, err := c.nodes[1].restBackend().Members(t.Context())
	if err != nil || len(members) != 3 {
		t.Fatalf("members are %+v (%v)", members, err)
	}
	for _, m := range members {
		v := m.Vitals
		if v == nil {
			t.Fatalf("%s:%d does not answer", m.Host, m.Port)
		}
		if v.Clients <= 0 || v.ClockAhead < -time.Second || v.ClockAhead > time.Second {
			t.Errorf("%s:%d has %d clients and a clock %v ahead", m.Host, m.Port, v.Clients, v.ClockAhead)
		}
	}
	last, err := c.nodes[2].Submit(t.Context(), ClusterJob{Format: "json", Text: job})
	if err != nil {
		t.Fatal(err)
	}
	if last = c.ended(last.ID, 20*time.Second); last.Status != state.Finished {
		t.Errorf("after all this a job is %s: %s", last.Status, last.Error)
	}
}

func post(t *testing.T, url, kind string, body io.Reader) (int, string) {
	t.Helper()
	answer, err := http.Post(url, kind, body)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Errorf("%s: %v", url, err)
	}
	return answer.StatusCode, string(text)
}

// large sends 100 MB, first with its length and then without: it is refused with 413, little more
// than the limit is read, and nothing of it stays.
func large(t *testing.T, url string, limit int64) {
	t.Helper()
	const size = 100_000_000
	for _, told := range []int64{size, -1} {
		z := &zeros{}
		q, err := http.NewRequest(http.MethodPost, url, io.LimitReader(z, size))
		if err != nil {
			t.Fatal(err)
		}
		q.ContentLength = told
		answer, err := http.DefaultClient.Do(q)
		if err != nil { // the node may hang up while the client still sends
			if !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") && !strings.Contains(err.Error(), "closed") {
				t.Errorf("%s: %v", url, err)
			}
		} else {
			text, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), fmt.Sprint(limit)) {
				t.Errorf("%s: %d %s", url, answer.StatusCode, text)
			}
		}
		if room := limit + 16<<20; z.taken > room { // sockets hold some
			t.Errorf("%s took %d bytes", url, z.taken)
		}
	}
	runtime.GC()
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(s); s[0].Value.Uint64() > 200<<20 {
		t.Errorf("%d MiB are alive after %s", s[0].Value.Uint64()>>20, url)
	}
}

// javaPeer connects as SeaTunnel's Java client and nodes do: the node hangs up.
func javaPeer(t *testing.T, addr string) {
	t.Helper()
	for _, preface := range []string{"CP2", "HZC"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, preface); err != nil {
			t.Error(err)
		}
		var got bytes.Buffer
		if _, err := io.Copy(&got, conn); err != nil && strings.Contains(err.Error(), "timeout") || got.Len() > 0 {
			t.Errorf("%s is answered by %q, %v", preface, &got, err)
		}
		_ = conn.Close()
	}
}
