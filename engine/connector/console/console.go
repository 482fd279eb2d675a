// Package console is the Console sink: it writes each row as a line of the log.
package console

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func init() {
	plugin.RegisterSink(&plugin.SinkFactory{
		Spec: spec, MultiTable: true, New: open,
		Guarantee: func(*option.Values) plugin.Guarantee { return plugin.Repeats },
	})
}

const maxDelay = 1 << 31 // milliseconds, 24 days

var spec = &option.Spec{
	Name:    "Console",
	Summary: "Writes each row as a line of the log.",
	Doc: "Rows are numbered from 1 in each subtask. A null column prints as empty text, a null inside an array or a nested " +
		"row as `null`; arrays, bytes (as numbers) and nested rows print as `[a, b]`, maps as JSON. The line's level is INFO.",
	Options: []option.Option{
		{Key: "log.print.data", Type: option.Bool, Default: true, Doc: "Whether rows are printed; false only counts them, for measuring sources."},
		{Key: "log.print.delay.ms", Type: option.Int, Default: int64(0), Min: 0, Max: maxDelay, Doc: "Pause after each row, in milliseconds."},
	},
	Example: `Console { plugin_input = "fake" }`,
}

type sink struct {
	schema *record.Schema
	print  bool
	delay  time.Duration
}

func open(_ context.Context, _ plugin.Job, table *record.Schema, opts *option.Values) (plugin.Sink, error) {
	return &sink{schema: table, print: opts.Bool("log.print.data"), delay: time.Duration(opts.Int("log.print.delay.ms")) * time.Millisecond}, nil
}

func (s *sink) Writer(ctx context.Context, task plugin.Task, _ []plugin.State) (plugin.Writer, error) {
	w := &writer{sink: s, log: task.Log, subtask: task.Subtask}
	w.follow(s.schema)
	w.log.InfoContext(ctx, "output rowType: "+rowType(s.schema))
	return w, nil
}

func (s *sink) Committer(context.Context, plugin.Task) (plugin.Committer, error) { return nil, nil }

type writer struct {
	*sink
	log     *slog.Logger
	subtask int
	rows    int64 // printed or skipped so far
	cells   []cell
	head    string // the line up to the row's kind
	line    []byte
}

// follow prepares the printing of a schema's rows.
func (w *writer) follow(schema *record.Schema) {
	w.cells = make([]cell, len(schema.Columns))
	for i, c := range schema.Columns {
		w.cells[i] = cellOf(c.Type)
	}
	w.head = ":  SeaTunnelRow#tableId=" + schema.Table() + " SeaTunnelRow#kind="
}

func (w *writer) Write(ctx context.Context, b *record.Batch) error {
	if w.delay == 0 && (!w.print || !w.log.Enabled(ctx, slog.LevelInfo)) {
		w.rows += int64(b.Rows())
		return nil
	}
	for row := range b.Rows() {
		w.rows++
		if w.print {
			w.log.InfoContext(ctx, w.format(b, row))
		}
		if err := pause(ctx, w.delay); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) format(b *record.Batch, row int) string {
	line := append(w.line[:0], "subtaskIndex="...)
	line = strconv.AppendInt(line, int64(w.subtask), 10)
	line = append(line, "  rowIndex="...)
	line = strconv.AppendInt(line, w.rows, 10)
	line = append(line, w.head...)
	line = append(line, b.Kind(row).String()...)
	line = append(line, " : "...)
	for i, c := range w.cells {
		if i > 0 {
			line = append(line, ", "...)
		}
		if col := b.Data.Column(i); !col.IsNull(row) {
			line = c(line, col, row)
		}
	}
	w.line = line
	return string(line)
}

func (w *writer) ChangeSchema(ctx context.Context, change *record.SchemaChange) error {
	w.log.InfoContext(ctx, "changed rowType before: "+rowType(change.Before))
	w.log.InfoContext(ctx, "changed rowType after: "+rowType(change.After))
	w.follow(change.After)
	return nil
}

func (w *writer) Prepare(context.Context, record.Barrier) (plugin.Prepared, error) {
	return plugin.Prepared{}, nil
}

func (w *writer) Close() error { return nil }

// rowType writes a schema as `id<BIGINT>, name<STRING>`.
func rowType(schema *record.Schema) string {
	var text []byte
	for i, c := range schema.Columns {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, c.Name+"<"+c.Type.String()+">"...)
	}
	return string(text)
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
