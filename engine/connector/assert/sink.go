package assert

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type sink struct {
	schema *record.Schema
	rules  rules
}

func open(_ context.Context, job plugin.Job, table *record.Schema, opts *option.Values) (plugin.Sink, error) {
	all := opts.Object("rules")
	if len(opts.Tree("rules").Fields) == 0 {
		return nil, opts.Problem("rules", "row_rules, field_rules, catalog_table_rule, tables_configs or table-names", "there is no rule")
	}
	if err := checkTables(all, job.Tables); err != nil {
		return nil, err
	}
	mine := all
	for _, t := range all.Objects("tables_configs") {
		path := t.String("table_path")
		if path == table.Table() {
			mine = t
		} else if len(job.Tables) > 0 && !slices.Contains(job.Tables, path) {
			return nil, t.Problem("table_path", "one of "+strings.Join(job.Tables, ", "), "no table %q arrives here, so its rules would never be checked", path)
		}
	}
	if err := checkCatalog(mine.Object("catalog_table_rule"), table); err != nil {
		return nil, err
	}
	r, err := parseRules(mine, table)
	if err != nil {
		return nil, err
	}
	return &sink{schema: table, rules: r}, nil
}

// checkTables compares the tables that arrive with those that must.
func checkTables(opts *option.Values, tables []string) error {
	if !opts.Given("table-names") || len(tables) == 0 {
		return nil
	}
	want, have := slices.Clone(opts.List("table-names")), slices.Clone(tables)
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(slices.Compact(want), slices.Compact(have)) {
		return opts.Problem("table-names", "exactly these tables", "the tables that arrive are %s", strings.Join(have, ", "))
	}
	return nil
}

func (s *sink) Writer(_ context.Context, task plugin.Task, states []plugin.State) (plugin.Writer, error) {
	w := &writer{sink: s, subtask: task.Subtask, replica: task.Replica}
	for _, state := range states {
		var saved tally
		if err := json.Unmarshal(state.Data, &saved); err != nil {
			return nil, fmt.Errorf("reading the row count of table %s from the checkpoint: %w", s.schema.Table(), err)
		}
		w.rows += saved.Rows
	}
	return w, nil
}

func (s *sink) Committer(context.Context, plugin.Task) (plugin.Committer, error) {
	return committer{s}, nil
}

// tally is a writer's count of rows at a barrier.
type tally struct {
	Rows       int64              `json:"rows"`
	Subtask    int                `json:"subtask"`
	Replica    int                `json:"replica,omitempty"`
	Checkpoint int64              `json:"checkpoint"`
	Kind       record.BarrierKind `json:"kind"`
}

type writer struct {
	*sink
	subtask, replica int
	rows             int64
}

func (w *writer) Write(_ context.Context, b *record.Batch) error {
	if b.Rows() == 0 { // the end of a split
		return nil
	}
	w.rows += int64(b.Rows())
	if err := w.rules.most(w.rows); err != nil {
		return failed("table %s has %d rows or more, in subtask %d alone; failed rule: %w", w.schema.Table(), w.rows, w.subtask, err)
	}
	for _, f := range w.rules.fields {
		i := b.Schema.Index(f.name)
		if i < 0 {
			return failed("table %s no longer has the column %q", w.schema.Table(), f.name)
		}
		if row := f.check(b.Data.Column(i)); row >= 0 {
			return failed("row: %s, failed rule: %s", rowText(b, row), f.text)
		}
	}
	return nil
}

func (w *writer) Prepare(_ context.Context, barrier record.Barrier) (plugin.Prepared, error) {
	data, err := json.Marshal(tally{Rows: w.rows, Subtask: w.subtask, Replica: w.replica, Checkpoint: barrier.Checkpoint, Kind: barrier.Kind})
	if err != nil {
		return plugin.Prepared{}, fmt.Errorf("saving the row count of table %s: %w", w.schema.Table(), err)
	}
	state := plugin.State{Version: 1, Data: data}
	return plugin.Prepared{Commits: []plugin.State{state}, Writer: state}, nil
}

func (w *writer) Close() error { return nil }

// committer judges the number of rows of all writers at the end of the job.
type committer struct{ *sink }

func (c committer) Commit(_ context.Context, commits []plugin.State) error {
	type place struct{ subtask, replica int }
	final := map[place]tally{}
	for _, state := range commits {
		var t tally
		if err := json.Unmarshal(state.Data, &t); err != nil {
			return fmt.Errorf("reading a row count of table %s: %w", c.schema.Table(), err)
		}
		at := place{t.Subtask, t.Replica}
		if t.Kind == record.CompletedPoint && t.Checkpoint >= final[at].Checkpoint {
			final[at] = t
		}
	}
	if len(final) == 0 {
		return nil
	}
	var rows int64
	for _, t := range final {
		rows += t.Rows
	}
	if err := c.rules.count(rows); err != nil {
		return failed("table %s has %d rows in all; failed rule: %w", c.schema.Table(), rows, err)
	}
	return nil
}

func (c committer) Recover(ctx context.Context, pending []plugin.State) error {
	return c.Commit(ctx, pending)
}

func (c committer) Close() error { return nil }

// failed is the error of a rule that does not hold. Trying again cannot help.
func failed(format string, args ...any) error {
	return plugin.Permanent(fmt.Errorf("ErrorCode:[ASSERT-01], ErrorDescription:[Rule validate failed] - "+format, args...))
}
