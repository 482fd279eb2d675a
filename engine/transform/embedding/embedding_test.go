package embedding

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

// serve runs an embedding service whose vectors are (length, first byte).
func serve(t *testing.T) (options string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		var body struct{ Input []string }
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &body); err != nil || len(body.Input) == 0 {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		var data []any
		for i, text := range body.Input {
			data = append(data, map[string]any{"index": i, "embedding": []int{len(text), int((text + "\x00")[0])}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	t.Cleanup(s.Close)
	return "model_provider = LOCAL\nmodel = m\napi_path = \"" + s.URL + "\"\n", requests
}

const rows = `[{"id": 1, "a": "x", "b": "yyy"}, {"id": 2, "a": null, "b": "z"}, {"id": 3, "a": "w", "b": null}]`

func TestConformance(t *testing.T) {
	t.Parallel()
	options, _ := serve(t)
	transformtest.Conformance(t, "embedding", transformtest.Schema(t, "id bigint", "a string", "b string"), options+"vectorization_fields { va = a }", rows, record.Insert, record.UpdateAfter, record.Delete)
}

func TestTextsBecomeVectors(t *testing.T) {
	t.Parallel()
	for size, want := range map[string]int64{"1": 5, "2": 3, "100": 1} {
		options, requests := serve(t)
		input := transformtest.Schema(t, "id bigint", "a string", "b string")
		tr := transformtest.MustOpen(t, "Embedding", input, options+"vectorization_fields { va = a, b = b, vi = id }\nsingle_vectorized_input_number = "+size)
		if c := transformtest.Columns(tr.Schema()); c != "id BIGINT, a STRING, b FLOAT_VECTOR, va FLOAT_VECTOR, vi FLOAT_VECTOR" {
			t.Error(c)
		}
		got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows))
		if got != "+I|1|x|[3,121]|[1,120]|[1,49]\n+I|2|∅|[1,122]|∅|[1,50]\n+I|3|w|∅|[1,119]|[1,51]" {
			t.Errorf("%q", got)
		}
		if n := requests.Load(); n != want+map[string]int64{"1": 2, "2": 1, "100": 0}[size] {
			t.Errorf("%d requests for texts in groups of %s", n, size)
		}
	}
}

func TestAServiceThatRefusesFailsTheJob(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	input := transformtest.Schema(t, "a string")
	tr := transformtest.MustOpen(t, "Embedding", input, "model_provider = LOCAL\nmodel = m\napi_path = \""+s.URL+"\"\nvectorization_fields { v = a }")
	_, err := tr.Apply(t.Context(), plugintest.Task(t, 1), transformtest.Batch(t, input, `[{"a": "x"}]`))
	if err == nil || !plugin.IsPermanent(err) || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"model_provider = OPENAI\nmodel = m":                                 "vectorization_fields",
		"model_provider = OPENAI\nmodel = m\nvectorization_fields { }":       "no column is named",
		"model_provider = OPENAI\nmodel = m\nvectorization_fields { v = x }": "can't find input field(s) [x]",
		"model_provider = KIMIAI\nmodel = m\nvectorization_fields { v = a }": "no default address",
	} {
		if _, err := transformtest.Open(t, "Embedding", transformtest.Schema(t, "a string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
