package local

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"seikan/db"
)

func TestBackupStandsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "state.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(id string) {
		t.Helper()
		if _, err := s.Write(t.Context(), db.S("INSERT INTO op(id, try) VALUES (?, 0)", id)); err != nil {
			t.Fatal(err)
		}
	}
	add("a")
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	add("b")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(other, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(other, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(t.Context(), db.S("SELECT group_concat(id) FROM op"))
	if err != nil || rows.Values[0][0] != "a" {
		t.Errorf("the copy holds %v (%v)", rows, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".backup-*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v (%v)", left, err)
	}
}
