// Package test tries the packages and units: what is quick always, the rest by `make packages-test`,
// for it builds packages and boots machines with a systemd (root on Debian 12 needed).
package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"seikan/appliance/testbed/lacking"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func units(t *testing.T) []string {
	t.Helper()
	out, err := filepath.Glob(root + "/systemd/*.service")
	if err != nil || len(out) < 4 {
		t.Fatalf("units: %v, %v", out, err)
	}
	return out
}

// TestUnitsDifferOnlyInTheirRole keeps the four units of a node in step: all but what makes their
// difference stands in each of them.
func TestUnitsDifferOnlyInTheirRole(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`^(#|Description=|Conflicts=|ExecStart=|ExecReload=/usr|StateDirectory=|LogsDirectory=|Environment(File)?=.*instances)`)
	settings := func(path string) []string {
		var out []string
		for line := range strings.Lines(read(t, path)) {
			if line = strings.TrimSpace(line); line != "" && !own.MatchString(line) {
				out = append(out, line)
			}
		}
		return out
	}
	want := settings(root + "/systemd/seikan.service")
	for _, unit := range units(t) {
		if strings.Contains(unit, "backup") {
			continue
		}
		if got := settings(unit); !slices.Equal(got, want) {
			t.Errorf("%s differs from seikan.service:\n%s\nwant\n%s", unit, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestUnitsAreHardened asks systemd how exposed each unit is, and with the strict drop-in.
func TestUnitsAreHardened(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		lacking.Skip(t, "systemd-analyze is not here")
	}
	for _, unit := range units(t) {
		if got := exposure(t, unit, ""); got > 2.0 {
			t.Errorf("%s: exposure %.1f, want 2.0 or less", unit, got)
		}
		if got := exposure(t, unit, read(t, root+"/systemd/hardening.conf.example")); got > 1.5 {
			t.Errorf("%s with the drop-in: exposure %.1f, want 1.5 or less", unit, got)
		}
	}
}

// TestUnitsAndTimerHaveNoFaultsThatSystemdKnows verifies them with a program that is there.
func TestUnitsAndTimerHaveNoFaultsThatSystemdKnows(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		lacking.Skip(t, "systemd-analyze is not here")
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, unit := range append(units(t), root+"/systemd/seikan-backup.timer") {
		copied := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(copied, []byte(strings.ReplaceAll(read(t, unit), "/usr/bin/seikan", "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, copied)
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func exposure(t *testing.T, unit, dropIn string) float64 {
	t.Helper()
	copied := filepath.Join(t.TempDir(), filepath.Base(unit))
	text := strings.Replace(read(t, unit), "[Install]", dropIn+"\n[Install]", 1)
	if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", copied).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("systemd-analyze security %s: %v\n%s", unit, err, out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return level
}

// TestEveryConfigurationFileIsPackagedAndKept finds each file of home/config in nfpm.yaml, as one
// that an upgrade leaves alone.
func TestEveryConfigurationFileIsPackagedAndKept(t *testing.T) {
	t.Parallel()
	nfpm := read(t, "../nfpm.yaml")
	entries, err := os.ReadDir("../home/config")
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if line := "- {src: packaging/home/config/" + e.Name() + ", dst: /etc/seikan/" + e.Name() + ", type: config|noreplace,"; !strings.Contains(nfpm, line) {
			t.Errorf("nfpm.yaml lacks %s", line)
		}
	}
}

func TestScriptsAreShell(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("../scripts/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(scripts, "../install.sh", "../profile.sh", "../default") {
		if out, err := exec.Command("sh", "-n", s).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s, err, out)
		}
	}
}

// run runs a command in the source tree and fails the test when it fails.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, &out, &errs
	c.Env = append(os.Environ(), env...)
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}
