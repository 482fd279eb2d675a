package parquet

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// int96Column reads int96 timestamps as microseconds. arrow-go makes nanoseconds of them, which
// end in the year 2262; 9999-12-31 is common in warehouses.
type int96Column struct {
	in     *input
	leaf   int
	group  int
	maxDef int16
	chunk  *pqfile.Int96ColumnChunkReader // nil before the first value
	values []pq.Int96
	def    []int16
}

func newInt96(in *input, field *pqarrow.SchemaField, group int) *int96Column {
	leaf := field.ColIndex
	return &int96Column{in: in, leaf: leaf, group: group, maxDef: in.reader.MetaData().Schema.Column(leaf).MaxDefinitionLevel()}
}

func (c *int96Column) release() {}

func (c *int96Column) seek(row int64) error { return pass(c, row) }

func (c *int96Column) next(n int64) (arrow.Array, error) {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
	defer b.Release()
	b.Reserve(int(n))
	if int64(len(c.values)) < n {
		c.values, c.def = make([]pq.Int96, n), make([]int16, n)
	}
	if c.chunk == nil {
		chunk, err := c.in.reader.RowGroup(c.group).Column(c.leaf)
		if err != nil {
			return nil, err
		}
		c.chunk = chunk.(*pqfile.Int96ColumnChunkReader)
	}
	for int64(b.Len()) < n {
		rows, _, err := c.chunk.ReadBatch(n-int64(b.Len()), c.values, c.def, nil)
		if err != nil {
			return nil, err
		}
		if rows == 0 {
			break
		}
		at := 0
		for i := range rows {
			if c.maxDef > 0 && c.def[i] < c.maxDef {
				b.AppendNull()
				continue
			}
			v, err := micros(c.values[at])
			if err != nil {
				return nil, err
			}
			b.Append(v)
			at++
		}
	}
	return b.NewArray(), nil
}

// micros reads nanoseconds of the day and Julian day number, both little endian.
func micros(v pq.Int96) (arrow.Timestamp, error) {
	nanos := binary.LittleEndian.Uint64(v[:8])
	if nanos > 86_400_000_000_000 {
		return 0, fmt.Errorf("an int96 timestamp has %d nanoseconds of the day", nanos)
	}
	days := int64(int32(binary.LittleEndian.Uint32(v[8:]))) - 2440588
	if days > 1e8 || days < -1e8 {
		return 0, fmt.Errorf("an int96 timestamp is %d days from 1970", days)
	}
	return arrow.Timestamp(days*86_400_000_000 + int64(nanos/1000)), nil
}
