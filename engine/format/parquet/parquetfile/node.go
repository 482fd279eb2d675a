package parquetfile

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/record"
)

// physical is a Parquet type, by its number in parquet.thrift.
type physical int32

const (
	boolean   physical = 0
	int32s    physical = 1
	int64s    physical = 2
	int96s    physical = 3
	float32s  physical = 4
	float64s  physical = 5
	byteArray physical = 6
	fixed     physical = 7
)

// Numbers of parquet.thrift's FieldRepetitionType and ConvertedType.
const (
	required = 0
	optional = 1
	repeated = 2

	convNone            = -1
	convUTF8            = 0
	convMap             = 1
	convList            = 3
	convDecimal         = 5
	convDate            = 6
	convTimeMicros      = 8
	convTimestampMicros = 10
	convInt8            = 15
	convInt16           = 16
)

// node is an element of the file's schema.
type node struct {
	name       string
	repetition int32
	converted  int32
	logical    func(t *thrift) // writes the LogicalType's members; nil without one
	children   []*node

	// Leaves only.
	arrow            arrow.DataType
	physical         physical
	width            int // bytes of a value in the file; 0 for byteArray and boolean
	precision, scale int
	column           *column
}

func group(name string, repetition, converted int32, logical func(*thrift), children ...*node) *node {
	return &node{name: name, repetition: repetition, converted: converted, logical: logical, children: children}
}

func empty(id int16) func(*thrift) {
	return func(t *thrift) { t.open(id); t.shut() }
}

// temporal writes a TIME (7) or TIMESTAMP (8) logical type.
func temporal(id int16, utc, nanos bool) func(*thrift) {
	return func(t *thrift) {
		t.open(id)
		t.boolean(1, utc)
		t.open(2)
		if nanos {
			t.open(3)
		} else {
			t.open(2)
		}
		t.shut()
		t.shut()
		t.shut()
	}
}

func integer(bits int8) func(*thrift) {
	return func(t *thrift) {
		t.open(10)
		t.i8(1, bits)
		t.boolean(2, true)
		t.shut()
	}
}

// build makes the schema element of a column or of a part of one.
func build(name string, t record.Type, int96 bool) (*node, error) {
	n := &node{name: name, repetition: optional, converted: convNone}
	leaf := func(p physical, width int, converted int32, logical func(*thrift)) (*node, error) {
		n.physical, n.width, n.converted, n.logical, n.arrow = p, width, converted, logical, t.Arrow()
		return n, nil
	}
	switch t.Kind {
	case record.Boolean:
		return leaf(boolean, 0, convNone, nil)
	case record.TinyInt:
		return leaf(int32s, 4, convInt8, integer(8))
	case record.SmallInt:
		return leaf(int32s, 4, convInt16, integer(16))
	case record.Int:
		return leaf(int32s, 4, convNone, nil)
	case record.BigInt:
		return leaf(int64s, 8, convNone, nil)
	case record.Float:
		return leaf(float32s, 4, convNone, nil)
	case record.Double:
		return leaf(float64s, 8, convNone, nil)
	case record.String:
		return leaf(byteArray, 0, convUTF8, empty(1))
	case record.Bytes, record.BinaryVector, record.Float16Vector, record.BFloat16Vector:
		return leaf(byteArray, 0, convNone, nil)
	case record.Date:
		return leaf(int32s, 4, convDate, empty(6))
	case record.Time:
		if t.Nanos() {
			return leaf(int64s, 8, convNone, temporal(7, false, true))
		}
		return leaf(int64s, 8, convTimeMicros, temporal(7, false, false))
	case record.Timestamp, record.TimestampTZ:
		switch utc := t.Kind == record.TimestampTZ; {
		case int96:
			return leaf(int96s, 12, convNone, nil)
		case t.Nanos():
			return leaf(int64s, 8, convNone, temporal(8, utc, true))
		default:
			return leaf(int64s, 8, convTimestampMicros, temporal(8, utc, false))
		}
	case record.Decimal:
		n.precision, n.scale = t.Precision, t.Scale
		return leaf(fixed, decimalWidth(t.Precision), convDecimal, func(w *thrift) {
			w.open(5)
			w.i32(1, int32(t.Scale))
			w.i32(2, int32(t.Precision))
			w.shut()
		})
	case record.Array, record.FloatVector:
		elem := record.Of(record.Float)
		if t.Kind == record.Array {
			elem = *t.Elem
		}
		e, err := build("array_element", elem, int96)
		if err != nil {
			return nil, err
		}
		return group(name, optional, convList, empty(3), group("list", repeated, convNone, nil, e)), nil
	case record.Map, record.SparseFloatVector:
		key, value := record.Of(record.Int), record.Of(record.Float)
		if t.Kind == record.Map {
			key, value = *t.Key, *t.Elem
		}
		k, err := build("key", key, int96)
		if err != nil {
			return nil, err
		}
		k.repetition = required
		v, err := build("value", value, int96)
		if err != nil {
			return nil, err
		}
		return group(name, optional, convMap, empty(2), group("key_value", repeated, convNone, nil, k, v)), nil
	case record.Row:
		if len(t.Fields) == 0 {
			return nil, fmt.Errorf("field %q: parquet cannot hold a row without fields", name)
		}
		children := make([]*node, len(t.Fields))
		for i, f := range t.Fields {
			c, err := build(f.Name, f.Type, int96)
			if err != nil {
				return nil, err
			}
			children[i] = c
		}
		return group(name, optional, convNone, nil, children...), nil
	}
	return nil, fmt.Errorf("field %q: parquet cannot hold type %s", name, t)
}

// decimalWidth is the least number of bytes for any number of precision digits.
func decimalWidth(precision int) int {
	bits := int(float64(precision)*math.Log2(10)) + 2 // and the sign
	return (bits + 7) / 8
}
