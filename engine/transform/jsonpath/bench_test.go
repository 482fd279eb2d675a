package jsonpath

import (
	"strings"
	"testing"

	"seikan/engine/plugin/plugintest"
	"seikan/engine/transform/transformtest"
)

func BenchmarkThreeColumns(b *testing.B) {
	input := transformtest.Schema(b, "data string")
	tr := transformtest.MustOpen(b, "JsonPath", input, `columns = [
  { src_field = data, path = "$.user.name", dest_field = name }, { src_field = data, path = "$.user.age", dest_field = age, dest_type = int }, { src_field = data, path = "$.tags[0]", dest_field = tag } ]`)
	const row = `{"data": "{\"id\": 12345, \"user\": {\"name\": \"ann lee\", \"age\": 42}, \"tags\": [\"x\", \"y\"], \"text\": \"some words to step over\"}"}`
	in := transformtest.Batch(b, input, "["+strings.Repeat(row+",", 4095)+row+"]")
	task := plugintest.Task(b, 1)
	for b.Loop() {
		out, err := tr.Apply(b.Context(), task, in)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
	b.ReportMetric(float64(4096*b.N)/b.Elapsed().Seconds(), "rows/s")
}
