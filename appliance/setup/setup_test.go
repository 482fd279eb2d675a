package setup

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/storage/open"
)

// house is a home that setup is run on.
type house struct {
	t    *testing.T
	dir  string
	role config.Role
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	return &house{t, t.TempDir(), config.Hybrid}
}

func (h *house) path(name string) string { return filepath.Join(h.dir, "config", name) }

func (h *house) options() config.Options {
	return config.Options{Home: h.dir, Role: h.role, Env: func(name string) string {
		return map[string]string{"SEIKAN_STATE_DIR": filepath.Join(h.dir, "state"), "S3_SECRET": "s3cret-value"}[name]
	}}
}

func (h *house) load() *config.Config {
	h.t.Helper()
	cfg, problems := config.Load(h.options())
	if err := problems.Err(); err != nil {
		h.t.Fatal(err)
	}
	return cfg
}

// run changes the answers and writes what comes of it; it returns what changed.
func (h *house) run(change func(*Answers)) (changed []string) {
	h.t.Helper()
	before := Of(h.load())
	a := Of(h.load())
	change(&a)
	paths := map[string]string{}
	for _, name := range []string{"seatunnel.yaml", a.masterFile(), "hazelcast-client.yaml"} {
		paths[name] = h.path(name)
	}
	changes, err := Plan(before, a, paths, os.ReadFile)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, problems := Validate(a, changes, h.options(), os.ReadFile); problems.Err() != nil {
		h.t.Fatal(problems)
	}
	if _, err := Write(changes, Owner{-1, -1}, time.Unix(0, 0)); err != nil {
		h.t.Fatal(err)
	}
	for _, c := range changes {
		if c.Changed() {
			changed = append(changed, c.Name)
		}
	}
	return changed
}

