// Package cli is the command line: one file a command, the SeaTunnel-compatible flags beside
// the native commands.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"seikan/engine/job/hocon"
)

// Version and Commit are set by the build.
var Version, Commit = "dev", "unknown"

// Exit codes of the native commands. The compatible names have their own (compat.go).
const (
	exitOK       = 0
	exitFailed   = 1 // the job FAILED, or any other error
	exitUsage    = 2
	exitConfig   = 3 // a file is invalid
	exitNotFound = 5
	exitCanceled = 6
	exitSignal   = 130 // a second Ctrl-C
)

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// coded is an error with an exit code.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	t := &terminal{in, out, errw}
	ctx, stop := interruptible()
	defer stop()
	name := strings.TrimSuffix(filepath.Base(args[0]), ".sh")
	switch name {
	case "seatunnel":
		return compat(ctx, t, args[1:])
	case "seatunnel-connector":
		return compatConnector(t, args[1:])
	}
	root := rootCommand(t)
	root.SetArgs(args[1:])
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var c coded
	if errors.As(err, &c) {
		if c.err != nil {
			fmt.Fprintln(errw, "error:", c.err)
		}
		return c.code
	}
	fmt.Fprintln(errw, "error:", err)
	return exitFailed
}

// interruptible is a context that a first Ctrl-C or SIGTERM ends; a second one ends the process
// at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-ch; !ok {
			return
		}
		cancel()
		if _, ok := <-ch; ok {
			os.Exit(exitSignal)
		}
	}()
	return ctx, func() { signal.Stop(ch); close(ch); cancel() }
}

func rootCommand(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:           "seikan",
		Short:         "Moves data between systems; runs SeaTunnel job files",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       Version + " (" + Commit + ")",
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return coded{exitUsage, err} })
	root.AddCommand(commands(t)...)
	return root
}

// show prints what is wrong in a file, or a plain error.
func (t *terminal) show(err error, text func(file string) []byte) {
	var ps hocon.Problems
	if errors.As(err, &ps) {
		if hocon.Render(t.err, ps, text, isTerminal(t.err)) == nil {
			return
		}
	}
	fmt.Fprintln(t.err, "error:", err)
}
