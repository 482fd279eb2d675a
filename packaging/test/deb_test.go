package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const older, newer = "0.1.0", "0.1.1"

// TestDebLivesAWholeLife installs, enables, crashes, hangs, upgrades, reboots, removes and purges
// a node while a streaming job runs on it.
func TestDebLivesAWholeLife(t *testing.T) {
	asked(t)
	first, second := build(t, "deb", older), build(t, "deb", newer)
	m := boot(t)
	deb := m.put(first)

	began := time.Now()
	said := m.sh("dpkg -i " + deb)
	has(t, said, "edit    /etc/seikan", "enable  systemctl enable --now seikan", "open    http://")
	has(t, m.sh("systemctl is-enabled seikan || true; systemctl is-active seikan || true"), "disabled", "inactive")
	has(t, m.sh("stat -c '%n %a %U:%G' /etc/seikan/seatunnel.yaml /etc/seikan/hazelcast-client.yaml /etc/seikan/seikan-cluster.key /var/lib/seikan /var/log/seikan"),
		"/etc/seikan/seatunnel.yaml 640 root:seikan", "/etc/seikan/hazelcast-client.yaml 644 root:root", "/etc/seikan/seikan-cluster.key 640 root:seikan",
		"/var/lib/seikan 750 seikan:seikan", "/var/log/seikan 750 seikan:seikan")
	has(t, m.sh("cd /usr/share/seikan && readlink config logs && readlink -f bin/seatunnel.sh bin/stop-seatunnel-cluster.sh"), "/etc/seikan\n/var/log/seikan\n/usr/bin/seikan\n/usr/bin/seikan\n")
	if out := m.sh("systemd-analyze verify --man=no /usr/lib/systemd/system/seikan*.service"); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}

	m.sh("systemctl enable --now seikan")
	m.ready("seikan")
	t.Logf("dpkg -i to ready: %s", time.Since(began).Round(100*time.Millisecond))
	t.Logf("memory of a fresh node: %s bytes", strings.TrimSpace(m.sh("systemctl show seikan -p MemoryCurrent --value")))
	has(t, m.sh("exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET /overview HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"), "200 OK", "projectVersion")

	has(t, m.sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED", "Total Write Count         :                   5")
	m.sh("useradd -m joe")
	has(t, m.sh("su - joe -c 'seatunnel.sh -m local -c $SEATUNNEL_HOME/config/v2.batch.config.template' 2>&1"), "FINISHED", "Total Write Count         :                  32")
	has(t, m.sh("su - joe -c 'seatunnel.sh -l' 2>&1"), "FINISHED")

	// Not the template itself: without an interval of its own its first checkpoint is ten seconds away.
	m.sh("sed 's/^env {/env {\\n  checkpoint.interval = 1000/' /etc/seikan/v2.streaming.conf.template >/root/stream.conf; seatunnel.sh --async -n stream -c /root/stream.conf")
	running := func(within time.Duration) {
		t.Helper()
		m.wait("seatunnel.sh -l | grep stream", "RUNNING", within)
	}
	running(30 * time.Second)

	restarts := func(n int) {
		m.wait("systemctl show seikan -p NRestarts", fmt.Sprintf("NRestarts=%d\n", n), 90*time.Second)
	}
	m.sh("systemctl kill -s KILL --kill-who=main seikan")
	restarts(1)
	m.ready("seikan")
	running(time.Minute)

	m.sh("systemctl kill -s STOP --kill-who=main seikan") // hangs; the watchdog sees it
	restarts(2)
	m.ready("seikan")
	running(time.Minute)

	m.sh("echo '# changed by hand' >>/etc/seikan/seatunnel.yaml")
	pid := m.sh("systemctl show seikan -p MainPID --value")
	began = time.Now()
	m.sh("dpkg -i --force-confdef " + m.put(second))
	m.ready("seikan")
	t.Logf("upgrade with a job running: %s", time.Since(began).Round(100*time.Millisecond))
	if m.sh("systemctl show seikan -p MainPID --value") == pid {
		t.Error("the upgrade did not restart the node")
	}
	has(t, m.sh("tail -1 /etc/seikan/seatunnel.yaml; seikan version"), "# changed by hand", newer)
	running(time.Minute)

	if out, err := m.try("dpkg -i " + deb); err == nil {
		t.Errorf("an older version was installed:\n%s", out)
	} else {
		has(t, out, "may not be able to read the state", "SEIKAN_ALLOW_DOWNGRADE=1")
	}
	has(t, m.sh("seikan version; systemctl is-active seikan"), newer, "active")

	m.reboot()
	m.ready("seikan")
	running(time.Minute)

	m.sh("touch /var/backups/seikan/a-backup")
	m.sh("dpkg -r seikan")
	if out, err := m.try("pgrep -x seikan"); err == nil {
		t.Errorf("after removal there still runs %s", out)
	}
	m.sh("test -e /etc/seikan/seatunnel.yaml && test -e /var/lib/seikan/cluster.json && test ! -e /usr/bin/seikan")
	m.sh("dpkg -P seikan")
	m.sh("test ! -e /etc/seikan && test ! -e /var/lib/seikan && test ! -e /var/log/seikan")
	m.sh("test -e /var/backups/seikan/a-backup && test -e /var/backups/seikan/seikan-cluster.key")
	has(t, m.sh("systemctl list-unit-files 'seikan*' || true"), "0 unit files")
}

// TestInstancesFormACluster runs three nodes on one host by seikan@, as the manual says.
func TestInstancesFormACluster(t *testing.T) {
	asked(t)
	m := boot(t)
	m.sh("dpkg -i " + m.put(build(t, "deb", older)))
	for i, name := range []string{"a", "b", "c"} {
		m.sh(fmt.Sprintf(`d=/etc/seikan/instances/%s; mkdir -p $d; cd /etc/seikan
sed -e 's/port: 8080/port: %d/' -e '$a\  seikan:\n    cluster-key-file: /etc/seikan/seikan-cluster.key' seatunnel.yaml >$d/seatunnel.yaml
sed -e 's/port: 5801/port: %d/' -e 's/- localhost$/- localhost:5801\n          - localhost:5811\n          - localhost:5821/' hazelcast.yaml >$d/hazelcast.yaml
chgrp seikan $d/*; chmod 640 $d/*`, name, 8080+i, 5801+10*i))
	}
	m.sh("systemctl start seikan@a seikan@b seikan@c")
	for _, name := range []string{"a", "b", "c"} {
		m.ready("seikan@" + name)
	}
	for _, port := range []string{"5801", "5811", "5821"} {
		m.wait("seikan cluster status 2>&1 | grep "+port, "yes", time.Minute) // each is a voter
	}
	m.sh("sed -i 's/- localhost:5801/- localhost:5801\\n      - localhost:5811\\n      - localhost:5821/' /etc/seikan/hazelcast-client.yaml")
	m.sh("systemctl kill -s KILL seikan@a; systemctl stop seikan@a")
	has(t, m.sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED")
}
