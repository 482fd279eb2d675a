package rest_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"seikan/web"
	"seikan/web/auth"
	"seikan/web/rest"
	"seikan/web/rest/resttest"
)

// Whatever a body is, it is answered with JSON and one of the documented statuses.
func FuzzSubmitBody(f *testing.F) {
	const job = `{"env":{},"source":[{"plugin_name":"FakeSource","password":"x"}],"sink":[{"plugin_name":"Console"}]}`
	for _, path := range []string{"submit-job", "submit-jobs", "stop-job", "stop-jobs", "encrypt-config", "update-tags"} {
		f.Add(path, "", job)
		f.Add(path, "jobId=7&jobName=a", `[{"params":{"jobId":"5"},"env":{"shade.identifier":"base64"},`+job[10:]+`]`)
		f.Add(path, "isStartWithSavePoint=true", `{"jobId":1e3,"isStopWithSavePoint":[]}`)
		f.Add(path, "format=hocon", "env {a=${b}}\nsource { A {} }\nsink { B { include \"c\" } }")
		f.Add(path, "format=sql", "/* config\nenv {}\n*/\nCREATE TABLE a WITH ('connector'='A','type'='source');")
		f.Add(path, "jobId=%zz", strings.Repeat("[", 1000))
	}
	b := &refusing{Backend: resttest.New(f)}
	quiet := slog.New(slog.DiscardHandler)
	h := web.Handler(web.Config{Guard: &auth.Guard{AllowRemote: true}, Log: quiet}, rest.New(b, rest.Config{Log: quiet, MaxBody: 1 << 16}))
	f.Fuzz(func(t *testing.T, path, query, body string) {
		r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(body))
		r.URL = &url.URL{Path: "/" + path, RawQuery: query}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var fail struct {
			Status  string
			Message *string
		}
		switch w.Code {
		case http.StatusOK:
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("answer is %q", w.Body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusNotFound, http.StatusMethodNotAllowed:
			if err := json.Unmarshal(w.Body.Bytes(), &fail); err != nil || fail.Status != "fail" || fail.Message == nil {
				t.Errorf("answer is %d %q (%v)", w.Code, w.Body, err)
			}
			if fail.Message != nil && strings.Contains(*fail.Message, "defect") {
				t.Error("the handler broke")
			}
		default:
			t.Errorf("answer is %d %q", w.Code, w.Body)
		}
	})
}
