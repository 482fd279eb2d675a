package value

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// maxLevel is the last level that has a delimiter: \u0007.
const maxLevel = 6

// delimiter returns the one of a level: \u0002 for 1 up to \u0007 for 6. Level 0 separates the
// fields of the row and is an option.
func delimiter(level int) byte { return byte(level + 1) }

// depth counts the levels of delimiters below the row that values of t need.
func depth(t record.Type, n Nesting) int {
	switch t.Kind {
	case record.Array:
		return 1 + depth(*t.Elem, n)
	case record.FloatVector:
		return 1
	case record.SparseFloatVector:
		return 2
	case record.Map:
		d := max(depth(*t.Key, n), depth(*t.Elem, n))
		if n == Levels {
			return 2 + d
		}
		return 1 + d
	case record.Row:
		d := 0
		for _, f := range t.Fields {
			d = max(d, depth(f.Type, n))
		}
		return 1 + d
	}
	return 0
}

// parts of vectors that are lists and maps physically.
var (
	floatType = record.Of(record.Float)
	intType   = record.Of(record.Int)
)

func elemType(t record.Type) record.Type {
	if t.Kind == record.FloatVector || t.Kind == record.SparseFloatVector {
		return floatType
	}
	return *t.Elem
}

func keyType(t record.Type) record.Type {
	if t.Kind == record.SparseFloatVector {
		return intType
	}
	return *t.Key
}

// each calls f with the parts of text between delimiters.
func each(text []byte, delim byte, f func(part []byte) error) error {
	for {
		i := bytes.IndexByte(text, delim)
		if i < 0 {
			return f(text)
		}
		if err := f(text[:i]); err != nil {
			return err
		}
		text = text[i+1:]
	}
}

// part reads a part of a nested value, blank as null.
func part(a Append, b array.Builder, text []byte) error {
	if Blank(text) {
		b.AppendNull()
		return nil
	}
	return a(b, text)
}

func levelsAppender(t record.Type, o Options, level int) Append {
	delim := delimiter(level)
	inner := func(t record.Type, level int) Append {
		switch t.Kind {
		case record.Array, record.Map, record.Row, record.FloatVector, record.SparseFloatVector:
			return levelsAppender(t, o, level)
		}
		return Appender(t, o)
	}
	switch t.Kind {
	case record.Array, record.FloatVector:
		elem := inner(elemType(t), level+1)
		return func(b array.Builder, text []byte) error {
			list := b.(*array.ListBuilder)
			list.Append(true)
			return each(text, delim, func(s []byte) error { return part(elem, list.ValueBuilder(), s) })
		}
	case record.Map, record.SparseFloatVector:
		key, elem := inner(keyType(t), level+2), inner(elemType(t), level+2)
		pair := delimiter(level + 1)
		return func(b array.Builder, text []byte) error {
			m := b.(*array.MapBuilder)
			m.Append(true)
			return each(text, delim, func(entry []byte) error {
				k, v, _ := bytes.Cut(entry, []byte{pair})
				err := key(m.KeyBuilder(), k)
				if verr := part(elem, m.ItemBuilder(), v); err == nil {
					err = verr
				}
				return err
			})
		}
	}
	fields := make([]Append, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = inner(f.Type, level+1)
	}
	return func(b array.Builder, text []byte) error {
		row := b.(*array.StructBuilder)
		row.Append(true)
		n := 0
		err := each(text, delim, func(s []byte) error {
			n++
			if n > len(fields) {
				return nil // more than the type has: ignored, as on the top level
			}
			return part(fields[n-1], row.FieldBuilder(n-1), s)
		})
		for ; n < len(fields); n++ {
			row.FieldBuilder(n).AppendNull()
		}
		return err
	}
}

func levelsPrinter(t record.Type, o Options, level int) Print {
	delim := delimiter(level)
	inner := func(t record.Type, level int) Print {
		switch t.Kind {
		case record.Array, record.Map, record.Row, record.FloatVector, record.SparseFloatVector:
			return levelsPrinter(t, o, level)
		}
		return Printer(t, o)
	}
	switch t.Kind {
	case record.Array, record.FloatVector:
		elem := inner(elemType(t), level+1)
		return func(dst []byte, col arrow.Array, row int) []byte {
			if col.IsNull(row) {
				return dst
			}
			list := col.(*array.List)
			from, to := list.ValueOffsets(row)
			for i := from; i < to; i++ {
				if i > from {
					dst = append(dst, delim)
				}
				dst = elem(dst, list.ListValues(), int(i))
			}
			return dst
		}
	case record.Map, record.SparseFloatVector:
		key, elem := inner(keyType(t), level+2), inner(elemType(t), level+2)
		return func(dst []byte, col arrow.Array, row int) []byte {
			if col.IsNull(row) {
				return dst
			}
			m := col.(*array.Map)
			from, to := m.ValueOffsets(row)
			entries := m.ListValues().(*array.Struct)
			for i := from; i < to; i++ {
				if i > from {
					dst = append(dst, delim)
				}
				dst = append(key(dst, entries.Field(0), int(i)), delimiter(level+1))
				dst = elem(dst, entries.Field(1), int(i))
			}
			return dst
		}
	}
	fields := make([]Print, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = inner(f.Type, level+1)
	}
	return func(dst []byte, col arrow.Array, row int) []byte {
		if col.IsNull(row) {
			return dst
		}
		s := col.(*array.Struct)
		for i, f := range fields {
			if i > 0 {
				dst = append(dst, delim)
			}
			dst = f(dst, s.Field(i), row)
		}
		return dst
	}
}
