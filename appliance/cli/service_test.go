package cli_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"seikan/appliance/testbed"
)

// systemd hears what a node says to its service manager.
type systemd struct {
	mu   sync.Mutex
	said []string
}

func (s *systemd) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}

func listenAsSystemd(t *testing.T, path string) *systemd {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := &systemd{}
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.mu.Lock()
			s.said = append(s.said, string(buf[:n]))
			s.mu.Unlock()
		}
	}()
	return s
}

// TestANodeTellsItsServiceManagerHowItDoes follows a node as a unit: it waits for another, is told
// by a reload that it is alone, serves, refuses a broken file, and stops.
func TestANodeTellsItsServiceManagerHowItDoes(t *testing.T) {
	b := newBench(t)
	port := freeRun(t, 3)
	if err := os.MkdirAll(filepath.Join(b.dir, "home", "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	silent := "127.0.0.1:" + strconv.Itoa(port+1)
	members := func(list string) {
		b.file("home/config/hazelcast.yaml", fmt.Sprintf("hazelcast:\n  network:\n    port: {port: %d, auto-increment: false}\n    join: {tcp-ip: {enabled: true, member-list: [%s]}}\n", port, list))
	}
	engine := func(more string) {
		b.file("home/config/seatunnel.yaml", fmt.Sprintf("seatunnel:\n  engine:\n    http: {enable-http: true, port: %d}\n%s", port+2, more))
	}
	engine("")
	members(fmt.Sprintf("\"127.0.0.1:%d\", \"%s\"", port, silent))
	manager := listenAsSystemd(t, filepath.Join(b.dir, "notify"))
	c := testbed.Command(t, b.state, "server", "--home", filepath.Join(b.dir, "home"))
	c.Env = append(c.Env, "NOTIFY_SOCKET="+filepath.Join(b.dir, "notify"), "WATCHDOG_USEC=2000000", "INVOCATION_ID=")
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // under nohup the node would inherit that it is ignored
	defer signal.Stop(hup)
	p := b.begin(c)
	t.Cleanup(func() { _ = c.Process.Kill() })
	hears := func(words string) {
		t.Helper()
		p.waitFor(words, func() bool { return strings.Contains(manager.all(), words) })
	}
	logs := func(words string) {
		t.Helper()
		p.waitFor(words, func() bool { return strings.Contains(p.out.String(), words) })
	}

	hears("no answer from " + silent)
	hears("EXTEND_TIMEOUT_USEC=")
	members(fmt.Sprintf("\"127.0.0.1:%d\"", port))
	p.signal(syscall.SIGHUP)
	hears("STATUS=ready, master")
	hears("WATCHDOG=1")
	said := manager.all()
	if ready := strings.Index(said, "READY=1"); ready < strings.Index(said, silent) || strings.Contains(said[:ready], "RELOADING=1") {
		t.Errorf("a node that waits says:\n%s", said)
	}

	engine("    backup-count: many\n")
	p.signal(syscall.SIGHUP)
	logs("is not valid: the node goes on with the one it has")
	if out := p.out.String(); !strings.Contains(out, "seatunnel.yaml:4:") || !strings.Contains(out, "backup-count") {
		t.Errorf("it does not say what is wrong and where:\n%s", out)
	}
	b.run("server", "--check", "--home", filepath.Join(b.dir, "home")).check(t, 3, nil, []string{"backup-count", "seatunnel.yaml:4"})
	engine("    backup-count: 2\n  seikan:\n    logs: {level: warn}\n")
	b.run("server", "--check", "--home", filepath.Join(b.dir, "home")).check(t, 0, []string{"the configuration is valid"}, nil)
	p.signal(syscall.SIGHUP)
	logs("hold from the next start on settings=seatunnel.engine.backup-count")
	hears("RELOADING=1\nMONOTONIC_USEC=")

	p.signal(syscall.SIGTERM)
	p.wait()
	if end := manager.all(); !strings.Contains(end, "STOPPING=1") {
		t.Errorf("it stopped without a word:\n%s", end)
	}
}
