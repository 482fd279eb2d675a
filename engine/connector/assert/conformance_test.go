package assert

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// watched is an Assert sink that remembers the rows that passed.
type watched struct {
	plugin.Sink
	names *[]string
}

func (s watched) Writer(ctx context.Context, task plugin.Task, states []plugin.State) (plugin.Writer, error) {
	w, err := s.Sink.Writer(ctx, task, states)
	return watchedWriter{w, s.names}, err
}

type watchedWriter struct {
	plugin.Writer
	names *[]string
}

func (w watchedWriter) Write(ctx context.Context, b *record.Batch) error {
	if err := w.Writer.Write(ctx, b); err != nil {
		return err
	}
	for i := range b.Rows() {
		*w.names = append(*w.names, b.Data.Column(1).(*array.String).Value(i))
	}
	return nil
}

func TestConformance(t *testing.T) {
	t.Parallel()
	plugintest.Sink(t, func(t *testing.T) plugintest.SinkCase {
		var names []string
		return plugintest.SinkCase{
			New: func(t *testing.T) plugin.Sink {
				sink, err := newSink(t, plugin.Job{}, plugintest.Schema(), `rules {
  row_rules = [ { rule_type = MAX_ROW, rule_value = 11 } ]
  field_rules = [ { field_name = name, field_type = string, field_value = [ { rule_type = NOT_NULL }, { rule_type = MIN_LENGTH, rule_value = 6 } ] } ]
  catalog_table_rule { primary_key_rule { primary_key_name = pk, primary_key_columns = [id] } } }`)
				if err != nil {
					t.Fatal(err)
				}
				return watched{sink, &names}
			},
			Names: func(*testing.T) []string { return names },
		}
	})
}
