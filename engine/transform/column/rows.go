package column

import (
	"bytes"
	"context"
	"fmt"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Rows remembers which rows of a batch do not go on.
type Rows struct {
	in   *record.Batch
	keep []bool // nil while every row stays
}

// Watch begins with all rows of in staying.
func Watch(in *record.Batch) *Rows { return &Rows{in: in} }

// Drop takes row i out.
func (r *Rows) Drop(i int) {
	if r.keep == nil {
		r.keep = make([]bool, r.in.Rows())
		for j := range r.keep {
			r.keep[j] = true
		}
	}
	r.keep[i] = false
}

// Dropped reports whether row i was taken out.
func (r *Rows) Dropped(i int) bool { return r.keep != nil && !r.keep[i] }

// Bad takes row i out as a bad row: raw is what could not be handled. It returns the error to
// fail with when the job allows no (more) bad rows.
func (r *Rows) Bad(ctx context.Context, task plugin.Task, i int, raw []byte, err error) error {
	at := r.in.Ordinal(i) - 1
	dirty := plugin.DirtyRow{Raw: bytes.Clone(raw), Err: err, Table: r.in.Schema.Table(), Split: r.in.Split, At: record.Position{Rows: at}}
	if err := task.Dirty(ctx, dirty); err != nil {
		return err
	}
	r.Drop(i)
	return nil
}

// Finish returns out, which it takes over, without the rows taken out.
func (r *Rows) Finish(ctx context.Context, out *record.Batch) (*record.Batch, error) {
	if r.keep == nil {
		return out, nil
	}
	defer out.Release()
	kept, err := record.Filter(out, r.keep)
	if err != nil {
		return nil, fmt.Errorf("dropping rows of table %s: %w", r.in.Schema.Table(), err)
	}
	return kept, nil
}
