package migrations

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	for i, m := range All() {
		if m.Version != i+1 || m.Name == "" || len(m.SQL) == 0 {
			t.Errorf("migration %d is %d %q with %d statements", i, m.Version, m.Name, len(m.SQL))
		}
	}
	for name, files := range map[string][]string{
		"gap": {"0001_a.sql", "0003_b.sql"}, "two of one number": {"0001_a.sql", "0001_b.sql"}, "from 0": {"0000_a.sql"},
		"no name": {"0001.sql"}, "short number": {"1_a.sql"}, "no number": {"first_a.sql"},
	} {
		fsys := fstest.MapFS{}
		for _, f := range files {
			fsys[f] = &fstest.MapFile{Data: []byte("DROP TABLE a;")}
		}
		if all, err := read(fsys); err == nil {
			t.Errorf("%s: read %v", name, all)
		}
	}
	for text, ok := range map[string]bool{
		"": false, "-- readable from: 4\n": false, "-- readable from: 5\n": true, "-- readable from: 6\n": false, "-- readable from: x\n": false,
	} {
		fsys := fstest.MapFS{"0005_e.sql": {Data: []byte(text + "CREATE TABLE e (a INTEGER) STRICT;")}}
		for _, f := range []string{"0001_a.sql", "0002_b.sql", "0003_c.sql", "0004_d.sql"} {
			fsys[f] = &fstest.MapFile{Data: []byte("DROP TABLE a;")}
		}
		if all, err := read(fsys); (err == nil) != ok {
			t.Errorf("fifth step with %q: read %v, %v", text, all, err)
		}
	}
	if all, err := read(fstest.MapFS{"0001_a.sql": {Data: []byte("-- nothing\n\n")}}); err == nil {
		t.Errorf("empty file: read %v", all)
	}
}

func TestSplitCutsAtLinesEndingWithSemicolon(t *testing.T) {
	t.Parallel()
	got := split("-- one;\nCREATE TABLE a (\n  x TEXT -- not; here\n);\n\nINSERT INTO a VALUES (';');  \r\nDROP TABLE a\n")
	want := []string{"CREATE TABLE a (\n  x TEXT -- not; here\n)", "INSERT INTO a VALUES (';')", "DROP TABLE a"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A default that reads the clock passes at first and differs later on each replica. A column of
// a date type would come back as another type from some drivers. Tables are STRICT.
func TestMigrationsAreDeterministic(t *testing.T) {
	t.Parallel()
	wrong := regexp.MustCompile(`(?i)\b(random|randomblob|datetime|strftime|julianday|unixepoch|CURRENT_\w+|AUTOINCREMENT|localtime)\b|'now'`)
	dateType := regexp.MustCompile(`(?i)\b(DATE|DATETIME|TIMESTAMP|BOOLEAN)\b`)
	for _, m := range All() {
		for _, sql := range m.SQL {
			table := strings.HasPrefix(sql, "CREATE TABLE")
			view := strings.HasPrefix(sql, "CREATE VIEW")
			if found := wrong.FindString(sql); found != "" && !view {
				t.Errorf("%04d_%s: %s in\n%s", m.Version, m.Name, found, sql)
			}
			if found := dateType.FindString(sql); table && found != "" {
				t.Errorf("%04d_%s: column type %s in\n%s", m.Version, m.Name, found, sql)
			}
			if table && !strings.HasSuffix(sql, "STRICT") {
				t.Errorf("%04d_%s: not STRICT:\n%s", m.Version, m.Name, sql)
			}
		}
	}
}
