package file

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/binary"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// binaryFormat is the format whose rows say themselves which file they belong to, and which
// piece of it they are.
var binaryFormat = binary.Format{}.Name()

// Appender is a System that can write behind what a file holds. A binary file in which a
// checkpoint falls needs it: its rest is committed by a later transaction.
type Appender interface {
	// AppendAt copies the file from behind the first at bytes of the file to, in place of what
	// is there, to outlast a power failure. It may be repeated.
	AppendAt(ctx context.Context, from, to string, at int64) error
}

// binaryName is the file of a binary row, which must lie below path.
func binaryName(data arrow.RecordBatch, column, row int) (string, error) {
	names, ok := data.Column(column).(*array.String)
	if !ok || names.IsNull(row) {
		return "", plugin.Permanent(fmt.Errorf("a row for a binary file has no %s", binary.RelativePath))
	}
	name := names.Value(row)
	if !filepath.IsLocal(name) || path.Clean(name) == "." {
		return "", plugin.Permanent(fmt.Errorf("%s %q of a binary row lies outside of the sink's path", binary.RelativePath, name))
	}
	return path.Clean(name), nil
}

// binaryFile begins the file called name, or the rest of it after a checkpoint, with row from
// of rows. first is the number of the part that stands there.
func (w *writer) binaryFile(name string, rows *record.Batch, from int) (file written, first int64, err error) {
	if file = (written{Partition: path.Dir(name), Name: path.Base(name)}); file.Partition == "." {
		file.Partition = ""
	}
	if w.next[name]++; w.next[name] > 1 {
		return file, 0, plugin.Permanent(fmt.Errorf("rows of the binary file %s came after those of %d others; they must come together", name, maxOpen))
	}
	index := rows.Data.Column(w.sink.schema.Index(binary.PartIndex)).(*array.Int64)
	if index.IsNull(from) || index.Value(from) == 0 {
		return file, 0, nil
	}
	first = index.Value(from)
	known := false
	if file.At, known = w.unfinished[name]; !known {
		return file, first, plugin.Permanent(fmt.Errorf("the first row of the binary file %s is its part %d; the parts before it are missing", name, first))
	}
	if _, ok := w.sink.sys.(Appender); !ok {
		return file, first, plugin.Permanent(fmt.Errorf("a checkpoint fell into the binary file %s and %s cannot append to files; run the job without checkpoint.interval", name, w.sink.connector.Name))
	}
	return file, first, nil
}

// fromZero renumbers the parts of a file's rest, as the encoder counts from 0. It takes over
// the caller's reference and gives back one to the result.
func fromZero(rows *record.Batch, first int64) *record.Batch {
	defer rows.Release()
	i := rows.Schema.Index(binary.PartIndex)
	old := rows.Data.Column(i).(*array.Int64)
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(old.Len())
	for row := range old.Len() {
		if old.IsNull(row) {
			b.AppendNull()
		} else {
			b.Append(old.Value(row) - first)
		}
	}
	renumbered := b.NewArray()
	defer renumbered.Release()
	columns := slices.Clone(rows.Data.Columns())
	columns[i] = renumbered
	return rows.With(rows.Schema, array.NewRecordBatch(rows.Data.Schema(), columns, rows.Data.NumRows()))
}
