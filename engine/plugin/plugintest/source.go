package plugintest

import (
	"context"
	"slices"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// SourceCase is a bounded source over data that stays the same while the suite runs.
type SourceCase struct {
	// New makes a fresh source over the same data.
	New func(t *testing.T) plugin.Source
	// Rows is how many rows there are, over all tables.
	Rows int
	// Parallelism of the tasks, 1 when zero.
	Parallelism int
}

// Source runs the suite for sources.
func Source(t *testing.T, c SourceCase) {
	c.Parallelism = max(c.Parallelism, 1)
	t.Run("EverySchemaMatchesItsBatches", func(t *testing.T) { c.schemas(t) })
	t.Run("SplitsHaveTheSameIDsAgain", func(t *testing.T) { c.stable(t) })
	t.Run("EveryRowComesOnceAndPositionsJoin", func(t *testing.T) { c.once(t) })
	t.Run("ReadingGoesOnFromEveryPosition", func(t *testing.T) { c.resume(t) })
	t.Run("AnEnumeratorGoesOnFromItsSnapshot", func(t *testing.T) { c.enumerator(t) })
	t.Run("ACancelledContextEndsPoll", func(t *testing.T) { c.cancel(t) })
}

func (c SourceCase) task(t *testing.T) plugin.Task {
	task := Task(t, 1)
	task.Parallelism = c.Parallelism
	return task
}

func (c SourceCase) splits(t *testing.T, s plugin.Source, state *plugin.State) ([]plugin.Split, plugin.State) {
	t.Helper()
	e, err := s.Enumerator(t.Context(), c.task(t), state)
	if err != nil {
		t.Fatalf("enumerator: %v", err)
	}
	defer closing(t, e)
	var out []plugin.Split
	for {
		d, err := e.Discover(t.Context())
		if err != nil {
			t.Fatalf("discover: %v", err)
		}
		out = append(out, d.Splits...)
		if d.Done || d.Again > 0 && len(d.Splits) == 0 {
			break
		}
	}
	st, err := e.Snapshot()
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	return out, st
}

// seam is the end of a batch: its position, and how many rows came before it.
type seam struct {
	at   record.Position
	rows int
}

// read reads one split from its position to its end.
func (c SourceCase) read(t *testing.T, s plugin.Source, split plugin.Split) (rows []string, ends []seam) {
	t.Helper()
	task := c.task(t)
	if split.Owner > 0 {
		task.Subtask = (split.Owner - 1) % c.Parallelism
	}
	r, err := s.Reader(t.Context(), task)
	if err != nil {
		t.Fatalf("reader: %v", err)
	}
	defer closing(t, r)
	if err := r.Add(t.Context(), split); err != nil {
		t.Fatalf("add split %s: %v", split.ID, err)
	}
	at := split.At
	for !at.Done {
		e, err := r.Poll(t.Context())
		if err != nil {
			t.Fatalf("poll split %s after row %d: %v", split.ID, at.Rows, err)
		}
		b := e.Batch
		if b == nil {
			continue
		}
		if b.Split != split.ID {
			t.Fatalf("a batch of split %q came, only %q was added", b.Split, split.ID)
		}
		if b.From.Rows != at.Rows || b.To.Rows < b.From.Rows || b.To.Rows-b.From.Rows < int64(b.Rows()) {
			t.Fatalf("split %s: a batch of %d rows from %d to %d follows position %d", split.ID, b.Rows(), b.From.Rows, b.To.Rows, at.Rows)
		}
		if b.Rows() > 0 {
			c.check(t, s, b)
			rows = append(rows, Rows(b)...)
		}
		at = b.To
		ends = append(ends, seam{at, len(rows)})
		b.Release()
	}
	return rows, ends
}

func (c SourceCase) check(t *testing.T, s plugin.Source, b *record.Batch) {
	t.Helper()
	i := slices.IndexFunc(s.Tables(), func(o *record.Schema) bool { return o.Table() == b.Schema.Table() })
	if i < 0 {
		t.Fatalf("a batch of table %q, which the source does not name", b.Schema.Table())
	}
	if !b.Data.Schema().Equal(s.Tables()[i].Arrow()) {
		t.Fatalf("table %s: batch has %s, the schema says %s", b.Schema.Table(), b.Data.Schema(), s.Tables()[i].Arrow())
	}
	if b.Kinds != nil && len(b.Kinds) != b.Rows() {
		t.Fatalf("%d kinds for %d rows", len(b.Kinds), b.Rows())
	}
	if b.Bytes <= 0 && b.Data.NumCols() > 0 {
		t.Fatalf("a batch of %d rows says it has %d bytes", b.Rows(), b.Bytes)
	}
}

func (c SourceCase) schemas(t *testing.T) {
	s := c.New(t)
	if len(s.Tables()) == 0 {
		t.Fatal("the source names no table")
	}
	for _, table := range s.Tables() {
		for _, col := range table.Columns {
			if col.Name == "" {
				t.Errorf("table %q has a column without a name", table.Table())
			}
		}
	}
}

func (c SourceCase) stable(t *testing.T) {
	a, _ := c.splits(t, c.New(t), nil)
	b, _ := c.splits(t, c.New(t), nil)
	if !slices.EqualFunc(a, b, func(x, y plugin.Split) bool { return x.ID == y.ID }) {
		t.Fatalf("splits differ between two runs:\n%v\n%v", ids(a), ids(b))
	}
	seen := map[string]bool{}
	for _, s := range a {
		if s.ID == "" || seen[s.ID] {
			t.Fatalf("split id %q is empty or comes twice", s.ID)
		}
		seen[s.ID] = true
	}
}

func (c SourceCase) once(t *testing.T) {
	s := c.New(t)
	splits, _ := c.splits(t, s, nil)
	n := 0
	for _, split := range splits {
		rows, _ := c.read(t, s, split)
		n += len(rows)
	}
	if n != c.Rows {
		t.Fatalf("%d rows in %d splits, want %d", n, len(splits), c.Rows)
	}
}

func (c SourceCase) resume(t *testing.T) {
	s := c.New(t)
	if !s.Traits().Replayable {
		t.Skip("the source's rows are not a function of the position")
	}
	splits, _ := c.splits(t, s, nil)
	for _, split := range splits {
		whole, ends := c.read(t, s, split)
		for i, e := range ends {
			if e.at.Done || i > 3 && i < len(ends)-3 { // the first and the last are where it goes wrong
				continue
			}
			part := split
			part.At = e.at
			if rest, _ := c.read(t, c.New(t), part); !slices.Equal(rest, whole[e.rows:]) {
				t.Fatalf("split %s from row %d: %d rows follow, in one go it was %d, or they differ", split.ID, e.at.Rows, len(rest), len(whole)-e.rows)
			}
		}
	}
}

func (c SourceCase) enumerator(t *testing.T) {
	first, state := c.splits(t, c.New(t), nil)
	again, _ := c.splits(t, c.New(t), &state)
	for _, s := range again {
		if slices.Contains(ids(first), s.ID) {
			t.Fatalf("split %s was handed out before the snapshot and comes again", s.ID)
		}
	}
}

func (c SourceCase) cancel(t *testing.T) {
	s := c.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Reader(ctx, c.task(t))
	if err != nil {
		t.Fatalf("reader: %v", err)
	}
	defer closing(t, r)
	splits, _ := c.splits(t, s, nil)
	for _, split := range splits {
		if err := r.Add(ctx, split); err != nil {
			t.Fatalf("add: %v", err)
		}
	}
	cancel()
	for range 100000 { // what is buffered may come; an error or silence must follow
		e, err := r.Poll(ctx)
		if err != nil {
			return
		}
		if e.Batch == nil {
			return
		}
		done := e.Batch.To.Done
		e.Batch.Release()
		if done {
			return
		}
	}
	t.Fatal("Poll goes on after its context ended")
}

func ids(splits []plugin.Split) []string {
	out := make([]string, len(splits))
	for i, s := range splits {
		out[i] = s.ID
	}
	return out
}

func closing(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
