package test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the lists of installed files anew")

// golden compares the list of what a package installs. Pages that are made from the commands are
// one line a section.
func golden(t *testing.T, kind string, lines []string) {
	t.Helper()
	for i, l := range lines {
		lines[i] = page.ReplaceAllString(l, "$1/seikan-COMMAND.$2.gz")
	}
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	path := filepath.Join("testdata", kind+".files")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); got != want {
		t.Errorf("the %s installs other files than %s says (go test -update writes it):\n%s", kind, path, difference(want, got))
	}
}

var page = regexp.MustCompile(`(/man[18])/seikan-[a-z-]+\.([18])\.gz$`)

// difference are the lines of either text that the other lacks.
func difference(want, got string) string {
	var out []string
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}

// debList is dpkg-deb's list without sizes and dates: "MODE OWNER PATH".
func debList(out string) (lines []string) {
	for l := range strings.Lines(out) {
		if f := strings.Fields(l); len(f) >= 6 && !strings.HasSuffix(f[5], "/") { // files; a deb lists every directory above them, too
			lines = append(lines, f[0]+" "+strings.Replace(f[1], "/", ":", 1)+" "+strings.TrimPrefix(strings.Join(f[5:], " "), "."))
		}
	}
	return lines
}

func rpmList(out string) (lines []string) {
	for l := range strings.Lines(out) {
		if !strings.HasPrefix(l, "d") {
			lines = append(lines, strings.TrimSpace(l))
		}
	}
	return lines
}
