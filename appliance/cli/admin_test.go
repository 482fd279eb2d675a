package cli_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"seikan/appliance/testbed"
)

// home is a bench whose commands read a SEATUNNEL_HOME of their own.
func (b *bench) home(args ...string) result {
	c := testbed.Command(b.t, b.state, args...)
	c.Env = append(c.Env, "SEATUNNEL_HOME="+filepath.Join(b.dir, "home"))
	return b.finish(c)
}

func (b *bench) read(path ...string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{b.dir}, path...)...))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func TestSetupByFlagsReplacesNothingWithoutForce(t *testing.T) {
	b := newBench(t)
	first := []string{"setup", "--cluster-name", "prod", "--member", "10.0.0.1", "--member", "10.0.0.2", "--member", "10.0.0.3", "--storage", "s3",
		"--storage-key", "s3.bucket=s3a://ck", "--storage-key", "fs.s3a.access.key=AKIA", "--storage-key", "fs.s3a.secret.key=very-s3cret"}
	r := b.home(first...)
	r.check(t, 0, []string{"new  ", "made ", "seikan-cluster.key", "next: seikan server"}, nil)
	if strings.Contains(r.out+r.err, "very-s3cret") {
		t.Errorf("setup shows the secret:\n%s%s", r.out, r.err)
	}
	b.home(first...).check(t, 0, []string{"the files need no change"}, nil)
	b.home("config", "check").check(t, 0, []string{"prod", "10.0.0.2", "s3a://ck"}, nil)
	before := b.read("home", "config", "hazelcast.yaml")
	b.home("setup", "--cluster-name", "other").check(t, 1, []string{"-   cluster-name: prod", "+   cluster-name: other"}, []string{"nothing is written: --force"})
	if b.read("home", "config", "hazelcast.yaml") != before {
		t.Error("a file was replaced")
	}
	b.home("setup", "--cluster-name", "other", "--force").check(t, 0, []string{"kept "}, nil)
	if !strings.Contains(b.read("home", "config", "hazelcast.yaml"), "cluster-name: other") {
		t.Error("nothing was written")
	}
	b.home("setup", "--port", "8080").check(t, 2, nil, []string{"HTTP port 8080"})
	b.home("setup", "--remote", "all").check(t, 2, nil, []string{"members or anyone"})
	b.home("setup", "--storage-key", "nothing").check(t, 2, nil, []string{"KEY=VALUE"})
	b.file("home/config/seatunnel.yaml", "seatunnel: [\n")
	b.home("setup", "--cluster-name", "x").check(t, 3, nil, []string{"must be right before setup can change them"})
}

// TestSetupAsksOnATerminal types the answers of a person, one of them wrong.
func TestSetupAsksOnATerminal(t *testing.T) {
	b := newBench(t)
	person, program := openTerminal(t)
	c := testbed.Command(t, b.state, "setup", "--home", filepath.Join(b.dir, "home"))
	c.Env = append(c.Env, "TERM=dumb", "SEATUNNEL_HOME=")
	c.Stdin, c.Stdout, c.Stderr = program, program, program
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = program.Close()
	var screen watched
	go func() { _, _ = io.Copy(&screen, person) }() // EIO when nobody holds the other side any more
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	deadline := time.After(patience)
	seen := 0
	for _, step := range []struct{ ask, answer string }{
		{"role of this node", ""}, {"cluster name", "mine"}, {"members", "10.0.0.7,10.0.0.8,10.0.0.9"}, {"port of the node", "x"}, {"expected a number", "5900"},
		{"port of the console", ""}, {"how many nodes may fail", "1"}, {"who may use HTTP", ""}, {"where checkpoints are kept", "oss"}, {"oss.bucket", "oss://b"},
		{"fs.oss.endpoint", "oss.example.com"}, {"fs.oss.accessKeyId", "id"}, {"fs.oss.accessKeySecret", "unseen-s3cret"},
	} {
		for !strings.Contains(screen.String()[seen:], step.ask) {
			select {
			case <-deadline:
				t.Fatalf("it does not ask for %q\n%s", step.ask, screen.String())
			case <-ended:
				t.Fatalf("it ended before it asked for %q\n%s", step.ask, screen.String())
			case <-time.After(5 * time.Millisecond):
			}
		}
		seen += strings.Index(screen.String()[seen:], step.ask) + len(step.ask)
		if step.ask == "fs.oss.accessKeySecret" { // what is typed before the terminal is silent would be seen
			for !strings.Contains(screen.String()[seen:], "]: ") {
				select {
				case <-deadline:
					t.Fatal(screen.String())
				case <-time.After(5 * time.Millisecond):
				}
			}
		}
		if _, err := io.WriteString(person, step.answer+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v\n%s", err, screen.String())
		}
	case <-deadline:
		t.Fatalf("it does not end\n%s", screen.String())
	}
	for name, want := range map[string]string{"hazelcast.yaml": "cluster-name: mine", "seatunnel.yaml": "fs.oss.accessKeySecret: unseen-s3cret", "hazelcast-client.yaml": "- 10.0.0.9:5900"} {
		if !strings.Contains(b.read("home", "config", name), want) {
			t.Errorf("%s lacks %q:\n%s", name, want, b.read("home", "config", name))
		}
	}
}

