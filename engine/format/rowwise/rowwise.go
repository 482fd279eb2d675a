// Package rowwise reads files whose rows are found one at a time: it makes batches of them,
// goes on from a position, and hands bad rows to the task.
package rowwise

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Rows are the rows of one file, in order.
type Rows interface {
	// Next goes to the next row. Its error is io.EOF behind the last one; any other means that
	// the file cannot be read further.
	Next() error
	// Append adds one entry to each column for the current row, whatever it returns. Its error
	// says what is wrong with the row; the entries are then dropped.
	Append(columns []array.Builder) error
	// Bytes is about the size of the current row.
	Bytes() int
	// Raw shows the current row in a dead letter.
	Raw() []byte
	// Place says where in the file the current row is: "line 3".
	Place() string
	Close() error
}

// longest is how long a batch is filled before a barrier may pass.
const longest = 500 * time.Millisecond

// New reads rows from split.At on. It owns rows.
func New(task plugin.Task, split plugin.Split, file string, schema *record.Schema, rows Rows) plugin.SplitReader {
	r := &reader{task: task, split: split, file: file, schema: schema, rows: rows, skip: split.At.Rows, at: record.Position{Rows: split.At.Rows}}
	r.ended = split.At.Done
	r.builder = array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	return r
}

type reader struct {
	task    plugin.Task
	split   plugin.Split
	file    string
	schema  *record.Schema
	rows    Rows
	builder *array.RecordBuilder
	skip    int64 // rows before the position
	at      record.Position
	ended   bool
}

// Next implements plugin.SplitReader.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if r.ended {
		return nil, plugin.ErrEnd
	}
	began := time.Now()
	columns := r.builder.Fields()
	var dropped []int
	n, bytes := 0, 0
	for n < r.task.MaxRows() && bytes < plugin.BatchBytes {
		if n%64 == 0 || r.skip > 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if n > 0 && time.Since(began) > longest {
				break
			}
		}
		if err := r.rows.Next(); err == io.EOF {
			r.ended = true
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading %s, %s: %w", r.file, r.rows.Place(), err)
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		n++
		bytes += r.rows.Bytes()
		if err := r.rows.Append(columns); err != nil {
			dropped = append(dropped, n-1)
			if err := r.refuse(ctx, int64(n), err); err != nil {
				return nil, err
			}
		}
	}
	if n == 0 {
		return nil, plugin.ErrEnd
	}
	return r.batch(ctx, n, dropped)
}

func (r *reader) refuse(ctx context.Context, n int64, err error) error {
	err = plugin.Permanent(fmt.Errorf("%s, %s: %w", r.file, r.rows.Place(), err))
	if r.task.Dirty == nil {
		return err
	}
	return r.task.Dirty(ctx, plugin.DirtyRow{Raw: r.rows.Raw(), Err: err, Table: r.schema.Table(), Split: r.split.ID,
		At: record.Position{Rows: r.at.Rows + n}})
}

func (r *reader) batch(ctx context.Context, n int, dropped []int) (*record.Batch, error) {
	b := record.NewBatch(r.schema, r.builder.NewRecordBatch())
	b.Split, b.From = r.split.ID, r.at
	r.at = record.Position{Rows: r.at.Rows + int64(n)}
	b.To = r.at
	if len(dropped) == 0 {
		return b, nil
	}
	defer b.Release()
	keep := make([]bool, n)
	for i := range keep {
		keep[i] = true
	}
	for _, i := range dropped {
		keep[i] = false
	}
	return record.Filter(b, keep)
}

// Close implements plugin.SplitReader.
func (r *reader) Close() error {
	r.builder.Release()
	return r.rows.Close()
}
