package llm

import (
	"context"
	"encoding/json"
	"fmt"
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

// serve runs a chat service: answer gets the rows of a request and returns the content.
func serve(t *testing.T, answer func(rows []map[string]any) string) (options string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		var body struct {
			Messages []struct{ Role, Content string }
		}
		raw, _ := io.ReadAll(r.Body)
		var rows []map[string]any
		if json.Unmarshal(raw, &body) != nil || len(body.Messages) != 2 || !strings.HasPrefix(body.Messages[0].Content, "say it") || json.Unmarshal([]byte(body.Messages[1].Content), &rows) != nil {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"content": answer(rows)}}}})
	}))
	t.Cleanup(s.Close)
	return "model_provider = OPENAI\nmodel = m\nprompt = \"say it\"\napi_path = \"" + s.URL + "\"\n", requests
}

func echo(rows []map[string]any) string {
	out := make([]any, len(rows))
	for i, r := range rows {
		out[i] = r["name"]
	}
	text, _ := json.Marshal(out)
	return "Sure:\n```json\n" + string(text) + "\n```"
}

const rows = `[{"id": 1, "name": "a"}, {"id": 2, "name": null}, {"id": 3, "name": "c"}, {"id": 4, "name": "d"}, {"id": 5, "name": "e"}]`

func TestConformance(t *testing.T) {
	t.Parallel()
	options, _ := serve(t, echo)
	transformtest.Conformance(t, "llm", transformtest.Schema(t, "id bigint", "name string"), options, rows, record.Insert, record.UpdateBefore, record.UpdateAfter, record.Delete, record.Insert)
}

func TestRowsGoOutInBatches(t *testing.T) {
	t.Parallel()
	options, requests := serve(t, func(rows []map[string]any) string {
		for _, r := range rows {
			if len(r) != 1 {
				return "the id was sent too"
			}
		}
		return echo(rows)
	})
	input := transformtest.Schema(t, "id bigint", "name string")
	tr := transformtest.MustOpen(t, "LLM", input, options+"process_batch_size = 2\ninference_columns = [name]\noutput_column_name = said")
	got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows))
	if got != "+I|1|a|a\n+I|2|∅|∅\n+I|3|c|c\n+I|4|d|d\n+I|5|e|e" || requests.Load() != 3 {
		t.Errorf("%d requests: %q", requests.Load(), got)
	}
	if c := transformtest.Columns(tr.Schema()); c != "id BIGINT, name STRING, said STRING" {
		t.Error(c)
	}
}

func TestAnswersHaveTheirType(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]string{"INT": "3", "BIGINT": "3", "DOUBLE": "3", "STRING": "3"} {
		options, _ := serve(t, func(rows []map[string]any) string { return fmt.Sprint("[", strings.Repeat("3,", len(rows)-1), "3]") })
		input := transformtest.Schema(t, "id bigint", "name string")
		tr := transformtest.MustOpen(t, "LLM", input, options+"output_data_type = "+typ)
		if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows)); !strings.HasSuffix(got, "|"+want) {
			t.Errorf("%s: %q", typ, got)
		}
	}
}

func TestAWrongNumberOfAnswersHalvesTheRequest(t *testing.T) {
	t.Parallel()
	options, requests := serve(t, func(rows []map[string]any) string {
		if len(rows) > 2 {
			return `["just one"]`
		}
		return echo(rows)
	})
	input := transformtest.Schema(t, "id bigint", "name string")
	tr := transformtest.MustOpen(t, "LLM", input, options)
	got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, rows))
	if !strings.HasSuffix(got, "+I|5|e|e") || requests.Load() != 5 {
		t.Errorf("%d requests: %q", requests.Load(), got)
	}
}

func TestUselessAnswerIsABadRow(t *testing.T) {
	t.Parallel()
	options, _ := serve(t, func(rows []map[string]any) string {
		if len(rows) > 1 || rows[0]["id"] == 2.0 {
			return "I cannot help with that."
		}
		return `["x"]`
	})
	input := transformtest.Schema(t, "id bigint", "name string")
	in := transformtest.Batch(t, input, rows)
	for typ, want := range map[string]int{"STRING": 1, "INT": 5} {
		tr := transformtest.MustOpen(t, "LLM", input, options+"output_data_type = "+typ)
		if _, err := tr.Apply(t.Context(), plugintest.Task(t, 1), in); err == nil || !strings.Contains(err.Error(), `computing column "llm_output"`) {
			t.Error(err)
		}
		bad := 0
		task := plugintest.Task(t, 1)
		task.Dirty = func(context.Context, plugin.DirtyRow) error { bad++; return nil }
		transformtest.Apply(t, tr, task, in)
		if bad != want {
			t.Errorf("%s: %d bad rows", typ, bad)
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"model_provider = OPENAI\nmodel = m":                                           "prompt",
		"model_provider = OPENAI\nmodel = m\nprompt = p\ninference_columns = [x]":      "can't find input field(s) [x]",
		"model_provider = OPENAI\nmodel = m\nprompt = p\noutput_data_type = TIMESTAMP": "output_data_type",
		"model_provider = NOBODY\nmodel = m\nprompt = p":                               "model_provider",
	} {
		if _, err := transformtest.Open(t, "LLM", transformtest.Schema(t, "id bigint"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
