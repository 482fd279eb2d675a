package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

func client(t *testing.T, task Task, options string) (*Client, error) {
	t.Helper()
	tree, err := hocon.Parse("job.conf", []byte(options), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec := &option.Spec{Name: "M", Options: Options, Rules: Rules}
	opts, problems := spec.Parse(tree)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return Open(task, opts)
}

// service answers each request with the next of the answers, the last one again and again.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []string // "429 text", "200 text"
	requests []string // "path header body"
}

func serve(t *testing.T, answers ...string) *service {
	s := &service{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, strings.TrimSpace(fmt.Sprintf("%s %s%s%s %s", r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("api-key"), r.Header.Get("X-Custom"), body)))
		status, text, _ := strings.Cut(s.answers[0], " ")
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		code := http.StatusOK
		_, _ = fmt.Sscan(status, &code)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s
}

const good = `200 {"choices": [{"message": {"content": "hi"}}]}`

func TestRequestsByProvider(t *testing.T) {
	t.Parallel()
	vectors := `200 {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1, 0.5]}]}`
	for _, c := range []struct{ name, options, answer, want string }{
		{"chat", "model_provider = OPENAI\nmodel = m\napi_key = k1", good, `/ Bearer k1 {"messages":[{"role":"system","content":"p"},{"role":"user","content":"in"}],"model":"m"}`},
		{"chat", "model_provider = LOCAL\nmodel = m", good, `/  {"messages":[{"role":"system","content":"p"},{"role":"user","content":"in"}],"model":"m"}`},
		{"chat", "model_provider = MICROSOFT\nmodel = m\napi_key = k2", good, `/ k2 {"messages":[{"role":"system","content":"p"},{"role":"user","content":"in"}],"model":"m"}`},
		{"chat", "model_provider = CUSTOM\nmodel = m\ncustom_config { custom_response_parse = \"$.out[*]\", custom_request_headers { X-Custom = h }, custom_request_body { x = \"${model}\", n = 1.50, q = [ { a = \"${prompt}!\" }, { b = \"${input}\" } ] } }",
			`200 {"out": ["hi"]}`, `/ h {"n":1.50,"q":[{"a":"p!"},{"b":"in"}],"x":"m"}`},
		{"embed", "model_provider = DOUBAO\nmodel = m\napi_key = k3", vectors, `/ Bearer k3 {"input":["a","b"],"model":"m"}`},
		{"embed", "model_provider = CUSTOM\nmodel = m\ncustom_config { custom_response_parse = \"$.data[*].v\", custom_request_body { x = [\"${input}\"] } }",
			`200 {"data": [{"v": [1, 0.5]}, {"v": [2]}]}`, `/  {"x":["a","b"]}`},
	} {
		s := serve(t, c.answer)
		task := Chat
		if c.name == "embed" {
			task = Embeddings
		}
		m, err := client(t, task, c.options+"\napi_path = \""+s.URL+"/\"")
		if err != nil {
			t.Errorf("%s: %v", c.options, err)
			continue
		}
		got := ""
		if task == Chat {
			got, err = m.Answer(t.Context(), "p", "in")
		} else {
			var v [][]float32
			v, err = m.Embed(t.Context(), []string{"a", "b"})
			got = fmt.Sprint(v)
		}
		if err != nil || got != "hi" && got != "[[1 0.5] [2]]" {
			t.Errorf("%s: %q, %v", c.options, got, err)
		}
		if s.requests[0] != c.want {
			t.Errorf("%s: asked %s", c.options, s.requests[0])
		}
	}
}

func TestQianfanGetsATokenAndRenewsIt(t *testing.T) {
	t.Parallel()
	s := serve(t, `200 {"access_token": "t1"}`, `200 {"error_code": 111, "error_msg": "expired"}`, `200 {"access_token": "t2"}`, `200 {"data": [{"index": 0, "embedding": [1]}]}`)
	m, err := client(t, Embeddings, "model_provider = QIANFAN\nmodel = e1\napi_key = ak\nsecret_key = sk\napi_path = \""+s.URL+"/emb\"\noauth_path = \""+s.URL+"/tok\"")
	if err != nil {
		t.Fatal(err)
	}
	m.wait = func(context.Context, time.Duration) error { return nil }
	for range 2 {
		if _, err := m.Embed(t.Context(), []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"/tok?client_id=ak&client_secret=sk&grant_type=client_credentials", `/emb/e1?access_token=t1  {"input":["x"]}`,
		"/tok?client_id=ak&client_secret=sk&grant_type=client_credentials", `/emb/e1?access_token=t2  {"input":["x"]}`, `/emb/e1?access_token=t2  {"input":["x"]}`,
	}
	if strings.Join(s.requests, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(s.requests, "\n"))
	}
}

