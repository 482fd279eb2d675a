package columnar

import (
	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/record"
)

// TypeOf is the type of a column when the job declares none.
func TypeOf(dt arrow.DataType) (record.Type, error) { return record.FromArrow(plain(dt)) }

// plain takes off what says how values are stored and not what they are: dictionaries,
// extensions, views, a wide word.
func plain(dt arrow.DataType) arrow.DataType {
	switch d := dt.(type) {
	case *arrow.DictionaryType:
		return plain(d.ValueType)
	case arrow.ExtensionType:
		return plain(d.StorageType())
	case *arrow.BinaryViewType:
		return arrow.BinaryTypes.Binary
	case *arrow.Decimal256Type:
		if d.Precision <= 38 {
			return &arrow.Decimal128Type{Precision: d.Precision, Scale: d.Scale}
		}
	case *arrow.MapType:
		return arrow.MapOf(plain(d.KeyType()), plain(d.ItemType()))
	case *arrow.StructType:
		fields := make([]arrow.Field, d.NumFields())
		for i, f := range d.Fields() {
			fields[i] = arrow.Field{Name: f.Name, Type: plain(f.Type), Nullable: f.Nullable}
		}
		return arrow.StructOf(fields...)
	case arrow.ListLikeType:
		return arrow.ListOf(plain(d.Elem()))
	}
	return dt
}
