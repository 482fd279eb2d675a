package test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The upgrade goes from one to the other.
const older, newer = "0.1.0", "0.1.1"

// wanted says that the machines are to be booted: `make packages-test` sets it.
func wanted() bool { return os.Getenv("SEIKAN_PACKAGING") != "" }

// asked skips what is slow unless it is asked for.
func asked(t *testing.T) {
	t.Helper()
	if !wanted() {
		t.Skip("make packages-test builds packages and tries them in machines with a systemd")
	}
	if os.Getuid() != 0 {
		t.Fatal("booting a systemd needs root")
	}
	t.Parallel()
}

func TestMain(m *testing.M) {
	if !wanted() {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "seikan-packages-") // not below a test's own: other users must be able to enter it
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workshop.dir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// workshop makes everything once, for all tests.
var workshop = struct {
	sync.Mutex
	dir   string
	steps map[string]*sync.Once
}{steps: map[string]*sync.Once{}}

// once does a step of the work once; who comes later waits for it.
func once(name string, do func()) {
	workshop.Lock()
	step := workshop.steps[name]
	if step == nil {
		step = &sync.Once{}
		workshop.steps[name] = step
	}
	workshop.Unlock()
	step.Do(do)
}

// script runs packaging/build.sh for a version.
func script(t *testing.T, from, version string, env []string, args ...string) {
	t.Helper()
	began := time.Now()
	run(t, from, append([]string{"VERSION=" + version, "COMMIT=test", "SOURCE_DATE_EPOCH=1700000000", "DIST=" + distOf(version),
		"TOOLS=" + abs(t, tools)}, env...), "packaging/build.sh", args...)
	t.Logf("build.sh %v of %s: %s", args, version, time.Since(began).Round(100*time.Millisecond))
}

// tools are kept from run to run, where make has them.
const tools = "../../build/tools"

func abs(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func distOf(version string) string { return filepath.Join(workshop.dir, version) }

// program builds the static program of a version. One at a time: the second finds its packages
// compiled.
func program(t *testing.T, version, arch string) string {
	t.Helper()
	once("program "+version+arch, func() {
		compiling.Lock()
		defer compiling.Unlock()
		script(t, root, version, nil, "static", arch)
	})
	return filepath.Join(distOf(version), "seikan-linux-"+arch)
}

var compiling sync.Mutex

// build makes one kind of package of a version for this architecture and returns its path.
func build(t *testing.T, kind, version string) string {
	t.Helper()
	program(t, version, runtime.GOARCH)
	once("sbom "+version, func() { script(t, root, version, nil, "sbom", runtime.GOARCH) })
	once("tools", func() { script(t, root, version, nil, "tools") })
	once(kind+" "+version, func() { script(t, root, version, nil, kind, runtime.GOARCH) })
	pattern := map[string]string{"tarball": "*.tar.gz"}[kind]
	if pattern == "" {
		pattern = "*." + kind
	}
	found, err := filepath.Glob(filepath.Join(distOf(version), pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("build.sh %s made %v, %v", kind, found, err)
	}
	info, err := os.Stat(found[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %.1f MiB", filepath.Base(found[0]), float64(info.Size())/(1<<20))
	if info.Size() > 40<<20 {
		t.Errorf("%s has %d bytes, want 40 MiB or less", found[0], info.Size())
	}
	return found[0]
}
