package assert

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/value"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/record"
)

// fieldRule holds for every value of a column.
type fieldRule struct {
	name  string
	text  string // the rule, for messages
	check func(col arrow.Array) int
}

// parseValue makes the rule that v describes; its check returns the first row that breaks it,
// or -1.
func parseValue(v *option.Values, name string, t record.Type) (fieldRule, error) {
	if v.Given("equals_to") {
		tree := v.Tree("equals_to")
		equal, err := equals(t, tree)
		if err != nil {
			return fieldRule{}, v.Problem("equals_to", "a "+t.String(), "%v", err)
		}
		text := fmt.Sprintf("%s: equals_to = %s", name, hocon.JSON(tree))
		return fieldRule{name, text, each(func(col arrow.Array, row int) bool { return col.IsNull(row) || equal(col, row) })}, nil
	}
	kind, bound := v.String("rule_type"), v.Double("rule_value")
	rule := fieldRule{name: name, text: fmt.Sprintf("%s: %s", name, kind)}
	var measure func(arrow.Array, int) float64
	switch kind {
	case isNull:
		rule.check = each(arrow.Array.IsNull)
		return rule, nil
	case notNull:
		rule.check = func(col arrow.Array) int {
			if col.NullN() == 0 && col.DataType().ID() != arrow.NULL {
				return -1
			}
			return each(arrow.Array.IsValid)(col)
		}
		return rule, nil
	case least, most:
		if !t.Kind.Numeric() {
			return rule, v.Problem("rule_type", "a numeric column", "%s cannot be checked on column %q of type %s", kind, name, t)
		}
		measure = number(t)
	default:
		measure = length(t)
	}
	rule.text += fmt.Sprintf(" = %v", bound)
	atLeast := kind == least || kind == minLength
	rule.check = each(func(col arrow.Array, row int) bool {
		if col.IsNull(row) {
			return false
		}
		n := measure(col, row)
		return atLeast && n >= bound || !atLeast && n <= bound
	})
	return rule, nil
}

func each(holds func(col arrow.Array, row int) bool) func(arrow.Array) int {
	return func(col arrow.Array) int {
		for row := range col.Len() {
			if !holds(col, row) {
				return row
			}
		}
		return -1
	}
}

// number reads a value of a numeric type.
func number(t record.Type) func(arrow.Array, int) float64 {
	switch t.Kind {
	case record.TinyInt:
		return func(col arrow.Array, row int) float64 { return float64(col.(*array.Int8).Value(row)) }
	case record.SmallInt:
		return func(col arrow.Array, row int) float64 { return float64(col.(*array.Int16).Value(row)) }
	case record.Int:
		return func(col arrow.Array, row int) float64 { return float64(col.(*array.Int32).Value(row)) }
	case record.BigInt:
		return func(col arrow.Array, row int) float64 { return float64(col.(*array.Int64).Value(row)) }
	case record.Float:
		return func(col arrow.Array, row int) float64 { return float64(col.(*array.Float32).Value(row)) }
	case record.Double:
		return func(col arrow.Array, row int) float64 { return col.(*array.Float64).Value(row) }
	}
	return func(col arrow.Array, row int) float64 {
		return col.(*array.Decimal128).Value(row).ToFloat64(int32(t.Scale))
	}
}

// length is that of a text in UTF-16 units, of a value of bytes, of an array or a map in
// entries, and of anything else that of its text.
func length(t record.Type) func(arrow.Array, int) float64 {
	switch t.Kind {
	case record.String:
		return func(col arrow.Array, row int) float64 {
			n := 0
			for _, r := range col.(*array.String).Value(row) {
				if n++; r > 0xffff {
					n++
				}
			}
			return float64(n)
		}
	case record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return func(col arrow.Array, row int) float64 { return float64(len(col.(*array.Binary).Value(row))) }
	case record.Array, record.Map, record.FloatVector, record.SparseFloatVector:
		return func(col arrow.Array, row int) float64 {
			from, to := col.(array.ListLike).ValueOffsets(row)
			return float64(to - from)
		}
	}
	print := value.Printer(t, value.Options{})
	return func(col arrow.Array, row int) float64 { return float64(len(print(nil, col, row))) }
}

// equals compares with a value of the job file. Maps are equal in whatever order.
func equals(t record.Type, v *hocon.Value) (func(arrow.Array, int) bool, error) {
	b := array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	if err := value.JSONAppender(t)(b, hocon.JSON(v)); err != nil {
		return nil, err
	}
	want := b.NewArray()
	switch want := want.(type) {
	case *array.String:
		return func(col arrow.Array, row int) bool { return col.(*array.String).Value(row) == want.Value(0) }, nil
	case *array.Int32:
		return func(col arrow.Array, row int) bool { return col.(*array.Int32).Value(row) == want.Value(0) }, nil
	case *array.Int64:
		return func(col arrow.Array, row int) bool { return col.(*array.Int64).Value(row) == want.Value(0) }, nil
	}
	if !holdsMap(t) {
		return func(col arrow.Array, row int) bool {
			return array.SliceEqual(col, int64(row), int64(row)+1, want, 0, 1)
		}, nil
	}
	tree := decode(value.AppendJSON(nil, t, want, 0))
	return func(col arrow.Array, row int) bool {
		return reflect.DeepEqual(decode(value.AppendJSON(nil, t, col, row)), tree)
	}, nil
}

func holdsMap(t record.Type) bool {
	if t.Kind == record.Map || t.Kind == record.SparseFloatVector || t.Elem != nil && holdsMap(*t.Elem) {
		return true
	}
	for _, f := range t.Fields {
		if holdsMap(f.Type) {
			return true
		}
	}
	return false
}

func decode(text []byte) (tree any) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if d.Decode(&tree) != nil { // JSON that we wrote ourselves
		return nil
	}
	return tree
}

// rowText shows a row as SeaTunnel does.
func rowText(b *record.Batch, row int) string {
	text := []byte("SeaTunnelRow{tableId=" + b.Schema.Table() + ", kind=" + b.Kind(row).Short() + ", fields=[")
	for i, c := range b.Schema.Columns {
		if i > 0 {
			text = append(text, ", "...)
		}
		if col := b.Data.Column(i); col.IsNull(row) {
			text = append(text, "null"...)
		} else {
			text = value.Printer(c.Type, value.Options{})(text, col, row)
		}
		if len(text) > maxText {
			return string(text[:maxText]) + "…"
		}
	}
	return string(append(text, "]}"...))
}

// maxText is the longest row a message shows, in bytes.
const maxText = 2000
