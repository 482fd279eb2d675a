package fakesource

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type source struct {
	job    plugin.Job
	tables []*table
}

func open(_ context.Context, job plugin.Job, opts *option.Values) (plugin.Source, error) {
	s := &source{job: job}
	blocks := opts.Objects("tables_configs")
	if len(blocks) == 0 {
		if opts.Given("tables_configs") {
			return nil, opts.Problem("tables_configs", "at least one table", "the list is empty")
		}
		blocks = []*option.Values{opts}
	}
	for _, b := range blocks {
		t, err := newTable(b, outputName(opts))
		if err != nil {
			return nil, err
		}
		if s.find(t.schema.Table()) != nil {
			return nil, b.Problem("schema", "another table name", "table %q appears twice", t.schema.Table())
		}
		s.tables = append(s.tables, t)
	}
	return s, nil
}

// outputName is the table's name where the schema gives none.
func outputName(opts *option.Values) string {
	for _, key := range []string{"plugin_output", "result_table_name"} {
		if f := opts.Raw().Lookup(key); f != nil && f.Value.Text != "" {
			return f.Value.Text
		}
	}
	return "fake"
}

func (s *source) find(name string) *table {
	for _, t := range s.tables {
		if t.schema.Table() == name {
			return t
		}
	}
	return nil
}

func (s *source) Tables() []*record.Schema {
	out := make([]*record.Schema, len(s.tables))
	for i, t := range s.tables {
		out[i] = t.schema
	}
	return out
}

func (s *source) Traits() plugin.SourceTraits {
	return plugin.SourceTraits{Unbounded: s.job.Streaming, Replayable: true, Stored: true}
}

func (s *source) Enumerator(_ context.Context, task plugin.Task, state *plugin.State) (plugin.Enumerator, error) {
	return &enumerator{source: s, task: task, planned: state != nil && string(state.Data) == planned}, nil
}

func (s *source) Reader(_ context.Context, task plugin.Task) (plugin.Reader, error) {
	return &reader{source: s, most: int64(task.MaxRows())}, nil
}

// planned is the enumerator's state once it has handed out its splits.
const planned = "planned"

type enumerator struct {
	source  *source
	task    plugin.Task
	planned bool
}

// bounds is a split's Data: all that its rows depend on.
type bounds struct {
	Seed uint64    `json:"seed"`
	Rows int64     `json:"rows"` // -1: the rows written in the job file
	Now  time.Time `json:"now"`  // what CURRENT_TIMESTAMP stands for; its year is that of the dates
}

func (e *enumerator) Discover(context.Context) (plugin.Discovery, error) {
	// A stream never ends; it only has nothing more to give.
	found := plugin.Discovery{Done: !e.source.job.Streaming, Again: 24 * time.Hour}
	if e.planned {
		return found, nil
	}
	for _, t := range e.source.tables {
		for subtask := range e.source.job.Parallelism {
			splits, err := e.splits(t, subtask)
			if err != nil {
				return plugin.Discovery{}, err
			}
			found.Splits = append(found.Splits, splits...)
		}
	}
	e.planned = true
	return found, nil
}

func (e *enumerator) splits(t *table, subtask int) ([]plugin.Split, error) {
	var out []plugin.Split
	add := func(rows int64) error {
		name := t.schema.Table() + "-" + strconv.Itoa(subtask) + "-" + strconv.Itoa(len(out))
		data, err := json.Marshal(bounds{Seed: e.seed(t, name), Rows: rows, Now: e.task.Now().UTC()})
		if err != nil {
			return fmt.Errorf("describing split %s: %w", name, err)
		}
		out = append(out, plugin.Split{ID: name, Table: t.schema.Table(), Data: data, Rows: max(rows, int64(len(t.written))), Owner: subtask + 1})
		return nil
	}
	if t.written != nil {
		return out, add(-1)
	}
	size := (t.rows + t.splits - 1) / t.splits
	for left := t.rows; left > 0; left -= size {
		if err := add(min(size, left)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// seed is the run's unless the job file sets one, so that splits planned again in the same run
// give the same rows; each split has its own.
func (e *enumerator) seed(t *table, split string) uint64 {
	h := fnv.New64a()
	if t.seed != nil {
		fmt.Fprintf(h, "%d", *t.seed)
	} else {
		h.Write([]byte(e.task.RunID))
	}
	h.Write([]byte{0})
	h.Write([]byte(split))
	return mix(h.Sum64())
}

func (e *enumerator) Snapshot() (plugin.State, error) {
	if !e.planned {
		return plugin.State{Version: 1}, nil
	}
	return plugin.State{Version: 1, Data: []byte(planned)}, nil
}

func (e *enumerator) Close() error { return nil }
