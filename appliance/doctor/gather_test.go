package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seikan/appliance/config"
)

// write makes a home with files, and loads it.
func home(t *testing.T, engine string) (*config.Config, string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"seatunnel.yaml": "seatunnel:\n  engine:\n    http: {enable-http: false}\n    event-report-http: {url: 'http://127.0.0.1:1', headers: {X-Key: topsecret}}\n" + engine,
		"hazelcast.yaml": "hazelcast:\n  cluster-name: doctored\n  network:\n    port: {port: 1, auto-increment: false}\n    join: {tcp-ip: {enabled: true, member-list: ['127.0.0.1:1']}}\n",
	}
	if err := os.MkdirAll(filepath.Join(dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "config", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg, problems := config.Load(config.Options{Home: dir, Env: func(name string) string {
		if name == "SEIKAN_STATE_DIR" {
			return filepath.Join(dir, "state")
		}
		return ""
	}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg, dir
}

func TestGatherLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	cfg, dir := home(t, "")
	checkpoints := localFolder(cfg.Checkpoint.Storage)
	for _, d := range []string{cfg.StateDir, checkpoints} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f := Gather(t.Context(), Look{Config: cfg, Files: cfg.Files})
	if f.Sync.Count == 0 || f.Sync.Median <= 0 || f.Sync.Err != "" {
		t.Errorf("the disk was not measured: %+v", f.Sync)
	}
	if len(f.Storages) != 1 || f.Storages[0].Err != "" || f.Storages[0].Missing {
		t.Errorf("the storage was not tried: %+v", f.Storages)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "doctor-") {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecretsInFilesAreSeenAndReferencesAreNone(t *testing.T) {
	t.Parallel()
	cfg, _ := home(t, "")
	f := Gather(t.Context(), Look{Config: cfg, Files: cfg.Files})
	if len(f.Files) != 2 || !f.Files[0].HasSecrets || f.Files[1].HasSecrets {
		t.Errorf("%+v", f.Files)
	}
}

func TestAMissingFolderOfCheckpointsIsLeftToTheNode(t *testing.T) {
	t.Parallel()
	cfg, _ := home(t, "")
	s := tried(t.Context(), "checkpoints", cfg.Checkpoint.Storage)
	if !s.Missing || exists(localFolder(cfg.Checkpoint.Storage)) {
		t.Errorf("%+v", s)
	}
}
