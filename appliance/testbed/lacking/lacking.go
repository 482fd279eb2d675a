// Package lacking is what tests do when the machine lacks something they need: a named skip on
// a laptop, a failure in CI.
package lacking

import (
	"os"
	"testing"
)

// Skip ends the test: skipped, or failed where CI is set.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
