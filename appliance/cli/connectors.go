package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

func connectorsCommand(t *terminal) *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:     "connectors [NAME]",
		Short:   "List the sources, transforms and sinks of this build, or the options of one",
		Aliases: []string{"connector", "plugins"},
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return pluginNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listConnectors(t, kind)
			}
			return showConnector(t, kind, args[0])
		},
	}
	c.Flags().StringVarP(&kind, "kind", "k", "", "source, transform or sink")
	return c
}

func pluginNames() []string {
	var names []string
	for _, s := range plugin.Specs("") {
		names = append(names, s.Name)
	}
	return names
}

func listConnectors(t *terminal, kind string) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, k := range []string{"source", "transform", "sink"} {
		if kind != "" && kind != k {
			continue
		}
		for _, s := range plugin.Specs(k) {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k, s.Name, s.Summary)
		}
	}
	return w.Flush()
}

func showConnector(t *terminal, kind, name string) error {
	found := false
	for _, s := range plugin.Specs(kind) {
		if strings.EqualFold(s.Name, name) {
			printSpec(t, s)
			found = true
		}
	}
	if found {
		return nil
	}
	err := fmt.Errorf("this build has no plugin %q", name)
	if near := option.Nearest(name, pluginNames()); near != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return coded{exitNotFound, err}
}

func printSpec(t *terminal, s *option.Spec) {
	fmt.Fprintf(t.out, "%s %s: %s\n", s.Kind, s.Name, s.Summary)
	if s.Doc != "" {
		fmt.Fprintf(t.out, "\n%s\n", s.Doc)
	}
	fmt.Fprintln(t.out)
	printOptions(t, s.Options, s.Required, "  ")
	for _, r := range s.Rules {
		if !r.MustBeGiven() {
			fmt.Fprintf(t.out, "  rule: %s\n", r.Text())
		}
	}
	fmt.Fprintln(t.out)
}

func printOptions(t *terminal, options []option.Option, required func(string) bool, indent string) {
	for _, o := range options {
		note := o.Type.String()
		if o.Type == option.Enum {
			note = strings.Join(o.Choices, " | ")
		}
		switch {
		case required != nil && required(o.Key):
			note += ", required"
		case o.Default != nil:
			note += fmt.Sprintf(", default %v", o.DefaultText())
		}
		if o.Sensitive {
			note += ", secret"
		}
		if len(o.Old) > 0 {
			note += ", formerly " + strings.Join(o.Old, ", ")
		}
		fmt.Fprintf(t.out, "%s%s (%s)\n", indent, o.Key, note)
		if o.Doc != "" {
			fmt.Fprintf(t.out, "%s    %s\n", indent, o.Doc)
		}
		printOptions(t, o.Fields, nil, indent+"    ")
	}
}
