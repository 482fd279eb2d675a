// Package value turns one value of each record.Type into text and back. It is shared by the
// text-like formats and by everything else that meets values as text: generated rows,
// assertions, messages, catalogs.
package value

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// Nesting is how arrays, maps and rows are written.
type Nesting uint8

const (
	// JSON: [1,2], {"k":1}.
	JSON Nesting = iota
	// Levels: parts separated by the control characters \u0002 to \u0007, one level each, as
	// in delimited text files. Blank parts are null.
	Levels
)

// MaxDepth is how deep a value may be nested, in a schema and in JSON text.
const MaxDepth = 128

// Options says how values look as text. The zero Options are those of JSON: ISO dates with
// only as many fraction digits as needed, nested values as JSON, BYTES as they are.
type Options struct {
	Date     DateFormat
	DateTime DateTimeFormat
	Time     TimeFormat
	Nested   Nesting
	Base64   bool // BYTES are Base64 (RFC 4648, with padding); inside JSON they always are
}

// Append adds to b, which must build t.Arrow(), the value that text stands for. It adds
// exactly one entry in every case: after an error that entry is meaningless and must be
// dropped. Null is the caller's matter. An Append is not safe for concurrent use.
type Append func(b array.Builder, text []byte) error

// Print adds the text of entry row of col to dst, nothing for null. (AppendJSON writes null.)
// A Print is safe for concurrent use.
type Print func(dst []byte, col arrow.Array, row int) []byte

// Appender returns the Append of a type. It reads whatever shape of date is known (see
// ParseDate), whatever the Options say.
func Appender(t record.Type, o Options) Append {
	switch t.Kind {
	case record.Array, record.Map, record.Row, record.FloatVector, record.SparseFloatVector:
		if o.Nested == Levels {
			return levelsAppender(t, o, 1)
		}
		return JSONAppender(t)
	case record.Bytes:
		if o.Base64 {
			return appendBase64
		}
		return appendBytes
	case record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return appendBase64
	}
	return scalarAppender(t)
}

// Printer returns the Print of a type.
func Printer(t record.Type, o Options) Print {
	switch t.Kind {
	case record.Array, record.Map, record.Row, record.FloatVector, record.SparseFloatVector:
		if o.Nested == Levels {
			return levelsPrinter(t, o, 1)
		}
		return func(dst []byte, col arrow.Array, row int) []byte {
			if col.IsNull(row) {
				return dst
			}
			return AppendJSON(dst, t, col, row)
		}
	case record.Bytes:
		if o.Base64 {
			return printBase64
		}
		return printBytes
	case record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return printBase64
	}
	return scalarPrinter(t, o)
}

// Supports tells why values of t cannot be read and written with o, nil when they can.
func Supports(t record.Type, o Options) error {
	if hasNullKey(t) {
		return fmt.Errorf("type %s has a map whose keys are all null", t)
	}
	if d := depth(t, o.Nested); o.Nested == Levels && d > maxLevel {
		return fmt.Errorf("type %s is nested too deep for a delimited text: it needs %d levels of delimiters, there are %d", t, d, maxLevel)
	} else if d > MaxDepth {
		return fmt.Errorf("type %s is nested deeper than %d levels", t, MaxDepth)
	}
	return nil
}

func hasNullKey(t record.Type) bool {
	if t.Key != nil && (t.Key.Kind == record.Null || hasNullKey(*t.Key)) || t.Elem != nil && hasNullKey(*t.Elem) {
		return true
	}
	return slices.ContainsFunc(t.Fields, func(f record.Field) bool { return hasNullKey(f.Type) })
}

// Wrong is the error for a text that is no value of a type.
func Wrong(text []byte, t record.Type, expected string) error {
	shown := text
	if len(shown) > 60 {
		shown = shown[:60]
		for len(shown) > 0 && !utf8.RuneStart(text[len(shown)]) {
			shown = shown[:len(shown)-1]
		}
	}
	quoted := strconv.Quote(string(shown))
	if len(shown) < len(text) {
		quoted += "…"
	}
	return fmt.Errorf("%s is no %s: expected %s", quoted, t, expected)
}

// Blank reports whether text is empty or only blanks, which delimited formats read as null.
func Blank(text []byte) bool {
	for _, c := range text {
		if c > ' ' {
			return false
		}
	}
	return true
}
