package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plan"
)

func initCommand(t *terminal) *cobra.Command {
	var transforms []string
	c := &cobra.Command{
		Use:   "init SOURCE SINK",
		Short: "Print a commented job file to start from",
		Long: "Init prints a job file with every option of the chosen plugins: those that are needed filled with an example and\n" +
			"marked FILL IN, the others commented out with their defaults. When the marked places are filled, seikan check accepts it.",
		Example: "  seikan init LocalFile Jdbc > job.conf\n  seikan init FakeSource Console --transform Sql --transform FilterRowKind",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return coded{exitUsage, fmt.Errorf("init takes a source and a sink; seikan connectors lists them")}
			}
			return nil
		},
		ValidArgsFunction: completePlugins(func(place int) string { return []string{"source", "sink", "none"}[min(place, 2)] }),
		RunE: func(_ *cobra.Command, args []string) error {
			specs, err := chosen(args[0], transforms, args[1])
			if err != nil {
				return err
			}
			return writeJobFile(t.out, specs)
		},
	}
	c.Flags().StringArrayVarP(&transforms, "transform", "t", nil, "`NAME` of a transform in between (repeatable)")
	_ = c.RegisterFlagCompletionFunc("transform", completePlugins(func(int) string { return "transform" })) // the flag is there
	return c
}

// chosen finds the specs of a source, transforms and a sink, in this order.
func chosen(source string, transforms []string, sink string) ([]*option.Spec, error) {
	var out []*option.Spec
	add := func(kind, name string) error {
		found, err := findSpecs(kind, name)
		if err == nil {
			out = append(out, found[0])
		}
		return err
	}
	if err := add("source", source); err != nil {
		return nil, err
	}
	for _, name := range transforms {
		if err := add("transform", name); err != nil {
			return nil, err
		}
	}
	return out, add("sink", sink)
}

const fillIn = "FILL IN"

// writeJobFile writes the job file of a chain of plugins, a source first and a sink last.
func writeJobFile(w io.Writer, specs []*option.Spec) error {
	f := &starter{}
	f.line("# Fill in the places marked " + fillIn + ", then: seikan check THIS_FILE --sample 5")
	f.line("# Lines that are commented out show the defaults. ${name} is replaced by -i name=value.")
	f.line("")
	f.open("env")
	f.line(`job.name = "my_job"`)
	f.line(`job.mode = "BATCH"`)
	f.line("parallelism = 1")
	for i := range plan.EnvSpec.Options {
		if o := &plan.EnvSpec.Options[i]; !slices.Contains([]string{"job.name", "job.mode", "parallelism"}, o.Key) {
			f.option(o, nil, false)
		}
	}
	f.close()
	edge := func(n int) string { return "rows" + strconv.Itoa(n+1) }
	section := ""
	for i, s := range specs {
		if s.Kind != section {
			if section != "" {
				f.close()
			}
			f.line("")
			f.open(s.Kind)
			section = s.Kind
		}
		f.line("# " + s.Summary)
		f.open(s.Name)
		if i > 0 {
			f.line("plugin_input = " + strconv.Quote(edge(i-1)))
		}
		if i < len(specs)-1 {
			f.line("plugin_output = " + strconv.Quote(edge(i)))
		}
		f.options(s)
		f.close()
	}
	f.close()
	_, err := io.WriteString(w, f.String())
	return err
}

// starter writes a job file.
type starter struct {
	strings.Builder
	indent string
}

func (f *starter) line(text string) {
	f.WriteString(strings.TrimRight(f.indent+text, " ") + "\n")
}

func (f *starter) open(name string) {
	f.line(name + " {")
	f.indent += "  "
}

func (f *starter) close() {
	f.indent = f.indent[2:]
	f.line("}")
}

// options writes a plugin's options: those of its example and those that must be given are
// set, the rest is commented out.
func (f *starter) options(s *option.Spec) {
	example := exampleOf(s)
	needed := map[string]bool{}
	for _, r := range s.Rules {
		given := func(k string) bool { return example.Lookup(k) != nil }
		switch {
		case r.MustBeGiven():
			for _, k := range r.Keys() {
				needed[k] = true
			}
		case r.NeedsOne():
			key := r.Keys()[max(0, slices.IndexFunc(r.Keys(), given))]
			needed[key] = true
		}
	}
	for i := range s.Options {
		o := &s.Options[i]
		f.option(o, example.Lookup(o.Key), needed[o.Key])
	}
}

func (f *starter) option(o *option.Option, example *hocon.Field, needed bool) {
	doc := strings.Join(strings.Fields(o.Doc), " ")
	if o.Type == option.Enum {
		doc += " One of " + strings.Join(o.Choices, ", ") + "."
	}
	if needed {
		doc = fillIn + ". " + doc
	}
	f.WriteString("\n")
	f.line("# " + strings.ReplaceAll(wrap(strings.TrimSpace(doc), "", 110-len(f.indent)), "\n", "\n"+f.indent+"# "))
	switch {
	case example != nil:
		text := strings.TrimRight(string(hocon.Format(&hocon.Value{Kind: hocon.Object, Fields: []*hocon.Field{{Key: o.Key, Value: example.Value}}})), "\n")
		f.line(strings.ReplaceAll(text, "\n", "\n"+f.indent))
	case needed:
		f.line(o.Key + " = " + valueText(o))
	case o.Default == nil && o.Example == "" && len(o.Fields) == 0:
		f.line("# " + o.Key + " = <" + o.Type.String() + ">")
	default:
		f.line("# " + o.Key + " = " + valueText(o))
	}
}

// exampleOf is the plugin's example as a tree; empty when there is none.
func exampleOf(s *option.Spec) *hocon.Value {
	v, err := hocon.Parse(s.Name, []byte(s.Example), hocon.Options{})
	if err == nil && len(v.Fields) == 1 && v.Fields[0].Value.Kind == hocon.Object {
		return v.Fields[0].Value
	}
	return &hocon.Value{Kind: hocon.Object}
}

// valueText is what a job file could give an option: its default, its example, or something of
// its type to be replaced.
func valueText(o *option.Option) string {
	switch {
	case o.Default != nil:
		return o.DefaultText()
	case o.Example != "" && o.Type == option.String:
		return strconv.Quote(o.Example)
	case o.Example != "":
		return o.Example
	}
	switch o.Type {
	case option.Bool:
		return "false"
	case option.Int, option.Long:
		return fmt.Sprint(int64(max(o.Min, 0)))
	case option.Double:
		return fmt.Sprint(max(o.Min, 0))
	case option.Enum:
		return strconv.Quote(o.Choices[0])
	case option.List:
		return `["..."]`
	case option.Objects:
		return "[ { " + fields(o) + " } ]"
	case option.Map, option.Object:
		return "{ " + fields(o) + " }"
	case option.Schema:
		return "{ fields { id = bigint, name = string } }"
	}
	return `"..."`
}

// fields names a few nested options, those that must be given first.
func fields(o *option.Option) string {
	const few = 4
	var must, may []string
	for i := range o.Fields {
		c := &o.Fields[i]
		if demanded(o.Rules, c.Key) {
			must = append(must, c.Key+" = "+valueText(c))
		} else if c.Type != option.Objects && c.Type != option.Object {
			may = append(may, c.Key+" = "+valueText(c))
		}
	}
	return strings.Join(append(must, may[:min(len(may), max(few-len(must), 0))]...), ", ")
}
