package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// terms are under which licenses a module is, and the texts that say so.
type terms struct {
	module  string
	license string // an SPDX expression
	texts   []string
}

var (
	licenseFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)([-_.].*)?$`)
	noticeFile  = regexp.MustCompile(`(?i)^notice([-_.].*)?$`)
)

// termsOf reads the terms of every module out of the files it was handed out with.
func termsOf(modules []*debug.Module) (map[string]terms, error) {
	dirs, err := downloaded(modules)
	if err != nil {
		return nil, err
	}
	out := map[string]terms{}
	for name, dir := range dirs {
		t, err := termsIn(name, dir)
		if err != nil {
			return nil, err
		}
		out[name] = t
	}
	return out, nil
}

func nameOf(m *debug.Module) string { return m.Path + "@" + m.Version }

// downloaded says where the module cache holds each module.
func downloaded(modules []*debug.Module) (map[string]string, error) {
	args := []string{"mod", "download", "-json"}
	for _, m := range modules {
		args = append(args, nameOf(m))
	}
	if len(modules) == 0 {
		return nil, nil
	}
	var said bytes.Buffer
	c := exec.Command("go", args...)
	c.Stderr = &said
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("find the modules: %w: %s", err, said.String())
	}
	out := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var m struct{ Path, Version, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("find the modules: %w", err)
		}
		out[m.Path+"@"+m.Version] = m.Dir
	}
}

// termsIn reads the files in the root of a module. What cannot be told for sure is an error: a
// package must not be handed out under terms that nobody knows.
func termsIn(name, dir string) (terms, error) {
	t := terms{module: name}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return t, fmt.Errorf("licenses of %s: %w", name, err)
	}
	var ids []string
	for _, e := range entries {
		isLicense := licenseFile.MatchString(e.Name())
		if e.IsDir() || !isLicense && !noticeFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return t, fmt.Errorf("licenses of %s: %w", name, err)
		}
		t.texts = append(t.texts, strings.TrimSpace(string(text)))
		if isLicense {
			for _, m := range licensecheck.Scan(text).Match {
				if !m.IsURL {
					ids = append(ids, m.ID)
				}
			}
		}
	}
	slices.Sort(ids)
	t.license = strings.Join(slices.Compact(ids), " AND ")
	if t.license == "" {
		return t, fmt.Errorf("licenses of %s: no file in %s holds a license that is known", name, dir)
	}
	return t, nil
}

// notices are the texts that licenses ask to be handed on, each once, with the modules it is of.
func notices(w io.Writer, all []terms) error {
	by := map[string][]string{}
	for _, t := range all {
		for _, text := range t.texts {
			by[text] = append(by[text], t.module)
		}
	}
	texts := make([]string, 0, len(by))
	for text, modules := range by {
		slices.Sort(modules)
		by[text] = slices.Compact(modules)
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(by[a][0], by[b][0]), cmp.Compare(a, b)) })
	var b bytes.Buffer
	b.WriteString("This program holds the following modules, under the licenses that follow each list.\n")
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(by[text], "\n"), text)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// goTerms are those of the Go release that built the program.
func goTerms(version string) (terms, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return terms{}, fmt.Errorf("find Go's own license: %w", err)
	}
	return termsIn("stdlib@"+version, strings.TrimSpace(string(root)))
}
