package hocon

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden files hold a configuration, then "--- tree" and what it must parse to, or
// "--- problems" and what must be reported. "--- file NAME" adds a file to include.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			checkGolden(t, file)
		})
	}
}

func checkGolden(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	given, want := string(data), ""
	for _, mark := range []string{"--- tree\n", "--- problems\n"} {
		if before, after, ok := strings.Cut(given, mark); ok {
			given, want = before, mark+after
		}
	}
	parts := strings.Split(given, "--- file ")
	sources := map[string][]byte{"job.conf": []byte(parts[0])}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "\n")
		sources[name] = []byte(text)
	}
	var warnings Problems
	opts := testOptions
	opts.Warn = warnings.Add
	opts.Include = func(name string) ([]byte, string, error) {
		if text, ok := sources[name]; ok {
			return text, name, nil
		}
		return nil, "", fs.ErrNotExist
	}
	var v *Value
	if strings.HasPrefix(filepath.Base(file), "json_") {
		v, err = ParseJSON("job.conf", sources["job.conf"], warnings.Add)
	} else {
		v, err = Parse("job.conf", sources["job.conf"], opts)
	}
	var got bytes.Buffer
	if err != nil {
		got.WriteString("--- problems\n")
		warnings.AddErr(Pos{}, err)
	} else {
		got.WriteString("--- tree\n")
		dump(&got, v, "", "")
		again, err := Parse("again", Format(v), testOptions)
		if err != nil || !equal(v, again) {
			t.Errorf("Format gives another tree, or none (%v):\n%s", err, Format(v))
		}
	}
	if err := Render(&got, warnings, func(f string) []byte { return sources[f] }, false); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(given+got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

var testOptions = Options{PluginSections: true, Lookup: func(name string) (string, bool) {
	return "/home/me", name == "HOME"
}}

// dump writes a tree with the place of every key and value.
func dump(w *bytes.Buffer, v *Value, indent, head string) {
	file := strings.TrimPrefix(v.Pos.File, "job.conf")
	fmt.Fprintf(w, "%s%s%s", indent, head, strings.TrimPrefix(strings.TrimPrefix(v.Kind.String(), "an "), "a "))
	if v.Scalar() {
		fmt.Fprintf(w, " %q", v.Text)
		if v.Quoted {
			w.WriteString(" quoted")
		}
	}
	fmt.Fprintf(w, "  @%s%d:%d-%d\n", file, v.Pos.Line, v.Pos.Col, v.Pos.EndCol)
	for _, item := range v.Items {
		dump(w, item, indent+"  ", "- ")
	}
	for _, f := range v.Fields {
		dump(w, f.Value, indent+"  ", fmt.Sprintf("%s (%d:%d-%d) = ", f.Key, f.KeyPos.Line, f.KeyPos.Col, f.KeyPos.EndCol))
	}
}

// equal compares trees without places and quotes.
func equal(a, b *Value) bool {
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Items {
		if !equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Fields {
		if a.Fields[i].Key != b.Fields[i].Key || !equal(a.Fields[i].Value, b.Fields[i].Value) {
			return false
		}
	}
	return true
}
