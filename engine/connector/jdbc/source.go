package jdbc

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type source struct {
	d      dialect
	c      connection
	tables []*table
	how    splitting
}

func newSource(ctx context.Context, job plugin.Job, opts *option.Values) (plugin.Source, error) {
	c, d, err := connectionOf(opts, false)
	if err != nil {
		return nil, err
	}
	c.log = job.Log
	db, conn, err := connect(ctx, d, c)
	if err != nil {
		return nil, err
	}
	s := &source{d: d, c: c, how: splittingOf(opts)}
	s.c.log = nil // told once
	s.tables, err = tablesOf(ctx, conn, d, opts)
	if err = errors.Join(err, conn.Close(), db.Close()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *source) Tables() []*record.Schema {
	out := make([]*record.Schema, len(s.tables))
	for i, t := range s.tables {
		out[i] = t.schema
	}
	return out
}

// Traits says Replayable when every table is read in a total order. A query without a
// key has none: sorting its whole result first could cost more than reading it.
func (s *source) Traits() plugin.SourceTraits {
	out := plugin.SourceTraits{Replayable: true, Stored: true, NodeBound: s.d.nodeBound(s.c)}
	for _, t := range s.tables {
		if _, total := t.order(); !total {
			out.Replayable = false
		}
	}
	return out
}

func (s *source) find(name string) (*table, error) {
	for _, t := range s.tables {
		if t.schema.Table() == name {
			return t, nil
		}
	}
	return nil, plugin.Permanent(fmt.Errorf("a split of table %q, which the job does not read", name))
}

// enumerator plans one table a call.
type enumerator struct {
	s    *source
	task plugin.Task
	db   *sql.DB
	conn *sql.Conn
	done map[string]bool // tables planned
}

func (s *source) Enumerator(ctx context.Context, task plugin.Task, state *plugin.State) (plugin.Enumerator, error) {
	e := &enumerator{s: s, task: task, done: map[string]bool{}}
	if state != nil {
		var planned []string
		if err := json.Unmarshal(state.Data, &planned); err != nil || state.Version != 1 {
			return nil, fmt.Errorf("reading the state of a Jdbc enumerator, version %d: %w", state.Version, err)
		}
		for _, name := range planned {
			e.done[name] = true
		}
	}
	var err error
	e.db, e.conn, err = connect(ctx, s.d, s.c)
	return e, err
}

func (e *enumerator) Discover(ctx context.Context) (plugin.Discovery, error) {
	for i, t := range e.s.tables {
		name := t.schema.Table()
		if e.done[name] {
			continue
		}
		p := planner{d: e.s.d, conn: e.conn, t: t, how: e.s.how}
		all, rows, err := p.plan(ctx)
		if err != nil {
			return plugin.Discovery{}, fmt.Errorf("splitting table %s: %w", name, err)
		}
		splits, err := t.splits(all, rows)
		if err != nil {
			return plugin.Discovery{}, err
		}
		e.done[name] = true
		return plugin.Discovery{Splits: splits, Done: i == len(e.s.tables)-1}, nil
	}
	return plugin.Discovery{Done: true}, nil
}

func (e *enumerator) Snapshot() (plugin.State, error) {
	planned := make([]string, 0, len(e.done))
	for _, t := range e.s.tables {
		if e.done[t.schema.Table()] {
			planned = append(planned, t.schema.Table())
		}
	}
	data, err := json.Marshal(planned)
	return plugin.State{Version: 1, Data: data}, err
}

func (e *enumerator) Close() error { return errors.Join(e.conn.Close(), e.db.Close()) }

// reader reads splits one by one, each over a connection of its own.
type reader struct {
	plugin.Reader
	s    *source
	task plugin.Task
	db   *sql.DB
}

func (s *source) Reader(_ context.Context, task plugin.Task) (plugin.Reader, error) {
	db, err := s.d.open(s.c)
	if err != nil {
		return nil, err
	}
	r := &reader{s: s, task: task, db: db}
	r.Reader = plugin.OneByOne(r.open)
	return r, nil
}

// Add starts a split without a total order from its beginning: nobody knows which of its
// rows have been read.
func (r *reader) Add(ctx context.Context, split plugin.Split) error {
	t, err := r.s.find(split.Table)
	if err != nil {
		return err
	}
	if _, total := t.order(); !total {
		split.At = record.Position{}
	}
	return r.Reader.Add(ctx, split)
}

func (r *reader) Close() error { return errors.Join(r.Reader.Close(), r.db.Close()) }
