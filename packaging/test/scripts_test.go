package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"seikan/appliance/testbed/lacking"
)

// host is a directory that a package's script takes for the root of a host, with commands of its own.
type host struct {
	t   *testing.T
	dir string
}

// newHost has the directories that a node has, a cluster key, and a systemctl that notes what it is told.
func newHost(t *testing.T) host {
	t.Helper()
	h := host{t, t.TempDir()}
	for _, d := range []string{"etc/default", "etc/seikan", "var/lib/seikan/state/deep", "var/log/seikan", "var/backups/seikan", "run/systemd/system", "bin"} {
		if err := os.MkdirAll(filepath.Join(h.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.write("etc/seikan/seikan-cluster.key", "first")
	h.write("bin/systemctl", "#!/bin/sh\n[ \"$1\" != list-units ] || echo seikan.service loaded active\necho \"$@\" >>"+h.dir+"/told\n")
	h.write("bin/install", "#!/bin/sh\n") // makes directories of a user who is not there
	return h
}

func (h host) write(path, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, path), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// script runs a script with every path of the host moved into its directory; before runs first, in
// the same mount namespace, which is the script's own, and after follows it.
func (h host) script(name, arguments, before, after string) (string, error) {
	h.t.Helper()
	moved := regexp.MustCompile(`/(etc|var|run)/`).ReplaceAllString(read(h.t, "../scripts/"+name), h.dir+"/$1/")
	h.write("script", moved)
	c := exec.CommandContext(h.t.Context(), "sh", "-c", "set -e\n"+before+"\nsh ./script "+arguments+"\n"+after)
	if before != "" {
		c = exec.CommandContext(h.t.Context(), "unshare", append([]string{"--mount", "--map-root-user"}, c.Args...)...)
	}
	c.Dir = h.dir
	c.Env = append(os.Environ(), "PATH="+h.dir+"/bin:"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestPurgeLeavesWhatIsMountedInside: a checkpoint directory may be a mount that other hosts share,
// from another file system or from the same one.
func TestPurgeLeavesWhatIsMountedInside(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("unshare", "--mount", "--map-root-user", "true").CombinedOutput(); err != nil {
		lacking.Skip(t, "a mount namespace is refused here: %s", out)
	}
	h := newHost(t)
	h.write("var/lib/seikan/state/deep/file", "")
	out, err := h.script("postremove.sh", "purge", `mkdir -p shared/dir 'var/lib/seikan/check point' var/lib/seikan/state/bound
touch shared/dir/file
mount --bind shared var/lib/seikan/state/bound
mount -t tmpfs none 'var/lib/seikan/check point'
touch 'var/lib/seikan/check point/file'`, `test -e 'var/lib/seikan/check point/file'`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	has(t, out, "/var/lib/seikan/check point is a mount point", "/var/lib/seikan/state/bound is a mount point", "/var/lib/seikan stays, with what is left in it")
	if _, err := os.Stat(filepath.Join(h.dir, "shared/dir/file")); err != nil {
		t.Errorf("a mounted directory was emptied: %v", err)
	}
	for _, gone := range []string{"var/lib/seikan/state/deep", "var/log/seikan", "etc/seikan"} {
		if _, err := os.Lstat(filepath.Join(h.dir, gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
}

// TestPurgeKeepsEveryKeyOfTheBackups: each installation has a key of its own.
func TestPurgeKeepsEveryKeyOfTheBackups(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("var/backups/seikan/state.db", "")
	for _, key := range []string{"first", "second", "second", "first"} {
		if err := os.MkdirAll(filepath.Join(h.dir, "etc/seikan"), 0o755); err != nil {
			t.Fatal(err)
		}
		h.write("etc/seikan/seikan-cluster.key", key)
		if out, err := h.script("postremove.sh", "purge", "", ""); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	kept := map[string]int{}
	found, err := filepath.Glob(filepath.Join(h.dir, "var/backups/seikan/*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		kept[read(t, f)]++
	}
	if len(found) != 2 || kept["first"] != 1 || kept["second"] != 1 {
		t.Errorf("kept are %v with %v, want each of two keys once", found, kept)
	}
	if got := read(t, filepath.Join(h.dir, "var/backups/seikan/seikan-cluster.key")); got != "first" {
		t.Errorf("the first key was replaced by %q", got)
	}
}

// TestUpgradeReadsTheUnitsEnvironmentAsSystemdDoes: values need no quotes there, and are not run.
func TestUpgradeReadsTheUnitsEnvironmentAsSystemdDoes(t *testing.T) {
	t.Parallel()
	for text, restarts := range map[string]bool{
		"":                           true,
		"SEATUNNEL_OPTS=-r master\n": true,
		"RESTART_ON_UPGRADE=true\n":  true,
		"RESTART_ON_UPGRADE=false\n": false,
		"SEATUNNEL_OPTS=-r $(touch ran)\nRESTART_ON_UPGRADE=\"false\"\n": false,
		"RESTART_ON_UPGRADE='false' # by hand\n":                         false,
		"RESTART_ON_UPGRADE=false\nRESTART_ON_UPGRADE=true\n":            true,
		"#RESTART_ON_UPGRADE=false\n":                                    true,
	} {
		h := newHost(t)
		h.write("etc/default/seikan", text)
		if out, err := h.script("postinstall.sh", "configure 0.1.0", "", ""); err != nil {
			t.Errorf("%q: %v\n%s", text, err, out)
			continue
		}
		if got := strings.Contains(read(t, filepath.Join(h.dir, "told")), "restart seikan.service"); got != restarts {
			t.Errorf("%q: restarted: %v, want %v", text, got, restarts)
		}
		if _, err := os.Stat(filepath.Join(h.dir, "ran")); err == nil {
			t.Errorf("%q was run", text)
		}
	}
}

// TestEveryHomeHasTheSameCommands compares the two recipes of a SEATUNNEL_HOME.
func TestEveryHomeHasTheSameCommands(t *testing.T) {
	t.Parallel()
	names := regexp.MustCompile(`for n in (seatunnel\.sh [^;]*); do ln`)
	made, packed := names.FindStringSubmatch(read(t, root+"/Makefile")), names.FindStringSubmatch(read(t, "../build.sh"))
	if made == nil || packed == nil || made[1] != packed[1] {
		t.Errorf("make home links %q, the tarball %q", made, packed)
	}
}
