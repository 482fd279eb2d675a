package web_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seikan/db/state"
	"seikan/web"
	"seikan/web/auth"
	"seikan/web/rest"
	"seikan/web/rest/resttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goroutines = `goroutine 1 [chan receive, 5 minutes]:
main.main()
	/src/seikan/appliance/main.go:11 +0x1d

goroutine 34 [running]:
runtime/debug.Stack(0xc000012345)
	/go/src/runtime/debug/stack.go:26 +0x5e
seikan/engine/task.(*Chain).Run(0xc0000b4000, {0x1, 0x2})
	/src/seikan/engine/task/chain.go:42 +0x65
created by seikan/engine/worker.(*Worker).start in goroutine 1
	/src/seikan/engine/worker/worker.go:7 +0x11

goroutine 35 gp=0xc000007c00 m=nil [sync.Mutex.Lock]:
net/http.(*conn).serve(0x1)
	/go/src/net/http/server.go:2 +0x5
`

var allGroups = map[string]bool{"DATA": true, "CLUSTER_READ": true, "HEALTH_CHECK": true}

// site is both versions of the API over one backend.
type site struct {
	*resttest.Backend
	v1, v2 http.Handler
}

func newSite(t testing.TB, change ...func(*resttest.Backend, *rest.Config, *web.Config)) *site {
	t.Helper()
	b := resttest.New(t)
	quiet := slog.New(slog.DiscardHandler)
	api := rest.Config{Clock: b.Now, Location: time.UTC, HTTPPort: 8080, Log: quiet, Stacks: func() []byte { return []byte(goroutines) }}
	cfg := web.Config{Guard: &auth.Guard{AllowRemote: true}, Log: quiet, V1: web.V1{Enabled: true, Groups: allGroups}}
	for _, c := range change {
		c(b, &api, &cfg)
	}
	cfg.ContextPath = api.ContextPath
	a := rest.New(b, api)
	return &site{b, web.V1Handler(cfg, a), web.Handler(cfg, a)}
}

// ask sends a request and shows the answer: status, content type, body.
func ask(h http.Handler, method, path, body string, header ...string) string {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprintf("%d %s\n%s", w.Code, w.Header().Get("Content-Type"), w.Body)
}

// both asks V1 and V2 the same.
func (s *site) both(method, path, body string, header ...string) (v1, v2 string) {
	return ask(s.v1, method, rest.V1Prefix+path, body, header...), ask(s.v2, method, path, body, header...)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update rewrites it\n got: %s\nwant: %s", path, got, want)
	}
}

const (
	oneJob   = `{"env":{"job.name":"from env","job.mode":"BATCH"},"source":[{"plugin_name":"FakeSource","plugin_output":"t","row.num":100}],"transform":[],"sink":[{"plugin_name":"Console","plugin_input":["t"]}]}`
	shadeJob = `{"env":{"shade.identifier":"base64"},"source":[{"plugin_name":"Jdbc","username":"me","password":"secret","url":"a<b"}],"sink":[{"plugin_name":"Console","token":"t"}],"x":1.50}`
	hoconJob = "env { job.mode = BATCH }\nsource { FakeSource { row.num = 1 } }\nsink { Console {} }\n"
	sqlJob   = "/* config\nenv { job.name = \"sql job\" }\n*/\nCREATE TABLE a WITH ('connector'='FakeSource','type'='source');\n" +
		"CREATE TABLE b WITH ('connector'='Console','type'='sink');\nINSERT INTO b SELECT id FROM a;\n"
	runningID  = "733584788375666693"
	finishedID = "733584788375666700"
)

// Every endpoint that reads, in both versions.
func TestReadingAnswersAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ids := s.Fill(t)
	if ids[state.Running] != runningID || ids[state.Finished] != finishedID {
		t.Fatalf("jobs are %v", ids)
	}
	for name, path := range map[string]string{
		"overview": "/overview", "overview-tag": "/overview?zone=a", "overview-other-tag": "/overview?zone=a&zone=b",
		"running-jobs": "/running-jobs", "finished-jobs": "/finished-jobs", "finished-jobs-state": "/finished-jobs/failed",
		"finished-jobs-unknowable": "/finished-jobs/UNKNOWABLE", "finished-jobs-live-state": "/finished-jobs/RUNNING",
		"finished-jobs-wrong-state": "/finished-jobs/DONE", "finished-jobs-slash": "/finished-jobs/SAVEPOINT_DONE/",
		"job-info-running": "/job-info/" + runningID, "job-info-finished": "/job-info/" + finishedID,
		"running-job": "/running-job/+" + finishedID, "job-info-initializing": "/job-info/733584788375666689",
		"job-info-unknown": "/job-info/1", "job-info-negative": "/job-info/-5", "job-info-zeros": "/job-info/0007",
		"job-info-text": "/job-info/abc", "job-info-huge": "/job-info/99999999999999999999", "job-info-deep": "/job-info/1/x",
		"job-info-empty": "/job-info/", "job-info-none": "/job-info", "job-info-escaped": "/job-info/%31",
		"system-monitoring-information": "/system-monitoring-information", "thread-dump": "/thread-dump", "running-threads": "/running-threads",
		"get-all-log-name": "/get-all-log-name", "logs": "/logs", "logs-json": "/logs?format=json", "logs-slash-json": "/logs/?format=JSON",
		"logs-format-unknown": "/logs?format=xml", "logs-job": "/logs/" + runningID + "?format=json", "logs-none": "/logs/nothing?format=json",
		"logs-file": "/logs/job-" + runningID + ".log", "log": "/log", "log-file": "/log/seatunnel-engine-server.log",
		"log-missing": "/log/other.log", "log-outside": "/log/..%2F..%2Fetc%2Fpasswd", "logs-outside": "/logs/../x.log",
		"unknown": "/nothing-here", "post-only": "/submit-job", "bad-query": "/overview?a=%zz",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v1, v2 := s.both("GET", path, "")
			golden(t, "read-"+name, fmt.Sprintf("GET %s\n\nV1 %s\n\nV2 %s\n", path, v1, v2))
		})
	}
}

// Every endpoint that writes, and every error it answers with.
func TestWritingAnswersAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, body, header string }{
		"submit-job":                {"/submit-job", oneJob, ""},
		"submit-job-named":          {"/submit-job?jobId=77&jobName=caf%C3%A9+1", oneJob, ""},
		"submit-job-default-name":   {"/submit-job", strings.Replace(oneJob, `"job.name":"from env",`, "", 1), "application/x-www-form-urlencoded"},
		"submit-job-restore":        {"/submit-job?jobId=" + finishedID + "&isStartWithSavePoint=TRUE", oneJob, ""},
		"submit-job-restore-gone":   {"/submit-job?jobId=5&isStartWithSavePoint=true", oneJob, ""},
		"submit-job-place":          {"/submit-job", "{\n  \"env\": {},\n  \"source\": 7,\n  \"sink\": []\n}", ""},
		"submit-job-running-id":     {"/submit-job?jobId=" + runningID, oneJob, ""},
		"submit-job-used-id":        {"/submit-job?jobId=" + finishedID, oneJob, ""},
		"submit-job-no-id":          {"/submit-job?isStartWithSavePoint=true", oneJob, ""},
		"submit-job-wrong-id":       {"/submit-job?jobId=7x", oneJob, ""},
		"submit-job-bad-query":      {"/submit-job?jobName=%zz", oneJob, ""},
		"submit-job-empty":          {"/submit-job", " \n", ""},
		"submit-job-no-json":        {"/submit-job", `{"env":`, ""},
		"submit-job-array":          {"/submit-job", `[]`, ""},
		"submit-job-no-env":         {"/submit-job", `{"source":[{"plugin_name":"A"}],"sink":[]}`, ""},
		"submit-job-file-secret":    {"/submit-job", strings.Replace(oneJob, `"job.mode"`, `"shade.identifier":"aes","shade.key-file":"/etc/hostname","job.mode"`, 1), ""},
		"submit-job-hocon":          {"/submit-job?format=hocon", hoconJob, ""},
		"submit-job-hocon-type":     {"/submit-job", hoconJob, "application/hocon; charset=utf-8"},
		"submit-job-hocon-broken":   {"/submit-job?format=hocon", "env {", ""},
		"submit-job-include":        {"/submit-job?format=hocon", "include \"/etc/passwd\"\n" + hoconJob, ""},
		"submit-job-sql":            {"/submit-job", sqlJob, "application/sql"},
		"submit-job-format":         {"/submit-job?format=toml", oneJob, ""},
		"submit-jobs":               {"/submit-jobs", `[{"params":{"jobId":"81","jobName":"first"},` + oneJob[1:] + `,"skipped",7,{"params":{},` + oneJob[1:] + `]`, ""},
		"submit-jobs-no-params":     {"/submit-jobs", `[` + oneJob + `]`, ""},
		"submit-jobs-params-string": {"/submit-jobs", `[{"params":"x",` + oneJob[1:] + `]`, ""},
		"submit-jobs-object":        {"/submit-jobs", oneJob, ""},
		"submit-jobs-empty-list":    {"/submit-jobs", `[]`, ""},
		"submit-jobs-second-fails":  {"/submit-jobs", `[{"params":{},` + oneJob[1:] + `,{"params":{"isStartWithSavePoint":true},` + oneJob[1:] + `]`, ""},
		"stop-job":                  {"/stop-job", `{"jobId":` + runningID + `,"isStopWithSavePoint":false}`, ""},
		"stop-job-text":             {"/stop-job", `{"jobId":"` + runningID + `","isStopWithSavePoint":true}`, ""},
		"stop-job-unknown":          {"/stop-job", `{"jobId":1}`, ""},
		"stop-job-ended":            {"/stop-job", `{"jobId":` + finishedID + `}`, ""},
		"stop-job-savepoint-ended":  {"/stop-job", `{"jobId":` + finishedID + `,"isStopWithSavePoint":"true"}`, ""},
		"stop-job-no-id":            {"/stop-job", `{}`, ""},
		"stop-job-null-id":          {"/stop-job", `{"jobId":null}`, ""},
		"stop-job-fraction":         {"/stop-job", `{"jobId":1.5}`, ""},
		"stop-job-empty":            {"/stop-job", ``, ""},
		"stop-jobs":                 {"/stop-jobs", `[{"jobId":` + runningID + `},{"jobId":` + finishedID + `}]`, ""},
		"stop-jobs-text":            {"/stop-jobs", `[{"jobId":` + runningID + `},{"jobId":"2"}]`, ""},
		"stop-jobs-no-object":       {"/stop-jobs", `[1]`, ""},
		"encrypt-config":            {"/encrypt-config", shadeJob, ""},
		"encrypt-config-plain":      {"/encrypt-config", strings.Replace(shadeJob, `"shade.identifier":"base64"`, "", 1), ""},
		"encrypt-config-no-source":  {"/encrypt-config", `{"env":{},"source":[],"sink":[{"plugin_name":"Console"}]}`, ""},
		"update-tags":               {"/update-tags", `{"zone":"b","n":1,"gone":null}`, ""},
		"update-tags-clear":         {"/update-tags", `{}`, ""},
		"update-tags-list":          {"/update-tags", `["a"]`, ""},
		"update-tags-nested":        {"/update-tags", `{"a":{}}`, ""},
		"get-only":                  {"/overview", `{}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := fmt.Sprintf("POST %s\n%s\n", c.path, c.body)
			for version, h := range []func(*site) http.Handler{func(s *site) http.Handler { return s.v1 }, func(s *site) http.Handler { return s.v2 }} {
				s := newSite(t)
				s.Fill(t)
				prefix := rest.V1Prefix
				if version == 1 {
					prefix = ""
				}
				answer := ask(h(s), "POST", prefix+c.path, c.body, "Content-Type", c.header)
				got += fmt.Sprintf("\nV%d %s\n", version+1, answer)
				for _, done := range s.Submitted {
					got += fmt.Sprintf("submitted %q as %q, %s, restore %v: %s\n", done.Name, done.ID, done.Format, done.Restore, strings.TrimSpace(string(done.Text)))
				}
				for _, done := range s.Stopped {
					got += "asked to stop " + done + "\n"
				}
				if s.Tags != nil {
					got += fmt.Sprintf("tags %v\n", s.Tags)
				}
			}
			golden(t, "write-"+name, got)
		})
	}
}

var changing = regexp.MustCompile(`(?m)^((?:jvm|process)_[^ ]*?(?:\{[^}]*\})?) [^ \n]+$`)

func TestMetricsHaveSeaTunnelsNamesAndLabels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Fill(t)
	shown := func(path string) string {
		h := s.v1
		if path == "/metrics" {
			h = s.v2
		}
		var out []string
		for _, line := range strings.Split(ask(h, "GET", path, ""), "\n") {
			name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
			if strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_") {
				continue // they depend on the machine and on the version of Go
			}
			line = changing.ReplaceAllString(line, "$1 *")
			out = append(out, regexp.MustCompile(`version="go[^"]*"`).ReplaceAllString(line, `version="*"`))
		}
		return strings.Join(out, "\n")
	}
	golden(t, "metrics-v1", shown("/hazelcast/rest/instance/metrics"))
	golden(t, "metrics-v1-open", shown("/hazelcast/rest/instance/openmetrics"))
	golden(t, "metrics-own", shown("/metrics"))
	for _, name := range []string{"process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds", "process_max_fds", "go_goroutines"} {
		if !strings.Contains(ask(s.v2, "GET", "/metrics", ""), "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
	if got := ask(s.v2, "GET", "/openmetrics", ""); !strings.HasPrefix(got, "200 application/openmetrics-text; version=1.0.0") || !strings.HasSuffix(got, "# EOF\n") ||
		!strings.Contains(got, "seikan_master_changes_total") || !strings.Contains(got, "job_count{") {
		t.Errorf("openmetrics are %s", got)
	}
	s.Counters[runningID] = map[string]int64{"SinkWriteCount#\xff": 1}
	if got := ask(s.v2, "GET", "/metrics", ""); !strings.Contains(got, `,table="?"} 1`) {
		t.Errorf("a table whose name is no text: %s", got)
	}
	s.Info.Telemetry = false
	if got := ask(s.v1, "GET", "/hazelcast/rest/instance/metrics", ""); got != "200 text/plain; version=0.0.4; charset=utf-8\n" {
		t.Errorf("without telemetry: %q", got)
	}
	if got := ask(s.v2, "GET", "/hazelcast/rest/instance/metrics", ""); !strings.HasPrefix(got, "404 ") {
		t.Errorf("V2 has V1's metrics: %q", got)
	}
}

func TestV1TakesTheFirstNameThatAPathBeginsWith(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Fill(t)
	same := func(odd, plain string) {
		t.Helper()
		a, b := ask(s.v1, "GET", rest.V1Prefix+odd, ""), ask(s.v1, "GET", rest.V1Prefix+plain, "")
		if a != b {
			t.Errorf("%s answers\n%s\n%s answers\n%s", odd, a, plain, b)
		}
	}
	same("/running-jobs-of-mine", "/running-jobs")
	same("/running-jobsx/"+runningID, "/running-jobs")
	same("/running-jobx/"+runningID, "/job-info/"+runningID)
	same("/job-info/"+runningID+"/x?y=1", "/job-info/"+runningID)
	same("/finished-jobs.json/FAILED", "/finished-jobs/FAILED")
	same("/overview/more", "/overview")
	same("/logsx", "/logs")
	same("/logging", "/log")
	if got := ask(s.v2, "GET", "/running-jobs-of-mine", ""); !strings.HasPrefix(got, "404 ") {
		t.Errorf("V2 answers %s", got)
	}
	if got, want := ask(s.v2, "GET", "/overview/more", ""), ask(s.v2, "GET", "/overview", ""); got != want {
		t.Errorf("V2 answers %s", got)
	}
	if got := ask(s.v1, "GET", "/hazelcast/rest/instance/metrics/more", ""); !strings.HasPrefix(got, "404 ") {
		t.Errorf("metrics match more than exactly: %s", got)
	}
}

func TestContextPathIsPartOfPathsAndLinks(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(_ *resttest.Backend, c *rest.Config, _ *web.Config) { c.ContextPath = "/sea:tunnel" })
	for path, want := range map[string]string{"/sea:tunnel/overview": "200 ", "/overview": "404 ", "/seatunnel/overview": "404 ", "/-/live": "200 ", "/sea:tunnel/job-info/5": "200 application/json\n{\"jobId\":\"5\"}"} {
		if got := ask(s.v2, "GET", path, ""); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := ask(s.v2, "GET", "/sea:tunnel/logs?format=json", ""); !strings.Contains(got, `"http://192.0.2.1:8080/sea:tunnel/logs/seatunnel-engine-server.log"`) {
		t.Errorf("links are %s", got)
	}
}

func TestHealthSaysWhetherTheNodeCanWork(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(_ *resttest.Backend, _ *rest.Config, c *web.Config) {
		c.Guard = nil
		c.V1.Groups = map[string]bool{"HEALTH_CHECK": true}
	})
	show := func() (out string) {
		for _, path := range []string{"", "/node-state", "/cluster-state", "/cluster-safe", "/migration-queue-size", "/cluster-size", "/ready", "/other"} {
			out += "GET /hazelcast/health" + path + "\n" + ask(s.v1, "GET", "/hazelcast/health"+path, "") + "\n"
		}
		for _, path := range []string{"/-/ready", "/-/live"} {
			if a, b := ask(s.v1, "GET", path, ""), ask(s.v2, "GET", path, ""); a != b {
				t.Errorf("%s: %s and %s", path, a, b)
			}
			out += "GET " + path + "\n" + ask(s.v2, "GET", path, "") + "\n"
		}
		return out
	}
	well := show()
	s.NotReady = fmt.Errorf("the cluster has no master")
	golden(t, "health", well+"\nnot ready\n\n"+show())
	if got := ask(s.v2, "HEAD", "/-/live", ""); !strings.HasPrefix(got, "200 ") {
		t.Errorf("HEAD: %s", got)
	}
}

func TestV1AnswersOnlyWhatIsSwitchedOn(t *testing.T) {
	t.Parallel()
	for _, off := range []web.V1{{}, {Groups: allGroups}, {Enabled: true, Groups: map[string]bool{"HEALTH_CHECK": true}}} {
		s := newSite(t, func(_ *resttest.Backend, _ *rest.Config, c *web.Config) { c.V1 = off })
		if got := ask(s.v1, "GET", rest.V1Prefix+"/overview", ""); !strings.HasPrefix(got, "403 ") || !strings.Contains(got, "endpoint-groups.DATA.enabled: true") {
			t.Errorf("%+v: %s", off, got)
		}
		if got := ask(s.v2, "GET", "/overview", ""); !strings.HasPrefix(got, "200 ") {
			t.Errorf("V2: %s", got)
		}
	}
}

func TestStrangersAreToldHowToGetIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(_ *resttest.Backend, _ *rest.Config, c *web.Config) { c.Guard = nil })
	v1, v2 := s.both("POST", "/submit-job", oneJob) // httptest's requests come from 192.0.2.1
	if v1 != v2 || !strings.HasPrefix(v1, "403 ") || !strings.Contains(v1, "seatunnel.seikan.http.allow-remote-without-login: true") || len(s.Submitted) > 0 {
		t.Errorf("answers are\n%s\n%s", v1, v2)
	}
	for _, path := range []string{"/hazelcast/health/../rest/maps/submit-job", "/hazelcast/health%2f../rest/maps/submit-job", "/-/live/../../submit-job", "//-/live/submit-job"} {
		for _, h := range []http.Handler{s.v1, s.v2} {
			if got := ask(h, "POST", path, oneJob); strings.HasPrefix(got, "200 ") || len(s.Submitted) > 0 {
				t.Errorf("%s: %s", path, got)
			}
		}
	}
}

func TestBodyOfTooManyValuesIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, body := range []string{"[" + strings.Repeat("0,", 1<<20+1) + "0]", `{"env":{},"source":[` + strings.Repeat("{},", 1<<20+1) + `{}],"sink":[]}`} {
		v1, v2 := s.both("POST", "/submit-job", body)
		if !strings.HasPrefix(v1, "413 ") || !strings.Contains(v2, "more than 1048576 values") {
			t.Errorf("answers are %.200s and %.200s", v1, v2)
		}
	}
}

// A history of any length is sent in pages, and can be asked for in pages.
func TestFinishedJobsCanBePaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Fill(t)
	whole := ask(s.v2, "GET", "/finished-jobs", "")
	var parts []string
	path := "/finished-jobs?limit=2"
	for range 5 {
		r := httptest.NewRequest("GET", path, nil)
		w := httptest.NewRecorder()
		s.v2.ServeHTTP(w, r)
		parts = append(parts, strings.Trim(w.Body.String(), "[]"))
		link := w.Header().Get("Link")
		if link == "" {
			break
		}
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if got := "200 application/json\n[" + strings.Join(parts, ",") + "]"; got != whole || len(parts) != 2 {
		t.Errorf("%d pages are\n%s\nand the whole is\n%s", len(parts), got, whole)
	}
	if got := ask(s.v2, "GET", "/finished-jobs/CANCELED?limit=1", ""); !strings.Contains(got, `"CANCELED"`) || strings.Contains(got, `"FAILED"`) {
		t.Errorf("one page of one state: %s", got)
	}
	for _, path := range []string{"/finished-jobs?limit=0", "/finished-jobs?limit=x", "/finished-jobs?limit=1001", "/finished-jobs?after=1", "/finished-jobs?after=x", "/finished-jobs?after=" + runningID} {
		if got := ask(s.v2, "GET", path, ""); !strings.HasPrefix(got, "400 ") {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestPartsOfALogCanBeAskedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for want, span := range map[string]string{"206 row <1>": "bytes=0-6", "206 2\n": "bytes=-2", "416 ": "bytes=900-"} {
		for prefix, h := range map[string]http.Handler{rest.V1Prefix: s.v1, "": s.v2} {
			path := prefix + "/log/job-" + runningID + ".log"
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Range", span)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q, want %q", span, got, want)
			}
		}
	}
}

