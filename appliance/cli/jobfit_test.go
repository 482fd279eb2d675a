package cli

import (
	"strings"
	"testing"

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
			misfits, notes := fit(old, file)
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
