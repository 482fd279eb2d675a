package raft

import (
	"errors"
	"strings"
	"testing"

	"seikan/db"
	"seikan/migrations"
)

// stepOn is a program's schema: all there is, and one step more that programs which know readers
// can live with.
func stepOn(readers, oldest int) func(*Config) {
	all := migrations.All()
	next := append(all[:len(all):len(all)], migrations.Migration{Version: len(all) + 1, Name: "later", ReadableFrom: readers,
		SQL: []string{"CREATE TABLE later (a INTEGER) STRICT"}})
	return func(c *Config) { c.Migrations, c.Oldest = next, oldest }
}

func versionOf(t *testing.T, n *testNode) int {
	t.Helper()
	schema, err := db.SchemaOf(soon(t), n.Forwarding())
	if err != nil {
		t.Fatal(err)
	}
	return schema.Version
}

// A step that an older program cannot live with waits until none is left; until then the newer
// program works on the old schema.
func TestSchemaWaitsForOlderPrograms(t *testing.T) {
	t.Parallel()
	now := len(migrations.All())
	newer := stepOn(now+1, now)
	old := single(t)
	n := mustOpen(t, t.TempDir(), "127.0.0.1:0", newer)
	if err := n.Join(soon(t), []string{old.Addr()}, true); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if err := old.Stepdown(n.ID()); err != nil {
		t.Fatal(err)
	}
	until(t, "the newer program leads", n.IsLeader)
	n.ready(t)
	write(t, old.Forwarding(), op("a"))
	if _, held, err := n.raise(soon(t), &view{node: n.Node, migrating: true}); err != nil || !strings.Contains(held, old.ID()) {
		t.Errorf("what holds the schema back is %q (%v)", held, err)
	}
	if v := versionOf(t, n); v != now {
		t.Errorf("the schema has version %d while a program is there that knows %d", v, now)
	}
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	old = old.again(t, newer)
	until(t, "the schema is raised when every program knows it", func() bool {
		schema, err := db.SchemaOf(soon(t), n.Forwarding())
		return err == nil && schema == db.Schema{Version: now + 1, ReadableFrom: now + 1}
	})
	old.ready(t)
}

// A step that only adds is made at once, and an older program goes on, even as leader.
func TestOlderProgramWorksOnASchemaThatHasOnlyGrown(t *testing.T) {
	t.Parallel()
	now := len(migrations.All())
	first := single(t, stepOn(now, 0))
	old := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if err := old.Join(soon(t), []string{first.Addr()}, true); err != nil {
		t.Fatal(err)
	}
	old.ready(t)
	if err := first.Stepdown(old.ID()); err != nil {
		t.Fatal(err)
	}
	until(t, "the older program leads", old.IsLeader)
	old.ready(t)
	write(t, old.LeaderStore(), op("a"))
	if v := versionOf(t, old); v != now+1 {
		t.Errorf("the schema has version %d, want %d", v, now+1)
	}
}

// What a program found when it led before says nothing: the schema may have been raised since.
func TestAnOlderProgramThatLeadsAgainDoesNotWriteOnANewSchema(t *testing.T) {
	t.Parallel()
	now := len(migrations.All())
	old := single(t)
	n := mustOpen(t, t.TempDir(), "127.0.0.1:0", stepOn(now+1, now))
	if err := n.Join(soon(t), []string{old.Addr()}, true); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if err := old.Stepdown(n.ID()); err != nil {
		t.Fatal(err)
	}
	until(t, "the newer program leads", n.IsLeader)
	n.ready(t)
	if err := db.Migrate(soon(t), &view{node: n.Node, migrating: true}, 0, n.cfg.Migrations); err != nil { // as if the old one were away
		t.Fatal(err)
	}
	until(t, "the older program leads again and refuses to write", func() bool {
		_ = n.Stepdown(old.ID()) // again: it hands leadership back
		_, err := old.execute(executeRequest([]db.Statement{op("a")}), false)
		if err == nil {
			t.Fatal("the older program writes on a schema that it does not know")
		}
		return errors.Is(err, ErrNotReady)
	})
}

// A node whose program cannot do without a step makes it by way of an older leader.
func TestNewerProgramRaisesTheSchemaOfAnOlderLeader(t *testing.T) {
	t.Parallel()
	now := len(migrations.All())
	old := single(t)
	n := mustOpen(t, t.TempDir(), "127.0.0.1:0", stepOn(now, now+1))
	if err := n.Join(soon(t), []string{old.Addr()}, false); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if v := versionOf(t, old); v != now+1 || !old.IsLeader() {
		t.Errorf("the schema has version %d, want %d", v, now+1)
	}
	write(t, old.LeaderStore(), op("a"))
	write(t, n.Forwarding(), db.S("INSERT INTO later(a) VALUES (1)"))
}

func TestSchemaIsRaisedOnlyAsFarAsEveryProgramAllows(t *testing.T) {
	t.Parallel()
	all := make([]migrations.Migration, 8)
	for i := range all {
		all[i].Version = i + 1
	}
	all[5].ReadableFrom = 5 // 6 only adds
	all[6].ReadableFrom = 5 // 7 only adds
	knows := func(versions ...int) (out []program) {
		for _, v := range versions {
			out = append(out, program{Member{ID: "n"}, v})
		}
		return out
	}
	for _, c := range []struct {
		now, oldest int
		others      []program
		want        int
	}{
		{0, 4, nil, 8},
		{4, 4, knows(8, 8), 8},
		{4, 4, knows(8, 4), 4},
		{4, 4, knows(8, 5), 7},
		{5, 5, knows(7), 7},
		{5, 5, knows(0), 5},    // silent: it may be an old one
		{4, 6, knows(0), 6},    // but what cannot be done without is done
		{4, 6, knows(0, 4), 4}, // and not over one that is there and could not go on
		{5, 6, knows(5, 0), 6},
	} {
		got, held := allowed(all, c.now, c.oldest, c.others)
		if got != c.want || (held == "") != (got == len(all)) {
			t.Errorf("from %d, needing %d, beside %v: raised to %d (%q), want %d", c.now, c.oldest, c.others, got, held, c.want)
		}
	}
	for text, want := range map[string]about{"http://schema=7": {schema: 7}, "http://schema=7,process=ab,voteless,later=1": {schema: 7, process: "ab", voteless: true},
		"http://": {schema: silentSchema}, "": {schema: silentSchema}, "https://schema=x": {schema: silentSchema}} {
		var got about
		if got.read(text); got != want {
			t.Errorf("%q tells %+v", text, got)
		}
	}
}
