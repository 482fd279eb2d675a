// Package migrations holds the schema of the state store as numbered SQL files, NNNN_what.sql.
// They only go forward, and a released one is never edited: a later one changes what it made.
// A statement ends with a semicolon at the end of a line.
//
// From the fifth on a file says `-- readable from: N`: programs that know schema N can work on the
// store after it. N below the file's own number is right when it only adds what older programs
// need not know (the tests of this package check that); otherwise the step waits until no node of
// an older program is left.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Migration is one step of the schema. All of SQL is applied in one transaction.
type Migration struct {
	Version int // from 1, without gaps
	Name    string
	// ReadableFrom is the oldest schema whose programs can work on the store after this step; 0
	// means Version.
	ReadableFrom int
	SQL          []string
}

// Oldest is the oldest schema that this program works on: what a later one made is used only
// where it is known to be there. While a node of an older program holds the schema back, nodes of
// this one work with it; a store that is older still is first brought up to Oldest.
const Oldest = 4

// Readers is the oldest schema whose programs can work on the store after all the steps.
func Readers(steps []Migration) int {
	oldest := 0
	for _, m := range steps {
		from := m.ReadableFrom
		if from == 0 {
			from = m.Version
		}
		oldest = max(oldest, from)
	}
	return oldest
}

// All returns the migrations in order. It panics when an embedded file has a wrong name, which
// the tests of this package exclude.
func All() []Migration {
	all, err := read(files)
	if err != nil {
		panic(err)
	}
	return all
}

func read(fsys fs.FS) ([]Migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []Migration
	for i, file := range names {
		number, name, ok := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || len(number) != 4 || name == "" {
			return nil, fmt.Errorf("migration %s: the name must be NNNN_what.sql", file)
		}
		if version != i+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d here", file, i+1)
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", file, err)
		}
		statements := split(string(text))
		if len(statements) == 0 {
			return nil, fmt.Errorf("migration %s: no statement in it", file)
		}
		from, err := readableFrom(string(text), version)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", file, err)
		}
		all = append(all, Migration{Version: version, Name: name, ReadableFrom: from, SQL: statements})
	}
	return all, nil
}

// unmarked are the steps from before programs told each other what they know.
const unmarked = 4

func readableFrom(text string, version int) (int, error) {
	const mark = "-- readable from:"
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, mark)
		if !ok {
			continue
		}
		from, err := strconv.Atoi(strings.TrimSpace(rest))
		if err != nil || from <= unmarked || from > version {
			return 0, fmt.Errorf("%q: a schema from %d to %d is expected", strings.TrimSpace(line), unmarked+1, version)
		}
		return from, nil
	}
	if version <= unmarked {
		return version, nil
	}
	return 0, fmt.Errorf("a line %q is missing that says which programs can work on the store after it: %d if this step takes away or changes anything",
		mark+" N", version)
}

// split cuts a file at each line that ends with a semicolon. Comment lines are left out.
func split(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if trimmed := strings.TrimSpace(line); trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(line, ";") {
			out = append(out, strings.TrimSuffix(b.String(), ";"))
			b.Reset()
			continue
		}
		b.WriteByte('\n')
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		out = append(out, rest)
	}
	return out
}
