package orcfile

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// node is a type in a file's type tree; its id is the number of its column.
type node struct {
	id               uint64
	name             string
	kind             kind
	precision, scale int
	children         []*node
}

// maxDepth bounds nesting, so that a damaged file cannot exhaust the stack.
const maxDepth = 64

// newTree builds the tree out of the footer's flat list, in which children follow their parents.
func newTree(types []typeInfo) (*node, error) {
	if len(types) == 0 || types[0].kind != kStruct {
		return nil, errors.New("the file has no columns: its type is not a struct")
	}
	used := make([]bool, len(types))
	root, err := newNode(types, used, 0, 0)
	if err == nil && len(root.children) == 0 {
		err = errors.New("the file has no columns")
	}
	return root, err
}

func newNode(types []typeInfo, used []bool, id uint64, depth int) (*node, error) {
	if id >= uint64(len(types)) || used[id] || depth > maxDepth {
		return nil, errors.New("the file is damaged: its types do not form a tree")
	}
	used[id] = true
	t := types[id]
	n := &node{id: id, kind: t.kind, precision: int(t.precision), scale: int(t.scale)}
	if n.kind == kDecimal {
		if n.precision == 0 { // Hive 0.11 wrote decimals without
			n.precision, n.scale = 38, 10
		}
		if n.precision < 1 || n.precision > 38 || n.scale < 0 || n.scale > n.precision {
			return nil, fmt.Errorf("the file is damaged: it has a decimal(%d,%d)", n.precision, n.scale)
		}
	}
	if want := map[kind]int{kList: 1, kMap: 2, kStruct: len(t.names), kUnion: len(t.subtypes)}[n.kind]; want != len(t.subtypes) {
		return nil, fmt.Errorf("the file is damaged: a %s has %d subtypes", n.kind, len(t.subtypes))
	}
	for i, sub := range t.subtypes {
		c, err := newNode(types, used, sub, depth+1)
		if err != nil {
			return nil, err
		}
		if n.kind == kStruct {
			c.name = t.names[i]
		}
		n.children = append(n.children, c)
	}
	return n, nil
}

// supported says why a column cannot be read, or nil.
func (n *node) supported() error {
	if n.kind == kUnion || n.kind > kInstant {
		return fmt.Errorf("orc type %s has no counterpart", n.kind)
	}
	if n.kind == kStruct && len(n.children) == 0 {
		return errors.New("a struct without fields has no counterpart")
	}
	for _, c := range n.children {
		if err := c.supported(); err != nil {
			return err
		}
	}
	return nil
}

// arrow is the type a column is read as.
func (n *node) arrow(nanos bool) arrow.DataType {
	unit := arrow.Microsecond
	if nanos {
		unit = arrow.Nanosecond
	}
	switch n.kind {
	case kBoolean:
		return arrow.FixedWidthTypes.Boolean
	case kByte:
		return arrow.PrimitiveTypes.Int8
	case kShort:
		return arrow.PrimitiveTypes.Int16
	case kInt:
		return arrow.PrimitiveTypes.Int32
	case kLong:
		return arrow.PrimitiveTypes.Int64
	case kFloat:
		return arrow.PrimitiveTypes.Float32
	case kDouble:
		return arrow.PrimitiveTypes.Float64
	case kString, kVarchar, kChar:
		return arrow.BinaryTypes.String
	case kBinary:
		return arrow.BinaryTypes.Binary
	case kTimestamp:
		return &arrow.TimestampType{Unit: unit}
	case kInstant:
		return &arrow.TimestampType{Unit: unit, TimeZone: "UTC"}
	case kDecimal:
		return &arrow.Decimal128Type{Precision: int32(n.precision), Scale: int32(n.scale)}
	case kDate:
		return arrow.FixedWidthTypes.Date32
	case kList:
		return arrow.ListOf(n.children[0].arrow(nanos))
	case kMap:
		return arrow.MapOf(n.children[0].arrow(nanos), n.children[1].arrow(nanos))
	case kStruct:
		fields := make([]arrow.Field, len(n.children))
		for i, c := range n.children {
			fields[i] = arrow.Field{Name: c.name, Type: c.arrow(nanos), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
	return arrow.Null
}
