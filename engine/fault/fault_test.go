package fault_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seikan/engine/fault"
)

// TestEveryPointIsListedAndPassedSomewhere reads the source: a point that is not listed is never
// killed at, and one that nothing passes is a gap in what is tested.
func TestEveryPointIsListedAndPassedSomewhere(t *testing.T) {
	t.Parallel()
	call := regexp.MustCompile(`fault\.Point\("([^"]+)"\)`)
	passed := map[string]bool{}
	for _, dir := range []string{"../../engine", "../../appliance", "../../db"} {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range call.FindAllSubmatch(text, -1) {
				passed[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	listed := slices.Concat(fault.Points, fault.MasterPoints)
	for _, p := range listed {
		if !passed[p] {
			t.Errorf("%s is listed and nothing passes it", p)
		}
	}
	for p := range passed {
		if !slices.Contains(listed, p) {
			t.Errorf("%s is passed and not listed", p)
		}
	}
}
