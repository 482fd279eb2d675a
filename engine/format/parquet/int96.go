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

	"seikan/engine/plugin"
)

// int96Column reads int96 timestamps as microseconds. arrow-go makes nanoseconds of them, which
// end in the year 2262; 9999-12-31 is common in warehouses.
type int96Column struct {
	in     *input
	leaf   int
	maxDef int16
	groups []int
	chunk  *pqfile.Int96ColumnChunkReader // of the first of groups; nil before it is opened
	values []pq.Int96
	def    []int16
}

func newInt96(in *input, field *pqarrow.SchemaField, groups []int) *int96Column {
	leaf := field.ColIndex
	return &int96Column{in: in, leaf: leaf, groups: groups, maxDef: in.reader.MetaData().Schema.Column(leaf).MaxDefinitionLevel()}
}

func (c *int96Column) release() {}

// seek is called before anything is read.
func (c *int96Column) seek(row int64) error {
	for len(c.groups) > 0 {
		n := c.in.reader.MetaData().RowGroup(c.groups[0]).NumRows()
		if row < n {
			break
		}
		row -= n
		c.groups = c.groups[1:]
	}
	for row > 0 {
		a, err := c.next(min(row, plugin.BatchRows))
		if err != nil {
			return err
		}
		n := int64(a.Len())
		if a.Release(); n == 0 {
			return fmt.Errorf("the file ends %d rows before the position to go on from", row)
		}
		row -= n
	}
	return nil
}

func (c *int96Column) next(n int64) (arrow.Array, error) {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
	defer b.Release()
	b.Reserve(int(n))
	if int64(len(c.values)) < n {
		c.values, c.def = make([]pq.Int96, n), make([]int16, n)
	}
	for int64(b.Len()) < n && len(c.groups) > 0 {
		if c.chunk == nil {
			chunk, err := c.in.reader.RowGroup(c.groups[0]).Column(c.leaf)
			if err != nil {
				return nil, err
			}
			c.chunk = chunk.(*pqfile.Int96ColumnChunkReader)
		}
		rows, _, err := c.chunk.ReadBatch(n-int64(b.Len()), c.values, c.def, nil)
		if err != nil {
			return nil, err
		}
		if rows == 0 {
			c.chunk, c.groups = nil, c.groups[1:]
			continue
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
