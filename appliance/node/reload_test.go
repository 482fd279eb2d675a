package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	blobs "seikan/storage/local"
)

// reloaded is a node whose files a test can change.
type reloaded struct {
	*Server
	t    *testing.T
	home string
	port [2]int
}

// files are what a test says beyond the ports.
type files struct{ http, engine, seikan, tls, hazelcast, members string }

func (r *reloaded) load(f files) *config.Config {
	r.t.Helper()
	for name, text := range map[string]string{
		"seatunnel.yaml": fmt.Sprintf("seatunnel:\n  engine:\n    http: {enable-http: true, port: %d%s}\n%s  seikan:\n    tls: {client-auth: none%s}\n%s",
			r.port[1], f.http, f.engine, f.tls, f.seikan),
		"hazelcast.yaml": fmt.Sprintf("hazelcast:\n  cluster-name: reloaded\n%s  network:\n    port: {port: %d, auto-increment: false}\n    join: {tcp-ip: {enabled: true, member-list: [%s]}}\n",
			f.hazelcast, r.port[0], f.members),
	} {
		if err := os.WriteFile(filepath.Join(r.home, "config", name), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	cfg, problems := config.Load(config.Options{Home: r.home, Env: func(name string) string {
		return map[string]string{"SEIKAN_STATE_DIR": filepath.Join(r.home, "state")}[name]
	}})
	if err := problems.Err(); err != nil {
		r.t.Fatal(err)
	}
	return cfg
}

func startReloaded(t *testing.T, f files) *reloaded {
	t.Helper()
	r := &reloaded{t: t, home: t.TempDir(), port: [2]int(freePorts(t, 2))}
	if err := os.Mkdir(filepath.Join(r.home, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := r.load(f)
	store, err := blobs.Open(filepath.Join(r.home, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	logs, err := OpenLogs(cfg.Logs, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Server, err = Start(t.Context(), StartOptions{Config: cfg, Blobs: store, Version: "test", Log: logs.Logger(), Logs: logs, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Stop(context.Background())
		if err := logs.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *reloaded) status(path string) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.httpAddr+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode
}

func TestReloadTakesOverWhatItCanAndListsTheRest(t *testing.T) {
	t.Parallel()
	s := startReloaded(t, files{members: "127.0.0.1"})
	s.waitFor("it is ready", func() bool { return s.Health(t.Context()).Ready })
	if s.status("/x/overview") != http.StatusNotFound || s.log.Enabled(t.Context(), slog.LevelDebug) {
		t.Fatal("it is configured already")
	}
	changed := files{members: "127.0.0.1, 192.0.2.7", http: ", context-path: /x", engine: "    backup-count: 2\n",
		seikan: "    logs: {level: debug}\n", hazelcast: "  member-attributes: {zone: {type: string, value: east}}\n"}
	done, err := s.Reload(t.Context(), s.load(changed))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{membersKey, "hazelcast.member-attributes.zone.type", "hazelcast.member-attributes.zone.value", "seatunnel.engine.http.context-path", "seatunnel.seikan.logs.level"}
	if slices.Sort(want); !slices.Equal(done.Applied, want) {
		t.Errorf("applied %q", done.Applied)
	}
	if len(done.Restart) != 2 || !strings.HasPrefix(done.Restart[0], "bind-address: this node listens on 127.0.0.1 alone") || done.Restart[1] != "seatunnel.engine.backup-count" {
		t.Errorf("for a restart: %q", done.Restart)
	}
	if s.status("/x/overview") != http.StatusOK || s.status("/overview") != http.StatusNotFound {
		t.Error("the context path is not in force")
	}
	if !s.log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("the log level is not in force")
	}
	if s.tags.get()["zone"] != "east" {
		t.Errorf("tags: %v", s.tags.get())
	}
	if _, list := s.listed.watch(t.Context()); len(list) != 2 {
		t.Errorf("members: %v", list)
	}
	// What needs a restart is said again until there was one; what was taken over is not.
	if done, err = s.Reload(t.Context(), s.load(changed)); err != nil || len(done.Applied) != 0 || !slices.Equal(done.Restart, []string{"seatunnel.engine.backup-count"}) {
		t.Errorf("the second time: %+v, %v", done, err)
	}
}

func TestReloadSeesAChangedSecret(t *testing.T) {
	t.Parallel()
	storage := "    checkpoint: {storage: {type: hdfs, plugin-config: {storage.type: s3, fs.s3a.endpoint: \"http://127.0.0.1:1\", s3.bucket: s3a://b, fs.s3a.access.key: k, fs.s3a.secret.key: %s}}}\n"
	s := startReloaded(t, files{members: "127.0.0.1", engine: fmt.Sprintf(storage, "one")})
	done, err := s.Reload(t.Context(), s.load(files{members: "127.0.0.1", engine: fmt.Sprintf(storage, "two")}))
	if err != nil || !slices.Equal(done.Restart, []string{"seatunnel.engine.checkpoint.storage (a secret of it)"}) {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestAWaitingNodeLooksForTheMembersOfAReloadedList(t *testing.T) {
	t.Parallel()
	s := startReloaded(t, files{members: "127.0.0.1, 192.0.2.7"})
	s.waitFor("it waits for the one that is silent", func() bool { return strings.Contains(s.Health(t.Context()).Doing, "192.0.2.7") })
	if _, err := s.Reload(t.Context(), s.load(files{members: "127.0.0.1"})); err != nil {
		t.Fatal(err)
	}
	s.waitFor("it is ready", func() bool { return s.Health(t.Context()).Ready })
}

func (r *reloaded) waitFor(what string, ok func() bool) {
	r.t.Helper()
	(&cluster{t: r.t}).wait(what, within, ok)
}

// writeCertificate makes a new certificate of the same name.
func writeCertificate(t *testing.T, dir string) *big.Int {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: serial, DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)},
		&x509.Certificate{SerialNumber: serial}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: text}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return serial
}

func TestReloadShowsARenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := writeCertificate(t, dir)
	f := files{members: "127.0.0.1", tls: fmt.Sprintf(", cert: %s/cert.pem, key: %[1]s/key.pem", dir)}
	s := startReloaded(t, f)
	shown := func() *big.Int {
		t.Helper()
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // which one it is, is what is looked at
		c, err := d.DialContext(t.Context(), "tcp", s.httpAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber
	}
	if shown().Cmp(old) != 0 {
		t.Fatal("it shows another certificate from the start")
	}
	renewed := writeCertificate(t, dir)
	done, err := s.Reload(t.Context(), s.load(f))
	if err != nil || len(done.Restart) != 0 || !slices.Equal(done.Applied, []string{"the certificate of seatunnel.seikan.tls"}) {
		t.Errorf("%+v, %v", done, err)
	}
	if shown().Cmp(renewed) != 0 {
		t.Error("it still shows the old certificate")
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := f
	changed.seikan = "    logs: {level: debug}\n"
	if _, err := s.Reload(t.Context(), s.load(changed)); err == nil || s.log.Enabled(t.Context(), slog.LevelDebug) || shown().Cmp(renewed) != 0 {
		t.Errorf("a key that cannot be read: %v", err)
	}
	s.waitFor("it is ready", func() bool { return s.Health(t.Context()).Ready })
}
