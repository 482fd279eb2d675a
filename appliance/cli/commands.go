package cli

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// commands are the native commands in the order help shows them.
func commands(t *terminal) []*cobra.Command {
	return []*cobra.Command{
		runCommand(t),
		checkCommand(t),
		jobsCommand(t),
		connectorsCommand(t),
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("NO_COLOR") == ""
}