func TestRetriesWithGrowingPauses(t *testing.T) {
	t.Parallel()
	s := serve(t, "429 slow", "503 down", "500 oops", good)
	m, err := client(t, Chat, "model_provider = LOCAL\nmodel = m\napi_path = \""+s.URL+"\"")
	if err != nil {
		t.Fatal(err)
	}
	var pauses []time.Duration
	m.wait = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	if got, err := m.Answer(t.Context(), "p", "in"); err != nil || got != "hi" {
		t.Fatal(got, err)
	}
	if fmt.Sprint(pauses) != "[7s 7s 7s]" { // Retry-After is longer than our own pauses
		t.Error(pauses)
	}
	s.Close()
	m.retries, pauses = 3, nil
	if _, err := m.Answer(t.Context(), "p", "in"); err == nil || plugin.IsPermanent(err) || !strings.Contains(err.Error(), "4 times") {
		t.Errorf("a broken connection: %v", err)
	}
	if fmt.Sprint(pauses) != "[500ms 1s 2s]" {
		t.Error(pauses)
	}
}

func TestWhatCannotHealIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`401 {"error": "bad key sekret"}`, "400 no", "200 no json", `200 {"choices": []}`} {
		s := serve(t, answer)
		m, err := client(t, Chat, "model_provider = OPENAI\nmodel = m\napi_key = sekret\napi_path = \""+s.URL+"\"")
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Answer(t.Context(), "p", "in")
		if err == nil || !plugin.IsPermanent(err) || len(s.requests) != 1 {
			t.Errorf("%s: %d requests, %v", answer, len(s.requests), err)
		}
		if strings.Contains(fmt.Sprint(err), "sekret") {
			t.Errorf("the key stands in the message: %v", err)
		}
	}
}

func TestAWrongNumberOfVectorsIsAnError(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`[]`, `[{"index": 0, "embedding": [1]}]`, `[{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]`, `[{"index": 0, "embedding": [1]}, {"index": 5, "embedding": [1]}]`, `[{"index": 0, "embedding": [1]}, {"index": 1}]`} {
		s := serve(t, `200 {"data": `+data+`}`)
		m, _ := client(t, Embeddings, "model_provider = LOCAL\nmodel = m\napi_path = \""+s.URL+"\"")
		if v, err := m.Embed(t.Context(), []string{"a", "b"}); err == nil {
			t.Errorf("%s gave %v", data, v)
		}
	}
}

func TestCancelEndsWaiting(t *testing.T) {
	t.Parallel()
	s := serve(t, "503 down")
	m, _ := client(t, Chat, "model_provider = LOCAL\nmodel = m\napi_path = \""+s.URL+"\"")
	ctx, cancel := context.WithCancel(t.Context())
	m.wait = func(ctx context.Context, _ time.Duration) error { cancel(); return sleep(ctx, time.Hour) }
	if _, err := m.Answer(ctx, "p", "in"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"model = m":                          "model_provider",
		"model_provider = LOCAL\nmodel = m":  "api_path",
		"model_provider = CUSTOM\nmodel = m": "custom_config",
		"model_provider = QIANFAN\nmodel = m\napi_key = a\nsecret_key = b":                                                                       "embeddings only",
		"model_provider = OPENAI\nmodel = m\napi_path = \"ftp://x\"":                                                                             "is no address",
		"model_provider = OPENAI\nmodel = m\nprocess_batch_size = 0":                                                                             "process_batch_size",
		"model_provider = CUSTOM\nmodel = m\napi_path = \"http://x\"\ncustom_config { custom_response_parse = \"$[\", custom_request_body { } }": "custom_response_parse",
	} {
		if _, err := client(t, Chat, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	for _, o := range Options {
		if strings.HasSuffix(o.Key, "_key") && !o.Sensitive {
			t.Errorf("%s is not sensitive", o.Key)
		}
		for _, f := range o.Fields {
			if f.Key == "custom_request_headers" && !f.Sensitive {
				t.Errorf("%s is not sensitive", f.Key)
			}
		}
	}
}
