package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"seikan/db/state"
	"seikan/engine/job"
)

func TestSavedStateFitsTheSamePluginsAtTheSamePlaces(t *testing.T) {
	t.Parallel()
	const before = `{"env": {}, "source": [{"plugin_name": "Jdbc", "query": "a"}, {"plugin_name": "FakeSource"}], "sink": [{"plugin_name": "Console"}]}`
	for name, c := range map[string]struct {
		after         string
		misfit, notes string
	}{
		"the same":            {before, "", ""},
		"another case":        {strings.Replace(before, "Jdbc", "jdbc", 1), "", "options of source 1"},
		"a source's options":  {strings.Replace(before, `"a"`, `"b"`, 1), "", "the options of source 1, Jdbc, changed"},
		"a source more":       {strings.Replace(before, `{"plugin_name": "FakeSource"}`, `{"plugin_name": "FakeSource"}, {"plugin_name": "Jdbc"}`, 1), "", "1 more sources start from the beginning"},
		"a sink more":         {strings.Replace(before, `{"plugin_name": "Console"}`, `{"plugin_name": "Console"}, {"plugin_name": "Jdbc"}`, 1), "", "1 more sinks"},
		"a transform":         {strings.Replace(before, `"sink"`, `"transform": [{"plugin_name": "Copy"}], "sink"`, 1), "", ""},
		"sources exchanged":   {`{"env": {}, "source": [{"plugin_name": "FakeSource"}, {"plugin_name": "Jdbc"}], "sink": [{"plugin_name": "Console"}]}`, "source 1 was Jdbc and is FakeSource", ""},
		"a source less":       {`{"env": {}, "source": [{"plugin_name": "Jdbc", "query": "a"}], "sink": [{"plugin_name": "Console"}]}`, "source 2, FakeSource, is gone", ""},
		"another sink":        {strings.Replace(before, "Console", "Jdbc", 1), "sink 1 was Console and is Jdbc", ""},
		"a sink in the front": {strings.Replace(before, `[{"plugin_name": "Console"}`, `[{"plugin_name": "Jdbc"}, {"plugin_name": "Console"}`, 1), "sink 1 was Console and is Jdbc", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, err := job.Parse("job.json", []byte(before), job.Options{Raw: true})
			if err != nil {
				t.Fatal(err)
			}
			file, err := job.Parse("job.json", []byte(c.after), job.Options{Raw: true})
			if err != nil {
				t.Fatal(err)
			}
			misfits, notes := Fit(old, file)
			got, said := strings.Join(misfits, "; "), strings.Join(notes, "; ")
			if !strings.Contains(got, c.misfit) || c.misfit == "" && got != "" {
				t.Errorf("misfits: %q", got)
			}
			if !strings.Contains(said, c.notes) || c.notes == "" && c.misfit == "" && said != "" {
				t.Errorf("notes: %q", said)
			}
		})
	}
}

// TestAChangedFileThatDoesNotFitIsRefusedByTheNode: whoever restores, also over REST, hears of it.
func TestAChangedFileThatDoesNotFitIsRefusedByTheNode(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	s := c.nodes[0]
	const text = `env { job.mode = STREAMING, checkpoint.interval = 100 }
source { FakeSource { row.num = 5, split.read-interval = 100, schema { fields { id = bigint } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 0 } ] } } }`
	j, err := s.Submit(t.Context(), ClusterJob{Text: text, Format: "hocon"})
	if err != nil {
		t.Fatal(err)
	}
	status := func(want state.Status) func() bool {
		return func() bool {
			row, err := s.jobs.Job(t.Context(), j.ID)
			return err == nil && row.Status == want
		}
	}
	c.wait("the job runs", 30*time.Second, status(state.Running))
	if _, err := s.Wish(t.Context(), j.ID, state.WantSavepoint); err != nil {
		t.Fatal(err)
	}
	c.wait("the savepoint is there", 30*time.Second, status(state.SavepointDone))
	other := strings.Replace(text, "source {", "source { LocalFile { path = /tmp, file_format_type = json }\n", 1)
	changed := ClusterJob{Text: other, Format: "hocon", ID: j.ID, Restore: true}
	if _, err := s.Submit(t.Context(), changed); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "source 1 was FakeSource and is LocalFile") {
		t.Errorf("another source: %v", err)
	}
	if _, err := s.Submit(t.Context(), ClusterJob{Text: text, Format: "hocon", ID: j.ID, Restore: true}); err != nil {
		t.Errorf("the same file: %v", err)
	}
}
