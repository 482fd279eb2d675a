package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

var kinds = []string{"source", "transform", "sink"}

func connectorsCommand(t *terminal) *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:               "connectors [NAME]",
		Short:             "List the sources, transforms and sinks of this build, or the options of one",
		Example:           "  seikan connectors\n  seikan connectors LocalFile --kind sink",
		Aliases:           []string{"connector", "plugins"},
		ValidArgsFunction: completePlugins(func(int) string { return "" }),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return coded{exitUsage, fmt.Errorf("connectors takes one name at most")}
			}
			return nil
		},
	}
	output := outputFlag(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if kind != "" && !slices.Contains(kinds, kind) {
			return coded{exitUsage, fmt.Errorf("--kind %s: expected source, transform or sink", kind)}
		}
		switch {
		case *output == "json" && len(args) == 0:
			return printJSON(t, viewSpecs(plugin.Specs(kind), false))
		case *output == "json":
			specs, err := findSpecs(kind, args[0])
			if err != nil {
				return err
			}
			return printJSON(t, viewSpecs(specs, true))
		case len(args) == 0:
			return listConnectors(t, kind)
		}
		return showConnector(t, kind, args[0])
	}
	c.Flags().StringVarP(&kind, "kind", "k", "", "source, transform or sink only")
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// completePlugins offers plugin names; kind tells which for the argument at a place.
func completePlugins(kind func(place int) string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return pluginNames(kind(len(args))), cobra.ShellCompDirectiveNoFileComp
	}
}

// pluginNames lists each name once.
func pluginNames(kind string) []string {
	var names []string
	for _, s := range plugin.Specs(kind) {
		names = append(names, s.Name)
	}
	return slices.Compact(names)
}

func listConnectors(t *terminal, kind string) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, k := range kinds {
		if kind != "" && kind != k {
			continue
		}
		for _, s := range plugin.Specs(k) {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k, s.Name, s.Summary)
		}
	}
	return w.Flush()
}

func findSpecs(kind, name string) ([]*option.Spec, error) {
	var found []*option.Spec
	for _, s := range plugin.Specs(kind) {
		if strings.EqualFold(s.Name, name) {
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	what := kind
	if kind == "" {
		what = "plugin"
	}
	err := fmt.Errorf("this build has no %s called %q; seikan connectors lists what it has", what, name)
	if near := option.Nearest(name, pluginNames(kind)); near != "" {
		err = fmt.Errorf("this build has no %s called %q; did you mean %q?", what, name, near)
	}
	return nil, coded{exitNotFound, err}
}

func showConnector(t *terminal, kind, name string) error {
	specs, err := findSpecs(kind, name)
	if err != nil {
		return err
	}
	for i, s := range specs {
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		printSpec(t, s)
	}
	return nil
}

func printSpec(t *terminal, s *option.Spec) {
	fmt.Fprintf(t.out, "%s %s: %s\n", s.Kind, s.Name, s.Summary)
	if s.Doc != "" {
		fmt.Fprintf(t.out, "\n%s\n", wrap(s.Doc, "", 120))
	}
	fmt.Fprintln(t.out)
	printOptions(t, s.Options, s.Rules, "  ")
	if s.Example != "" {
		fmt.Fprintf(t.out, "\nExample:\n  %s\n", strings.ReplaceAll(s.Example, "\n", "\n  "))
	}
}

func printOptions(t *terminal, options []option.Option, rules []option.Rule, indent string) {
	for _, o := range options {
		fmt.Fprintf(t.out, "%s%s (%s)\n", indent, o.Key, strings.Join(notes(&o, rules), ", "))
		if o.Doc != "" {
			fmt.Fprintln(t.out, wrap(o.Doc, indent+"    ", 120))
		}
		printOptions(t, o.Fields, o.Rules, indent+"    ")
	}
	for _, r := range rules {
		if !r.MustBeGiven() {
			fmt.Fprintf(t.out, "%srule: %s\n", indent, r.Text())
		}
	}
}

// notes are what there is to say of an option beside its doc.
func notes(o *option.Option, rules []option.Rule) []string {
	out := []string{typeText(o)}
	switch {
	case demanded(rules, o.Key):
		out = append(out, "required")
	case o.Default != nil:
		out = append(out, "default "+o.DefaultText())
	}
	if o.Sensitive {
		out = append(out, "secret")
	}
	if len(o.Old) > 0 {
		out = append(out, "formerly "+strings.Join(o.Old, ", "))
	}
	return out
}

func typeText(o *option.Option) string {
	if o.Type == option.Enum {
		return strings.Join(o.Choices, " | ")
	}
	return o.Type.String()
}

// demanded reports whether a rule demands key in every case.
func demanded(rules []option.Rule, key string) bool {
	return slices.ContainsFunc(rules, func(r option.Rule) bool { return r.MustBeGiven() && slices.Contains(r.Keys(), key) })
}

// wrap breaks text into lines of at most width characters, each with indent before it. Lines
// that the text has itself are kept.
func wrap(text, indent string, width int) string {
	var out []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := indent
		for _, word := range strings.Fields(paragraph) {
			if line != indent && len(line)+1+len(word) > width {
				out = append(out, line)
				line = indent
			}
			if line != indent {
				line += " "
			}
			line += word
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return strings.Join(out, "\n")
}
