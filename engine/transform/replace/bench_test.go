package replace

import (
	"strings"
	"testing"

	"seikan/engine/plugin/plugintest"
	"seikan/engine/transform/transformtest"
)

func BenchmarkReplace(b *testing.B) {
	for name, options := range map[string]string{
		"literal": `pattern = " ", replacement = "_"`,
		"regex":   `pattern = "(\\w+) (\\w+)", replacement = "$2 $1", is_regex = true`,
		"nothing": `pattern = "#", replacement = "_"`,
	} {
		b.Run(name, func(b *testing.B) {
			input := transformtest.Schema(b, "id int", "name string")
			tr := transformtest.MustOpen(b, "Replace", input, "replace_field = name\n"+strings.ReplaceAll(options, ", ", "\n"))
			in := transformtest.Batch(b, input, "["+strings.Repeat(`{"id": 1, "name": "one two"},`, 4095)+`{"id": 2}]`)
			task := plugintest.Task(b, 1)
			for b.Loop() {
				out, err := tr.Apply(b.Context(), task, in)
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			b.ReportMetric(float64(4096*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
