package test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestRpmHoldsWhatTheDebHolds compares the lists of files, and installs and erases the rpm by rpm's
// own tools in a machine with a systemd.
func TestRpmHoldsWhatTheDebHolds(t *testing.T) {
	asked(t)
	rpm := build(t, "rpm", older)
	m := boot(t)
	file := m.put(rpm)
	has(t, m.sh("rpm -qp --nosignature -c "+file), "/etc/seikan/seatunnel.yaml", "/etc/sysconfig/seikan", "/etc/profile.d/seatunnel.sh")
	has(t, m.sh("rpm -qp --nosignature -l "+file), "/usr/bin/seikan", "/usr/lib/systemd/system/seikan@.service", "/usr/share/man/man8/seikan.8.gz",
		"/usr/share/zsh/site-functions/_seikan", "/usr/share/licenses/seikan/LICENSE")
	has(t, m.sh("rpm -qp --nosignature --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]' "+file),
		"-rw-r----- root:seikan /etc/seikan/seatunnel.yaml", "-rwxr-xr-x root:root /usr/bin/seikan")
	has(t, m.sh("rpm -i --nodeps --nosignature "+file), "edit    /etc/seikan", "enable  systemctl enable --now seikan", "open    http://")
	m.sh("systemctl enable --now seikan")
	m.ready("seikan")
	has(t, m.sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED")
	m.sh("rpm -e --nodeps seikan")
	if out, err := m.try("pgrep -x seikan"); err == nil {
		t.Errorf("after removal there still runs %s", out)
	}
	m.sh("test -d /var/lib/seikan && test ! -e /usr/bin/seikan")
}

// TestTarballWorksWhereItIsUnpacked uses it as a SEATUNNEL_HOME, and installs it.
func TestTarballWorksWhereItIsUnpacked(t *testing.T) {
	asked(t)
	dir := t.TempDir()
	run(t, dir, nil, "tar", "-xzf", build(t, "tarball", older))
	home := filepath.Join(dir, "seikan-"+older)
	out := run(t, home, []string{"SEIKAN_STATE_DIR=" + dir + "/state", "SEATUNNEL_HOME="}, "bin/seatunnel.sh", "-m", "local", "-c", "config/v2.batch.config.template")
	has(t, out, "Total Write Count         :                  32")
	installed := filepath.Join(dir, "root")
	run(t, home, []string{"DESTDIR=" + installed}, "bin/install.sh")
	for _, f := range []string{"usr/bin/seikan", "etc/seikan/seatunnel.yaml", "usr/lib/systemd/system/seikan.service", "usr/share/man/man8/seikan.8.gz", "usr/share/seikan/bin/seatunnel.sh"} {
		if _, err := os.Lstat(filepath.Join(installed, f)); err != nil {
			t.Error(err)
		}
	}
	config := filepath.Join(installed, "etc/seikan/seatunnel.yaml")
	if err := os.WriteFile(config, []byte("seatunnel:\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	has(t, run(t, home, []string{"DESTDIR=" + installed}, "bin/install.sh"), "seatunnel.yaml was changed and is kept")
	if read(t, config) != "seatunnel:\n" {
		t.Error("a changed file was overwritten")
	}
}

// TestTwoBuildsAreTheSameBytes builds from two directories.
func TestTwoBuildsAreTheSameBytes(t *testing.T) {
	asked(t)
	var first map[string][]byte
	for range 2 {
		dir := t.TempDir()
		run(t, root, nil, "sh", "-c", "tar -c --anchored --exclude=./build --exclude=./.git --exclude=./bin . | tar -x -C "+dir)
		env := []string{"SOURCE_DATE_EPOCH=1700000000"}
		for _, kind := range []string{"deb", "rpm", "tarball"} {
			run(t, dir, env, "make", "--no-print-directory", kind, "ARCHS="+runtime.GOARCH, "COMMIT=test", "VERSION="+older)
		}
		files := map[string][]byte{}
		made, err := filepath.Glob(dir + "/build/dist/*")
		if err != nil || len(made) != 5 {
			t.Fatalf("made %v, %v", made, err)
		}
		for _, f := range made {
			files[filepath.Base(f)] = []byte(read(t, f))
		}
		if first == nil {
			first = files
			continue
		}
		for name, text := range files {
			if !bytes.Equal(text, first[name]) {
				t.Errorf("%s differs from build to build", name)
			}
		}
	}
}
