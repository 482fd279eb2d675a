package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/master"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	time.Local = time.UTC // golden files hold local times
	os.Exit(m.Run())
}

// golden compares text with testdata/name.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs (go test -update rewrites it)\n--- got\n%s\n--- want\n%s", path, text, want)
	}
}

var began = time.Date(2024, 10, 23, 20, 5, 13, 120e6, time.UTC)

// ended is a job that ended with this status.
func ended(status state.Status) state.Job {
	j := state.Job{ID: "871234567890123456", Name: "orders", Mode: "BATCH", Status: status, RunNo: 1,
		Submitted: began.Add(-300 * time.Millisecond), Started: began, Finished: began.Add(2900 * time.Millisecond)}
	if status == state.Failed {
		j.Error = "pipeline 1: <it> & \"that\""
	}
	return j
}

var counted = map[string]int64{"SourceReceivedCount#db.a": 20, "SourceReceivedCount#db.b": 12, "SourceReceivedBytes#db.a": 200,
	"SinkWriteCount#db.a": 32, "SinkWriteBytes#db.a": 320, "DirtyCount#db.a": 0}

func outcome() master.Outcome {
	return master.Outcome{Job: ended(state.Finished), Counters: counted}
}

func TestBoxesAreSeaTunnelsToTheCharacter(t *testing.T) {
	t.Parallel()
	golden(t, "statistics.txt", statisticsBox(outcome(), time.UTC))
	golden(t, "progress.txt", progressBox("871234567890123456", 1234567, 1234000, 34567, 34000, began, began.Add(time.Minute)))
}

func TestListTable(t *testing.T) {
	t.Parallel()
	running := ended(state.Running)
	running.ID, running.Name, running.Finished, running.Submitted = "9", "a name", time.Time{}, began
	golden(t, "list.txt", jobTable([]state.Job{running, ended(state.Finished)}))
	golden(t, "list-empty.txt", jobTable(nil))
}

func TestJdbcTimesKeepOneDigitAtLeast(t *testing.T) {
	t.Parallel()
	for ms, want := range map[int]string{0: "20:05:13.0", 100: "20:05:13.1", 120: "20:05:13.12", 123: "20:05:13.123"} {
		at := time.Date(2024, 10, 23, 20, 5, 13, ms*1e6, time.UTC)
		if got := jdbcTime(at); got != "2024-10-23 "+want {
			t.Errorf("%d ms: %q", ms, got)
		}
	}
}

func TestJobState(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, j := range []state.Job{ended(state.Failed), ended(state.Finished)} {
		text, err := stateJSON(j, []state.Pipeline{{ID: 1, Status: state.PipelineFinished}, {ID: 2, Status: state.PipelineFailed}})
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	running := ended(state.Running)
	running.Finished = time.Time{}
	text, err := stateJSON(running, nil)
	if err != nil {
		t.Fatal(err)
	}
	all.Write(text)
	golden(t, "state.json", all.String())
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	text, err := json.MarshalIndent(compatMeasures(ended(state.Finished), counted, began), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.json", string(text)+"\n")
}

// capture is a terminal whose outputs are kept.
func capture() (t *terminal, out, errs *bytes.Buffer) {
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	return newTerminal(strings.NewReader(""), out, errs), out, errs
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"none": nil, "help": {"-c", "x", "-h"}, "value": {"-c"}, "id": {"-m", "local", "-j", "x/../y"},
		"can": {"-can", "1", "--bogus"}, "mode": {"-m", "yarn", "-c", "x"}, "check": {"--check"}, "config": {"-m", "local"}} {
		term, out, errs := capture()
		if code := compat(context.Background(), term, args); code != 234 {
			t.Errorf("%s: exit code %d", name, code)
		}
		golden(t, "usage.txt", out.String())
		if (errs.Len() > 0) != (name != "none" && name != "help") {
			t.Errorf("%s: stderr %q", name, errs.String())
		}
	}
}

func TestAClusterOutOfReachSaysWhatToDo(t *testing.T) {
	t.Setenv("ST_DOCKER_MEMBER_LIST", "127.0.0.1:1")
	term, _, errs := capture()
	code := compat(context.Background(), term, []string{"-e", "cluster", "-l"})
	for _, want := range []string{"127.0.0.1:1", "refused", "seatunnel-cluster.sh -d", "-m local"} {
		if code != 1 || !strings.Contains(errs.String(), want) {
			t.Errorf("exit code %d, %q is missing in: %s", code, want, errs.String())
		}
	}
}

func TestServerFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{"Usage: seatunnel-cluster.sh": {"-h"}, "Unknown node role: boss": {"-r", "boss"}, "unknown option: --bogus": {"--bogus"},
		"expected a value after parameter -r": {"-r"}} {
		term, out, errs := capture()
		code := compatCluster(context.Background(), term, args)
		if text := out.String() + errs.String(); !strings.Contains(text, want) || code != 234 && (code != 1 || args[0] != "-r") {
			t.Errorf("%v: exit code %d, %s", args, code, text)
		}
	}
}

func TestIsServerKnowsNodesByTheirCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, cluster string
		want          bool
	}{
		{"/opt/bin/seatunnel-cluster.sh -d", "", true},
		{"/opt/bin/seatunnel-cluster.sh -d -cn a", "", false},
		{"/opt/bin/seatunnel-cluster.sh -cn a -d", "a", true},
		{"seikan server --cluster=a", "a", true},
		{"seikan run job.conf", "", false},
		{"vi seatunnel-cluster.sh", "", false},
	} {
		if got := isServer(strings.Fields(c.line), c.cluster); got != c.want {
			t.Errorf("%s, cluster %q: %v", c.line, c.cluster, got)
		}
	}
}

func TestCompatArguments(t *testing.T) {
	t.Parallel()
	a, err := parseCompat([]string{"-can", "1", "2", "-cn", "x", "-i", "a=1", "--variable", "b=2", "--name=n", "-e", "local", "--whatever", "-cj", "-DJvmOption=-Xmx1g"})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.values["cancel-job"]; len(got) != 2 || got[1] != "2" {
		t.Errorf("-can: %v", got)
	}
	if a.last("cluster") != "x" || a.last("name") != "n" || strings.Join(a.values["variable"], " ") != "a=1 b=2" || !a.has("close-job") ||
		a.last("deploy-mode") != "local" || a.old != "-e" || len(a.unknown) != 1 {
		t.Errorf("%+v", a)
	}
}

func TestLogLines(t *testing.T) {
	t.Parallel()
	term, out, errs := capture()
	for _, compat := range []bool{true, false} {
		h := newLogHandler(term, slog.LevelInfo)
		h.compat = compat
		at := func(h slog.Handler, level slog.Level, message string, attrs ...slog.Attr) {
			r := slog.NewRecord(began, level, message, 0)
			r.AddAttrs(attrs...)
			if err := h.Handle(context.Background(), r); err != nil {
				t.Fatal(err)
			}
		}
		at(h, slog.LevelInfo, "from the program")
		task := h.WithAttrs([]slog.Attr{slog.Int("pipeline", 1)}).WithAttrs([]slog.Attr{slog.String("action", "Sink[0]-Console-MultiTableSink"), slog.Int("subtask", 3)})
		at(task, slog.LevelInfo, "from a task", slog.Int("rows", 5), slog.String("why", `a "b"`))
		at(task, slog.LevelWarn, "a warning")
		at(task, slog.LevelError, "an error", slog.Any("error", errors.New("so it is")))
		if h.Enabled(context.Background(), slog.LevelDebug) {
			t.Error("debug is on")
		}
	}
	golden(t, "log-out.txt", out.String())
	golden(t, "log-err.txt", errs.String())
}

func TestFailureBlocks(t *testing.T) {
	t.Parallel()
	file, err := job.Parse("job.conf", []byte("env {}\nsource { FakeSource { } }\nsink { Console { }\n"), job.Options{})
	term, _, errs := capture()
	plain := slog.New(bare{errs})
	configError(term, plain, runRequest{compat: true}, err, file)
	jobFailed(term, plain, runRequest{compat: true}, "1", errors.New("pipeline 1: the table is gone"))
	golden(t, "blocks.txt", errs.String())
}

// bare writes messages alone.
type bare struct{ w *bytes.Buffer }

func (b bare) Enabled(context.Context, slog.Level) bool { return true }
func (b bare) Handle(_ context.Context, r slog.Record) error {
	_, err := b.w.WriteString(r.Message + "\n")
	return err
}
func (b bare) WithAttrs([]slog.Attr) slog.Handler { return b }
func (b bare) WithGroup(string) slog.Handler      { return b }

func TestParsedConfigIsLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	file, err := job.Parse("job.conf", []byte(`env { job.name = x }
source { Jdbc { url = "jdbc:sqlite:x", user = me, PassWord = geheim, nested { token = geheim } } }
sink { Console { } }`), job.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	logConfig(slog.New(bare{&b}), file)
	if strings.Contains(b.String(), "geheim") || !strings.Contains(b.String(), "jdbc:sqlite:x") || !strings.HasPrefix(b.String(), "Parsed config file: \n{\n") {
		t.Errorf("%s", b.String())
	}
}
