package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"seikan/appliance/config"
)

// daemonMark is set in the environment of a process that was started by -d.
const daemonMark = "SEIKAN_DAEMON"

// outFile is where a process in the background writes what is not in its log.
func outFile(cfg *config.Config) string {
	name := map[config.Role]string{config.Hybrid: "seatunnel-server.out", config.Master: "seatunnel-engine-master.out", config.Worker: "seatunnel-engine-worker.out"}
	return filepath.Join(cfg.Logs.Dir, name[cfg.Role])
}

// detach starts the same command in the background and waits until its node has begun.
func detach(t *terminal, cfg *config.Config) int {
	if err := startDetached(cfg); err != nil {
		t.show(err, nil)
		return exitFailed
	}
	fmt.Fprintf(t.out, "start %s node\n", cfg.Role)
	return exitOK
}

func startDetached(cfg *config.Config) (err error) {
	if err := os.MkdirAll(cfg.Logs.Dir, 0o755); err != nil {
		return fmt.Errorf("make the log directory: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	path := outFile(cfg)
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the output file: %w", err)
	}
	defer out.Close() // the child has its own
	heard, says, err := os.Pipe()
	if err != nil {
		return err
	}
	defer heard.Close()
	c := exec.Command(exe, os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), daemonMark+"=1")
	c.Stdout, c.Stderr, c.ExtraFiles = out, out, []*os.File{says}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = c.Start()
	if err = errors.Join(err, says.Close()); err != nil {
		return fmt.Errorf("start the node in the background: %w", err)
	}
	if word, _ := io.ReadAll(heard); len(word) == 0 { // the pipe closed without a word: it has ended
		return fmt.Errorf("the node does not start; %s says why", path)
	}
	return nil
}

// started tells the process that waits in detach, if there is one.
func started() {
	if os.Getenv(daemonMark) == "" {
		return
	}
	f := os.NewFile(3, "parent")
	_, _ = f.WriteString("started\n") // the parent may have been killed
	_ = f.Close()
}
