package storagetest

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"testing"
)

// Part returns the variables that the start script of a real server exports. Without them the
// test is skipped, and fails where CI_PARTS=1 says that the server ought to run.
func Part(t testing.TB, part string, variables ...string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, name := range variables {
		values[name] = os.Getenv(name)
		if values[name] != "" {
			continue
		}
		const how = "part %s is not running: eval \"$(appliance/testbed/parts/%s.sh)\" (%s is not set)"
		if os.Getenv("CI_PARTS") == "1" {
			t.Fatalf(how, part, part, name)
		}
		t.Skipf(how, part, part, name)
	}
	return values
}

// Folder is a name nobody else uses.
func Folder() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "test-" + hex.EncodeToString(b[:])
}
