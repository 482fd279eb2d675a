package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"seikan/appliance/testbed"
)

// patience is how long anything that must happen is waited for.
const patience = 30 * time.Second

// bench is a folder with job files and a state directory of its own.
type bench struct {
	t          *testing.T
	dir, state string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	return &bench{t, dir, filepath.Join(dir, "state")}
}

func (b *bench) file(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// slow is a job that would run for minutes and publishes a file every tenth of a second.
func (b *bench) slow() string {
	return b.file("slow.conf", fmt.Sprintf(`
env { job.name = "slow", checkpoint.interval = 100, read_limit.rows_per_second = ${rate:2000} }
source { FakeSource { row.num = ${rows:1000000}, split.num = ${splits:5000}, split.read-interval = 0, seed = 1, schema { fields { id = bigint } } } }
sink { LocalFile { path = %q, tmp_path = %q, file_format_type = csv } }`, filepath.Join(b.dir, "out"), filepath.Join(b.dir, "tmp")))
}

func (b *bench) files(dir string) (names []string) {
	_ = filepath.WalkDir(filepath.Join(b.dir, dir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return nil
	})
	return names
}

// rows counts the lines of all published files; the last one of a file need not end in a newline.
func (b *bench) rows() (n int) {
	for _, path := range b.files("out") {
		text, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		n += len(bytes.Fields(text))
	}
	return n
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

func (b *bench) run(args ...string) result { return b.finish(testbed.Command(b.t, b.state, args...)) }

// as calls the program by another name.
func (b *bench) as(name string, args ...string) result {
	b.t.Helper()
	c := testbed.Command(b.t, b.state, args...)
	link := filepath.Join(b.dir, name)
	if err := os.Symlink(c.Path, link); err != nil && !errors.Is(err, fs.ErrExist) {
		b.t.Fatal(err)
	}
	c.Path, c.Args[0] = link, link
	return b.finish(c)
}

func (b *bench) finish(c *exec.Cmd) result {
	b.t.Helper()
	p := b.begin(c)
	return p.wait()
}

// process is a command that runs beside the test.
type process struct {
	b        *bench
	cmd      *exec.Cmd
	out, err watched
	ended    chan error
}

type watched struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func (b *bench) begin(c *exec.Cmd) *process {
	b.t.Helper()
	p := &process{b: b, cmd: c, ended: make(chan error, 1)}
	c.Stdout, c.Stderr = &p.out, &p.err
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() { p.ended <- c.Wait() }()
	b.t.Cleanup(func() { _ = c.Process.Kill() }) // it has ended unless the test failed
	return p
}

func (b *bench) start(args ...string) *process {
	b.t.Helper()
	return b.begin(testbed.Command(b.t, b.state, args...))
}

func (p *process) wait() result {
	p.b.t.Helper()
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			p.b.t.Fatal(err)
		}
		return result{p.cmd.ProcessState.ExitCode(), p.out.String(), p.err.String()}
	case <-time.After(patience):
		p.b.t.Fatalf("%v has not ended\n%s%s", p.cmd.Args, p.out.String(), p.err.String())
		return result{}
	}
}

func (p *process) signal(s os.Signal) {
	p.b.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.b.t.Fatalf("%v: %v\n%s%s", p.cmd.Args, err, p.out.String(), p.err.String())
	}
}

// waitFor polls until something is so.
func (p *process) waitFor(what string, so func() bool) {
	p.b.t.Helper()
	ctx, cancel := context.WithTimeout(p.b.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case err := <-p.ended:
			p.b.t.Fatalf("%v ended (%v) before %s\n%s%s", p.cmd.Args, err, what, p.out.String(), p.err.String())
		case <-ctx.Done():
			p.b.t.Fatalf("no %s\n%s%s", what, p.out.String(), p.err.String())
		case <-tick.C:
		}
	}
}

// waitPublished waits until files were committed.
func (p *process) waitPublished() {
	p.b.t.Helper()
	p.waitFor("committed files", func() bool { return len(p.b.files("out")) > 0 })
}

type shown struct {
	ID, Status, Error string
	Read, Written     int64
	Checkpoints       []struct{ Kind, Status string }
	Runs              []struct{ Status string }
}

func (b *bench) show(id string) (j shown) {
	b.t.Helper()
	r := b.run("jobs", "show", id, "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &j); err != nil {
		b.t.Fatalf("%v: exit code %d\n%s%s", err, r.code, r.out, r.err)
	}
	return j
}

