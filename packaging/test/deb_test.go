package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDebLivesAWholeLife installs, crashes, hangs, fills the disk of, upgrades, reboots, removes and
// purges a node while a job runs on it whose rows are counted.
func TestDebLivesAWholeLife(t *testing.T) {
	asked(t)
	l := &life{t: t, first: build(t, "deb", older), second: build(t, "deb", newer), disk: newDisk(t, 400)}
	l.machine = boot(t, "seikan", "SYSTEMD_BIND="+l.disk.dir+":/var/lib/seikan")
	l.deb = l.put(l.first)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"install", l.install}, {"start", l.start}, {"users", l.users}, {"reload", l.reload}, {"hardening", l.hardening}, {"strict unit", l.strict},
		{"memory", l.memory}, {"backup", l.backup}, {"two homes", l.twoHomes}, {"crash", l.crash},
		{"hang", l.hang}, {"full disk", l.fullDisk}, {"upgrade", l.upgrade}, {"downgrade", l.downgrade}, {"reboot", l.reboot},
		{"count", func() { l.ledger.exact() }}, {"remove", l.remove}, {"purge", l.purge}, {"purge again", l.purgeAgain},
	} {
		began := time.Now()
		step.do()
		t.Logf("%s: %s", step.name, time.Since(began).Round(100*time.Millisecond))
		if t.Failed() {
			t.Fatal(l.dump())
		}
	}
}

type life struct {
	machine
	t             *testing.T
	first, second string
	deb           string // the first, in the machine
	disk          disk
	ledger        ledger
	restarts      int
	installed     time.Time
}

func (l *life) install() {
	// Its state is on a small disk, and a hang is noticed soon.
	l.sh("mkdir -p /etc/systemd/system/seikan.service.d && printf '[Service]\\nWatchdogSec=10s\\n' >/etc/systemd/system/seikan.service.d/test.conf")
	l.installed = time.Now()
	has(l.t, l.sh("apt-get install -qq "+l.deb+" 2>&1"), "edit    /etc/seikan", "enable  systemctl enable --now seikan", "open    http://")
	took := time.Since(l.installed)
	has(l.t, l.sh("systemctl is-enabled seikan || true; systemctl is-active seikan || true"), "disabled", "inactive")
	has(l.t, l.sh("stat -c '%n %a %U:%G' /etc/seikan/seatunnel.yaml /etc/seikan/hazelcast-client.yaml /etc/seikan/seikan-cluster.key /var/lib/seikan /var/log/seikan"),
		"/etc/seikan/seatunnel.yaml 640 root:seikan", "/etc/seikan/hazelcast-client.yaml 644 root:root", "/etc/seikan/seikan-cluster.key 640 root:seikan",
		"/var/lib/seikan 750 seikan:seikan", "/var/log/seikan 750 seikan:seikan")
	has(l.t, l.sh("cd /usr/share/seikan && readlink config logs && readlink -f bin/seatunnel.sh bin/stop-seatunnel-cluster.sh"), "/etc/seikan\n/var/log/seikan\n/usr/bin/seikan\n/usr/bin/seikan\n")
	if out := l.sh("systemd-analyze verify --man=no /usr/lib/systemd/system/seikan*.service /usr/lib/systemd/system/seikan*.timer"); out != "" {
		l.t.Errorf("systemd-analyze verify: %s", out)
	}
	l.sh(`sed -i 's/^seatunnel:$/seatunnel:\n  seikan:\n    min-free-bytes: 32m/' /etc/seikan/seatunnel.yaml`)
	l.installed = time.Now().Add(-took) // what this test looked at does not count
}

// start is what the README says; READY comes with it.
func (l *life) start() {
	l.sh("systemctl enable --now seikan")
	took := time.Since(l.installed)
	has(l.t, l.sh("systemctl show seikan -p ActiveState -p StatusText -p NRestarts"), "ActiveState=active", "StatusText=ready, master", "NRestarts=0")
	has(l.t, l.get(8080, "/overview"), "200 OK", "projectVersion")
	memory, err := strconv.Atoi(strings.TrimSpace(l.sh("systemctl show seikan -p MemoryCurrent --value")))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Logf("FIGURE apt install to READY: %s (must 5 s)", took.Round(10*time.Millisecond))
	resident, err := strconv.Atoi(strings.TrimSpace(l.sh("ps -o rss= -p $(systemctl show seikan -p MainPID --value)")))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Logf("FIGURE memory of a fresh node: %.1f MiB as systemd counts it, %.1f MiB resident (must 150)", float64(memory)/(1<<20), float64(resident)/(1<<10))
	if max(memory, resident<<10) > 150<<20 {
		l.t.Error("that is too much memory")
	}
}

