// Package migrations holds the schema of the state store as numbered SQL files, NNNN_what.sql.
// They only go forward, and a released one is never edited: a later one changes what it made.
// A statement ends with a semicolon at the end of a line.
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
	SQL     []string
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
		all = append(all, Migration{Version: version, Name: name, SQL: statements})
	}
	return all, nil
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