func TestNodeWithoutLogFilesHasNoLogs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Files = nil
	for _, path := range []string{"/logs", "/log", "/log/a.log", "/get-all-log-name"} {
		v1, v2 := s.both("GET", path, "")
		if v1 != "404 \n" || v2 != "404 \n" {
			t.Errorf("%s: %q and %q", path, v1, v2)
		}
	}
}

func TestDefectsAndLateErrorsAreShown(t *testing.T) {
	t.Parallel()
	b := &broken{Backend: resttest.New(t)}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	cfg := web.Config{Guard: &auth.Guard{AllowRemote: true}, Log: logger, V1: web.V1{Enabled: true, Groups: allGroups}}
	h := web.Handler(cfg, rest.New(b, rest.Config{Log: logger}))
	b.members = func(context.Context) ([]rest.Member, error) { panic("the secret is hunter2") }
	got := ask(h, "GET", "/overview", "")
	if !strings.HasPrefix(got, "500 application/json;charset=UTF-8\n{\"status\":\"fail\"") || strings.Contains(got, "hunter2") || !strings.Contains(log.String(), "hunter2") {
		t.Errorf("answer is %s, log %s", got, &log)
	}
	if got := ask(h, "GET", "/metrics", ""); !strings.HasPrefix(got, "200 ") || strings.Contains(got, "node_count") || !strings.Contains(got, "seikan_ready") {
		t.Errorf("metrics are %s", got)
	}
	b.members = func(context.Context) ([]rest.Member, error) { return nil, fmt.Errorf("ask the master: no answer") }
	if got := ask(h, "GET", "/overview", ""); got != "500 application/json;charset=UTF-8\n{\"status\":\"fail\",\"message\":\"ask the master: no answer\"}" {
		t.Errorf("answer is %s", got)
	}
	b.file = io.MultiReader(strings.NewReader("line 1\n"), errReader{})
	server := httptest.NewServer(h)
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/log/a.log")
	if err != nil {
		return // so short an answer was not on its way yet
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("a log that broke off looks whole: %q", text)
	}
}