func (r result) check(t *testing.T, code int, out, errs []string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, not %d", r.code, code)
	}
	for _, s := range out {
		if !strings.Contains(r.out, s) {
			t.Errorf("stdout lacks %q", s)
		}
	}
	for _, s := range errs {
		if !strings.Contains(r.err, s) {
			t.Errorf("stderr lacks %q", s)
		}
	}
	if t.Failed() {
		t.Fatalf("--- stdout\n%s\n--- stderr\n%s", r.out, r.err)
	}
}

const id = "871234567890123456"

const good = `env { job.name = "demo", parallelism = 2 }
source { FakeSource { row.num = 16, schema { fields { id = bigint, name = string } } } }
sink { Console { } }`

const failing = `env { job.retry.times = 0 }
source { FakeSource { row.num = 4, schema { fields { id = bigint } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 50 } ] } } }`

func TestRunPrintsWhatWasMoved(t *testing.T) {
	b := newBench(t)
	job := b.file("good.conf", good)
	b.run("run", job, "--job-id", id).check(t, 0, []string{"Submit job finished, job id: " + id + ", job name: demo", "rowIndex=16",
		"Job (" + id + ") end with state FINISHED", "Total Read Count          :                  32\nTotal Write Count         :                  32\n"}, nil)
	b.run("jobs").check(t, 0, []string{id, "demo", "FINISHED", "32"}, nil)
	b.as("seatunnel.sh", "-m", "local", "-l").check(t, 0, []string{"Job ID ", "---", id + "  demo      FINISHED"}, nil)
	b.as("seatunnel.sh", "-m", "local", "-j", id).check(t, 0, []string{`{"jobId":` + id + `,"jobName":"demo","jobStatus":"FINISHED"`}, nil)
	b.as("seatunnel.sh", "-m", "local", "--metrics", id).check(t, 0, []string{`"SinkWriteCount#fake"`, `"value": 32`}, nil)
	if r := b.run("run", job, "-q"); r.code != 0 || r.out+r.err != "" {
		t.Errorf("quiet: %+v", r)
	}
}

func TestSeatunnelShRunsAJob(t *testing.T) {
	b := newBench(t)
	job := b.file("good.conf", strings.Replace(good, "row.num = 16", "row.num = ${n}", 1))
	r := b.as("seatunnel.sh", "--config", job, "--master", "local", "-i", "n=3", "-n", "named", "--async", "--set-job-id", "77")
	r.check(t, 0, []string{"Parsed config file: \n{", "Submit job finished, job id: 77, job name: named", "end with state FINISHED",
		" - \n***********************************************\n           Job Statistic Information\n", "Total Read Count          :                   6\n"},
		[]string{"--async is ignored"})
	b.as("seatunnel.sh", "-m", "local", "-j", "78").check(t, 0, []string{`{"err":"jobId : 78 not found"}`}, nil)
	b.as("seatunnel.sh", "-m", "local", "--metrics", "78").check(t, 1, nil, []string{"there is no job 78"})
	b.as("seatunnel.sh", "-m", "local", "--get_running_job_metrics").check(t, 0, []string{"{}\n"}, nil)
}

func TestConfigErrorShowsTheColumn(t *testing.T) {
	b := newBench(t)
	job := b.file("bad.conf", "env { }\nsource { FakeSource { row.num = many, schema { fields { id = bigint } } } }\nsink { Consol { } }\n")
	want := []string{"bad.conf:2:33", "^^^^ expected a whole number", "bad.conf:3:8", `^^^^^^ did you mean "Console"?`, "2 errors"}
	b.run("run", job).check(t, 3, nil, want)
	b.run("check", job).check(t, 3, nil, want)
	b.as("seatunnel.sh", "-m", "local", "-c", job).check(t, 1, nil, append(want, "Config Error:", "Reason:"+job+":2:33"))
	b.as("seatunnel.sh", "--check", "-c", job).check(t, 1, nil, want)
	b.run("run", filepath.Join(b.dir, "none.conf")).check(t, 3, nil, []string{"none.conf: no such file"})
}

