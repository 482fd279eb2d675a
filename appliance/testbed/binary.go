// Package testbed starts the real program, and later real servers and clusters, for tests.
package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Tags of the builds, those of the Makefile: what is compiled there is not compiled again here.
const Tags = "osusergo,netgo"

var (
	build          = sync.OnceValues(func() (string, error) { return compile("", "seikan", Tags) })
	withFailpoints = sync.OnceValues(func() (string, error) { return compile("", "seikan-failpoints", Tags+",failpoints") })
)

// compile builds the program in a source tree; "" is this one.
func compile(tree, name, tags string) (string, error) {
	dir, err := os.MkdirTemp("", "seikan-testbed-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, name)
	c := exec.Command("go", "build", "-trimpath", "-tags", tags, "-o", bin, "seikan/appliance")
	c.Dir = tree
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return bin, nil
}

// Seikan returns the path of the program, built once a test binary. SEIKAN_BIN names another.
func Seikan(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("SEIKAN_BIN"); bin != "" {
		return bin
	}
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Failpoints returns the path of the program with failpoints, built once a test binary.
func Failpoints(t testing.TB) string {
	t.Helper()
	bin, err := withFailpoints()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Command prepares a run of the program with a state directory of its own.
func Command(t testing.TB, state string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(Seikan(t), args...)
	c.Env = append(os.Environ(), "SEIKAN_STATE_DIR="+state)
	return c
}
