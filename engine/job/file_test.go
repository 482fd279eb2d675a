package job

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testOptions() Options {
	return Options{
		Variables: map[string]string{"p": "5", "empty": "", "list": "[a,b]", "eq": "x=y", "name": "n"},
		Getenv: func(name string) (string, bool) {
			return map[string]string{"HOME": "/home/me"}[name], name == "HOME"
		},
		ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist },
	}
}

// TestJobFiles compares each testdata/NAME.{conf,json,sql} with NAME.EXT.golden: the blocks it
// stands for and what is reported.
func TestJobFiles(t *testing.T) {
	t.Parallel()
	var files []string
	for _, ext := range []string{"conf", "json", "sql"} {
		found, err := filepath.Glob("testdata/*." + ext)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s files: %v", ext, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(filepath.Base(file), text, testOptions())
			var got bytes.Buffer
			problems := f.Warnings
			if err != nil {
				problems = nil
				problems.AddErr(hocon.Pos{}, err)
			} else {
				dump(&got, f.Root, "", "")
			}
			if err := hocon.Render(&got, problems, f.TextOf, false); err != nil {
				t.Fatal(err)
			}
			compare(t, file+".golden", got.Bytes())
		})
	}
}

func compare(t *testing.T, golden string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
}

func dump(w *bytes.Buffer, v *hocon.Value, indent, head string) {
	fmt.Fprintf(w, "%s%s%s", indent, head, strings.TrimPrefix(strings.TrimPrefix(v.Kind.String(), "an "), "a "))
	if v.Scalar() {
		fmt.Fprintf(w, " %q", v.Text)
	}
	fmt.Fprintf(w, "  @%d:%d-%d\n", v.Pos.Line, v.Pos.Col, v.Pos.EndCol)
	for _, item := range v.Items {
		dump(w, item, indent+"  ", "- ")
	}
	for _, f := range v.Fields {
		dump(w, f.Value, indent+"  ", fmt.Sprintf("%s (%d:%d-%d) = ", f.Key, f.KeyPos.Line, f.KeyPos.Col, f.KeyPos.EndCol))
	}
}

func mustParse(t *testing.T, name, text string, opts Options) *File {
	t.Helper()
	f, err := Parse(name, []byte(text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLoadReadsIncludesBesideTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"job.conf":     "env { include \"sub/env.conf\" }\nsource { FakeSource {} }\nsink { Console {} }",
		"sub/env.conf": "parallelism = ${n}\nx = [",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Load(filepath.Join(dir, "job.conf"), Local(map[string]string{"n": "3"}))
	var problems hocon.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || filepath.Base(problems[0].Pos.File) != "env.conf" || problems[0].Pos.Line != 2 {
		t.Fatalf("got %v", err)
	}
	if got := string(f.TextOf(problems[0].Pos.File)); !strings.Contains(got, "x = [") {
		t.Errorf("the text of the included file is %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub/env.conf"), []byte("parallelism = ${n}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err = Load(filepath.Join(dir, "job.conf"), Local(map[string]string{"n": "3"})); err != nil {
		t.Fatal(err)
	}
	if got := f.Env.Lookup("parallelism").Value.Text; got != "3" {
		t.Errorf("parallelism is %q", got)
	}
}

func TestLoadSaysWhichFileIsMissing(t *testing.T) {
	t.Parallel()
	f, err := Load(filepath.Join(t.TempDir(), "gone.conf"), Local(nil))
	if !errors.Is(err, fs.ErrNotExist) || f == nil {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestJobOverTheNetworkTouchesNothingHere(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "j.json", `{"env":{},"source":[{"plugin_name":"F","a":"${HOME}","b":"${x:5}"}],"sink":[{"plugin_name":"C"}]}`, Options{})
	if got := string(hocon.JSON(f.Source[0])); got != `{"plugin_name":"F","a":"${HOME}","b":"${x:5}"}` {
		t.Error(got)
	}
	for _, text := range []string{"include \"x.conf\"\nenv{}\nsource{F{}}\nsink{C{}}", "env{shade.identifier=aes, shade.key-file=\"/etc/passwd\"}\nsource{F{}}\nsink{C{}}"} {
		if _, err := Parse("j.conf", []byte(text), Options{}); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
	f = mustParse(t, "j.conf", "env{}\nsource{F{a=${HOME}}}\nsink{C{}}", Options{})
	if got := f.Source[0].Get("a").Value.Text; got != "${HOME}" {
		t.Errorf("the environment was read: %q", got)
	}
}

func FuzzSQL(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sql")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("/* config"))
	f.Add([]byte("/*/"))
	f.Add([]byte("CREATE TABLE t WITH ('a'='{"))
	f.Add([]byte("INSERT INTO t SELECT"))
	f.Fuzz(func(t *testing.T, text []byte) {
		job, err := Parse("j.sql", text, testOptions())
		problems := job.Warnings
		problems.AddErr(hocon.Pos{}, err)
		for _, p := range problems {
			if p.Message == "" || p.Pos.Line < 1 || p.Pos.Col < 1 || p.Pos.EndCol < p.Pos.Col {
				t.Errorf("unplaced problem %+v", p)
			}
		}
		if err := hocon.Render(&bytes.Buffer{}, problems, job.TextOf, false); err != nil {
			t.Fatal(err)
		}
	})
}
