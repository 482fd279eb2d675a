package column

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

func batch(t *testing.T) *record.Batch {
	t.Helper()
	s := (&record.Schema{Path: record.TablePath{Table: "t"}, PrimaryKey: &record.PrimaryKey{Columns: []string{"id"}},
		Columns: []record.Column{{Name: "id", Type: record.Of(record.Int)}, {Name: "name", Type: record.Of(record.String)}}}).Freeze()
	data, _, err := array.RecordFromJSON(memory.DefaultAllocator, s.Arrow(), strings.NewReader(`[{"id": 1, "name": "a"}, {"id": 2, "name": null}, {"id": 3, "name": "c"}]`))
	if err != nil {
		t.Fatal(err)
	}
	b := record.NewBatch(s, data)
	b.Split, b.From, b.To = "s", record.Position{Rows: 10}, record.Position{Rows: 13}
	b.Kinds = []record.RowKind{record.Insert, record.UpdateAfter, record.Delete}
	return b
}

func TestAddedColumnsAreOverwrittenInPlaceOrAppendedInOrder(t *testing.T) {
	t.Parallel()
	in := batch(t)
	l := Put(in.Schema, record.Column{Name: "x", Type: record.Of(record.Int)}, record.Column{Name: "id", Type: record.Of(record.String)}, record.Column{Name: "x", Type: record.Of(record.String)})
	id, name := in.Data.Column(0), in.Data.Column(1)
	for _, a := range []arrow.Array{id, name, name} {
		a.Retain()
	}
	out := l.Apply(in, []arrow.Array{id, name, name})
	if got := strings.Join(out.Schema.Names(), ","); got != "id,name,x" || out.Schema.PrimaryKey == nil {
		t.Errorf("columns %s, key %v", got, out.Schema.PrimaryKey)
	}
	if !out.Data.Schema().Equal(out.Schema.Arrow()) {
		t.Errorf("the batch has %s", out.Data.Schema())
	}
	for i := range 3 {
		if out.Data.Column(i) != name {
			t.Errorf("column %d was copied", i)
		}
	}
	if out.Split != "s" || out.To.Rows != 13 || out.Kind(2) != record.Delete {
		t.Errorf("%+v", out)
	}
}

func TestDroppedAndBadRowsGoAndTheOthersKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	in := batch(t)
	var bad []plugin.DirtyRow
	task := plugin.Task{Dirty: func(_ context.Context, row plugin.DirtyRow) error { bad = append(bad, row); return nil }}
	rows := Watch(in)
	rows.Drop(0)
	raw := []byte("raw")
	if err := rows.Bad(t.Context(), task, 1, raw, errors.New("why")); err != nil {
		t.Fatal(err)
	}
	raw[0] = 'X' // the row keeps its own copy
	in.Retain()
	out, err := rows.Finish(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if out.Rows() != 1 || out.Kind(0) != record.Delete || out.Ordinal(0) != 13 || out.From.Rows != 10 || out.To.Rows != 13 {
		t.Errorf("%+v", out)
	}
	if len(bad) != 1 || string(bad[0].Raw) != "raw" || bad[0].At.Rows != 11 || bad[0].Split != "s" || bad[0].Table != "t" || !rows.Dropped(1) || rows.Dropped(2) {
		t.Errorf("%+v", bad)
	}
	refused := errors.New("no more")
	task.Dirty = func(context.Context, plugin.DirtyRow) error { return refused }
	if err := rows.Bad(t.Context(), task, 2, nil, errors.New("why")); !errors.Is(err, refused) || rows.Dropped(2) {
		t.Errorf("a refused bad row: %v", err)
	}
}
