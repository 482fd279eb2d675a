package json

import (
	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/record"
)

// AppendRow writes row number row of b as one object with every column in order.
func AppendRow(dst []byte, b *record.Batch, row int) []byte {
	dst = append(dst, '{')
	for i, c := range b.Schema.Columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(value.AppendJSONString(dst, c.Name), ':')
		dst = value.AppendJSON(dst, c.Type, b.Data.Column(i), row)
	}
	return append(dst, '}')
}

// Printer is AppendRow for many rows of one batch.
func Printer(b *record.Batch) delimited.RowPrinter {
	type cell struct {
		before []byte // comma, name and colon
		print  delimited.RowPrinter
	}
	cells := make([]cell, len(b.Schema.Columns))
	for i, c := range b.Schema.Columns {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		cells[i].before = append(value.AppendJSONString([]byte{before}, c.Name), ':')
		col := b.Data.Column(i)
		switch c.Type.Kind {
		case record.Int, record.BigInt, record.Decimal:
			if col.NullN() == 0 {
				cells[i].print = value.Bind(c.Type, value.Options{}, col)
				continue
			}
		}
		cells[i].print = func(dst []byte, row int) []byte { return value.AppendJSON(dst, c.Type, col, row) }
	}
	return func(dst []byte, row int) []byte {
		for i := range cells {
			dst = append(dst, cells[i].before...)
			dst = cells[i].print(dst, row)
		}
		if len(cells) == 0 {
			dst = append(dst, '{')
		}
		return append(dst, '}')
	}
}
