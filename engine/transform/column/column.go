// Package column puts transformed columns into batches: added at the end, put in the place of
// columns of the same name, or picked and renamed. Columns that stay are shared, never copied.
package column

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/option"
	"seikan/engine/record"
)

// Layout is a table's columns after some were added or overwritten.
type Layout struct {
	schema *record.Schema
	places []int // where each of the added columns stands
}

// Put lays out input with columns added in order. A column whose name exists takes that
// column's place; of two added ones with the same name the later one counts. Keys are kept.
func Put(input *record.Schema, columns ...record.Column) *Layout {
	all := append([]record.Column(nil), input.Columns...)
	l := &Layout{schema: input, places: make([]int, len(columns))}
	for i, c := range columns {
		place := -1
		for j := range all {
			if all[j].Name == c.Name {
				place = j
			}
		}
		if place < 0 {
			place = len(all)
			all = append(all, c)
		}
		all[place], l.places[i] = c, place
	}
	l.schema = input.WithColumns(all)
	return l
}

// Schema is the schema of the batches that Apply returns.
func (l *Layout) Schema() *record.Schema { return l.schema }

// Apply returns in with the added columns, whose references it takes over. in stays the
// caller's.
func (l *Layout) Apply(in *record.Batch, added []arrow.Array) *record.Batch {
	columns := make([]arrow.Array, len(l.schema.Columns))
	copy(columns, in.Data.Columns())
	for i, place := range l.places {
		columns[place] = added[i]
	}
	data := array.NewRecordBatch(l.schema.Arrow(), columns, int64(in.Rows()))
	for _, a := range added {
		a.Release()
	}
	return in.With(l.schema, data)
}

// Pick returns in with the columns at the given places only, named as schema says.
func Pick(in *record.Batch, schema *record.Schema, places []int) *record.Batch {
	columns := make([]arrow.Array, len(places))
	for i, p := range places {
		columns[i] = in.Data.Column(p)
	}
	return in.With(schema, array.NewRecordBatch(schema.Arrow(), columns, int64(in.Rows())))
}

// Find returns the place of the column that option key of a transform names, or the problem
// that the input does not have it.
func Find(input *record.Schema, opts *option.Values, key, name string) (int, error) {
	if i := input.Index(name); i >= 0 {
		return i, nil
	}
	label := "a column of the input"
	if near := option.Nearest(name, input.Names()); near != "" {
		label = "did you mean \"" + near + "\"?"
	}
	return 0, opts.Problem(key, label, "can't find input field(s) [%s] in table %s", name, input.Table())
}
