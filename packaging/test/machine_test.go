package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine is a Debian with a systemd of its own.
type machine struct {
	t   *testing.T
	env []string
}

const part = root + "/appliance/testbed/parts/systemd.sh"

// extra are the Debian packages in the machines, besides a systemd: what installs rpms, looks for
// faults of packages, and what the recipe for three hosts copies a file with.
const extra = "SYSTEMD_EXTRA=rpm rpmlint lintian openssh-server openssh-client"

// boot starts a machine; more is environment of systemd.sh.
func boot(t *testing.T, host string, more ...string) machine {
	t.Helper()
	dir, err := os.MkdirTemp(workshop.dir, "machine-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := machine{t, append([]string{"SYSTEMD_DATA=" + dir, "SYSTEMD_HOST=" + host, extra}, more...)}
	once("root", func() { m.part("install") }) // several would build it at once
	t.Cleanup(func() {
		c := exec.Command(part, "wipe")
		c.Env = append(os.Environ(), m.env...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("the machine is not gone: %v\n%s", err, out)
		}
	})
	m.part("start")
	return m
}

func (m machine) part(args ...string) string {
	m.t.Helper()
	return run(m.t, ".", m.env, part, args...)
}

// put copies files into /root and returns where the first is.
func (m machine) put(files ...string) string {
	m.t.Helper()
	m.part(append(append([]string{"put"}, files...), "/root")...)
	return "/root/" + filepath.Base(files[0])
}

// try runs a script in the machine, as root after a login.
func (m machine) try(script string) (string, error) {
	c := exec.CommandContext(m.t.Context(), part, "sh", ". /etc/profile; cd; "+script)
	c.Env = append(os.Environ(), m.env...)
	out, err := c.CombinedOutput()
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

// get is an HTTP answer, asked for inside of the machine.
func (m machine) get(port int, path string) string {
	m.t.Helper()
	return m.sh(fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3", port, path))
}

// ready waits until a unit is active and its node says that it serves.
func (m machine) ready(unit string) {
	m.t.Helper()
	m.wait("systemctl is-active -q "+unit+" && systemctl show -p StatusText "+unit, "StatusText=ready", time.Minute)
}

// ledger is a job that would run for long and whose result is known to the row.
type ledger struct {
	m    machine
	id   string
	conf func(rate int) string
}

const ledgerRows = 200_000

// startLedger submits the job, which writes where the nodes may.
func (m machine) startLedger() ledger {
	m.t.Helper()
	m.sh("install -d -o seikan -g seikan /srv/ledger /srv/reference")
	conf := func(name string, rate int) string {
		file := fmt.Sprintf("/root/%s-%d.conf", name, rate)
		m.sh(fmt.Sprintf(`cat >%s <<'END'
env { job.mode = BATCH, parallelism = 2, checkpoint.interval = 500, read_limit.rows_per_second = %d }
source { FakeSource { row.num = %d, split.num = %d, split.read-interval = 0, seed = 7, schema { fields { id = bigint, name = string } } } }
sink { LocalFile { path = "/srv/%s", tmp_path = "/srv/%s.tmp", file_format_type = csv } }
END`, file, rate, ledgerRows/2, ledgerRows/400, name, name))
		return file
	}
	m.sh("install -d -o seikan -g seikan /srv/ledger.tmp /srv/reference.tmp")
	l := ledger{m: m, id: "77", conf: func(rate int) string { return conf("ledger", rate) }}
	m.sh("seatunnel.sh --async -n ledger --set-job-id " + l.id + " -c " + l.conf(300))
	l.runs()
	m.sh("seatunnel.sh -n reference -c " + conf("reference", 1_000_000))
	m.wait("ls /srv/ledger", "csv", time.Minute) // something is committed
	return l
}

// runs waits until the job runs.
func (l ledger) runs() {
	l.m.t.Helper()
	l.m.wait("seatunnel.sh -l | grep "+l.id, "RUNNING", time.Minute)
}

// exact ends the job at full speed and compares every row.
func (l ledger) exact() {
	l.m.t.Helper()
	l.m.sh("seatunnel.sh -s " + l.id)
	l.m.wait("seatunnel.sh -l | grep "+l.id, "SAVEPOINT_DONE", time.Minute)
	l.m.sh("seatunnel.sh -r " + l.id + " -c " + l.conf(1_000_000))
	sum := func(dir string) string {
		return l.m.sh("find " + dir + ` -name '*.csv' -exec sed -e '$a\' {} + | sort | sha256sum`)
	}
	if got, want := sum("/srv/ledger"), sum("/srv/reference"); got != want {
		l.m.t.Errorf("the ledger is not exact: %s", l.m.sh("find /srv/ledger -name '*.csv' -exec cat {} + | wc -l; find /srv/reference -name '*.csv' -exec cat {} + | wc -l"))
	}
}
