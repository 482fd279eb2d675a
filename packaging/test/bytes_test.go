package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestTwoBuildsAreTheSameBytes builds in another directory, zone, language and umask, and compares
// all that is handed out. With SEIKAN_SOAK nothing that was compiled before is used.
func TestTwoBuildsAreTheSameBytes(t *testing.T) {
	asked(t)
	for _, kind := range []string{"deb", "rpm", "tarball"} {
		build(t, kind, older)
	}
	other := t.TempDir()
	run(t, root, nil, "sh", "-c", "tar -c --anchored --exclude=./build --exclude=./.git --exclude=./bin . | tar -x -C "+other)
	dist := filepath.Join(other, "dist")
	env := []string{"DIST=" + dist, "TZ=Asia/Kolkata", "LC_ALL=C", "HOME=" + other, "GOCACHE=" + goEnv(t, "GOCACHE"), "GOMODCACHE=" + goEnv(t, "GOMODCACHE"), "GOPATH=" + goEnv(t, "GOPATH")}
	if os.Getenv("SEIKAN_SOAK") != "" {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	for _, kind := range []string{"static", "sbom", "deb", "rpm", "tarball"} {
		if kind == "static" {
			compiling.Lock()
		}
		script(t, other, older, env, kind, runtime.GOARCH)
		if kind == "static" {
			compiling.Unlock()
		}
	}
	compared := 0
	for _, path := range glob(t, filepath.Join(dist, "*")) {
		first, err := os.ReadFile(filepath.Join(distOf(older), filepath.Base(path)))
		if err != nil {
			t.Error(err)
			continue
		}
		if compared++; !bytes.Equal(first, []byte(read(t, path))) {
			t.Errorf("%s differs from build to build", filepath.Base(path))
		}
	}
	if compared != 6 { // program, SBOM, notices, three packages
		t.Errorf("%d files were compared", compared)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", nil, "go", "env", name))
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheProgramForTheOtherArchitectureRuns starts it under qemu, and runs a job of one row.
func TestTheProgramForTheOtherArchitectureRuns(t *testing.T) {
	asked(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("this machine is one itself")
	}
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		t.Fatal("qemu-user-static is not installed")
	}
	arm := program(t, older, "arm64")
	has(t, run(t, ".", nil, qemu, arm, "version"), "seikan "+older, "linux/arm64")
	job := filepath.Join(t.TempDir(), "one.conf")
	if err := os.WriteFile(job, []byte(`
env { job.mode = BATCH }
source { FakeSource { row.num = 1, schema { fields { id = bigint, name = string } } } }
sink { LocalFile { path = "${out}", tmp_path = "${out}.tmp", file_format_type = parquet } }`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	run(t, ".", []string{"SEIKAN_STATE_DIR=" + t.TempDir()}, qemu, arm, "run", job, "-i", "out="+out)
	if files := glob(t, out+"/*.parquet"); len(files) != 1 {
		t.Errorf("it wrote %v", files)
	}
}
