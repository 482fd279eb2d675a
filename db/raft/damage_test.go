package raft

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyAStateTheOthersHaveIsDiscarded(t *testing.T) {
	t.Parallel()
	v := func(ids ...string) (out []Member) {
		for _, id := range ids {
			name, non := strings.CutPrefix(id, "-")
			out = append(out, Member{ID: name, Addr: name + ":1", Voter: !non})
		}
		return out
	}
	for _, c := range []struct {
		members []Member
		want    verdict
	}{
		{nil, keepDamaged},
		{v("me"), keepDamaged},
		{v("me", "a"), keepDamaged}, // a alone is no majority
		{v("me", "a", "b"), discardState},
		{v("me", "a", "b", "c"), discardState},
		{v("me", "-a", "-b"), keepDamaged},
		{v("-me", "a"), discardState},
		{v("-me", "a", "b"), discardState},
		{v("-me"), keepDamaged},
		{v("a", "b"), discardState}, // removed meanwhile
		{append(v("a"), Member{ID: "before", Addr: "me:1", Voter: true}), keepDamaged}, // another id at this address is this node
	} {
		if got := onDamage("me", "me:1", c.members); got != c.want {
			t.Errorf("%v: %v, want %v", c.members, got, c.want)
		}
	}
}

// spoil overwrites 8 KiB of a file: at 0 both meta pages of bbolt, or the header of SQLite.
func spoil(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < at+8192 {
		t.Fatalf("%s has only %d bytes", path, len(data))
	}
	copy(data[at:], bytes.Repeat([]byte{0x5a}, 8192))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func snapshotFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, storeDir, "rsnapshots", "*.db"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshot: %v", err)
	}
	return files[0]
}

func TestDamagedNodeRejoinsByItself(t *testing.T) {
	t.Parallel()
	log := func(_ *testing.T, dir string) string { return filepath.Join(dir, storeDir, "raft.db") }
	for name, c := range map[string]struct {
		file func(*testing.T, string) string
		at   int
	}{
		"log":                         {log, 0},
		"snapshot":                    {snapshotFile, 0},
		"snapshot, seen by its check": {snapshotFile, 16384},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := three(t)
			write(t, nodes[0].LeaderStore(), op("a"))
			n := nodes[2]
			until(t, "the members are kept", func() bool { m, _ := recallMembers(n.cfg.Dir); return len(m) == 3 })
			until(t, "there is a snapshot", func() bool { return n.Snapshot() == nil })
			if err := n.stop(); err != nil {
				t.Fatal(err)
			}
			spoil(t, c.file(t, n.cfg.Dir), c.at)
			write(t, nodes[0].LeaderStore(), op("b"))

			back := n.again(t).ready(t)
			if back.ID() == n.ID() {
				t.Error("a node that has forgotten its promises keeps its id")
			}
			until(t, "the old id is gone and the new one votes", func() bool {
				members, err := nodes[0].Members()
				voters := 0
				for _, m := range members {
					if m.ID == n.ID() {
						return false
					}
					if m.Voter {
						voters++
					}
				}
				return err == nil && voters == 3
			})
			nodes[1].kill()
			write(t, back.Forwarding(), op("c"))
			if got := number(t, back.Forwarding(), "SELECT count(*) FROM op"); got != 3 {
				t.Errorf("%d rows", got)
			}
			if _, err := os.Stat(filepath.Join(n.cfg.Dir, damagedDir)); err != nil {
				t.Errorf("the damaged state is not kept for a look: %v", err)
			}
		})
	}
}

func TestDamagedOnlyNodeIsLeftAlone(t *testing.T) {
	t.Parallel()
	n := single(t)
	write(t, n.LeaderStore(), op("a"))
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(n.cfg.Dir, storeDir, "raft.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, path, 0)
	_, err = openNode(t, n.cfg.Dir, n.Addr())
	var d *damage
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "backup") {
		t.Fatalf("error is %v", err)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := number(t, n.again(t).ready(t).LeaderStore(), "SELECT count(*) FROM op"); got != 1 {
		t.Errorf("%d rows after the file was put back", got)
	}
}
