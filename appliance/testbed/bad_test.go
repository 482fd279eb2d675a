package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"seikan/appliance/testbed/lacking"
)

// badJob reads $DIR/in and writes to $DIR/out, where something is already.
func (p place) badJob(format, source string) ended {
	p.t.Helper()
	p.write("out/before.csv", "was here\n")
	return p.job(fmt.Sprintf(`
env { parallelism = 2, checkpoint.interval = 20, job.retry.interval.seconds = 0 }
source { LocalFile { path = "$DIR/in", file_format_type = %s
  %s } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = json } }`, format, source))
}

// harmless checks what a failed job must leave: nothing temporary, and everything that was there.
func (p place) harmless() {
	p.t.Helper()
	if left := p.files("tmp"); len(left) > 0 {
		p.t.Errorf("temporary files are left: %q", left)
	}
	if text, err := os.ReadFile(p.path("out", "before.csv")); err != nil || string(text) != "was here\n" {
		p.t.Errorf("what was there before is gone: %q, %v", text, err)
	}
}

// TestDamagedFilesAreRefused cuts, garbles and misreads a file of each format: each run fails,
// names the file, crashes nowhere and leaves what was there.
func TestDamagedFilesAreRefused(t *testing.T) {
	t.Parallel()
	const rows = 3000
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	noise := func(b []byte) []byte {
		out := make([]byte, len(b))
		state := uint32(1)
		for i := range out {
			state = state*1664525 + 1013904223
			out[i] = byte(state>>24) | 0x80 // no line of it is text
		}
		return out
	}
	whole := func(b []byte) []byte { return b }
	type damage struct {
		name   string
		do     func([]byte) []byte
		fields string
	}
	right := "id = int, name = string, at = date"
	for format, damages := range map[string][]damage{
		"csv":     {{"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
		"text":    {{"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
		"json":    {{"cut", cut, right}, {"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
		"parquet": {{"cut", cut, right}, {"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
		"orc":     {{"cut", cut, right}, {"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
		"xml":     {{"cut", cut, right}, {"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
		"excel":   {{"cut", cut, right}, {"noise", noise, right}, {"wrong type", whole, "id = int, name = int, at = date"}},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			made := newPlace(t)
			f := fileFormats[format]
			made.finish(fmt.Sprintf(`
env {}
source { FakeSource { row.num = %d, schema { table = t, fields { %s } } } }
sink { LocalFile { path = "$DIR/made", tmp_path = "$DIR/tmp", file_format_type = %s
  %s } }`, rows, right, format, f.write))
			name := made.files("made")[0]
			good, err := os.ReadFile(made.path("made", name))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range damages {
				t.Run(d.name, func(t *testing.T) {
					t.Parallel()
					p := newPlace(t)
					p.write("in/bad"+filepath.Ext(name), string(d.do(good)))
					e := p.badJob(format, fmt.Sprintf("%s\n schema { table = t, fields { %s } }", f.read, d.fields))
					if e.code != 1 && e.code != 3 {
						t.Errorf("exit code %d", e.code)
					}
					e.refused(t, e.code, p.path("in", "bad"+filepath.Ext(name)))
					if strings.Contains(e.out, "is restarted") {
						t.Errorf("what cannot heal was tried again:\n%s", tail(e.out))
					}
					p.harmless()
				})
			}
		})
	}
}

// TestEndlessRowsAreRefusedInLittleMemory reads a file that is one row.
func TestEndlessRowsAreRefusedInLittleMemory(t *testing.T) {
	t.Parallel()
	size := int64(100 << 20)
	if os.Getenv("SEIKAN_SOAK") != "" {
		size = 1 << 30
	}
	for format, start := range map[string]string{"csv": `1,"`, "text": "1", "json": `{"a": "`, "xml": "<RECORDS><RECORD><a>"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			name := p.write("in/long."+map[string]string{"text": "txt"}[format]+strings.TrimPrefix(format, "text"), start)
			if err := os.Truncate(name, size); err != nil {
				t.Fatal(err)
			}
			read := fileFormats[format].read
			e := p.badJob(format, read+"\n schema { fields { a = string, b = string } }")
			e.refused(t, 1, name, "line 1")
			p.harmless()
			if e.peak > 300<<20 {
				t.Errorf("it took %d MB of memory", e.peak>>20)
			}
		})
	}
}

func TestMissingDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.badJob("csv", "schema { fields { a = string } }")
	e.refused(t, 3, "Get file list from this path ["+p.path("in")+"] failed", "job.conf:3:29")
	p.harmless()
}

// nobody makes the program run as a user who may not do everything.
func (p place) nobody(args ...string) ended {
	p.t.Helper()
	c := Command(p.t, p.path("theirs"), args...)
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := os.Chmod(filepath.Dir(p.dir), 0o755); err != nil {
			p.t.Fatal(err)
		}
		for _, dir := range []string{"theirs", "out", "tmp"} {
			if err := os.MkdirAll(p.path(dir), 0o700); err != nil {
				p.t.Fatal(err)
			}
			if err := os.Chown(p.path(dir), 65534, 65534); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	return p.wait(c)
}

func TestUnreadableFileIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.numbers(10)
	conf := p.write("job.conf", `
env { job.retry.interval.seconds = 0 }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { fields { id = int, name = string } } } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = json } }`)
	for path, mode := range map[string]os.FileMode{conf: 0o644, p.path("in"): 0o755, p.path("in", "numbers.csv"): 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if bin, err := os.Stat(filepath.Dir(Seikan(t))); err == nil && os.Getuid() == 0 && bin.Mode()&1 == 0 {
		if err := os.Chmod(filepath.Dir(Seikan(t)), bin.Mode()|0o55); err != nil {
			t.Fatal(err)
		}
	}
	p.nobody("run", conf).refused(t, 1, p.path("in", "numbers.csv"), "permission denied")
	if left := p.files("tmp"); len(left) > 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}

// small mounts a small file system at name.
func (p place) small(name string, megabytes int) {
	p.t.Helper()
	if err := os.Mkdir(p.path(name), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", p.path(name), "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		lacking.Skip(p.t, "needs the right to mount: %v", err)
	}
	p.t.Cleanup(func() {
		if err := syscall.Unmount(p.path(name), syscall.MNT_DETACH); err != nil {
			p.t.Errorf("unmount: %v", err)
		}
	})
}

// TestFullDiskUnderTheSink: the job fails, what was half written is gone, what was there stays.
func TestFullDiskUnderTheSink(t *testing.T) {
	t.Parallel()
	for format := range fileFormats {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.small("disk", 2)
			p.write("disk/out/before.csv", "was here\n")
			e := p.job(fmt.Sprintf(`
env { parallelism = 2, job.retry.times = 1, job.retry.interval.seconds = 0 }
source { FakeSource { row.num = 200000, string.length = 20, schema { table = t, fields { id = bigint, name = string } } } }
sink { LocalFile { path = "$DIR/disk/out", tmp_path = "$DIR/disk/tmp", file_format_type = %s
  %s } }`, format, fileFormats[format].write))
			e.refused(t, 1, "no space left on device", p.path("disk", "tmp"))
			if got := p.files("disk"); !slices.Equal(got, []string{"out/before.csv"}) {
				t.Errorf("the disk holds %q", got)
			}
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.small("disk", 2)
		e := p.job(`
env { job.retry.times = 0 }
source { FakeSource { row.num = 500000, schema { table = t, fields { id = bigint, name = string } } } }
sink { Jdbc { url = "jdbc:sqlite:$DIR/disk/x.db", driver = "org.sqlite.JDBC", generate_sink_sql = true, database = main, table = t } }`)
		e.refused(t, 1, "disk is full")
	})
}

// TestFullDiskUnderTheState: nothing starts that could not be recorded.
func TestFullDiskUnderTheState(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.small("state", 1)
	p.numbers(10)
	fill, err := os.Create(p.path("state", "fill"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = fill.Write(make([]byte, 4096))
	}
	if err := fill.Close(); err != nil {
		t.Fatal(err)
	}
	e := p.badJob("csv", "schema { fields { id = int, name = string } }")
	e.refused(t, 1, "is full")
	p.harmless()
}

// TestMonstrousJobFilesAreRefused covers what could eat the stack, the memory or the time.
func TestMonstrousJobFilesAreRefused(t *testing.T) {
	t.Parallel()
	const deep = 10_000
	rest := "\nsource { FakeSource { schema { fields { id = int } } } }\nsink { Console {} }"
	long := func(line string) string {
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, line+"\n", i+1, i, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"objects":       {"env { x = " + strings.Repeat("{ a = ", deep) + "1" + strings.Repeat("}", deep) + " }" + rest, "nest deeper"},
		"lists":         {"env { x = " + strings.Repeat("[", deep) + strings.Repeat("]", deep) + " }" + rest, "nest deeper"},
		"open objects":  {"env { x = " + strings.Repeat("{ a = ", deep), "nest deeper"},
		"types":         {"env {}\nsource { FakeSource { schema { fields { id = \"" + strings.Repeat("map<int,", deep) + "int" + strings.Repeat(">", deep) + "\" } } } }\nsink { Console {} }", "unsupported data type"},
		"expression":    {"env {}\nsource { FakeSource { schema { table = t, fields { id = int } } } }\ntransform { Sql { query = \"select " + strings.Repeat("(", deep) + "id" + strings.Repeat(")", deep) + " from t\" } }\nsink { Console {} }", "SQL parse failed"},
		"substitutions": {"x0 = aaaaaaaaaaaaaaaa\n" + long("x%d = ${x%d}${x%d}") + "env { x = ${x40} }" + rest, "substitutions expand to too much"},
		"itself":        {"a = ${b}\nb = ${a}\nenv { x = ${a} }" + rest, "substitutions need each other"},
		"include":       {"include \"job.conf\"\nenv {}" + rest, "include each other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			e := p.job(c.text)
			e.refused(t, 3, c.want, "job.conf:")
			if e.peak > 300<<20 {
				t.Errorf("it took %d MB of memory", e.peak>>20)
			}
			if len(e.out) > 10_000 {
				t.Errorf("the message has %d bytes", len(e.out))
			}
		})
	}
}

// TestBadRowsWithinTheBudgetAreKept skips malformed lines, keeps them with file and line, and
// stops when they are too many.
func TestBadRowsWithinTheBudgetAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget string
		code   int
	}{
		"enough": {"dirty.max-count = 2", 0}, "ratio": {"dirty.max-ratio = 0.5", 0}, "too many": {"dirty.max-count = 1", 1}, "none": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.write("in/a.csv", "1,a\nx,b\n3,c\n4,d\n5e5000,e\n6,f\n")
			p.write("out/before.csv", "was here\n")
			e := p.job(fmt.Sprintf(`
env { %s
  dirty.sink { LocalFile { path = "$DIR/dirty", tmp_path = "$DIR/tmp", file_format_type = csv, sink_columns = [raw, error] } } }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { table = t, fields { id = int, name = string } } } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = csv } }`, c.budget))
			p.harmless()
			if c.code != 0 {
				e.refused(t, c.code, p.path("in", "a.csv")+", line ", "is no INT")
				if n := len(p.files("out")) + len(p.files("dirty")); n != 1 {
					t.Errorf("something was committed: %d files", n)
				}
				return
			}
			if e.code != 0 {
				t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
			}
			if got := p.lines("out"); !slices.Equal(got, []string{"1,a", "3,c", "4,d", "6,f", "was here"}) {
				t.Errorf("the rows are %q", got)
			}
			letters := strings.Join(p.lines("dirty"), "\n")
			for _, want := range []string{"x,b", "5e5000,e", "line 2", "line 5"} {
				if !strings.Contains(letters, want) {
					t.Errorf("the dead letters do not hold %q:\n%s", want, letters)
				}
			}
		})
	}
}

// TestInterruptStopsCleanly interrupts a job that has committed some rows.
func TestInterruptStopsCleanly(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.numbers(100_000)
	conf := p.write("job.conf", `
env { parallelism = 2, checkpoint.interval = 20, read_limit.rows_per_second = 1000 }
source { LocalFile { path = "$DIR/in", file_format_type = csv, schema { fields { id = int, name = string } } } }
sink { LocalFile { path = "$DIR/out", tmp_path = "$DIR/tmp", file_format_type = csv } }`)
	c := Command(t, p.path("state"), "run", conf)
	done := make(chan ended, 1)
	go func() { done <- p.wait(c) }()
	committed := func() (n int) { // the sink also tries a rename there before it begins
		for _, name := range p.files("out") {
			if strings.HasSuffix(name, ".csv") {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(patience); committed() < 2; {
		if time.Now().After(end) {
			t.Fatal("nothing is committed")
		}
	}
	began := time.Now()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	e := <-done
	if e.code == 0 || !strings.Contains(e.out, "CANCELED") {
		t.Errorf("exit code %d\n%s", e.code, tail(e.out))
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if left := p.files("tmp"); len(left) > 0 {
		t.Errorf("temporary files are left: %q", left)
	}
	if n := len(p.lines("out")); n < 1000 {
		t.Errorf("of what was committed %d rows are left", n)
	}
}
