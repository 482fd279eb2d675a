package migrations

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	newTable  = regexp.MustCompile(`(?is)^CREATE TABLE (\w+)\s*\((.*)\)\s*STRICT$`)
	newIndex  = regexp.MustCompile(`(?is)^CREATE (UNIQUE )?INDEX \w+ ON (\w+)\b`)
	newColumn = regexp.MustCompile(`(?is)^ALTER TABLE (\w+) ADD COLUMN \w+ (.*)$`)
	newRows   = regexp.MustCompile(`(?is)^INSERT INTO (\w+)\b`)
	newView   = regexp.MustCompile(`(?is)^CREATE VIEW \w+ AS\b`)
	reference = regexp.MustCompile(`(?is)\bREFERENCES\b(\s+\w+\s*(\([^)]*\))?)?(\s+ON DELETE (CASCADE|SET NULL))?`)
	strict    = regexp.MustCompile(`(?i)\b(CHECK|UNIQUE|PRIMARY|REFERENCES|GENERATED|AS)\b`)
)

// onlyAdds says why a statement could break a program that does not know it, if it could. own are
// the tables that such a program does not know either.
func onlyAdds(sql string, own []string) error {
	known := func(table string) bool { return !slices.Contains(own, table) }
	if m := newTable.FindStringSubmatch(sql); m != nil {
		for _, r := range reference.FindAllStringSubmatch(m[2], -1) {
			if r[3] == "" {
				return fmt.Errorf("a reference without ON DELETE CASCADE or SET NULL keeps others from deleting rows")
			}
		}
		return nil
	}
	if m := newIndex.FindStringSubmatch(sql); m != nil {
		if m[1] != "" && known(m[2]) {
			return fmt.Errorf("a new UNIQUE index refuses rows that others write")
		}
		return nil
	}
	if m := newColumn.FindStringSubmatch(sql); m != nil {
		switch rule := strings.ToUpper(m[2]); {
		case !known(m[1]):
		case strings.Contains(rule, "NOT NULL") && !strings.Contains(rule, "DEFAULT"):
			return fmt.Errorf("a column that is NOT NULL without a DEFAULT refuses rows that others write")
		case strict.MatchString(rule):
			return fmt.Errorf("a condition on a new column refuses rows that others write")
		}
		return nil
	}
	if m := newRows.FindStringSubmatch(sql); m != nil && !known(m[1]) || newView.MatchString(sql) {
		return nil
	}
	return fmt.Errorf("it changes or takes away what others use")
}

// checkExpanding goes over the steps from the fifth on, which programs that do not know them may
// meet in a cluster that is being upgraded.
func checkExpanding(all []Migration, oldest int) (problems []error) {
	for i, m := range all {
		if m.Version <= unmarked || m.ReadableFrom == m.Version {
			continue // it waits until every program knows it
		}
		var own []string
		for _, later := range all[m.ReadableFrom : i+1] {
			for _, sql := range later.SQL {
				if t := newTable.FindStringSubmatch(sql); t != nil {
					own = append(own, t[1])
				}
			}
		}
		for _, sql := range m.SQL {
			if err := onlyAdds(sql, own); err != nil {
				problems = append(problems, fmt.Errorf("%04d_%s is said to be readable from %d: %w:\n%s", m.Version, m.Name, m.ReadableFrom, err, sql))
			}
		}
	}
	switch {
	case oldest < unmarked || oldest > len(all):
		problems = append(problems, fmt.Errorf("Oldest is %d, there are %d steps", oldest, len(all)))
	case oldest > unmarked && Readers(all[:oldest]) >= oldest:
		problems = append(problems, fmt.Errorf("Oldest is %d, whose step is not readable by programs before it: "+
			"a node of this program could not work beside one of the last", oldest))
	}
	return problems
}

// Nodes of two versions work together while a cluster is upgraded, so a step must not break what
// the version before does, or must wait for it to be gone.
func TestMigrationsOnlyAddOrWait(t *testing.T) {
	t.Parallel()
	for _, err := range checkExpanding(All(), Oldest) {
		t.Error(err)
	}
}

func TestWhatBreaksOlderProgramsIsFound(t *testing.T) {
	t.Parallel()
	with := func(from int, sql ...string) []Migration {
		return append(All()[:5:5], Migration{Version: 6, Name: "next", ReadableFrom: from, SQL: sql})
	}
	for _, sql := range []string{
		"CREATE TABLE a (b INTEGER) STRICT",
		"CREATE TABLE a (b TEXT REFERENCES job(id) ON DELETE CASCADE) STRICT",
		"CREATE INDEX i ON job (name)",
		"ALTER TABLE job ADD COLUMN a TEXT",
		"ALTER TABLE job ADD COLUMN a TEXT NOT NULL DEFAULT ''",
		"CREATE VIEW v AS SELECT id FROM job",
	} {
		if problems := checkExpanding(with(5, sql), Oldest); problems != nil {
			t.Errorf("refused, although it only adds: %v", problems)
		}
	}
	for _, sql := range []string{
		"DROP TABLE job", "DROP INDEX i", "ALTER TABLE job DROP COLUMN name", "ALTER TABLE job RENAME TO jobs", "ALTER TABLE job RENAME COLUMN name TO n",
		"ALTER TABLE job ADD COLUMN a TEXT NOT NULL", "ALTER TABLE job ADD COLUMN a TEXT CHECK (a <> '')",
		"ALTER TABLE job ADD COLUMN a TEXT REFERENCES pipeline(id)", "CREATE UNIQUE INDEX i ON job (name)", "CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END",
		"UPDATE job SET name = ''", "DELETE FROM job", "INSERT INTO job(id) VALUES ('a')", "CREATE TABLE a (b TEXT REFERENCES job(id)) STRICT",
	} {
		if checkExpanding(with(5, sql), Oldest) == nil {
			t.Errorf("passes as readable from 5: %s", sql)
		}
		if problems := checkExpanding(with(6, sql), Oldest); problems != nil {
			t.Errorf("refused, although it waits for every program: %v", problems)
		}
	}
	if problems := checkExpanding(with(5, "CREATE TABLE a (b INTEGER) STRICT", "CREATE UNIQUE INDEX i ON a (b)", "INSERT INTO a(b) VALUES (1)"), Oldest); problems != nil {
		t.Errorf("a table of its own: %v", problems)
	}
	if checkExpanding(with(6, "DROP TABLE job"), 6) == nil {
		t.Error("a program that needs what its predecessor cannot read passes")
	}
}
