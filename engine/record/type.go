// Package record holds what flows through a job: types, schemas, batches and
// the events that travel between them.
package record

import (
	"fmt"
	"strings"
)

// Kind is one of SeaTunnel's column types.
type Kind uint8

const (
	Null Kind = iota
	String
	Boolean
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal
	Bytes
	Date
	Time
	Timestamp   // a wall clock reading without zone
	TimestampTZ // an instant
	Array
	Map
	Row
	BinaryVector
	FloatVector
	Float16Vector
	BFloat16Vector
	SparseFloatVector
)

var kindNames = [...]string{
	Null: "NULL", String: "STRING", Boolean: "BOOLEAN", TinyInt: "TINYINT", SmallInt: "SMALLINT",
	Int: "INT", BigInt: "BIGINT", Float: "FLOAT", Double: "DOUBLE", Decimal: "DECIMAL", Bytes: "BYTES",
	Date: "DATE", Time: "TIME", Timestamp: "TIMESTAMP", TimestampTZ: "TIMESTAMP_TZ", Array: "ARRAY",
	Map: "MAP", Row: "ROW", BinaryVector: "BINARY_VECTOR", FloatVector: "FLOAT_VECTOR",
	Float16Vector: "FLOAT16_VECTOR", BFloat16Vector: "BFLOAT16_VECTOR", SparseFloatVector: "SPARSE_FLOAT_VECTOR",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", k)
}

// Integer reports whether k is one of the four integer types.
func (k Kind) Integer() bool { return k >= TinyInt && k <= BigInt }

// Numeric reports whether k is an integer, a float or a decimal.
func (k Kind) Numeric() bool { return k >= TinyInt && k <= Decimal }

// Temporal reports whether k is a date, a time or a timestamp.
func (k Kind) Temporal() bool { return k >= Date && k <= TimestampTZ }

// Type is a column type. The zero Type is NULL.
type Type struct {
	Kind Kind
	// Precision and Scale are those of a DECIMAL(p,s). For TIME and TIMESTAMP
	// kinds Scale is the number of digits kept after the second: 0 means 6
	// (microseconds, any year 1 to 9999); 7 to 9 keep nanoseconds and narrow
	// the years to 1678 to 2261.
	Precision, Scale int
	Key              *Type   // MAP
	Elem             *Type   // ARRAY: element; MAP: value
	Fields           []Field // ROW
}

// Field is a named member of a ROW.
type Field struct {
	Name string
	Type Type
}

// Of returns the plain type of kind k.
func Of(k Kind) Type { return Type{Kind: k} }

// DecimalOf returns DECIMAL(p,s).
func DecimalOf(p, s int) Type { return Type{Kind: Decimal, Precision: p, Scale: s} }

// ArrayOf returns ARRAY<elem>.
func ArrayOf(elem Type) Type { return Type{Kind: Array, Elem: &elem} }

// MapOf returns MAP<key, value>.
func MapOf(key, value Type) Type { return Type{Kind: Map, Key: &key, Elem: &value} }

// RowOf returns a nested ROW.
func RowOf(fields ...Field) Type { return Type{Kind: Row, Fields: fields} }

// Nanos reports whether values of a temporal type are kept in nanoseconds.
func (t Type) Nanos() bool { return t.Scale > 6 && t.Kind.Temporal() }

// String writes the type as SeaTunnel logs it: DECIMAL(10, 2), MAP<STRING, INT>.
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("Decimal(%d, %d)", t.Precision, t.Scale)
	case Time, Timestamp, TimestampTZ:
		if t.Scale > 6 {
			return fmt.Sprintf("%s(%d)", t.Kind, t.Scale)
		}
	case Array:
		return fmt.Sprintf("ARRAY<%s>", t.Elem)
	case Map:
		return fmt.Sprintf("MAP<%s, %s>", t.Key, t.Elem)
	case Row:
		var b strings.Builder
		b.WriteString("ROW<")
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %s", f.Name, f.Type)
		}
		b.WriteByte('>')
		return b.String()
	}
	return t.Kind.String()
}

// Equal reports whether two types are the same, field names included.
func (t Type) Equal(o Type) bool {
	if t.Kind != o.Kind || t.Precision != o.Precision || t.Nanos() != o.Nanos() {
		return false
	}
	if t.Kind == Decimal && t.Scale != o.Scale {
		return false
	}
	if !sameType(t.Key, o.Key) || !sameType(t.Elem, o.Elem) || len(t.Fields) != len(o.Fields) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i].Name != o.Fields[i].Name || !t.Fields[i].Type.Equal(o.Fields[i].Type) {
			return false
		}
	}
	return true
}

func sameType(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
