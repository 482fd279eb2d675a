// Package parts finds and starts the real servers that tests run against. Each has a start script
// in this folder.
package parts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"seikan/appliance/testbed/lacking"
)

// Env returns the variables that the start script of a part exports: those of the environment, or
// else of the server that `make parts` has left running. Without a server the test is skipped, and
// fails in CI. Quick tests (-short) are skipped there too: CI starts its servers while they run.
func Env(t testing.TB, part string, variables ...string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, name := range variables {
		values[name] = os.Getenv(name)
		if values[name] == "" {
			values[name] = running(part)[name]
		}
		if values[name] != "" {
			continue
		}
		const how = "the server %s is not running: make parts (%s is not set)"
		if testing.Short() {
			t.Skipf(how, part, name)
		}
		lacking.Skip(t, how, part, name)
	}
	return values
}

var found sync.Map // part -> func() map[string]string

// running asks the start script, once.
func running(part string) map[string]string {
	ask, _ := found.LoadOrStore(part, sync.OnceValue(func() map[string]string {
		out, err := exec.Command(script(part), "env").Output()
		if err != nil {
			return nil // it is not running
		}
		return exports(string(out))
	}))
	return ask.(func() map[string]string)()
}

// script is the start script of a part. Tests run in their package's folder, somewhere below go.mod.
func script(part string) string {
	dir, err := os.Getwd()
	if err != nil {
		panic(fmt.Sprintf("where am I: %v", err))
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	return filepath.Join(dir, "appliance", "testbed", "parts", part+".sh")
}

// exports reads what a script prints. Its values hold no space but that of a command line, which
// no test needs.
func exports(out string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		env[name] = value
	}
	return env
}
