package column

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// Text returns a function that gives the text of a value that is not null. A STRING is not
// copied: its text is good as long as its batch. The function is not safe for concurrent use.
func Text(t record.Type) func(col arrow.Array, row int) string {
	if t.Kind == record.String {
		return func(col arrow.Array, row int) string { return col.(*array.String).Value(row) }
	}
	print := value.Printer(t, value.Options{})
	var buf []byte
	return func(col arrow.Array, row int) string {
		buf = print(buf[:0], col, row)
		return string(buf)
	}
}
