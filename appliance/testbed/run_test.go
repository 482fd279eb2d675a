package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// place is a directory for one test: job files, data and the state of local mode.
type place struct {
	t   *testing.T
	dir string
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{t, t.TempDir()}
}

func (p place) path(name ...string) string { return filepath.Join(append([]string{p.dir}, name...)...) }

// write makes a file, with $DIR replaced by the place's directory, and returns its path.
func (p place) write(name, text string) string {
	p.t.Helper()
	path := p.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$DIR", p.dir)), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// ended is a process that ran to its end.
type ended struct {
	code int
	out  string
	peak int64 // most memory resident, in bytes
}

const patience = time.Minute

// seikan runs the program in p and waits for it.
func (p place) seikan(args ...string) ended {
	p.t.Helper()
	return p.wait(Command(p.t, p.path("state"), args...))
}

func (p place) wait(c *exec.Cmd) ended {
	p.t.Helper()
	var out bytes.Buffer
	c.Stdout, c.Stderr, c.Dir = &out, &out, p.dir
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() }) // it may have ended this moment
	err := c.Wait()
	if !stop() {
		p.t.Fatalf("%v hangs\n%s", c.Args[1:], tail(out.String()))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return ended{c.ProcessState.ExitCode(), out.String(), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10}
}

// job writes a job file and runs it.
func (p place) job(text string, args ...string) ended {
	p.t.Helper()
	return p.seikan(append([]string{"run", p.write("job.conf", text)}, args...)...)
}

// finish runs a job that must succeed.
func (p place) finish(text string, args ...string) ended {
	p.t.Helper()
	e := p.job(text, args...)
	if e.code != 0 {
		p.t.Fatalf("exit code %d\n%s", e.code, tail(e.out))
	}
	return e
}

func tail(out string) string {
	const most = 4000
	if len(out) > most {
		return "…" + out[len(out)-most:]
	}
	return out
}

// files lists the files below a directory, relative to it, sorted.
func (p place) files(dir string) []string {
	p.t.Helper()
	var out []string
	err := filepath.WalkDir(p.path(dir), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(p.path(dir), path)
		out = append(out, rel)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// lines are all lines of all files below a directory, sorted.
func (p place) lines(dir string) []string {
	p.t.Helper()
	var out []string
	for _, name := range p.files(dir) {
		text, err := os.ReadFile(p.path(dir, name))
		if err != nil {
			p.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(out)
	return out
}

// refused checks that a run failed with code and said each of the texts.
func (e ended) refused(t *testing.T, code int, texts ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("exit code %d, expected %d\n%s", e.code, code, tail(e.out))
	}
	for _, want := range texts {
		if !strings.Contains(e.out, want) {
			t.Errorf("nothing says %q:\n%s", want, tail(e.out))
		}
	}
	if strings.Contains(e.out, "panic:") || strings.Contains(e.out, "goroutine ") {
		t.Errorf("it crashed:\n%s", tail(e.out))
	}
}

// numbers writes n numbered rows to $DIR/in.
func (p place) numbers(n int) {
	p.t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,name %d\n", i, i)
	}
	p.write("in/numbers.csv", b.String())
}
