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

// coded is an error with an exit code. Without an error inside, everything is said already.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string {
	if c.err == nil {
		return fmt.Sprintf("exit code %d", c.code)
	}
	return c.err.Error()
}

func (c coded) Unwrap() error { return c.err }

// Main runs the command line and returns the exit code. args[0] is the name the program was
// called by: seatunnel.sh and its like speak SeaTunnel's language.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	t := newTerminal(in, out, errw)
	t.program = args[0]
	ctx, stop := interruptible(t)
	defer stop()
	switch strings.TrimSuffix(filepath.Base(args[0]), ".sh") {
	case "seatunnel":
		return compat(ctx, t, args[1:])
	case "seatunnel-connector":
		return compatConnector(t, args[1:])
	case "seatunnel-cluster":
		return compatCluster(ctx, t, args[1:])
	case "stop-seatunnel-cluster":
		return compatStop(t, args[1:])
	}
	root := rootCommand(t)
	root.SetArgs(args[1:])
	root.SetIn(in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var c coded
	if !errors.As(err, &c) {
		c = coded{exitFailed, err}
	}
	if c.err != nil {
		fmt.Fprintln(t.err, "error:", err)
	}
	return c.code
}

// interruptible is a context that a first Ctrl-C or SIGTERM ends; a second one ends the process
// at once.
func interruptible(t *terminal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-ch; !ok {
			return
		}
		t.home()
		fmt.Fprintln(t.err, "stopping… (once more stops at once)")
		cancel()
		if _, ok := <-ch; ok {
			os.Exit(exitSignal)
		}
	}()
	return ctx, func() { signal.Stop(ch); close(ch); cancel() }
}

func rootCommand(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "seikan",
		Short: "Moves data between systems; runs SeaTunnel job files",
		Long: "Seikan moves data between systems. It runs SeaTunnel's job files (HOCON, JSON, SQL) as they are.\n" +
			"Called as seatunnel.sh it takes SeaTunnel's own flags.",
		Example: "  seikan init LocalFile Console > job.conf   # a commented job file to start from\n" +
			"  seikan check job.conf --sample 5           # what would it do?\n" +
			"  seikan run job.conf -i date=2024-01-31     # ${date} in the file becomes 2024-01-31\n" +
			"  seikan jobs                                # what ran here, and how it ended",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       Version + " (" + Commit + ")",
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return coded{exitUsage, fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(commands(t)...)
	usageErrors(root)
	return root
}

// usageErrors gives wrong arguments of every command the exit code and the hint that wrong flags have.
func usageErrors(c *cobra.Command) {
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
	check := c.Args
	if check == nil {
		return
	}
	c.Args = func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if errors.As(err, new(coded)) || err == nil {
			return err
		}
		return coded{exitUsage, fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	}
}

// knownCommand refuses words that are no command, with the nearest one that is.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	err := fmt.Errorf("%s has no command %q", c.CommandPath(), args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %q?", err, near[0])
	}
	return coded{exitUsage, err}
}

// exactlyOne is for commands that take one argument.
func exactlyOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return coded{exitUsage, fmt.Errorf("%s takes %s; see %s --help", c.Name(), what, c.CommandPath())}
		}
		return nil
	}
}
