package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"seikan/appliance/cli"
	"seikan/appliance/config"
	"seikan/engine/option"
	"seikan/engine/plan"
)

// render makes a page out of Markdown.
func (b book) render(name string, section int, summary, body string) page {
	head := fmt.Sprintf("%% %q %q %q %q %q\n# NAME\n%s - %s\n\n",
		strings.ToUpper(name), strconv.Itoa(section), b.date.Format("Jan 2006"), "Seikan "+b.version, "Seikan", name, summary)
	return page{name, section, md2man.Render([]byte(head + body))}
}

// scriptPages are the pages of the names that SeaTunnel's users know; their flags are read from
// what the program prints.
func (b book) scriptPages() ([]page, error) {
	var pages []page
	for _, s := range []struct {
		name    string
		section int
		summary string
	}{
		{"seatunnel.sh", 1, "run and manage SeaTunnel jobs"},
		{"seatunnel-connector.sh", 1, "list connectors and their options"},
		{"seatunnel-cluster.sh", 8, "start a node of a cluster"},
	} {
		var out, errs bytes.Buffer
		cli.Main([]string{s.name, "--help"}, strings.NewReader(""), &out, &errs)
		flags := flagList(out.String())
		if flags == "" {
			return nil, fmt.Errorf("manual page of %s: --help lists no flags: %s%s", s.name, out.String(), errs.String())
		}
		pages = append(pages, b.render(s.name, s.section, s.summary, "# SYNOPSIS\n\n**"+s.name+"** [flags]\n\n# DESCRIPTION\n\n"+
			"The command line of Apache SeaTunnel 2.3.9, answered by seikan(1).\n\n# OPTIONS\n\n"+flags+"# EXIT STATUS\n\n"+
			"0: success. 1: the job failed, or another error. 234: wrong flags, or help was asked for.\n\n# SEE ALSO\n\n**seikan(1)**, **seikan(8)**, **seikan-job(5)**\n"))
	}
	pages = append(pages, b.render("stop-seatunnel-cluster.sh", 8, "stop the nodes of this SEATUNNEL_HOME", stopPage))
	return pages, nil
}

const stopPage = `# SYNOPSIS

**stop-seatunnel-cluster.sh** [**-cn** *NAME*]

# DESCRIPTION

Asks the nodes on this host that were started from this SEATUNNEL_HOME to stop; nodes of another one are left alone. With **-cn** only
those that were started with the same **-cn**, without it only those that were started without. It always exits with 0.

# SEE ALSO

**seatunnel-cluster.sh(8)**, **seikan(8)**
`

// flagList turns the usage text of a script into a definition list: flags are indented by four,
// what they mean by six.
func flagList(usage string) string {
	var b strings.Builder
	for line := range strings.Lines(usage) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "      ") && text != "":
			b.WriteString(": " + escape(text) + "\n\n")
		case strings.HasPrefix(line, "    -"):
			b.WriteString("**" + escape(text) + "**\n\n")
		}
	}
	return b.String()
}

// filePages describe the files of section 5.
func (b book) filePages() ([]page, error) {
	var pages []page
	for _, s := range config.Specs() {
		pages = append(pages, b.specPage(s.Name, s, "# FILES\n\n"+
			"The file stands in *$SEATUNNEL_HOME/config*, which is */etc/seikan* when the package is installed. **seikan config check** shows what it comes to; after a change: **systemctl restart seikan**.\n\n"))
	}
	env := b.specPage("seikan-job", plan.EnvSpec.With(nil), "# PLUGINS\n\n"+
		"The blocks **source**, **transform** and **sink** hold plugins. **seikan connectors** lists them, **seikan connectors** *NAME* prints the options of one, "+
		"and **seikan init** *SOURCE* *SINK* writes a job file to start from.\n\n")
	return append(pages, env), nil
}

func (b book) specPage(name string, s *option.Spec, more string) page {
	var body strings.Builder
	body.WriteString("# DESCRIPTION\n\n")
	if name == "seikan-job" {
		body.WriteString("A job file (HOCON, JSON or SQL, as SeaTunnel reads it) says what moves from where to where. The options below stand in its block **env**.\n\n")
	}
	summary, rest, _ := strings.Cut(s.Summary, ". ")
	body.WriteString(strings.TrimSpace(rest+"\n\n"+s.Doc) + "\n\n")
	body.WriteString("# OPTIONS\n\n")
	optionList(&body, s.Options, "")
	if s.Example != "" {
		body.WriteString("# EXAMPLE\n\n```\n" + s.Example + "\n```\n\n")
	}
	body.WriteString(more + "# SEE ALSO\n\n**seikan(1)**, **seikan(8)**\n")
	if name == "seikan-job" {
		summary = "the job file and its block env"
	}
	return b.render(name, 5, strings.TrimSuffix(strings.ToLower(summary[:1])+summary[1:], "."), body.String())
}

// optionList writes each option by its whole path, in the order of the spec.
func optionList(b *strings.Builder, options []option.Option, path string) {
	for _, o := range options {
		kind := o.Type.String()
		if o.Type == option.Enum {
			kind = strings.Join(o.Choices, " | ")
		}
		fmt.Fprintf(b, "**%s** (%s", escape(path+o.Key), escape(kind))
		if d := o.DefaultText(); o.Default != nil && d != "" {
			fmt.Fprintf(b, ", default %s", escape(d))
		}
		text := o.Doc
		if o.Sensitive {
			text += " A secret: masked where it is shown."
		}
		if text == "" {
			text = "A section."
		}
		fmt.Fprintf(b, ")\n\n: %s\n\n", escape(text))
		optionList(b, o.Fields, path+o.Key+".")
	}
}

// escape keeps Markdown from reading stars and underscores of option names as emphasis.
func escape(text string) string {
	return strings.NewReplacer(`*`, `\*`, `_`, `\_`, `<`, `\<`, "`", "").Replace(strings.Join(strings.Fields(text), " "))
}

//go:embed seikan.8.md
var servicePage string

func (b book) servicePages() ([]page, error) {
	return []page{b.render("seikan", 8, "a node of Seikan as a service", servicePage)}, nil
}
