package cli

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seikan/db/local"
	"seikan/storage/open"
)

func TestTheURLOfBackupsNamesTheirStorage(t *testing.T) {
	t.Parallel()
	mapStore := map[string]string{"storage.type": "s3", "s3.bucket": "s3a://configured", "namespace": "/of/the/map-store",
		"fs.s3a.access.key": "a", "fs.s3a.secret.key": "s", "fs.s3a.endpoint": "http://127.0.0.1:9"}
	s3 := []string{"fs.s3a.access.key=a", "fs.s3a.secret.key=s"}
	oss := []string{"fs.oss.accessKeyId=a", "fs.oss.accessKeySecret=s", "fs.oss.endpoint=oss.example.com"}
	swift := []string{"swift.auth-url=http://127.0.0.1:9/v3", "swift.user=u", "swift.key=p"}
	for _, c := range []struct {
		url      string
		set      []string
		given    map[string]string
		kind     string
		location string // as storage/open understands it
	}{
		{"", nil, mapStore, open.S3, "s3://configured/of/the/map-store/"},
		{"", []string{"namespace=/other"}, mapStore, open.S3, "s3://configured/other/"},
		{"s3a://b/dir/imap", s3, nil, open.S3, "s3://b/dir/imap/"},
		{"s3://b/dir", s3, nil, open.S3, "s3://b/dir/"},
		{"s3n://b/dir/", s3, nil, open.S3, "s3://b/dir/"},
		{"S3A://b", s3, nil, open.S3, "s3://b/"},
		{"s3a://b/dir", nil, mapStore, open.S3, "s3://b/dir/"}, // with the keys of the map-store
		{"oss://b/dir/imap", oss, nil, open.OSS, "oss://b/dir/imap/"},
		{"oss://b", oss, nil, open.OSS, "oss://b/"},
		{"oss://b/dir", oss, mapStore, open.OSS, "oss://b/dir/"}, // of another kind than the map-store
		{"swift://c/dir/imap", swift, nil, open.Swift, "swift://c/dir/imap/"},
		{"swift://c.x", swift, mapStore, open.Swift, "swift://c.x/"}, // a name may have dots
		{"hdfs://namenode:9000/dir/imap", nil, nil, open.HDFS, "hdfs://namenode:9000/dir/imap/"},
		{"hdfs://namenode:9000", nil, nil, open.HDFS, "hdfs://namenode:9000/"},
		{"HDFS://namenode:9000/dir", nil, mapStore, open.HDFS, "hdfs://namenode:9000/dir/"},
		{"hdfs://ns/dir", []string{"dfs.nameservices=ns", "dfs.ha.namenodes.ns=a,b", "dfs.namenode.rpc-address.ns.a=n1:9000", "dfs.namenode.rpc-address.ns.b=n2:9000"}, nil,
			open.HDFS, "hdfs://ns/dir/"},
		{"file:///mnt/imap", nil, nil, open.Local, "/mnt/imap/"},
		{"file:/mnt/imap", nil, mapStore, open.Local, "/mnt/imap/"},
		{"/mnt/imap", nil, mapStore, open.Local, "/mnt/imap/"},
	} {
		given := maps.Clone(c.given)
		if given == nil {
			given = map[string]string{}
		}
		p := backupPlace{url: c.url, set: c.set}
		if err := p.place(given); err != nil {
			t.Errorf("%q: %v", c.url, err)
			continue
		}
		s, errs := open.Parse("hdfs", given)
		if errs != nil || s.Kind != c.kind || s.Location != c.location {
			t.Errorf("%q is %s %s, expected %s %s: %v", c.url, s.Kind, s.Location, c.kind, c.location, errs)
		}
	}
	for url, want := range map[string]string{"ftp://x/y": "expected file, s3a, oss, swift or hdfs", "s3a:///dir": "bucket", "oss://": "bucket", "swift:///dir": "container", "hdfs:///dir": "host"} {
		p := backupPlace{url: url}
		if err := p.place(map[string]string{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
	}
	p := backupPlace{set: []string{"fs.s3a.secret.key"}}
	if err := p.place(map[string]string{}); err == nil || !strings.Contains(err.Error(), "KEY=VALUE") {
		t.Errorf("a --set without a value: %v", err)
	}
}

// packagedHost is a host where the packages are installed below a directory of the test's, with a
// state of local mode that can be backed up.
type packagedHost struct {
	t          *testing.T
	dir, state string
}

func newPackagedHost(t *testing.T) packagedHost {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := packagedHost{t, dir, filepath.Join(dir, "var")}
	config, state := packagedConfig, packagedState
	t.Cleanup(func() { packagedConfig, packagedState = config, state })
	packagedConfig, packagedState = filepath.Join(dir, "config"), h.state
	for name, value := range map[string]string{"SEATUNNEL_HOME": dir, "XDG_STATE_HOME": filepath.Join(dir, "own"), "SEIKAN_STATE_DIR": "", "STATE_DIRECTORY": "",
		"SEATUNNEL_CONFIG": "", "HAZELCAST_CONFIG": ""} {
		t.Setenv(name, value)
	}
	for _, d := range []string{packagedConfig, h.state, filepath.Join(dir, "own", "seikan")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.file("seatunnel.yaml", "seatunnel:\n  engine: {}\n")
	h.file("hazelcast.yaml", "hazelcast:\n  cluster-name: orders\n")
	s, err := local.Open(filepath.Join(dir, "own", "seikan", "local.db"), local.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h packagedHost) file(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(packagedConfig, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// run expects an exit code and a text among what is said.
func (h packagedHost) run(code int, want string, args ...string) {
	h.t.Helper()
	var out bytes.Buffer
	if got := Main(append([]string{"seikan"}, args...), strings.NewReader(""), &out, &out); got != code || !strings.Contains(out.String(), want) {
		h.t.Errorf("seikan %s exits with %d, expected %d and %q:\n%s", strings.Join(args, " "), got, code, want, &out)
	}
}

func TestRestorePreparesTheNodeOfThePackages(t *testing.T) {
	h := newPackagedHost(t)
	place := filepath.Join(h.dir, "imap")
	h.run(0, "backup 1: ", "backup", "now", "--local", "--storage", place)
	if os.Geteuid() == 0 {
		if err := os.Chown(h.state, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		h.run(exitUsage, "runuser -u ", "restore", "--from", place)
		h.run(0, "the state of cluster", "restore", "--from", place, "--to", filepath.Join(h.dir, "copy.db")) // that is nobody's but root's
		if files, err := os.ReadDir(h.state); err != nil || len(files) != 0 {
			t.Errorf("root wrote into the state of another user: %v %v", files, err)
		}
		if err := os.Chown(h.state, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	h.run(0, "prepared to form cluster orders", "restore", "--from", place)
	if _, err := os.Stat(filepath.Join(h.state, "restore", "state.db")); err != nil {
		t.Errorf("the state is not where the unit's node looks: %v", err)
	}
	if err := os.RemoveAll(h.state); err != nil {
		t.Fatal(err)
	}
	h.run(0, "prepared to form cluster orders", "restore", "--from", place) // it makes the directory
}

func TestTheMapStoreOfAMasterIsFound(t *testing.T) {
	h := newPackagedHost(t)
	h.run(exitUsage, "hazelcast.yaml has no map-store", "backup", "list")
	h.file("hazelcast-master.yaml", `hazelcast:
  cluster-name: apart
  map:
    engine*:
      map-store:
        enabled: true
        factory-class-name: org.apache.seatunnel.engine.server.persistence.FileMapStoreFactory
        properties: {type: hdfs, namespace: `+h.dir+`/imap, storage.type: hdfs, fs.defaultFS: "file:///"}
`)
	h.run(0, "apart/state/000000000001-", "backup", "now", "--local", "--role", "master")
	h.run(0, "itself", "backup", "list", "-r", "master")
	h.run(0, "that of hazelcast-master.yaml is taken", "backup", "list") // as seikan-backup.service does
	h.run(0, "from backup 1", "restore", "--to", filepath.Join(h.dir, "copy.db"))
	h.run(exitUsage, "hazelcast.yaml has no map-store", "backup", "list", "-r", "master_and_worker")
	h.run(exitUsage, "hazelcast-worker.yaml has no map-store", "backup", "list", "-r", "worker")
	h.run(exitUsage, `--role "boss"`, "backup", "list", "-r", "boss", "--storage", h.dir)
	h.run(0, "prepared to form cluster apart", "restore", "--role", "master")
}
