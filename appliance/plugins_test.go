package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seikan/appliance/cli"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
)

func seikan(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Main(append([]string{"seikan"}, args...), strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("seikan %v: exit code %d\n%s", args, code, errs.String())
	}
	return out.String()
}

// TestInitWritesFilesThatParse makes a job file of every source with every sink, and of every
// transform in between, and finds nothing wrong in them.
func TestInitWritesFilesThatParse(t *testing.T) {
	t.Parallel()
	for _, source := range plugin.Specs("source") {
		for _, sink := range plugin.Specs("sink") {
			checkStarter(t, seikan(t, "init", source.Name, sink.Name), source, sink)
		}
	}
	fake, console := spec(t, "source", "FakeSource"), spec(t, "sink", "Console")
	for _, transform := range plugin.Specs("transform") {
		checkStarter(t, seikan(t, "init", "FakeSource", "Console", "-t", transform.Name), fake, transform, console)
	}
}

func spec(t *testing.T, kind, name string) *option.Spec {
	t.Helper()
	for _, s := range plugin.Specs(kind) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

func checkStarter(t *testing.T, text string, specs ...*option.Spec) {
	t.Helper()
	file, err := job.Parse("init.conf", []byte(text), job.Options{})
	if err != nil || len(file.Warnings) > 0 {
		t.Errorf("%s: %v %v\n%s", specs[0].Name, err, file.Warnings, text)
		return
	}
	if _, problems := plan.ParseEnv(file.Env); len(problems) > 0 {
		t.Errorf("env: %v", problems)
	}
	blocks := append(append(append([]*hocon.Value{}, file.Source...), file.Transform...), file.Sink...)
	if len(blocks) != len(specs) {
		t.Fatalf("%d plugins for %d", len(blocks), len(specs))
	}
	for i, s := range specs {
		if _, problems := s.Parse(blocks[i]); len(problems) > 0 {
			t.Errorf("%s %s: %v\n%s", s.Kind, s.Name, problems, text)
		}
	}
}

// TestExamplesParse holds every plugin's example against its own options.
func TestExamplesParse(t *testing.T) {
	t.Parallel()
	for _, s := range plugin.Specs("") {
		if s.Example == "" { // one that can only be refused has none
			continue
		}
		v, err := hocon.Parse(s.Name, []byte(s.Example), hocon.Options{})
		if err != nil || len(v.Fields) != 1 || !strings.EqualFold(v.Fields[0].Key, s.Name) {
			t.Errorf("%s %s: the example is not one block of its name: %v", s.Kind, s.Name, err)
			continue
		}
		if _, problems := s.Parse(v.Fields[0].Value); len(problems) > 0 {
			t.Errorf("%s %s: its example: %v", s.Kind, s.Name, problems)
		}
	}
}

// TestReferencePagesAreUpToDate compares the pages in the manual with what the specs say now;
// `make generate` writes them anew.
func TestReferencePagesAreUpToDate(t *testing.T) {
	t.Parallel()
	fresh, kept := t.TempDir(), filepath.Join("..", "web", "docs", "reference")
	seikan(t, "docs", fresh)
	want, got := pages(t, fresh), pages(t, kept)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("web/docs/reference/%s is out of date: make generate", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("web/docs/reference/%s describes nothing in this build", name)
		}
	}
}

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		out[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReferenceRemovesOnlyItsOwnPages keeps what people wrote beside the generated pages.
func TestReferenceRemovesOnlyItsOwnPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seikan(t, "docs", dir)
	page, err := os.ReadFile(filepath.Join(dir, "sink", "Console.md"))
	if err != nil {
		t.Fatal(err)
	}
	gone, note := filepath.Join(dir, "sink", "Gone.md"), filepath.Join(dir, "sink", "note.md")
	for path, text := range map[string]string{gone: string(page), note: "by hand"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seikan(t, "docs", dir)
	if _, err := os.Stat(gone); err == nil {
		t.Error("the page of a plugin that is gone was kept")
	}
	if _, err := os.Stat(note); err != nil {
		t.Error("a page written by hand was removed")
	}
}
