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

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "seikan-testbed-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "seikan")
	c := exec.Command("go", "build", "-o", bin, "seikan/appliance")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build seikan: %w\n%s", err, out)
	}
	return bin, nil
})

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

// Command prepares a run of the program with a state directory of its own.
func Command(t testing.TB, state string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(Seikan(t), args...)
	c.Env = append(os.Environ(), "SEIKAN_STATE_DIR="+state)
	return c
}
