package jdbc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// ChangeSchema follows a change of the input table. Every writer of the table calls it; what the
// target has already is left alone. The barrier before the change has made all of them write
// their rows of the old columns.
func (w *writer) ChangeSchema(ctx context.Context, change *record.SchemaChange) error {
	if w.s.own != nil {
		return plugin.Permanent(fmt.Errorf("the columns of table %s changed (%s), which a statement of the job's own cannot follow; use generate_sink_sql, or start the job again with another query",
			w.s.input.Table(), change.Statement))
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	after, err := w.s.with(change)
	if err != nil {
		return err
	}
	alter := func(ctx context.Context) error { return w.alter(ctx, change) }
	if w.s.d.transactionalDDL() {
		err = inTransaction(ctx, w.conn, w.s.d, alter)
	} else {
		err = alter(ctx)
	}
	for name, p := range w.statements { // they name the old columns
		err = errors.Join(err, p.stmt.Close())
		delete(w.statements, name)
	}
	if err != nil {
		return fmt.Errorf("changing the columns of table %s: %w", w.s.table(), err)
	}
	w.s = after
	return nil
}

// with is the sink for the table after a change. Other writers still use s.
func (s *sink) with(change *record.SchemaChange) (*sink, error) {
	out := *s
	out.input, out.columns, out.keys = change.After, nil, nil
	all := make([]int, len(change.After.Columns))
	for i, c := range change.After.Columns {
		out.columns, all[i] = append(out.columns, cased(c.Name, s.ide)), i
	}
	for _, k := range s.keys {
		name := s.input.Columns[k].Name
		for _, c := range change.Changes {
			if c.Kind == record.RenameColumn && c.OldName == name {
				name = c.Column.Name
				break
			}
		}
		i := change.After.Index(name)
		if i < 0 {
			return nil, plugin.Permanent(fmt.Errorf("key column %s of table %s is gone (%s); rows cannot be told apart any more", name, s.input.Table(), change.Statement))
		}
		out.keys = append(out.keys, i)
	}
	return &out, out.supports(all)
}

func (w *writer) alter(ctx context.Context, change *record.SchemaChange) error {
	info, err := w.s.d.describe(ctx, w.conn, w.s.target)
	if err != nil {
		return err
	}
	if info == nil {
		return plugin.Permanent(fmt.Errorf("the table %s is gone", w.s.target))
	}
	names := info.schema.Names()
	at := func(name string) int {
		return slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	for _, c := range change.Changes {
		c.OldName, c.Column.Name = cased(c.OldName, w.s.ide), cased(c.Column.Name, w.s.ide)
		switch old := at(c.OldName); {
		case c.Kind == record.AddColumn && at(c.Column.Name) < 0:
			names = append(names, c.Column.Name)
		case c.Kind == record.DropColumn && old >= 0:
			names = slices.Delete(names, old, old+1)
		case c.Kind == record.RenameColumn && old >= 0:
			names[old] = c.Column.Name
		case c.Kind == record.ModifyColumn:
		default:
			continue // done by another writer
		}
		statement, err := w.s.d.alter(w.s.d.table(w.s.target), c)
		if err != nil {
			return plugin.Permanent(err)
		}
		if statement == "" {
			continue
		}
		if err := w.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
