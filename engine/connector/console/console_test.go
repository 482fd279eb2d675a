package console

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// messages is a log that keeps the bare messages.
func messages(level slog.Level) (*slog.Logger, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key != slog.MessageKey {
			return slog.Attr{}
		}
		return a
	}})), out
}

func write(t *testing.T, options string, schema *record.Schema, level slog.Level, batches ...*record.Batch) string {
	t.Helper()
	tree, err := hocon.Parse("job.conf", []byte(options), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts, problems := spec.Parse(tree)
	if problems != nil {
		t.Fatal(problems)
	}
	sink, err := open(context.Background(), plugin.Job{}, schema, opts)
	if err != nil {
		t.Fatal(err)
	}
	log, out := messages(level)
	w, err := sink.Writer(context.Background(), plugin.Task{Subtask: 2, Log: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func schema(t *testing.T, path string, columns ...string) *record.Schema {
	t.Helper()
	s := &record.Schema{Path: record.TablePath{Table: path}}
	for _, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Columns = append(s.Columns, record.Column{Name: name, Type: typ})
	}
	return s.Freeze()
}

func batch(t *testing.T, s *record.Schema, json string, kinds ...record.RowKind) *record.Batch {
	t.Helper()
	data, _, err := array.RecordFromJSON(memory.DefaultAllocator, s.Arrow(), strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	b := record.NewBatch(s, data)
	b.Kinds = kinds
	return b
}

func TestRowsPrintAsInSeaTunnel(t *testing.T) {
	t.Parallel()
	s := schema(t, "fake", "id bigint", "name string")
	got := write(t, "", s, slog.LevelInfo,
		batch(t, s, `[{"id": 1, "name": "abc"}, {"id": 2, "name": null}]`),
		batch(t, s, `[{"id": null, "name": ""}, {"id": 4, "name": "x"}]`, record.UpdateAfter, record.Delete))
	want := `msg="output rowType: id<BIGINT>, name<STRING>"
msg="subtaskIndex=2  rowIndex=1:  SeaTunnelRow#tableId=fake SeaTunnelRow#kind=INSERT : 1, abc"
msg="subtaskIndex=2  rowIndex=2:  SeaTunnelRow#tableId=fake SeaTunnelRow#kind=INSERT : 2, "
msg="subtaskIndex=2  rowIndex=3:  SeaTunnelRow#tableId=fake SeaTunnelRow#kind=UPDATE_AFTER : , "
msg="subtaskIndex=2  rowIndex=4:  SeaTunnelRow#tableId=fake SeaTunnelRow#kind=DELETE : 4, x"
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestValuesPrintAsInSeaTunnel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, json, want string }{
		{"array<int>", `[1, null, 3]`, "[1, null, 3]"},
		{"array<int>", `[]`, "[]"},
		{"map<string, int>", `[{"key": "a", "value": 1}, {"key": "b", "value": null}]`, `{\"a\":1,\"b\":null}`},
		{"{x = int, y = string, z = array<int>}", `{"x": 1, "y": null, "z": [2]}`, "[1, null, [2]]"},
		{"bytes", `"AH+A/w=="`, "[0, 127, -128, -1]"},
		{"float_vector", `[1.5, 2]`, "[1.5, 2.0]"},
		{"double", `1e10`, "1.0E10"},
		{"boolean", `true`, "true"},
		{"decimal(10,2)", `"12.3"`, "12.30"},
		{"date", `"2024-01-02"`, "2024-01-02"},
		{"timestamp", `"2024-01-02 03:04:05.5"`, "2024-01-02T03:04:05.5"},
	} {
		s := schema(t, "t", "before int", "v "+c.typ, "after int")
		rows := batch(t, s, `[{"before": 1, "v": null, "after": 3}, {"before": 1, "v": `+c.json+`, "after": 3}]`)
		for name, b := range map[string]*record.Batch{"whole": rows, "slice": rows.Slice(1, 2)} {
			lines := strings.Split(strings.TrimSpace(write(t, "", s, slog.LevelInfo, b)), "\n")
			if got := lines[len(lines)-1]; !strings.HasSuffix(got, "INSERT : 1, "+c.want+`, 3"`) {
				t.Errorf("%s of %s: %s, want %s", name, c.typ, got, c.want)
			}
		}
	}
}

func TestDataIsNotPrintedWhenAskedNot(t *testing.T) {
	t.Parallel()
	s := schema(t, "t", "id int")
	b := batch(t, s, `[{"id": 1}]`)
	if got := write(t, "log.print.data = false\nlog.print.delay.ms = 1", s, slog.LevelInfo, b); strings.Contains(got, "rowIndex") {
		t.Error(got)
	}
	if got := write(t, "", s, slog.LevelWarn, b); got != "" {
		t.Error(got)
	}
}

func TestSchemaChangeIsLoggedAndFollowed(t *testing.T) {
	t.Parallel()
	before, after := schema(t, "t", "id int"), schema(t, "t", "id int", "name string")
	log, out := messages(slog.LevelInfo)
	w, err := (&sink{schema: before, print: true}).Writer(context.Background(), plugin.Task{Log: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.(plugin.SchemaChanger).ChangeSchema(context.Background(), &record.SchemaChange{Before: before, After: after}); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(context.Background(), batch(t, after, `[{"id": 1, "name": "n"}]`)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"changed rowType before: id<INT>\"", "changed rowType after: id<INT>, name<STRING>", "INSERT : 1, n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestDelayEndsWithTheJob(t *testing.T) {
	t.Parallel()
	s := schema(t, "t", "id int")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	log, _ := messages(slog.LevelInfo)
	w, _ := (&sink{schema: s, delay: 1 << 50}).Writer(ctx, plugin.Task{Log: log}, nil)
	if err := w.Write(ctx, batch(t, s, `[{"id": 1}]`)); err == nil {
		t.Error("a cancelled job waited for its delay")
	}
}
