package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
)

// generated stands at the top of every page that docs wrote, and only those are ever removed.
const generated = "<!-- Written by `make generate` from the plugin's option spec. Do not edit. -->\n"

func docsCommand(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use:    "docs DIR",
		Short:  "Write the reference pages of every plugin",
		Hidden: true,
		Args:   exactlyOne("a directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := writeReference(args[0])
			if err != nil {
				return fmt.Errorf("write the reference pages: %w", err)
			}
			fmt.Fprintf(t.out, "%d pages in %s\n", n, args[0])
			return nil
		},
	}
}

// writeReference writes an index and a page for env and each plugin, and removes pages of
// plugins that are gone.
func writeReference(dir string) (int, error) {
	pages := map[string]string{"README.md": indexPage(), "env.md": specPage(plan.EnvSpec), "configuration.md": configurationPage()}
	for _, s := range plugin.Specs("") {
		pages[pageName(s)] = specPage(s)
	}
	for _, kind := range kinds {
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o755); err != nil {
			return 0, err
		}
		old, err := filepath.Glob(filepath.Join(dir, kind, "*.md"))
		if err != nil {
			return 0, err
		}
		for _, path := range old {
			if pages[kind+"/"+filepath.Base(path)] != "" {
				continue
			}
			text, err := os.ReadFile(path)
			if err == nil && strings.HasPrefix(string(text), generated) {
				err = os.Remove(path)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err
			}
		}
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	return len(pages), nil
}

func pageName(s *option.Spec) string { return s.Kind + "/" + s.Name + ".md" }

func indexPage() string {
	var b strings.Builder
	b.WriteString(generated + "\n# Reference\n\nEvery option of every plugin of this build, from the same description that reads and checks job files. " +
		"`seikan connectors NAME` prints the same.\n\n" +
		"[env](env.md) is the block that applies to the whole job. Every plugin also knows `plugin_output` (formerly `result_table_name`), " +
		"the name of what it gives, `plugin_input` (formerly `source_table_name`), the name or names of what it reads, and `parallelism`; " +
		"[job files](../job-files.md#wiring) explains them.\n\n" +
		"[Configuration](configuration.md) has every key of `seatunnel.yaml`, `hazelcast.yaml` and the other files a node reads.\n")
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n## %ss\n\n| Name | |\n|---|---|\n", strings.ToUpper(kind[:1])+kind[1:])
		for _, s := range plugin.Specs(kind) {
			fmt.Fprintf(&b, "| [%s](%s) | %s |\n", s.Name, pageName(s), cell(s.Summary))
		}
	}
	return b.String()
}

func specPage(s *option.Spec) string {
	var b strings.Builder
	title := s.Name + " " + s.Kind
	if s.Name == s.Kind {
		title = s.Name
	}
	fmt.Fprintf(&b, "%s\n# %s\n\n%s\n", generated, title, s.Summary)
	if s.Doc != "" {
		fmt.Fprintf(&b, "\n%s\n", s.Doc)
	}
	if s.Example != "" {
		fmt.Fprintf(&b, "\n```hocon\n%s\n```\n", s.Example)
	}
	b.WriteString("\n## Options\n")
	optionTable(&b, s.Options, s.Rules, "")
	return b.String()
}

// optionTable writes the options of one level, their rules, and then the levels below.
func optionTable(b *strings.Builder, options []option.Option, rules []option.Rule, path string) {
	if len(options) == 0 {
		b.WriteString("\nThere are none.\n")
		return
	}
	b.WriteString("\n| Option | Type | Default | |\n|---|---|---|---|\n")
	for _, o := range options {
		def := "`" + strings.ReplaceAll(o.DefaultText(), "`", "'") + "`"
		switch {
		case demanded(rules, o.Key):
			def = "**required**"
		case o.Default == nil:
			def = ""
		}
		doc := o.Doc
		if o.Type == option.Enum {
			doc += " One of `" + strings.Join(o.Choices, "`, `") + "`."
		}
		if o.Example != "" {
			doc += " Example: `" + o.Example + "`."
		}
		if o.Sensitive {
			doc += " A secret: masked where it is shown."
		}
		if len(o.Old) > 0 {
			doc += " Formerly `" + strings.Join(o.Old, "`, `") + "`."
		}
		if len(o.Fields) > 0 {
			doc += " Its options stand below."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", o.Key, o.Type, cell(def), cell(strings.TrimSpace(doc)))
	}
	ruleList(b, rules, false)
	for _, o := range options {
		if len(o.Fields) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n### `%s`\n", path+o.Key)
		if sameFields(o.Fields, options) {
			b.WriteString("\nEach block takes the options above, except those that hold blocks themselves.\n")
			ruleList(b, o.Rules, true)
			continue
		}
		optionTable(b, o.Fields, o.Rules, path+o.Key+".")
	}
}

// ruleList writes rules as sentences. What the table's "required" says is left out unless all
// is set.
func ruleList(b *strings.Builder, rules []option.Rule, all bool) {
	var out []string
	for _, r := range rules {
		if all || !r.MustBeGiven() {
			text := r.Text()
			out = append(out, "- "+strings.ToUpper(text[:1])+text[1:]+".")
		}
	}
	if len(out) > 0 {
		fmt.Fprintf(b, "\n%s\n", strings.Join(out, "\n"))
	}
}

// sameFields reports whether every nested option is one of the level above as well.
func sameFields(fields, above []option.Option) bool {
	keys := map[string]bool{}
	for _, o := range above {
		keys[o.Key] = true
	}
	for _, o := range fields {
		if !keys[o.Key] {
			return false
		}
	}
	return true
}

// cell makes text fit into a cell of a Markdown table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
