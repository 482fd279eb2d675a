package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
type files struct{ http, engine, seikan, hazelcast, members string }

func (r *reloaded) load(f files) *config.Config {
	r.t.Helper()
	for name, text := range map[string]string{
		"seatunnel.yaml": fmt.Sprintf("seatunnel:\n  engine:\n    http: {enable-http: true, port: %d%s}\n%s  seikan:\n    tls: {client-auth: none}\n%s",
			r.port[1], f.http, f.engine, f.seikan),
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
