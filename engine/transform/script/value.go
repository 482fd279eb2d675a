package script

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/value"
	"seikan/engine/record"
)

// getter gives a value that is not null as expressions see it.
type getter func(col arrow.Array, row int) any

func getterOf(t record.Type) getter {
	switch t.Kind {
	case record.Boolean:
		return func(col arrow.Array, row int) any { return col.(*array.Boolean).Value(row) }
	case record.TinyInt:
		return func(col arrow.Array, row int) any { return int(col.(*array.Int8).Value(row)) }
	case record.SmallInt:
		return func(col arrow.Array, row int) any { return int(col.(*array.Int16).Value(row)) }
	case record.Int:
		return func(col arrow.Array, row int) any { return int(col.(*array.Int32).Value(row)) }
	case record.BigInt:
		return func(col arrow.Array, row int) any { return int(col.(*array.Int64).Value(row)) }
	case record.Float:
		return func(col arrow.Array, row int) any { return float64(col.(*array.Float32).Value(row)) }
	case record.Double:
		return func(col arrow.Array, row int) any { return col.(*array.Float64).Value(row) }
	case record.Decimal:
		return func(col arrow.Array, row int) any {
			return col.(*array.Decimal128).Value(row).ToFloat64(int32(t.Scale))
		}
	case record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return func(col arrow.Array, row int) any { return col.(*array.Binary).Value(row) }
	case record.Date:
		return func(col arrow.Array, row int) any { return col.(*array.Date32).Value(row).ToTime() }
	case record.Timestamp, record.TimestampTZ:
		unit := t.Arrow().(*arrow.TimestampType).Unit
		return func(col arrow.Array, row int) any { return col.(*array.Timestamp).Value(row).ToTime(unit) }
	case record.Array:
		return list(getterOf(*t.Elem))
	case record.FloatVector:
		return list(getterOf(record.Of(record.Float)))
	case record.Map:
		return mapping(*t.Key, getterOf(*t.Elem))
	case record.SparseFloatVector:
		return mapping(record.Of(record.Int), getterOf(record.Of(record.Float)))
	case record.Row:
		return row(t)
	}
	print := value.Printer(t, value.Options{})
	return func(col arrow.Array, row int) any { return string(print(nil, col, row)) }
}

func orNil(get getter, col arrow.Array, row int) any {
	if col.IsNull(row) {
		return nil
	}
	return get(col, row)
}

func list(element getter) getter {
	return func(col arrow.Array, row int) any {
		l := col.(array.ListLike)
		from, to := l.ValueOffsets(row)
		out := make([]any, 0, to-from)
		for i := from; i < to; i++ {
			out = append(out, orNil(element, l.ListValues(), int(i)))
		}
		return out
	}
}

func mapping(key record.Type, item getter) getter {
	print := value.Printer(key, value.Options{})
	return func(col arrow.Array, row int) any {
		m := col.(*array.Map)
		from, to := m.ValueOffsets(row)
		out := make(map[string]any, to-from)
		for i := int(from); i < int(to); i++ {
			out[string(print(nil, m.Keys(), i))] = orNil(item, m.Items(), i)
		}
		return out
	}
}

func row(t record.Type) getter {
	members := make([]getter, len(t.Fields))
	for i, f := range t.Fields {
		members[i] = getterOf(f.Type)
	}
	return func(col arrow.Array, row int) any {
		s := col.(*array.Struct)
		out := make(map[string]any, len(members))
		for i, f := range t.Fields {
			out[f.Name] = orNil(members[i], s.Field(i), row)
		}
		return out
	}
}

// appendResult adds an expression's result as one entry, whatever happens.
type appendResult func(b array.Builder, result any) error

// layouts are how a time is written for each type of column.
var layouts = map[record.Kind]string{
	record.Date: "2006-01-02", record.Time: "15:04:05.999999999", record.TimestampTZ: "2006-01-02T15:04:05.999999999Z07:00",
}

func resultAppender(t record.Type) appendResult {
	text := value.Appender(t, value.Options{Base64: true})
	tree := value.JSONAppender(t)
	layout := layouts[t.Kind]
	if layout == "" {
		layout = "2006-01-02T15:04:05.999999999"
	}
	return func(b array.Builder, result any) error {
		switch r := result.(type) {
		case nil:
			b.AppendNull()
			return nil
		case string:
			switch t.Kind {
			case record.Array, record.Map, record.Row: // a text is none of these
			default:
				return text(b, []byte(r))
			}
		case float64:
			if d, ok := b.(*array.Float64Builder); ok {
				d.Append(r)
				return nil
			}
		case []byte:
			if raw, ok := b.(*array.BinaryBuilder); ok {
				raw.Append(r)
				return nil
			}
		case time.Time:
			return text(b, []byte(r.Format(layout)))
		}
		out, err := json.Marshal(result)
		if err != nil {
			b.AppendNull()
			return fmt.Errorf("the result cannot be written as JSON: %w", err)
		}
		return tree(b, out)
	}
}
