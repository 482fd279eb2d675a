package jsonpath

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// document is the JSON of one column in the row at hand, checked once for all paths into it.
type document struct {
	field int
	name  string
	typ   record.Type

	text  []byte // nil when the column is null
	value []byte // the JSON value in text
	err   error  // it is not JSON
	buf   []byte
}

func (d *document) load(data arrow.RecordBatch, row int) {
	col := data.Column(d.field)
	if d.text = nil; col.IsNull(row) {
		return
	}
	d.buf = d.buf[:0]
	switch d.typ.Kind {
	case record.String:
		d.buf = append(d.buf, col.(*array.String).Value(row)...)
	case record.Bytes:
		d.buf = append(d.buf, col.(*array.Binary).Value(row)...)
	case record.Row:
		s := col.(*array.Struct)
		for i, f := range d.typ.Fields {
			d.buf = append(d.buf, "[,"[min(i, 1)])
			d.buf = value.AppendJSON(d.buf, f.Type, s.Field(i), row)
		}
		d.buf = append(d.buf, ']')
	default:
		d.buf = value.AppendJSON(d.buf, d.typ, col, row)
	}
	if d.text = d.buf; d.text == nil {
		d.text = []byte{}
	}
	d.value, d.err = check(d.text)
}
