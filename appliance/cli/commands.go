package cli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// commands are the native commands; cobra adds help and completion.
func commands(t *terminal) []*cobra.Command {
	return []*cobra.Command{
		runCommand(t),
		checkCommand(t),
		initCommand(t),
		jobsCommand(t),
		jobCommand(t),
		serverCommand(t),
		devCommand(t),
		clusterCommand(t),
		nodeCommand(t),
		configCommand(t),
		setupCommand(t),
		doctorCommand(t),
		supportBundleCommand(t),
		checkpointCommand(t),
		backupCommand(t),
		restoreStateCommand(t),
		connectorsCommand(t),
		shadeCommand(t, "encrypt"),
		shadeCommand(t, "decrypt"),
		versionCommand(t),
		docsCommand(t),
	}
}

func versionCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs}
	output := outputFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		if *output == "json" {
			return printJSON(t, map[string]string{"version": Version, "commit": Commit, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
		}
		fmt.Fprintf(t.out, "seikan %s (%s) %s %s/%s\n", Version, Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}
	return c
}

// outputFlag adds -o to a command and those below it.
func outputFlag(c *cobra.Command) *string {
	output := &choice{value: "table", among: []string{"table", "json"}}
	c.PersistentFlags().VarP(output, "output", "o", "how to print: table or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(output.among, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return &output.value
}

// choice is a flag with a few possible values.
type choice struct {
	value string
	among []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "format" }

func (c *choice) Set(s string) error {
	for _, a := range c.among {
		if a == s {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("expected one of %v", c.among)
}

func printJSON(t *terminal, v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
