package columnar

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// BatchRows is the number of rows to read at once, given how many rows take how many bytes.
func BatchRows(rows, bytes int64, task plugin.Task) int64 {
	most := int64(2 * plugin.BatchRows)
	if task.BatchRows > 0 {
		most = int64(task.MaxRows())
	}
	return max(1, min(most, rows, int64(float64(rows)*plugin.BatchBytes/float64(max(1, bytes)))))
}

// Assembler makes batches out of the arrays of a split's columns.
type Assembler struct {
	Schema  *record.Schema
	Convert []Converter // one a column
	File    string      // "parquet file /data/x", for messages
	Task    plugin.Task
	Split   plugin.Split
}

// Batch makes a batch of n rows, the first of which comes after at rows of the split. Rows with a
// value that does not fit go to Task.Dirty. The caller still owns the arrays.
func (a *Assembler) Batch(ctx context.Context, at, n int64, arrays []arrow.Array) (*record.Batch, error) {
	wrong := map[int]error{}
	columns := make([]arrow.Array, 0, len(arrays))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, from := range arrays {
		name := a.Schema.Columns[i].Name
		if int64(from.Len()) != n {
			return nil, fmt.Errorf("column %q: the file is damaged: %d values came where %d rows are", name, from.Len(), n)
		}
		c, err := a.Convert[i](from, func(row int, err error) {
			wrong[row] = fmt.Errorf("%s, row %d of the split, column %q: %w", a.File, at+int64(row)+1, name, err)
		})
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		columns = append(columns, c)
	}
	b := record.NewBatch(a.Schema, array.NewRecordBatch(a.Schema.Arrow(), columns, n))
	b.From, b.To = record.Position{Rows: at}, record.Position{Rows: at + n}
	if len(wrong) == 0 {
		return b, nil
	}
	defer b.Release()
	keep := make([]bool, n)
	for i := range keep {
		keep[i] = wrong[i] == nil
	}
	for _, i := range slices.Sorted(maps.Keys(wrong)) {
		err := a.Task.Dirty(ctx, plugin.DirtyRow{Err: wrong[i], Table: a.Schema.Table(), Split: a.Split.ID,
			At: record.Position{Rows: at + int64(i)}})
		if err != nil {
			return nil, err
		}
	}
	return record.Filter(b, keep)
}
