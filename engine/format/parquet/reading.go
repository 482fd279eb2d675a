package parquet

import (
	"context"

	"seikan/engine/format/parquet/columnar"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type reading struct{ wish columnar.Wish }

// Schema takes the columns of the first file, unless the job declares them; those of the file
// must then be readable as declared.
func (r *reading) Schema(ctx context.Context, first plugin.File) (*record.Schema, error) {
	if first == nil {
		return r.wish.Schema(nil, nil)
	}
	f, err := open(ctx, first)
	if err != nil {
		return nil, err
	}
	defer f.close()
	schema, err := r.wish.Schema(f.fields(), f.columnType)
	if err != nil {
		return nil, f.source.Fail(err)
	}
	return schema, nil
}

// Cut makes pieces of whole row groups.
func (r *reading) Cut(ctx context.Context, file plugin.File, target int64) ([]plugin.Range, error) {
	f, err := open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer f.close()
	var out []plugin.Range
	var size int64
	n := f.reader.NumRowGroups()
	for i := range n {
		if size == 0 {
			out = append(out, plugin.Range{From: int64(i)})
		}
		size += max(1, f.groupSize(i))
		out[len(out)-1].To = int64(i) + 1
		if target > 0 && size >= target {
			size = 0
		}
	}
	if len(out) == 0 {
		out = []plugin.Range{{}}
	}
	return out, nil
}

// Open reads the row groups of one piece.
func (r *reading) Open(ctx context.Context, task plugin.Task, split plugin.Split, file plugin.File, piece plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	f, err := open(ctx, file)
	if err != nil {
		return nil, err
	}
	rows, err := newRows(task, split, f, piece, schema)
	if err != nil {
		f.close()
		return nil, f.source.Fail(err)
	}
	return rows, nil
}
