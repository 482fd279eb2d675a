package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

const isc = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`

func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLicensesAreReadFromTheModule(t *testing.T) {
	t.Parallel()
	got, err := termsIn("a@v1", module(t, map[string]string{"LICENSE.txt": isc, "NOTICE": "made by a", "licenses.go": "package a"}))
	if err != nil || got.license != "ISC" || len(got.texts) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAModuleWithoutAKnownLicenseIsAnError(t *testing.T) {
	t.Parallel()
	for _, files := range []map[string]string{{"README": isc}, {"LICENSE": "ask me"}, {}} {
		if got, err := termsIn("a@v1", module(t, files)); err == nil || !strings.Contains(err.Error(), "a@v1") {
			t.Errorf("%v: %+v, %v", files, got, err)
		}
	}
}

func TestEachTextIsHandedOnOnceWithAllItsModules(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := notices(&b, []terms{{"b@v1", "ISC", []string{"text"}}, {"a@v1", "ISC", []string{"text", "other"}}}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if strings.Count(out, "text\n") != 1 || !strings.Contains(out, "a@v1\nb@v1\n\ntext\n") || !strings.Contains(out, "a@v1\n\nother\n") {
		t.Error(out)
	}
}

// TestTermsAreFoundInTheModuleCache asks the go command where a module is.

func TestTermsAreFoundInTheModuleCache(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	known, err := termsOf([]*debug.Module{{Path: "github.com/google/licensecheck", Version: "v0.3.1"}})
	if err != nil || known["github.com/google/licensecheck@v0.3.1"].license != "BSD-3-Clause" {
		t.Errorf("%+v, %v", known, err)
	}
}