func TestDoctorSaysWhatToChangeAndExitsByIt(t *testing.T) {
	b := newBench(t)
	port := freeRun(t, 2)
	b.home("setup", "--cluster-name", "ill", "--member", "127.0.0.1:"+strconv.Itoa(port), "--port", strconv.Itoa(port), "--http-port", strconv.Itoa(port+1), "--storage", "s3",
		"--storage-key", "s3.bucket=s3a://b", "--storage-key", "fs.s3a.endpoint=http://127.0.0.1:1", "--storage-key", "fs.s3a.access.key=a", "--storage-key", "fs.s3a.secret.key=b").
		check(t, 0, nil, nil)
	b.home("doctor").check(t, 2, []string{"PROBLEM  storage: checkpoints s3", "do: see the keys of the storage", "1 problems"}, nil)
	b.home("setup", "--storage", "local", "--namespace", filepath.Join(b.dir, "ck"), "--force").check(t, 0, nil, nil)
	if err := os.Chmod(filepath.Join(b.dir, "home", "config", "seikan-cluster.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Findings []struct{ Check, Level, Where, Do string }
		ExitCode int `json:"exit_code"`
	}
	r := b.home("doctor", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || r.code != 2 || out.ExitCode != 2 {
		t.Fatalf("exit code %d, %v\n%s", r.code, err, r.out)
	}
	found := false
	for _, f := range out.Findings {
		found = found || f.Check == "cluster key" && f.Level == "problem" && strings.HasPrefix(f.Do, "chmod 0640 ")
	}
	if !found {
		t.Errorf("the key for everyone is not found: %+v", out)
	}
}

// TestSupportBundleHoldsNoSecret: secrets of the configuration, of a job and in logs, on a node
// that runs.
func TestSupportBundleHoldsNoSecret(t *testing.T) {
	b := newBench(t)
	port := freeRun(t, 2)
	const secret = "tops3cret"
	for _, dir := range []string{"home/config", "home/logs"} {
		if err := os.MkdirAll(filepath.Join(b.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.file("home/config/seatunnel.yaml", fmt.Sprintf(`seatunnel:
  engine:
    http: {enable-http: true, port: %d}
    event-report-http: {url: "http://127.0.0.1:1/x", headers: {X-Plain: %s-header}}
    checkpoint:
      storage:
        type: hdfs
        plugin-config:
          namespace: %s
          storage.type: hdfs
          fs.defaultFS: file:///
          fs.s3a.secret.key: %s-storage
`, port+1, secret, filepath.Join(b.dir, "ck"), secret))
	b.file("home/config/hazelcast.yaml", fmt.Sprintf(`hazelcast:
  cluster-name: bundled
  license-key: %s-license
  network:
    rest-api: {enabled: true, endpoint-groups: {DATA: {enabled: true}}}
    port: {port: %d, auto-increment: false}
    join: {tcp-ip: {enabled: true, member-list: ["127.0.0.1:%d"]}}
`, secret, port, port))
	b.file("home/config/hazelcast-client.yaml", fmt.Sprintf("hazelcast-client:\n  cluster-name: bundled\n  network: {cluster-members: [\"127.0.0.1:%d\"]}\n", port))
	b.file("home/logs/old.log", "sent header "+secret+"-header\nfs.s3a.secret.key="+secret+"-storage\npassword: \""+secret+" x\"\nhttps://me:"+secret+"@host/x\nAuthorization: Bearer "+secret+"\n")
	server := b.start("server", "--home", filepath.Join(b.dir, "home"))
	server.waitFor("ready node", func() bool { return strings.Contains(server.out.String(), "the node is ready") })
	b.file("job.conf", `env { }
source { FakeSource { row.num = 1, schema { fields { id = bigint } } } }
sink { Jdbc { url = "jdbc:mysql://127.0.0.1:1/db?user=me&password=`+secret+`-url", driver = "com.mysql.cj.jdbc.Driver", user = me, password = "`+secret+`-job", query = "insert into t values (?)" } }`)
	b.home("job", "submit", filepath.Join(b.dir, "job.conf"), "--job-id", "7", "--wait")
	b.home("job", "show", "7").check(t, 0, []string{"FAILED"}, nil)

	path := filepath.Join(b.dir, "bundle.tgz")
	r := b.home("support-bundle", "-f", path)
	server.signal(syscall.SIGTERM)
	r.check(t, 0, []string{path + ": "}, nil)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	files := unpacked(t, path)
	for name, text := range files {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%s holds a secret: …%s…", name, text[max(i-60, 0):min(i+40, len(text))])
		}
	}
	key := strings.TrimSpace(b.read("home", "config", "seikan-cluster.key"))
	for name, text := range files {
		if strings.Contains(text, key) {
			t.Errorf("%s holds the cluster key", name)
		}
	}
	var manifest struct{ Files []struct{ Name string } }
	if err := json.Unmarshal([]byte(files["manifest.json"]), &manifest); err != nil || len(manifest.Files) != len(files)-1 {
		t.Errorf("the manifest lists %d of %d files, %v", len(manifest.Files), len(files)-1, err)
	}
	node := "nodes/127.0.0.1_" + strconv.Itoa(port)
	for name, want := range map[string]string{"versions.txt": "seikan ", "config/effective.txt": "bundled", "doctor.txt": "looked at", "cluster/status.json": "bundled", "cluster/jobs.json": `"id": "7"`,
		"jobs/7.job.json": "Jdbc", node + "/metrics.txt": "# ", node + "/goroutines.json": "goroutine", "logs/seatunnel-engine-server.log": "the node is ready",
		"logs/old.log": "sent header ******", "state/files.txt": "in all"} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q: %.300q", name, want, files[name])
		}
	}
	b.home("support-bundle", "-f", path).check(t, 1, nil, []string{"-f names another file"})
}

// unpacked are the files of a .tar.gz without the folder they stand in.
func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		files[name] = string(text)
	}
}
