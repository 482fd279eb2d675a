package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
)

func configCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration of nodes and clients", Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var role, home, jvm string
	check := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration files and show what they come to, and where each value is from",
		Long: "Check reads the files that a node, or with --role client a client, would read. It reports every problem at once and\n" +
			"prints each setting, its value and where it came from.\n\nExit codes: 0 valid, 3 invalid.",
		Args: cobra.NoArgs,
	}
	output := outputFlag(check)
	check.RunE = func(*cobra.Command, []string) error {
		o := config.Options{Role: config.Role(role), Home: home, JVMOption: jvm, Executable: t.executable()}
		if o.Role != config.Client {
			o = asUnit(o)
		}
		cfg, ok := t.loadConfig(o)
		if err := printSettings(t, cfg, *output); err != nil {
			return err
		}
		if !ok {
			return coded{code: exitConfig}
		}
		return nil
	}
	check.Flags().StringVarP(&role, "role", "r", "", "master, worker, master_and_worker or client (default master_and_worker)")
	check.Flags().StringVar(&home, "home", "", "`DIR` in place of $SEATUNNEL_HOME")
	check.Flags().StringVar(&jvm, "jvm-option", "", "the `TEXT` of -DJvmOption")
	c.AddCommand(check)
	return c
}

// settingView is a setting as -o json prints it.
type settingView struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
	Note  string `json:"note,omitempty"`
}

func printSettings(t *terminal, cfg *config.Config, output string) error {
	settings := cfg.Explain()
	if output == "json" {
		rows := make([]settingView, len(settings))
		for i, s := range settings {
			rows[i] = settingView(s)
		}
		return printJSON(t, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM\tNOTE")
	for _, s := range settings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Key, s.Value, s.From, s.Note)
	}
	return w.Flush()
}
