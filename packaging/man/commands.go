package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"seikan/appliance/cli"
)

// administrative commands stand in section 8: they are for whoever runs a node.
var administrative = map[string]bool{"server": true, "cluster": true, "node": true, "config": true, "setup": true, "doctor": true,
	"backup": true, "restore": true, "admin": true, "user": true, "support-bundle": true}

func sectionOf(c *cobra.Command) int {
	for ; c.HasParent(); c = c.Parent() {
		if administrative[c.Name()] {
			return 8
		}
	}
	return 1
}

// commandPages has a page for each native command.
func (b book) commandPages() ([]page, error) {
	root := cli.Root()
	root.DisableAutoGenTag = true
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var pages []page
	var walk func(*cobra.Command) error
	walk = func(c *cobra.Command) error {
		if c.Name() == "completion" || c.Name() == "help" || (c.HasParent() && !c.IsAvailableCommand()) {
			return nil
		}
		name, section := strings.ReplaceAll(c.CommandPath(), " ", "-"), sectionOf(c)
		var out bytes.Buffer
		header := &doc.GenManHeader{Title: strings.ToUpper(name), Section: strconv.Itoa(section), Source: "Seikan " + b.version, Manual: "Seikan", Date: &b.date}
		if err := doc.GenMan(c, header, &out); err != nil {
			return fmt.Errorf("manual page of %s: %w", c.CommandPath(), err)
		}
		pages = append(pages, page{name, section, seeAlso(out.Bytes(), c)})
		for _, sub := range c.Commands() {
			if err := walk(sub); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(root)
	return pages, err
}

// seeAlso puts right the section of the commands a page refers to: cobra takes them all to be in
// the page's own, and knows the two that have no page.
func seeAlso(text []byte, c *cobra.Command) []byte {
	own := sectionOf(c)
	ref := func(x *cobra.Command, section int) string {
		return fmt.Sprintf("%s(%d)", strings.ReplaceAll(x.CommandPath(), " ", "-"), section)
	}
	var others []*cobra.Command
	if c.HasParent() {
		others = append(others, c.Parent())
	}
	for _, x := range append(others, c.Commands()...) {
		if x.Name() == "completion" || x.Name() == "help" {
			text = bytes.ReplaceAll(text, []byte(`, \fB`+ref(x, own)+`\fP`), nil)
			text = bytes.ReplaceAll(text, []byte(`\fB`+ref(x, own)+`\fP, `), nil)
			continue
		}
		text = bytes.ReplaceAll(text, []byte(`\fB`+ref(x, own)+`\fP`), []byte(`\fB`+ref(x, sectionOf(x))+`\fP`))
	}
	return text
}

// completions writes what the three shells load by themselves.
func completions(dir string) error {
	root := cli.Root()
	for name, generate := range map[string]func(*bytes.Buffer) error{
		"bash/seikan":      func(w *bytes.Buffer) error { return root.GenBashCompletionV2(w, true) },
		"zsh/_seikan":      func(w *bytes.Buffer) error { return root.GenZshCompletion(w) },
		"fish/seikan.fish": func(w *bytes.Buffer) error { return root.GenFishCompletion(w, true) },
	} {
		var out bytes.Buffer
		if err := generate(&out); err != nil {
			return fmt.Errorf("completions %s: %w", name, err)
		}
		path := filepath.Join(dir, "completions", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