func (h *house) text(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

func TestTemplatesAreTheShippedFiles(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(templates, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ours, err := templates.ReadFile(name)
		if err != nil {
			return err
		}
		shipped, err := os.ReadFile(filepath.Join("..", "..", "packaging", "home", "config", filepath.Base(name)))
		if err != nil || !bytes.Equal(ours, shipped) {
			t.Errorf("%s differs from packaging/home/config (%v): cp it here", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatWasAnsweredIsWhatTheNodeReads goes once through every kind of storage and every role.
func TestWhatWasAnsweredIsWhatTheNodeReads(t *testing.T) {
	t.Parallel()
	for _, kind := range open.Kinds {
		for _, role := range []config.Role{config.Hybrid, config.Master, config.Worker} {
			t.Run(kind+" "+string(role), func(t *testing.T) {
				h := newHouse(t)
				h.role = role
				want := Answers{ClusterName: "prod", Members: []string{"10.0.0.1", "10.0.0.2:5901"}, Role: role, Port: 5901, HTTPPort: 8090, BackupCount: 2, OpenToAll: true,
					Storage: Storage{Kind: kind, Namespace: "/ck/", Keys: map[string]string{}}}
				for _, k := range StorageKeys(kind) {
					if k.Required {
						want.Storage.Keys[k.Name] = k.Example
					}
				}
				if kind == open.Swift { // one of two ways to log in
					want.Storage.Keys["swift.user"], want.Storage.Keys["swift.key"] = "me", "mine"
				}
				h.run(func(a *Answers) { *a = want })
				cfg := h.load()
				got := Of(cfg)
				if got.ClusterName != want.ClusterName || strings.Join(got.Members, " ") != strings.Join(want.Members, " ") || got.Port != 5901 || got.HTTPPort != 8090 ||
					got.BackupCount != 2 || !got.OpenToAll || got.Storage.Kind != kind || strings.Trim(got.Storage.Namespace, "/") != "ck" {
					t.Errorf("%+v became %+v", want, got)
				}
				for k, v := range want.Storage.Keys {
					if got.Storage.Keys[k] != v {
						t.Errorf("%s is %q", k, got.Storage.Keys[k])
					}
				}
				if c := cfg.Client; c.ClusterName != "prod" || len(c.Members) != 2 || c.Members[0].String() != "10.0.0.1:5901" {
					t.Errorf("clients are told %+v", c)
				}
				if changed := h.run(func(*Answers) {}); len(changed) > 0 {
					t.Errorf("a second run changed %v", changed)
				}
			})
		}
	}
}

func TestCommentsAndOtherSettingsStay(t *testing.T) {
	h := newHouse(t)
	if err := os.MkdirAll(filepath.Join(h.dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "# mine\nseatunnel:\n  engine:\n    # why\n    slot-service: {dynamic-slot: false, slot-num: 9}\n    http:\n      port: 8080 # the console\n"
	if err := os.WriteFile(h.path("seatunnel.yaml"), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	h.run(func(a *Answers) { a.HTTPPort = 9090 })
	got := h.text("seatunnel.yaml")
	for _, want := range []string{"# mine", "# why", "slot-num: 9", "port: 9090 # the console", "enable-http: true"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	info, err := os.Stat(h.path("seatunnel.yaml"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	kept, err := filepath.Glob(h.path("seatunnel.yaml.bak-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	if old, err := os.ReadFile(kept[0]); err != nil || string(old) != text {
		t.Errorf("kept %q, %v", old, err)
	}
}

// TestReferencesToSecretsAreNotResolved: what a ${env:NAME} stands for must not be written out.
func TestReferencesToSecretsAreNotResolved(t *testing.T) {
	h := newHouse(t)
	h.run(func(a *Answers) {
		a.Storage = Storage{Kind: open.S3, Keys: map[string]string{"s3.bucket": "s3a://b", "fs.s3a.access.key": "id", "fs.s3a.secret.key": "${env:S3_SECRET}"}}
	})
	h.run(func(a *Answers) { a.Storage.Keys["s3.bucket"] = "s3a://other"; a.ClusterName = "x" })
	got := h.text("seatunnel.yaml")
	if !strings.Contains(got, "fs.s3a.secret.key: ${env:S3_SECRET}") || strings.Contains(got, "s3cret-value") || !strings.Contains(got, "s3.bucket: s3a://other") {
		t.Errorf("%s", got)
	}
}

func TestKeysOfAnotherStorageGo(t *testing.T) {
	h := newHouse(t)
	h.run(func(a *Answers) {
		a.Storage = Storage{Kind: open.S3, Keys: map[string]string{"s3.bucket": "s3a://b", "fs.s3a.access.key": "id", "fs.s3a.secret.key": "sec"}}
	})
	h.run(func(a *Answers) { a.Storage = Storage{Kind: open.Local} })
	if got := h.text("seatunnel.yaml"); strings.Contains(got, "\n          s3.bucket") || strings.Contains(got, "sec\n") || !strings.Contains(got, "namespace: "+localNamespace) {
		t.Errorf("%s", got)
	}
}

func TestTheClusterKeyIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	h := newHouse(t)
	path := h.path("seikan-cluster.key")
	made, err := Key(path, func(b []byte) { b[0] = 7 }, Owner{-1, -1})
	if err != nil || !made {
		t.Fatal(made, err)
	}
	first := h.text("seikan-cluster.key")
	if made, err := Key(path, func(b []byte) { b[0] = 8 }, Owner{-1, -1}); err != nil || made || h.text("seikan-cluster.key") != first {
		t.Errorf("made again: %v, %v", made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || len(first) != 65 {
		t.Errorf("%v, %v, %q", info.Mode(), err, first)
	}
}

func TestAnswersThatCannotBeAreRefusedByName(t *testing.T) {
	t.Parallel()
	good := Answers{ClusterName: "c", Members: []string{"a"}, Role: config.Hybrid, Port: 5801, HTTPPort: 8080, BackupCount: 1, Storage: Storage{Kind: open.Local}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, wrong := range map[string]func(*Answers){
		"cluster name":        func(a *Answers) { a.ClusterName = " " },
		"the role":            func(a *Answers) { a.Role = "boss" },
		"no member":           func(a *Answers) { a.Members = nil },
		`"a b" names no host`: func(a *Answers) { a.Members = []string{"a b"} },
		"the port 0":          func(a *Answers) { a.Port = 0 },
		"the HTTP port 5801":  func(a *Answers) { a.HTTPPort = 5801 },
		"the backup count 9":  func(a *Answers) { a.BackupCount = 9 },
		`the storage "gcs"`:   func(a *Answers) { a.Storage.Kind = "gcs" },
		"needs s3.bucket":     func(a *Answers) { a.Storage.Kind = open.S3 },
		`did you mean "fs.s3a.secret.key"?`: func(a *Answers) {
			a.Storage = Storage{Kind: open.S3, Keys: map[string]string{"s3.bucket": "b", "fs.s3a.secret.keys": "x"}}
		},
		`the storage local has no key "a.b"`: func(a *Answers) { a.Storage.Keys = map[string]string{"a.b": "x"} },
	} {
		a := good
		wrong(&a)
		if err := a.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestEveryUsualKeyIsOneOfAStorage(t *testing.T) {
	t.Parallel()
	for _, name := range usual {
		found := false
		for _, kind := range open.Kinds {
			for _, k := range StorageKeys(kind) {
				found = found || k.Name == name
			}
		}
		if !found {
			t.Errorf("no storage has %s", name)
		}
	}
}
