package fakesource

import (
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	plugintest.Source(t, plugintest.SourceCase{
		New: func(t *testing.T) plugin.Source {
			return mustParse(t, plugin.Job{Parallelism: 2}, `tables_configs = [
  { schema { table = db.made, fields { id = bigint, name = string, ok = boolean } }, row.num = 9000, split.num = 2 }
  { schema { table = db.written, fields { id = int } }, rows = [ { kind = INSERT, fields = [1] }, { kind = DELETE, fields = [2] } ] }
]`)
		},
		Rows: 2*9000 + 2*2, Parallelism: 2,
	})
}
