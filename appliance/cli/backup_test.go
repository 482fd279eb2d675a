package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"seikan/appliance/testbed"
)

// backups runs a command with a configuration of its own and no key unless the test makes one.
func (b *bench) backups(args ...string) result {
	b.t.Helper()
	c := testbed.Command(b.t, b.state, args...)
	c.Env = append(c.Env, "SEATUNNEL_HOME="+b.dir)
	c.Dir = b.dir
	return b.finish(c)
}

func TestStateIsBackedUpAndRestored(t *testing.T) {
	b := newBench(t)
	b.run("run", b.file("good.conf", good), "--job-id", id, "-q").check(t, 0, nil, nil)
	place := filepath.Join(b.dir, "imap")
	key := b.file("key", "0123456789abcdef\n")
	with := func(args ...string) []string { return append(args, "--cluster", "mine", "--key-file", key) }

	b.backups(with("backup", "list", "--storage", place)...).check(t, 0, []string{"NUMBER"}, nil)
	b.backups(with("backup", "verify", "--storage", place)...).check(t, 5, nil, []string{"there is no backup of cluster mine"})
	b.backups(with("restore", "--from", place)...).check(t, 5, nil, []string{"there is no backup of cluster mine"})
	b.backups(with("backup", "now", "--local", "--storage", place)...).check(t, 0, []string{"backup 1: ", "read back"}, nil)
	b.backups(with("backup", "now", "--local", "--storage", "file://"+place)...).check(t, 0, []string{"backup 2: "}, nil)
	b.backups(with("backup", "verify", "--storage", place)...).check(t, 0, []string{"good  mine/state/000000000002-", "2 good, 0 bad"}, nil)

	var list []struct {
		Number int64
		Taken  time.Time
		Object string
	}
	r := b.backups(with("backup", "list", "--storage", place, "-o", "json")...)
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list) != 2 || list[0].Number != 2 {
		t.Fatalf("%v: %+v", err, r)
	}
	first := list[1].Taken.Format(time.RFC3339Nano)
	b.backups(with("restore", "--from", place, "--as-of", first, "--to", "old.db")...).check(t, 0, []string{"old.db: the state of cluster (local)", "from backup 1"}, nil)
	b.backups("restore", "--from", place, "--cluster", "mine", "--unencrypted").check(t, 1, nil, []string{"cluster key", "seikan-cluster.key"})
	b.backups(with("restore", "--from", place, "--as-of", "yesterday")...).check(t, 2, nil, []string{`--as-of "yesterday": expected a time`})
	b.backups("backup", "list").check(t, 2, nil, []string{"no map-store"})
	b.backups("backup", "list", "--storage", "ftp://x").check(t, 2, nil, []string{"expected file, s3a, oss, swift or hdfs"})

	b.backups(with("backup", "now", "--storage", place)...).check(t, 2, nil, []string{"--storage is for --local"})

	// The newest one is damaged: the one before it is restored, and that is said.
	path := filepath.Join(place, list[0].Object)
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, data[:len(data)-5], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.backups(with("backup", "verify", "2", "--storage", place)...).check(t, 1, []string{"BAD   mine/state/000000000002-", "0 good, 1 bad"}, nil)
	b.backups(with("restore", "--from", place, "--to", "new.db")...).check(t, 0, []string{"from backup 1"}, []string{"warning: passed over", "000000000002-"})
	b.backups(with("restore", "--from", place, "--to", "new.db")...).check(t, 1, nil, []string{"nothing is overwritten"})

	// The restored file is a state.
	again := filepath.Join(b.dir, "again")
	if err := os.MkdirAll(again, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(b.dir, "new.db"), filepath.Join(again, "local.db")); err != nil {
		t.Fatal(err)
	}
	b.finish(testbed.Command(t, again, "jobs")).check(t, 0, []string{id, "demo", "FINISHED", "32"}, nil)
}

func TestBackupsOfTheMapStoreAreFound(t *testing.T) {
	b := newBench(t)
	b.run("run", b.file("good.conf", good), "--job-id", id, "-q").check(t, 0, nil, nil)
	if err := os.MkdirAll(filepath.Join(b.dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.file("config/hazelcast.yaml", `hazelcast:
  cluster-name: orders
  map:
    engine*:
      map-store:
        enabled: true
        factory-class-name: org.apache.seatunnel.engine.server.persistence.FileMapStoreFactory
        properties:
          type: hdfs
          namespace: `+filepath.Join(b.dir, "imap")+`
          clusterName: orders-backup
          storage.type: hdfs
          fs.defaultFS: file:///
`)
	b.file("config/seatunnel.yaml", "seatunnel:\n  engine: {}\n")
	b.backups("backup", "now", "--local").check(t, 0, []string{"orders-backup/state/000000000001-"}, nil)
	b.backups("backup", "list").check(t, 0, []string{"itself", "local"}, nil)
	if files := b.files("imap/orders-backup/state"); len(files) != 1 {
		t.Errorf("%v", files)
	}
}
