package assert

import (
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"

	_ "seikan/engine/connector/fakesource"
)

// BenchmarkFakeSourceToAssert counts and checks made-up rows, on one core.
func BenchmarkFakeSourceToAssert(b *testing.B) {
	for name, rules := range map[string]string{
		"count":  "rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 1 } ] }",
		"fields": "rules { field_rules = [ { field_name = id, field_value = [ { rule_type = NOT_NULL }, { rule_type = MIN, rule_value = 0 } ] }, { field_name = name, field_value = [ { rule_type = NOT_NULL }, { rule_type = MIN_LENGTH, rule_value = 5 } ] } ] }",
	} {
		b.Run(name, func(b *testing.B) {
			factory, _ := plugin.FindSource("FakeSource")
			tree, err := hocon.Parse("job.conf", []byte("schema { fields { id = bigint, name = string, age = int } }\nrow.num = 2000000000"), hocon.Options{})
			if err != nil {
				b.Fatal(err)
			}
			opts, _ := factory.Spec.Parse(tree)
			task := plugintest.Task(b, 1)
			source, err := factory.New(b.Context(), plugin.Job{Parallelism: 1}, opts)
			if err != nil {
				b.Fatal(err)
			}
			e, _ := source.Enumerator(b.Context(), task, nil)
			found, _ := e.Discover(b.Context())
			r, _ := source.Reader(b.Context(), task)
			_ = r.Add(b.Context(), found.Splits[0])
			tree, _ = hocon.Parse("job.conf", []byte(rules), hocon.Options{})
			opts, _ = spec.Parse(tree)
			sink, err := open(b.Context(), plugin.Job{}, source.Tables()[0], opts)
			if err != nil {
				b.Fatal(err)
			}
			w, _ := sink.Writer(b.Context(), task, nil)
			rows := 0
			for b.Loop() {
				ev, err := r.Poll(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if err := w.Write(b.Context(), ev.Batch); err != nil {
					b.Fatal(err)
				}
				rows += ev.Batch.Rows()
				ev.Batch.Release()
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