func TestFailedJobSaysWhyAndHowToGoOn(t *testing.T) {
	b := newBench(t)
	job := b.file("failing.conf", failing)
	b.run("run", job, "--job-id", id).check(t, 1, []string{"end with state FAILED"}, []string{"MIN_ROW = 50", "--restore " + id})
	b.as("seatunnel.sh", "-m", "local", "-c", job).check(t, 1, nil, []string{"\n\nFatal Error, \n\nReason:SeaTunnel job executed failed\n", "MIN_ROW = 50"})
	if j := b.show(id); j.Status != "FAILED" || !strings.Contains(j.Error, "MIN_ROW") || j.Read != 4 {
		t.Errorf("%+v", j)
	}
}

func TestCheckAcceptsAndSamples(t *testing.T) {
	b := newBench(t)
	job := b.file("good.conf", good)
	out := []string{"pipeline-1: parallelism 2", "fake(id BIGINT, name STRING)", "guarantee: at-least-once", "is valid."}
	b.run("check", job).check(t, 0, out, nil)
	b.as("seatunnel.sh", "--check", "-c", job).check(t, 0, out, nil)
	r := b.run("check", b.slow(), "--sample", "3")
	r.check(t, 0, []string{"guarantee: exactly-once", ", 3 rows of fake", "      id\n"}, nil)
	if n := strings.Count(r.out, "      +I "); n != 3 {
		t.Errorf("%d rows", n)
	}
	if touched := append(b.files("out"), b.files("tmp")...); len(touched) > 0 {
		t.Errorf("the sink was touched: %v", touched)
	}
	ledger := b.file("ledger.conf", strings.Replace(good, "Console { }", fmt.Sprintf(`Jdbc { url = "jdbc:sqlite:%s", driver = "org.sqlite.JDBC",
		generate_sink_sql = true, database = main, table = t, is_exactly_once = true }`, filepath.Join(b.dir, "out", "t.db")), 1))
	b.run("check", ledger).check(t, 0, []string{"guarantee: exactly-once", `CREATE TABLE IF NOT EXISTS "seikan_ledger"`}, nil)
	if touched := b.files("out"); len(touched) > 0 {
		t.Errorf("check wrote %v", touched)
	}
	b.run("check", job, "--sample", "-1").check(t, 2, nil, []string{"--sample -1"})
}

