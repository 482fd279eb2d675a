package test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRpmHoldsWhatTheDebHolds installs and erases the rpm by rpm's own tools in a machine with a
// systemd.
func TestRpmHoldsWhatTheDebHolds(t *testing.T) {
	asked(t)
	m := boot(t, "rpm")
	file := m.put(build(t, "rpm", older))
	has(t, m.sh("rpm -qp --nosignature -c "+file), "/etc/seikan/seatunnel.yaml", "/etc/sysconfig/seikan", "/etc/profile.d/seatunnel.sh")
	has(t, m.sh("rpm -qp --nosignature --scripts "+file), "preinstall scriptlet", "postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet")
	golden(t, "rpm", rpmList(m.sh("rpm -qp --nosignature --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]' "+file)))
	golden(t, "deb", debList(m.sh("dpkg-deb -c "+m.put(build(t, "deb", older)))))

	has(t, m.sh("rpm -i --nodeps --nosignature "+file), "edit    /etc/seikan", "enable  systemctl enable --now seikan", "open    http://")
	m.sh("systemctl enable --now seikan")
	m.ready("seikan")
	has(t, m.sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED")
	pid := m.sh("systemctl show seikan -p MainPID --value; echo '# by hand' >>/etc/seikan/seatunnel.yaml")
	m.sh("rpm -U --nodeps --nosignature " + m.put(build(t, "rpm", newer)))
	m.ready("seikan")
	has(t, m.sh("seikan version; tail -1 /etc/seikan/seatunnel.yaml"), newer, "# by hand")
	if now := m.sh("systemctl show seikan -p MainPID --value"); now == pid {
		t.Error("the upgrade did not restart the node")
	}
	m.sh("rpm -e --nodeps seikan")
	if out, err := m.try("pgrep -x seikan"); err == nil {
		t.Errorf("after removal there still runs %s", out)
	}
	m.sh("test -d /var/lib/seikan && test ! -e /usr/bin/seikan")
}

// TestRpmInstallsIntoARoot is what makes images: no systemd runs, nothing outside is touched.
func TestRpmInstallsIntoARoot(t *testing.T) {
	asked(t)
	m := boot(t, "image")
	file := m.put(build(t, "rpm", older))
	m.sh("mkdir /srv/image && rpm --root /srv/image --initdb && rpm --root /srv/image -i --nodeps --noscripts --nosignature " + file)
	has(t, m.sh("chroot /srv/image /usr/bin/seikan version; ls /srv/image/usr/lib/sysusers.d /srv/image/usr/lib/systemd/system"), older, "seikan.conf", "seikan@.service")
	// A static program needs nothing else in there.
	m.sh("test ! -e /usr/bin/seikan && test ! -e /srv/image/lib64")
}

// TestPackagesHaveNoFaultsThatLintersKnow: each exception is explained where it is listed.
func TestPackagesHaveNoFaultsThatLintersKnow(t *testing.T) {
	asked(t)
	m := boot(t, "lint")
	deb := m.put(build(t, "deb", older))
	if out, err := m.try("lintian --allow-root --tag-display-limit 0 --fail-on error,warning " + deb); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	m.put("../rpmlint.toml")
	if out, err := m.try("rpmlint -c /root/rpmlint.toml " + m.put(build(t, "rpm", older))); err != nil { // in here: it unpacks by absolute names
		t.Errorf("rpmlint: %v\n%s", err, out)
	}
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
	for _, f := range []string{"usr/bin/seikan", "etc/seikan/seatunnel.yaml", "usr/lib/systemd/system/seikan.service", "usr/share/man/man8/seikan.8.gz", "usr/share/seikan/bin/seatunnel.sh", "usr/share/doc/seikan/third-party-notices.txt.gz"} {
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
