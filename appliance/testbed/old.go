package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// At returns the path of the program built from an earlier commit, kept in the user's cache. It
// skips the test where the history does not have it: a source archive, a shallow clone.
func At(t testing.TB, commit string) string {
	t.Helper()
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil || exec.Command("git", "cat-file", "-e", commit+"^{commit}").Run() != nil {
		t.Skipf("the history does not have commit %s", commit)
	}
	bin, err := buildAt(string(top[:len(top)-1]), commit)
	if err != nil {
		t.Fatalf("build commit %s: %v", commit, err)
	}
	return bin
}

func buildAt(top, commit string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(cache, "seikan-testbed", commit, "seikan")
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	tree, err := os.MkdirTemp("", "seikan-testbed-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tree)
	if out, err := exec.Command("sh", "-c", `git -C "$1" archive "$2" | tar -x -C "$3"`, "sh", top, commit, tree).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	bin, err := compile(tree, "seikan", Tags)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(filepath.Dir(bin))
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return "", err
	}
	// The cache may be on another file system: a copy under another name, then a rename.
	text, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	part, err := os.CreateTemp(filepath.Dir(kept), "new-")
	if err != nil {
		return "", err
	}
	defer os.Remove(part.Name())
	if _, err := part.Write(text); err != nil {
		return "", err
	}
	if err := part.Chmod(0o755); err != nil {
		return "", err
	}
	if err := part.Close(); err != nil {
		return "", err
	}
	return kept, os.Rename(part.Name(), kept)
}
