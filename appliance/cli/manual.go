package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Root is the tree of native commands, for the generators of manual pages and completions.
func Root() *cobra.Command {
	return rootCommand(newTerminal(strings.NewReader(""), io.Discard, io.Discard))
}
