package csv

import (
	"bytes"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/record"
)

// plainText holds the bytes that numbers, dates and true and false are made of.
const plainText = "0123456789+-.:/ ETZNaInfinitytruefalse"

// quoting knows which texts need quotes: those with a quote, a line end or a byte of a
// delimiter inside, those that begin or end with a blank, and the empty one, since nothing at
// all stands for null.
type quoting struct {
	special []byte
	is      [256]bool // special, or a blank
	all     bool      // numbers and dates may hold a special byte
}

func newQuoting(delim []byte, rowDelim string) *quoting {
	q := &quoting{}
	for _, c := range slices.Concat([]byte("\"\r\n"), delim, []byte(rowDelim)) {
		if !q.is[c] {
			q.is[c] = true
			q.special = append(q.special, c)
		}
		q.all = q.all || strings.IndexByte(plainText, c) >= 0
	}
	return q
}

// bind prints a column with quotes where they are needed.
func (q *quoting) bind(t record.Type, o value.Options, col arrow.Array) delimited.RowPrinter {
	if t.Kind == record.String {
		return q.bindString(col.(*array.String))
	}
	print := value.Bind(t, o, col)
	if !q.all && (t.Kind.Numeric() || t.Kind.Temporal() || t.Kind == record.Boolean || t.Kind == record.Null) {
		return print
	}
	return func(dst []byte, row int) []byte {
		if col.IsNull(row) {
			return dst
		}
		start := len(dst)
		dst = print(dst, row)
		if !q.needed(dst[start:]) {
			return dst
		}
		return q.append(dst[:start], string(dst[start:]))
	}
}

func (q *quoting) bindString(col *array.String) delimited.RowPrinter {
	raw := col.ValueBytes()
	for _, c := range q.special {
		if bytes.IndexByte(raw, c) < 0 {
			continue
		}
		return func(dst []byte, row int) []byte {
			if col.IsNull(row) {
				return dst
			}
			return q.append(dst, col.Value(row))
		}
	}
	return func(dst []byte, row int) []byte { // nothing in the whole column
		if col.IsNull(row) {
			return dst
		}
		s := col.Value(row)
		if len(s) == 0 || s[0] <= ' ' || s[len(s)-1] <= ' ' {
			return quoted(dst, s)
		}
		return append(dst, s...)
	}
}

func needed[T string | []byte](q *quoting, s T) bool {
	if len(s) == 0 || s[0] <= ' ' || s[len(s)-1] <= ' ' {
		return true
	}
	for i := range len(s) {
		if q.is[s[i]] {
			return true
		}
	}
	return false
}

func (q *quoting) needed(s []byte) bool { return needed(q, s) }

// append writes s, in quotes where they are needed.
func (q *quoting) append(dst []byte, s string) []byte {
	if needed(q, s) {
		return quoted(dst, s)
	}
	return append(dst, s...)
}

func quoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return append(append(dst, s...), '"')
		}
		dst = append(append(dst, s[:i+1]...), '"')
		s = s[i+1:]
	}
}
