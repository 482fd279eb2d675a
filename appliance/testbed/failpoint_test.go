package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seikan/engine/fault"
)

// TestAKillAtEveryDurableStepLosesAndDoublesNothing kills the process at each named point, at its
// first and at its third passing, then goes on with --restore, and counts. (P1, P2)
func TestAKillAtEveryDurableStepLosesAndDoublesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("kills by the dozen: not for quick tests")
	}
	bin := Failpoints(t)
	for name, to := range map[string]target{"file": fileTarget(), "sqlite": sqliteTarget()} {
		for _, point := range fault.Points {
			for _, nth := range []int{0, 2} {
				t.Run(fmt.Sprintf("%s/%s:%d", name, point, nth), func(t *testing.T) {
					t.Parallel()
					failAt(t, bin, to, fmt.Sprintf("%s:%d", point, nth))
				})
			}
		}
	}
}

func failAt(t *testing.T, bin string, to target, point string) {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	writeInput(t, in)
	conf := filepath.Join(dir, "job.conf")
	// Without a rate limit: the points decide where it stops, not the clock.
	text := strings.Replace(fmt.Sprintf(ledgerJob, in, to.sink(dir)), ", read_limit.rows_per_second = 20000", ", read_limit.rows_per_second = 100000", 1)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const id = "871234567890123456"
	run := func(failpoint string, args ...string) (string, error) {
		c := exec.Command(bin, args...)
		c.Env = append(os.Environ(), "SEIKAN_STATE_DIR="+filepath.Join(dir, "state"), "SEIKAN_FAILPOINT="+failpoint)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := run(point, "run", conf, "--job-id", id)
	for try := 0; err != nil && try < 3; try++ {
		again := ""
		if try == 0 && strings.HasPrefix(point, "recover") { // met by a restore alone
			again = point
		}
		out, err = run(again, "run", conf, "--restore", id)
		if strings.Contains(out, "it has FINISHED") {
			err = nil
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	count(t, to, dir, point)
}
