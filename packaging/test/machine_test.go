package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// asked skips what is slow unless it is asked for.
func asked(t *testing.T) {
	t.Helper()
	if os.Getenv("SEIKAN_PACKAGING") == "" {
		t.Skip("set SEIKAN_PACKAGING=1 to build packages and try them")
	}
}

// build makes one kind of package of a version for this architecture and returns its path.
func build(t *testing.T, kind, version string) string {
	t.Helper()
	dist := filepath.Join(t.TempDir(), "dist")
	began := time.Now()
	run(t, root, []string{"DIST=" + dist}, "make", "--no-print-directory", kind, "ARCHS="+runtime.GOARCH, "VERSION="+version)
	pattern := map[string]string{"tarball": "*.tar.gz"}[kind]
	if pattern == "" {
		pattern = "*." + kind
	}
	found, err := filepath.Glob(filepath.Join(dist, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("make %s made %v, %v", kind, found, err)
	}
	info, err := os.Stat(found[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %.1f MB, built in %s", filepath.Base(found[0]), float64(info.Size())/1e6, time.Since(began).Round(time.Second))
	if info.Size() > 40<<20 {
		t.Errorf("%s has %d bytes, want 40 MiB or less", found[0], info.Size())
	}
	return found[0]
}

// machine is a Debian with a systemd of its own.
type machine struct{ t *testing.T }

func boot(t *testing.T) machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("booting a systemd needs root")
	}
	dir, err := os.MkdirTemp("", "seikan-machine-") // not t.TempDir: other users must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SYSTEMD_DATA", dir)
	t.Setenv("SYSTEMD_HOST", "seikan")
	t.Setenv("SYSTEMD_EXTRA", "rpm")
	m := machine{t}
	t.Cleanup(func() {
		if out, err := exec.Command(part, "wipe").CombinedOutput(); err != nil {
			t.Errorf("the machine is not gone: %v\n%s", err, out)
		}
	})
	run(t, ".", nil, part, "start")
	return m
}

const part = root + "/appliance/testbed/parts/systemd.sh"

// reboot ends the machine and boots it again.
func (m machine) reboot() {
	m.t.Helper()
	_, _ = m.try("systemctl reboot") // may be cut off by what it does
	for deadline := time.Now().Add(3 * time.Minute); exec.Command(part, "status").Run() == nil; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatal("the machine does not end")
		}
	}
	run(m.t, ".", nil, part, "start")
}

// put copies a file into /root.
func (m machine) put(file string) string {
	m.t.Helper()
	run(m.t, ".", nil, part, "put", file, "/root")
	return "/root/" + filepath.Base(file)
}

// try runs a script in the machine.
func (m machine) try(script string) (string, error) {
	out, err := exec.CommandContext(m.t.Context(), part, "sh", ". /etc/profile; "+script).CombinedOutput()
	return string(out), err
}

// sh runs a script that must succeed.
func (m machine) sh(script string) string {
	m.t.Helper()
	out, err := m.try(script)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s\n%s", script, err, out, m.dump())
	}
	return out
}

func (m machine) dump() string {
	out, _ := m.try("systemctl --no-pager status 'seikan*'; journalctl --no-pager -n 40")
	return out
}

// wait waits until what a script prints contains the words.
func (m machine) wait(script, words string, within time.Duration) {
	m.t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		out, _ := m.try(script)
		if strings.Contains(out, words) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s: no %q within %s:\n%s\n%s", script, words, within, out, m.dump())
		}
	}
}

// has checks that a text contains words.
func has(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}

func (m machine) ready(unit string) {
	m.t.Helper()
	m.wait(fmt.Sprintf("systemctl show %s -p ActiveState -p StatusText", unit), "ActiveState=active\n", time.Minute)
	m.wait(fmt.Sprintf("systemctl show %s -p StatusText", unit), "ready", time.Minute)
}