// users run jobs in the cluster and, without reading what only nodes may, in local mode.
func (l *life) users() {
	has(l.t, l.sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED", "Total Write Count         :                   5")
	l.sh("useradd -m joe")
	has(l.t, l.sh("su - joe -c 'seatunnel.sh -m local -c $SEATUNNEL_HOME/config/v2.batch.config.template' 2>&1"), "FINISHED", "Total Write Count         :                  32")
	has(l.t, l.sh("su - joe -c 'seatunnel.sh -l' 2>&1"), "FINISHED")
}

// reload takes over a log level, and refuses a file with an error while the node goes on.
func (l *life) reload() {
	pid := l.pid()
	l.sh("cp -a /etc/seikan/seatunnel.yaml /root/ && sed -i 's/min-free-bytes: 32m/&\\n    logs: {level: debug}/; s/backup-count: 1/backup-count: 2/' /etc/seikan/seatunnel.yaml && systemctl reload seikan")
	l.wait("journalctl -u seikan", "the configuration is reloaded", 20*time.Second)
	has(l.t, l.sh("journalctl -u seikan | grep -A1 'is reloaded'"), "seatunnel.seikan.logs.level", "hold from the next start on", "seatunnel.engine.backup-count")
	l.sh("sed -i 's/backup-count: 2/backup-count: many/' /etc/seikan/seatunnel.yaml")
	if out, err := l.try("systemctl reload seikan"); err == nil {
		l.t.Errorf("a reload of a file with an error succeeded: %s", out)
	}
	has(l.t, l.sh("journalctl -u seikan -n 20"), "seatunnel.yaml:", "backup-count")
	l.sh("cp -a /root/seatunnel.yaml /etc/seikan/ && systemctl reload seikan")
	if now := l.pid(); now != pid {
		l.t.Errorf("a reload restarted the node: %s, then %s", pid, now)
	}
	has(l.t, l.sh("systemctl is-active seikan"), "active")
}

func (l *life) pid() string { return l.sh("systemctl show seikan -p MainPID --value") }

// hardening: a job that writes where the unit may not is told which setting is in the way.
func (l *life) hardening() {
	l.sh("install -d -o seikan /usr/local/outbox && sed -e 's|Console.*{|LocalFile { path = \"/usr/local/outbox\", file_format_type = csv|' $SEATUNNEL_HOME/examples/fake.conf >/root/closed.conf && grep -q outbox /root/closed.conf")
	out, err := l.try("seatunnel.sh -c /root/closed.conf 2>&1")
	if err == nil {
		l.t.Errorf("a job wrote below /usr:\n%s", out)
	}
	has(l.t, out, "read-only file system", "the unit seikan: ProtectSystem=", "ReadWritePaths=/usr/local/outbox", "systemctl edit seikan")
}

// strict: with the drop-in of the manual jobs go on, where it lets them.
func (l *life) strict() {
	l.put("../../systemd/hardening.conf.example")
	l.sh("install -d -o seikan /srv/named /srv/unnamed && sed 's|^#ReadWritePaths=.*|ReadWritePaths=/srv/named|' /root/hardening.conf.example >/etc/systemd/system/seikan.service.d/hardening.conf && systemctl daemon-reload && systemctl restart seikan")
	l.ready("seikan")
	for name := range strings.FieldsSeq("named unnamed") {
		l.sh("sed -e 's|Console.*{|LocalFile { path = \"/srv/" + name + "\", tmp_path = \"/srv/" + name + "/tmp\", file_format_type = csv|' $SEATUNNEL_HOME/examples/fake.conf >/root/" + name + ".conf")
	}
	has(l.t, l.sh("seatunnel.sh -c /root/named.conf 2>&1"), "FINISHED")
	l.sh("find /srv/named -name '*.csv' | grep -q .")
	if out, err := l.try("seatunnel.sh -c /root/unnamed.conf 2>&1"); err == nil {
		l.t.Errorf("a job wrote where the strict unit may not:\n%s", out)
	} else {
		has(l.t, out, "read-only file system", "ReadWritePaths=/srv/unnamed")
	}
	l.sh("rm /etc/systemd/system/seikan.service.d/hardening.conf && systemctl daemon-reload && systemctl restart seikan")
	l.ready("seikan")
}

// memory: a limit of the unit that is smaller than -Xmx counts.
func (l *life) memory() {
	l.sh("systemctl set-property --runtime seikan MemoryMax=400M && systemctl restart seikan")
	l.ready("seikan")
	const want = 400 << 20 / 10 * 9
	has(l.t, l.sh("journalctl -u seikan _PID=$(systemctl show seikan -p MainPID --value) | grep 'memory limit'"), strconv.Itoa(want))
	l.sh("systemctl set-property --runtime seikan MemoryMax=infinity && systemctl restart seikan")
	l.ready("seikan")
}

// backup copies the state by the packaged unit, which says so when there is nothing to copy from.
func (l *life) backup() {
	if out, err := l.try("systemctl start seikan-backup"); err == nil {
		l.t.Errorf("a copy without a map-store succeeded: %s", out)
	}
	has(l.t, l.sh("journalctl -u seikan-backup"), "map-store")
	l.sh(`install -d -o seikan -g seikan -m 0750 /srv/imap
sed -i 's|^  properties:$|  map: {"engine*": {map-store: {enabled: true, initial-mode: EAGER, factory-class-name: org.apache.seatunnel.engine.server.persistence.FileMapStoreFactory, properties: {type: hdfs, namespace: /srv/imap, clusterName: deb, storage.type: hdfs, fs.defaultFS: "file:///"}}}}\n&|' /etc/seikan/hazelcast.yaml
grep -q /srv/imap /etc/seikan/hazelcast.yaml && systemctl restart seikan`)
	l.ready("seikan")
	l.sh("seikan backup now")
	l.sh("touch -d '20 days ago' /var/backups/seikan/state-old.db && systemctl start seikan-backup")
	l.sh("test ! -e /var/backups/seikan/state-old.db")
	if got, want := l.sh("cd /var/backups/seikan && stat -c '%a %U:%G' * && head -c 15 state-*.db"), "600 seikan:seikan\nSQLite format 3"; got != want {
		l.t.Errorf("the copy is %q, want %q", got, want)
	}
	l.sh("systemctl enable --now seikan-backup.timer")
	has(l.t, l.sh("systemctl list-timers --no-pager seikan-backup.timer"), "seikan-backup.service")
}

// twoHomes: stop-seatunnel-cluster.sh stops the nodes of its own home, not those of others or the unit.
func (l *life) twoHomes() {
	l.sh(`for i in 1 2; do
  home=/opt/home$i; mkdir -p $home/bin $home/logs; cp /usr/bin/seikan $home/bin/; cp -r /etc/seikan $home/config
  for n in seatunnel-cluster.sh stop-seatunnel-cluster.sh; do ln -s seikan $home/bin/$n; done
  sed -i "s/port: 8080/port: 809$i/" $home/config/seatunnel.yaml
  sed -i -e "s/port: 5801/port: 58${i}5/" -e '/\/srv\/imap/d' $home/config/hazelcast.yaml
  SEATUNNEL_HOME=$home SEIKAN_STATE_DIR=$home/state $home/bin/seatunnel-cluster.sh -d
done`)
	homes := "for p in $(pgrep -x seikan) $(pgrep -f 'seatunnel-cluste[r]'); do readlink /proc/$p/exe; done | sort -u"
	has(l.t, l.sh(homes), "/opt/home1/", "/opt/home2/", "/usr/bin/seikan")
	l.sh("SEATUNNEL_HOME=/opt/home1 /opt/home1/bin/stop-seatunnel-cluster.sh")
	l.wait("("+homes+") | grep -c /opt/home1/", "0", time.Minute)
	has(l.t, l.sh(homes), "/opt/home2/", "/usr/bin/seikan")
	l.sh("SEATUNNEL_HOME=/opt/home2 /opt/home2/bin/stop-seatunnel-cluster.sh")
	l.wait("("+homes+") | grep -c /opt/home2/", "0", time.Minute)
	l.ready("seikan")
}

func (l *life) crash() {
	l.ledger = l.startLedger()
	l.sh("systemctl kill -s KILL --kill-who=main seikan")
	l.restarted()
}

// hang stops every thread; the watchdog sees it.
func (l *life) hang() {
	l.sh("systemctl kill -s STOP --kill-who=main seikan")
	l.restarted()
	has(l.t, l.sh("journalctl -u seikan"), "Watchdog timeout")
}

// restarted waits until systemd has started the node once more, and the job runs again.
func (l *life) restarted() {
	l.restarts++
	l.wait("systemctl show seikan -p NRestarts", fmt.Sprintf("NRestarts=%d\n", l.restarts), time.Minute)
	l.ready("seikan")
	l.ledger.runs()
}

// fullDisk: the node stops before its state may be harmed, is started again in vain as long as there
// is no room, and serves by itself when there is.
func (l *life) fullDisk() {
	l.disk.part("fill")
	l.wait("journalctl -u seikan", "make room on its disk", time.Minute)
	l.wait("systemctl show seikan -p ActiveState", "activating", time.Minute)
	l.disk.part("free")
	l.ready("seikan")
	l.ledger.runs()
}

// upgrade keeps what was changed and takes the job along.
func (l *life) upgrade() {
	l.sh("echo '# changed by hand' >>/etc/seikan/seatunnel.yaml && sed -i 's/^SEATUNNEL_OPTS=.*/SEATUNNEL_OPTS=-r master_and_worker/' /etc/default/seikan")
	pid := l.pid()
	began := time.Now()
	l.sh("apt-get install -qq -o Dpkg::Options::=--force-confdef " + l.put(l.second))
	l.ready("seikan")
	l.ledger.runs()
	l.t.Logf("FIGURE upgrade until the job runs again: %s", time.Since(began).Round(100*time.Millisecond))
	if l.pid() == pid {
		l.t.Error("the upgrade did not restart the node")
	}
	has(l.t, l.sh("tail -1 /etc/seikan/seatunnel.yaml; seikan version"), "# changed by hand", newer)
}

func (l *life) downgrade() {
	if out, err := l.try("dpkg -i " + l.deb); err == nil {
		l.t.Errorf("an older version was installed:\n%s", out)
	} else {
		has(l.t, out, "may not be able to read the state", "SEIKAN_ALLOW_DOWNGRADE=1")
	}
	has(l.t, l.sh("seikan version; systemctl is-active seikan"), newer, "active")
}

func (l *life) reboot() {
	l.part("stop") // powers off, as a reboot does
	l.part("start")
	l.ready("seikan")
	l.ledger.runs()
}

func (l *life) remove() {
	l.sh("touch /var/backups/seikan/a-backup && apt-get remove -qq seikan")
	if out, err := l.try("pgrep -x seikan"); err == nil {
		l.t.Errorf("after removal there still runs %s", out)
	}
	l.sh("test -e /etc/seikan/seatunnel.yaml && test -e /var/lib/seikan/cluster.json && test ! -e /usr/bin/seikan")
}

// purge deletes what is the node's, and not what is mounted there from elsewhere.
func (l *life) purge() {
	l.sh("mkdir /var/log/seikan/shared && mount -t tmpfs none /var/log/seikan/shared && touch /var/log/seikan/shared/of-others")
	has(l.t, l.sh("dpkg -P seikan 2>&1"), "/var/lib/seikan is emptied; it is a mount point and stays", "/var/log/seikan/shared is a mount point; what is in it stays")
	l.sh("test ! -e /etc/seikan && test \"$(ls -A /var/log/seikan)\" = shared && test -z \"$(ls -A /var/lib/seikan)\"")
	l.sh("test -e /var/log/seikan/shared/of-others && umount /var/log/seikan/shared && rm -r /var/log/seikan")
	l.sh("test -e /var/backups/seikan/a-backup && test -e /var/backups/seikan/seikan-cluster.key")
	has(l.t, l.sh("systemctl list-unit-files 'seikan*' || true"), "0 unit files")
}

// purgeAgain: the key of the next installation does not replace the one that the backups need.
func (l *life) purgeAgain() {
	first := l.sh("cat /var/backups/seikan/seikan-cluster.key")
	l.sh("apt-get install -qq " + l.deb)
	second := l.sh("cat /etc/seikan/seikan-cluster.key")
	l.sh("dpkg -P seikan")
	has(l.t, l.sh("cat /var/backups/seikan/*.key; ls -l /var/backups/seikan"), first, second)
}

// disk is a small file system of its own.
type disk struct {
	t   *testing.T
	env []string
	dir string
}

func newDisk(t *testing.T, mib int) disk {
	t.Helper()
	d := disk{t, []string{"DISK_DATA=" + filepath.Join(workshop.dir, "disk")}, filepath.Join(workshop.dir, "disk", "mnt")}
	t.Cleanup(func() {
		c := exec.Command(diskPart, "down")
		c.Env = append(os.Environ(), d.env...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("the disk is not gone: %v\n%s", err, out)
		}
	})
	d.part("up", strconv.Itoa(mib))
	if err := os.Remove(filepath.Join(d.dir, "lost+found")); err != nil {
		t.Fatal(err)
	}
	return d
}

const diskPart = root + "/appliance/testbed/parts/disk.sh"

func (d disk) part(args ...string) {
	d.t.Helper()
	run(d.t, ".", d.env, diskPart, args...)
}
