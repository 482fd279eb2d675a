package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// space is a network namespace and a mount namespace, kept by a process that waits for its
// input to end: when the test ends, in whatever way, the kernel takes all of it away.
type space struct {
	keeper *exec.Cmd
	input  io.Closer
}

// newSpace makes the namespaces and runs script, by sh, inside before it returns.
func newSpace(script string, args ...string) (*space, error) {
	c := exec.Command("/bin/sh", append([]string{"-euc", "mount --make-rprivate /\n" + script + "\necho ready\nexec cat >/dev/null", "sh"}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	input, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaints bytes.Buffer
	c.Stderr = &complaints
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("make namespaces: %w", err)
	}
	s := &space{c, input}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		s.close()
		return nil, fmt.Errorf("prepare namespaces: %w: %s", err, complaints.String())
	}
	return s, nil
}

func (s *space) close() {
	_ = s.input.Close()
	_ = s.keeper.Process.Kill() // it may have ended this moment
	_ = s.keeper.Wait()         // it was killed
}

func (s *space) pid() string { return strconv.Itoa(s.keeper.Process.Pid) }

// command prepares a command inside. Its process is the command's own: nsenter becomes it.
func (s *space) command(name string, args ...string) *exec.Cmd {
	c := exec.Command("nsenter", append([]string{"--target", s.pid(), "--net", "--mount", "--", name}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return c
}

// run runs a command inside.
func (s *space) run(name string, args ...string) error {
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// dial connects from inside. A socket stays in the network it was made in.
func (s *space) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		home, err := enter("/proc/thread-self/ns/net", filepath.Join("/proc", s.pid(), "ns/net"))
		if err != nil {
			runtime.UnlockOSThread()
			done <- result{nil, err}
			return
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		// The thread must go home and not end: the processes it has started would end with it.
		if err := errors.Join(unix.Setns(int(home.Fd()), unix.CLONE_NEWNET), home.Close()); err != nil {
			panic("the test's thread is lost in another network: " + err.Error())
		}
		runtime.UnlockOSThread()
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// enter moves the thread to another network and returns where it was.
func enter(here, there string) (home *os.File, err error) {
	if home, err = os.Open(here); err != nil {
		return nil, err
	}
	ns, err := os.Open(there)
	if err == nil {
		err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("enter another network: %w", err), home.Close())
	}
	return home, nil
}
