package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// commands are those of a section of a page: what stands in its shell blocks, comments and all. A
// block may stand in a list.
func commands(t *testing.T, path, heading string) []string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, path), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", path, heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	var out []string
	for _, m := range regexp.MustCompile("(?s)\n( *)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		var lines []string
		for l := range strings.SplitSeq(strings.TrimSpace(m[2]), "\n") {
			lines = append(lines, strings.TrimPrefix(l, m[1]))
		}
		out = append(out, strings.Join(lines, "\n"))
	}
	return out
}

// TestTheReadmeInstallsANode does what the section says, to the letter, and opens what it prints.
func TestTheReadmeInstallsANode(t *testing.T) {
	asked(t)
	blocks := commands(t, root+"/README.md", "## Install")
	if len(blocks) != 1 {
		t.Fatalf("the README's section has %d blocks of commands, want the one that installs", len(blocks))
	}
	m := boot(t, "readme")
	m.put(build(t, "deb", older))
	began := time.Now()
	said := m.sh(blocks[0])
	t.Logf("FIGURE the README's commands: %s", time.Since(began).Round(10*time.Millisecond))
	open := regexp.MustCompile(`open +http://localhost:(\d+)(/\S*)?`).FindStringSubmatch(said)
	if open == nil {
		t.Fatalf("no address was printed:\n%s", said)
	}
	path := open[2]
	if path == "" {
		path = "/"
	}
	has(t, m.sh(fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%s; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3", open[1], path)), "200 OK")
}

// TestInstancesFormACluster runs three nodes on one host by seikan@, as the manual says.
func TestInstancesFormACluster(t *testing.T) {
	asked(t)
	m := boot(t, "three")
	m.sh("apt-get install -qq " + m.put(build(t, "deb", older)))
	for _, block := range commands(t, root+"/web/docs/install.md", "## Several nodes on one host") {
		m.sh(block)
	}
	for _, name := range []string{"a", "b", "c"} {
		m.ready("seikan@" + name)
	}
	voters(m, ":5801", ":5811", ":5821")
	l := m.startLedger()
	m.sh("systemctl kill -s KILL seikan@a; systemctl stop seikan@a")
	l.runs()
	has(t, m.sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED")
	m.sh("systemctl start seikan@a")
	l.exact()
}

// voters waits until each of these has a vote.
func voters(m machine, addrs ...string) {
	m.t.Helper()
	for _, a := range addrs {
		m.wait("seikan cluster status 2>&1 | grep '"+a+" '", "yes", time.Minute)
	}
}

// TestThreeHostsAsTheManualSays follows the page on three machines with a network between them.
func TestThreeHostsAsTheManualSays(t *testing.T) {
	asked(t)
	network := []string{"NET_TAG=skn", "NET_PREFIX=10.98.7"}
	const netPart = root + "/appliance/testbed/parts/net.sh"
	run(t, ".", network, netPart, "up", "3")
	t.Cleanup(func() {
		c := exec.Command(netPart, "down")
		c.Env = append(os.Environ(), network...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("the network is not gone: %v\n%s", err, out)
		}
	})
	shared := filepath.Join(workshop.dir, "shared")
	run(t, ".", nil, "install", "-d", "-m", "1777", shared)
	deb := build(t, "deb", older)
	var hosts []machine
	for i := range 3 {
		m := boot(t, fmt.Sprintf("n%d", i+1), fmt.Sprintf("SYSTEMD_NET=ns:skn-h%d", i+1), "SYSTEMD_BIND="+shared+":/mnt/shared")
		// What the page takes for granted: names, and a way to copy a file.
		m.sh(`for i in 1 2 3; do echo 10.98.7.$i n$i; done >>/etc/hosts
mkdir -p -m 700 .ssh; [ -e /mnt/shared/key ] || ssh-keygen -q -t ed25519 -N '' -f /mnt/shared/key; install -m 600 /mnt/shared/key .ssh/id_ed25519; install -m 600 /mnt/shared/key.pub .ssh/authorized_keys
printf 'StrictHostKeyChecking no\nLogLevel ERROR\n' >.ssh/config; systemctl start ssh`)
		m.put(deb)
		hosts = append(hosts, m)
	}
	for i, block := range commands(t, root+"/web/docs/install.md", "## Three hosts") {
		began := time.Now()
		_, where, only := strings.Cut(strings.SplitN(block, "\n", 2)[0], "# on ")
		var wg sync.WaitGroup
		for k, m := range hosts {
			if name := fmt.Sprintf("n%d", k+1); only && !strings.Contains(where, name) {
				continue
			}
			wg.Go(func() {
				if out, err := m.try("set -e\n" + block); err != nil {
					t.Errorf("block %d on n%d: %v\n%s\n%s", i+1, k+1, err, out, m.dump())
				}
			})
		}
		wg.Wait()
		t.Logf("block %d: %s", i+1, time.Since(began).Round(100*time.Millisecond))
		if t.Failed() {
			t.FailNow()
		}
	}
	for _, m := range hosts {
		m.ready("seikan")
	}
	voters(hosts[2], "10.98.7.1:5801", "10.98.7.2:5801", "10.98.7.3:5801")
	has(t, hosts[0].sh("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1"), "FINISHED")
	hosts[0].part("stop") // a host is gone
	hosts[1].wait("seatunnel.sh -c $SEATUNNEL_HOME/examples/fake.conf 2>&1", "FINISHED", time.Minute)
}
