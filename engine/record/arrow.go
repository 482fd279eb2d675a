package record

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// Arrow returns the physical form of t:
//
//	STRING utf8 · BOOLEAN bool · TINYINT…BIGINT int8…int64 · FLOAT, DOUBLE float32, float64
//	DECIMAL(p,s) decimal128(p,s) · BYTES binary · DATE date32
//	TIME time64[us], [ns] above 6 digits · TIMESTAMP timestamp[us|ns] · TIMESTAMP_TZ timestamp[us|ns, UTC]
//	ARRAY list · MAP map · ROW struct · NULL null
//	FLOAT_VECTOR list<float32> · BINARY_VECTOR, FLOAT16_VECTOR, BFLOAT16_VECTOR binary (little endian)
//	SPARSE_FLOAT_VECTOR map<int32, float32>
func (t Type) Arrow() arrow.DataType {
	switch t.Kind {
	case Null:
		return arrow.Null
	case String:
		return arrow.BinaryTypes.String
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case TinyInt:
		return arrow.PrimitiveTypes.Int8
	case SmallInt:
		return arrow.PrimitiveTypes.Int16
	case Int:
		return arrow.PrimitiveTypes.Int32
	case BigInt:
		return arrow.PrimitiveTypes.Int64
	case Float:
		return arrow.PrimitiveTypes.Float32
	case Double:
		return arrow.PrimitiveTypes.Float64
	case Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case Bytes, BinaryVector, Float16Vector, BFloat16Vector:
		return arrow.BinaryTypes.Binary
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Time:
		if t.Nanos() {
			return arrow.FixedWidthTypes.Time64ns
		}
		return arrow.FixedWidthTypes.Time64us
	case Timestamp:
		return &arrow.TimestampType{Unit: t.unit()}
	case TimestampTZ:
		return &arrow.TimestampType{Unit: t.unit(), TimeZone: "UTC"}
	case Array:
		return arrow.ListOf(t.Elem.Arrow())
	case Map:
		return arrow.MapOf(t.Key.Arrow(), t.Elem.Arrow())
	case Row:
		fields := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = arrow.Field{Name: f.Name, Type: f.Type.Arrow(), Nullable: true}
		}
		return arrow.StructOf(fields...)
	case FloatVector:
		return arrow.ListOf(arrow.PrimitiveTypes.Float32)
	case SparseFloatVector:
		return arrow.MapOf(arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Float32)
	}
	panic(fmt.Sprintf("record: no arrow type for %s", t.Kind))
}

func (t Type) unit() arrow.TimeUnit {
	if t.Nanos() {
		return arrow.Nanosecond
	}
	return arrow.Microsecond
}

// FromArrow returns the SeaTunnel type that holds values of an Arrow type, for
// formats that carry their own schema.
func FromArrow(dt arrow.DataType) (Type, error) {
	switch d := dt.(type) {
	case *arrow.NullType:
		return Of(Null), nil
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return Of(String), nil
	case *arrow.BooleanType:
		return Of(Boolean), nil
	case *arrow.Int8Type:
		return Of(TinyInt), nil
	case *arrow.Int16Type, *arrow.Uint8Type:
		return Of(SmallInt), nil
	case *arrow.Int32Type, *arrow.Uint16Type:
		return Of(Int), nil
	case *arrow.Int64Type, *arrow.Uint32Type:
		return Of(BigInt), nil
	case *arrow.Uint64Type:
		return DecimalOf(20, 0), nil
	case *arrow.Float16Type, *arrow.Float32Type:
		return Of(Float), nil
	case *arrow.Float64Type:
		return Of(Double), nil
	case *arrow.Decimal128Type:
		return DecimalOf(int(d.Precision), int(d.Scale)), nil
	case *arrow.Decimal32Type:
		return DecimalOf(int(d.Precision), int(d.Scale)), nil
	case *arrow.Decimal64Type:
		return DecimalOf(int(d.Precision), int(d.Scale)), nil
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.FixedSizeBinaryType:
		return Of(Bytes), nil
	case *arrow.Date32Type, *arrow.Date64Type:
		return Of(Date), nil
	case *arrow.Time32Type:
		return Of(Time), nil
	case *arrow.Time64Type:
		return Type{Kind: Time, Scale: unitScale(d.Unit)}, nil
	case *arrow.TimestampType:
		k := Timestamp
		if d.TimeZone != "" {
			k = TimestampTZ
		}
		return Type{Kind: k, Scale: unitScale(d.Unit)}, nil
	case *arrow.MapType:
		k, err := FromArrow(d.KeyType())
		if err != nil {
			return Type{}, err
		}
		v, err := FromArrow(d.ItemType())
		if err != nil {
			return Type{}, err
		}
		return MapOf(k, v), nil
	case arrow.ListLikeType:
		e, err := FromArrow(d.Elem())
		if err != nil {
			return Type{}, err
		}
		return ArrayOf(e), nil
	case *arrow.StructType:
		fields := make([]Field, d.NumFields())
		for i, f := range d.Fields() {
			ft, err := FromArrow(f.Type)
			if err != nil {
				return Type{}, err
			}
			fields[i] = Field{Name: f.Name, Type: ft}
		}
		return RowOf(fields...), nil
	}
	return Type{}, fmt.Errorf("arrow type %s has no counterpart", dt)
}

func unitScale(u arrow.TimeUnit) int {
	if u == arrow.Nanosecond {
		return 9
	}
	return 0
}
