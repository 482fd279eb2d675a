package plan_test

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seikan/engine/job"
	"seikan/engine/plan"
)

// TestCheckRefusesNothingThatBuildAccepts runs both over testdata: what Check says must be
// something that Build says, too.
func TestCheckRefusesNothingThatBuildAccepts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no job files: %v", err)
	}
	refused := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parse := func() *job.File {
			f, err := job.Parse(filepath.Base(name), text, job.Options{ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }})
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		problem := plan.Check(parse())
		if problem == nil {
			continue
		}
		refused++
		if _, err := plan.Build(t.Context(), parse(), "", slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: Check refuses what Build accepts: %v", name, problem)
		}
	}
	if refused == 0 {
		t.Error("Check found nothing wrong in any file")
	}
}

func TestCheckFindsUnknownPluginsAndOptionsWithoutConnecting(t *testing.T) {
	t.Parallel()
	f, err := job.Parse("job.conf", []byte(`env { }
source { Jdbc { url = "jdbc:postgresql://192.0.2.1/x", query = "select 1", driver = "org.postgresql.Driver" } }
sink { Consol { } }`), job.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Check(f); err == nil || !strings.Contains(err.Error(), `no sink called "Consol"`) {
		t.Errorf("%v", err)
	}
}