func TestFirstInterruptCancelsAndKeepsWhatIsCommitted(t *testing.T) {
	b := newBench(t)
	p := b.start("run", b.slow(), "--job-id", id)
	p.waitPublished()
	p.signal(os.Interrupt)
	p.wait().check(t, 6, []string{"end with state CANCELED", "Total Read Count"}, []string{"stopping…"})
	if j := b.show(id); j.Status != "CANCELED" {
		t.Errorf("%+v", j)
	}
	if b.rows() == 0 {
		t.Error("the committed rows are gone")
	}
	if left := b.files("tmp"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSecondInterruptEndsAtOnceAndTheJobCanBeRestored(t *testing.T) {
	b := newBench(t)
	p := b.start("run", b.slow(), "--job-id", id)
	p.waitPublished()
	p.signal(os.Interrupt)
	p.signal(syscall.SIGTERM) // two of the same kind may be delivered as one
	if r := p.wait(); r.code != 130 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	b.run("jobs", "show", id).check(t, 0, []string{"FAILED", "seikan run --restore " + id}, nil)
}

func TestInterruptOfSeatunnelShIsNoFailure(t *testing.T) {
	b := newBench(t)
	c := testbed.Command(t, b.state, "-m", "local", "-c", b.slow())
	c.Args[0] = "seatunnel.sh"
	p := b.begin(c)
	p.waitPublished()
	p.signal(syscall.SIGTERM)
	p.wait().check(t, 0, []string{"end with state CANCELED"}, nil)
}

func TestSavepointFromAnotherProcessIsGoneOnWith(t *testing.T) {
	b := newBench(t)
	job := b.slow()
	const rows = 40000 // twenty seconds, unless it is stopped
	vars := []string{"-i", fmt.Sprintf("rows=%d,splits=400", rows)}
	p := b.start(append([]string{"run", job, "--job-id", id}, vars...)...)
	p.waitPublished()
	b.run("jobs", "savepoint", id).check(t, 0, []string{"job " + id + ": SAVEPOINT_DONE"}, nil)
	p.wait().check(t, 0, []string{"end with state SAVEPOINT_DONE", "--restore " + id}, nil)
	if n := b.rows(); n == 0 || n >= rows {
		t.Fatalf("%d rows at the savepoint", n)
	}
	b.run("jobs", "savepoint", id).check(t, 1, nil, []string{"has ended already: SAVEPOINT_DONE"})
	b.run(append([]string{"run", job, "--restore", id, "-i", "rate=10000000"}, vars...)...).check(t, 0, []string{"end with state FINISHED"}, nil)
	if n := b.rows(); n != rows {
		t.Errorf("%d rows, not %d", n, rows)
	}
	if j := b.show(id); len(j.Runs) != 2 || j.Runs[0].Status != "SAVEPOINT_DONE" || j.Runs[1].Status != "FINISHED" {
		t.Errorf("%+v", j)
	}
	b.run("run", job, "--restore", id).check(t, 1, nil, []string{"cannot be restored"})
}

func TestCancelFromAnotherProcess(t *testing.T) {
	b := newBench(t)
	p := b.start("run", b.slow(), "--job-id", id)
	p.waitPublished()
	b.run("run", b.slow(), "--restore", id).check(t, 1, nil, []string{"is being run by another process"})
	p.waitFor("the counters of a running job", func() bool { return b.show(id).Read > 0 })
	if r := b.as("seatunnel.sh", "-m", "local", "--get_running_job_metrics"); !strings.Contains(r.out, `"SourceReceivedCount#fake"`) {
		t.Errorf("%s%s", r.out, r.err)
	}
	b.as("seatunnel.sh", "-m", "local", "-can", id).check(t, 0, nil, nil)
	p.wait().check(t, 6, []string{"end with state CANCELED"}, nil)
	b.as("seatunnel.sh", "-m", "local", "-can", id).check(t, 1, nil, []string{"has ended already: CANCELED"})
}

func TestKilledJobShowsAsFailedAndCanBeRestored(t *testing.T) {
	b := newBench(t)
	p := b.start("run", b.slow(), "--job-id", id)
	p.waitPublished()
	p.signal(syscall.SIGKILL)
	p.wait()
	b.run("jobs").check(t, 0, []string{id, "FAILED"}, nil)
	b.run("jobs", "show", id).check(t, 0, []string{"seikan run --restore " + id}, nil)
	b.run("__complete", "jobs", "show", "").check(t, 0, []string{id + "\tslow FAILED"}, nil)
	again := b.start("run", b.slow(), "--restore", id)
	again.waitFor("a word of the checkpoint", func() bool { return strings.Contains(again.out.String(), "going on from a checkpoint") })
	again.signal(os.Interrupt)
	again.wait().check(t, 6, nil, nil)
}

func TestJobIDIsTakenOnce(t *testing.T) {
	b := newBench(t)
	job := b.file("good.conf", good)
	b.run("run", job, "--job-id", "5", "-q").check(t, 0, nil, nil)
	b.run("run", job, "--job-id", "5").check(t, 1, nil, []string{"job id 5 is taken", "--restore 5"})
	b.as("seatunnel.sh", "-m", "local", "-c", job, "--set-job-id", "5").check(t, 1, nil, []string{"job id 5 is taken"})
	b.run("run", job, "--job-id", "../5").check(t, 2, nil, []string{`job id "../5"`})
	b.run("run", job, "--restore", "6").check(t, 1, nil, []string{"there is no job 6"})
	b.run("jobs", "show", "6").check(t, 5, nil, []string{"there is no job 6"})
	b.run("jobs", "cancel", "6").check(t, 5, nil, []string{"there is no job 6"})
}

func TestStateDirectoryThatCannotBeUsed(t *testing.T) {
	b := newBench(t)
	b.state = b.file("a-file", "")
	b.run("jobs").check(t, 1, nil, []string{"state directory", "a-file", "SEIKAN_STATE_DIR"})
	b.run("run", b.file("good.conf", good)).check(t, 1, nil, []string{"SEIKAN_STATE_DIR"})
}

func TestWrongWordsAreUsageErrors(t *testing.T) {
	b := newBench(t)
	for want, args := range map[string][]string{
		`did you mean "check"?`:   {"chek"},
		`did you mean "cancel"?`:  {"jobs", "cancl"},
		"run takes a job file":    {"run"},
		"unknown flag: --bogus":   {"run", "--bogus"},
		"expected one of":         {"jobs", "-o", "yaml"},
		"init takes a source":     {"init", "FakeSource"},
		"expected source, transf": {"connectors", "-k", "verb"},
		"leave --job-id out":      {"run", "x", "--job-id", "1", "--restore", "2"},
	} {
		b.run(args...).check(t, 2, nil, []string{want})
	}
	b.run("connectors", "Jdb").check(t, 5, nil, []string{`did you mean "Jdbc"?`})
	b.run("init", "FakeSourc", "Console").check(t, 5, nil, []string{`no source called "FakeSourc"`, `did you mean "FakeSource"?`})
}

func TestSecretsAreEncryptedAndDecrypted(t *testing.T) {
	b := newBench(t)
	b.file("shade.key", strings.Repeat("0f", 32))
	plain := b.file("plain.conf", `env { shade.identifier = aes, shade.key-file = shade.key }
source { FakeSource { password = geheim, schema { fields { id = bigint } } } }
sink { Console { } }`)
	r := b.run("encrypt", plain)
	r.check(t, 0, []string{`"password":"v1:`}, nil)
	sealed := b.file("sealed.json", r.out)
	b.run("decrypt", sealed).check(t, 0, []string{`"password":"geheim"`}, nil)
	b.as("seatunnel.sh", "--decrypt", "-c", sealed).check(t, 0, []string{`"password": "geheim"`}, nil)
	b.as("seatunnel.sh", "--encrypt", "--decrypt", "-c", plain).check(t, 0, []string{`"password": "v1:`}, nil)
	b.run("decrypt", plain).check(t, 3, nil, []string{"cannot decode"})
}

func TestCompletionAndLists(t *testing.T) {
	b := newBench(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		b.run("completion", shell).check(t, 0, []string{"seikan"}, nil)
	}
	b.run("__complete", "init", "").check(t, 0, []string{"FakeSource\n"}, nil)
	b.run("__complete", "init", "FakeSource", "").check(t, 0, []string{"Console\n"}, nil)
	b.run("__complete", "jobs", "show", "").check(t, 0, []string{":4"}, nil)
	if _, err := os.Stat(b.state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("completion made a state directory: %v", err)
	}
	b.run("connectors").check(t, 0, []string{"source     FakeSource", "sink       Console"}, nil)
	b.run("connectors", "console", "-o", "json").check(t, 0, []string{`"key": "log.print.delay.ms"`, `"default": 0`}, nil)
	b.run("version", "-o", "json").check(t, 0, []string{`"version": "`}, nil)
	b.as("seatunnel-connector.sh", "-l").check(t, 0, []string{"Source\n", "FakeSource", "Sink\n"}, nil)
	b.as("seatunnel-connector.sh", "-pt", "sink", "-o", "Console").check(t, 0, []string{"log.print.data"}, nil)
	b.as("seatunnel-connector.sh").check(t, 234, []string{"Usage: seatunnel-connector.sh"}, nil)
}

func TestInitNeedsOnlyItsMarkedPlaces(t *testing.T) {
	b := newBench(t)
	if err := os.Mkdir(filepath.Join(b.dir, "orders"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.file("orders/a.csv", "1,one\n2,two\n")
	for _, pair := range [][]string{{"FakeSource", "Console"}, {"LocalFile", "LocalFile"}, {"LocalFile", "Jdbc"}, {"FakeSource", "Console", "-t", "FilterRowKind"}} {
		r := b.run(append([]string{"init"}, pair...)...)
		r.check(t, 0, []string{"FILL IN", "plugin_input = "}, nil)
		job := b.file("init.conf", strings.ReplaceAll(r.out, "/data/", b.dir+"/")) // the examples' places
		b.run("check", job, "--sample", "1").check(t, 0, []string{"is valid."}, nil)
	}
}

func TestExamplesRun(t *testing.T) {
	b := newBench(t)
	home := filepath.Join("..", "..", "packaging", "home", "examples")
	files, err := filepath.Glob(filepath.Join(home, "*.*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		out := filepath.Join(b.dir, filepath.Base(file))
		if err := os.Mkdir(out, 0o700); err != nil {
			t.Fatal(err)
		}
		args := []string{file, "-i", "data=" + filepath.Join(home, "data"), "-i", "out=" + out}
		b.run(append([]string{"check", "--sample", "1"}, args...)...).check(t, 0, []string{"is valid."}, nil)
		b.run(append([]string{"run"}, args...)...).check(t, 0, []string{"end with state FINISHED"}, nil)
	}
}
