package record

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// RowKind says what a row does to its table.
type RowKind uint8

const (
	Insert       RowKind = iota // +I
	UpdateBefore                // -U
	UpdateAfter                 // +U
	Delete                      // -D
)

// Short returns +I, -U, +U or -D.
func (k RowKind) Short() string { return [...]string{"+I", "-U", "+U", "-D"}[k&3] }

func (k RowKind) String() string {
	return [...]string{"INSERT", "UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"}[k&3]
}

// ParseRowKind reads the long or the short name, in any case.
func ParseRowKind(s string) (RowKind, error) {
	for k := Insert; k <= Delete; k++ {
		if strings.EqualFold(s, k.String()) || strings.EqualFold(s, k.Short()) {
			return k, nil
		}
	}
	return 0, fmt.Errorf("row kind %q is not one of INSERT, UPDATE_BEFORE, UPDATE_AFTER, DELETE", s)
}

// Position is a point inside a split, before or after one of its rows.
type Position struct {
	// Rows is the number of the split's rows before this point. It orders positions.
	Rows int64 `json:"rows"`
	// Token is the source's own way back to this point; it may be empty.
	Token []byte `json:"token,omitempty"`
	// Done marks the end of the split: nothing follows.
	Done bool `json:"done,omitempty"`
}

// After reports whether p lies behind o.
func (p Position) After(o Position) bool {
	return p.Rows > o.Rows || p.Rows == o.Rows && p.Done && !o.Done
}

// TimeRange is the least and greatest event time of some rows.
type TimeRange struct{ Min, Max time.Time }

// Batch is a run of rows of one table, all from one split. It is immutable; whoever holds
// it calls Release once, and Retain before handing it to another owner as well.
type Batch struct {
	Schema *Schema
	Data   arrow.RecordBatch
	// Kinds has one entry a row; nil means that every row is an Insert.
	Kinds []RowKind

	// Split is the id of the split the rows come from; From and To are its positions before
	// the first and after the last row the batch stands for, dropped ones included. The
	// last batch of a split has To.Done; it may have no rows.
	Split    string
	From, To Position
	// Ordinals gives each row's number in the split, counted from 1, once rows have been
	// dropped from the batch. nil: row i is number From.Rows+1+i.
	Ordinals []int64

	Events *TimeRange             // event times, when the source knows them
	Meta   map[string]arrow.Array // metadata columns by name, as long as Data
	Bytes  int64                  // size in memory, for budgets and metrics
}

// NewBatch wraps data, taking over the caller's reference.
func NewBatch(schema *Schema, data arrow.RecordBatch) *Batch {
	return &Batch{Schema: schema, Data: data, Bytes: SizeOf(data)}
}

// Rows is the number of rows.
func (b *Batch) Rows() int {
	if b.Data == nil {
		return 0
	}
	return int(b.Data.NumRows())
}

// Kind returns the kind of row i.
func (b *Batch) Kind(i int) RowKind {
	if b.Kinds == nil {
		return Insert
	}
	return b.Kinds[i]
}

// Ordinal returns the number of row i in its split, counted from 1.
func (b *Batch) Ordinal(i int) int64 {
	if b.Ordinals == nil {
		return b.From.Rows + 1 + int64(i)
	}
	return b.Ordinals[i]
}

// Retain adds an owner.
func (b *Batch) Retain() {
	if b.Data != nil {
		b.Data.Retain()
	}
	for _, m := range b.Meta {
		m.Retain()
	}
}

// Release drops an owner.
func (b *Batch) Release() {
	if b.Data != nil {
		b.Data.Release()
	}
	for _, m := range b.Meta {
		m.Release()
	}
}

// With returns a batch with the same rows, kinds and place but other columns. It takes over
// the reference to data and does not release b.
func (b *Batch) With(schema *Schema, data arrow.RecordBatch) *Batch {
	out := *b
	out.Schema, out.Data, out.Bytes = schema, data, SizeOf(data)
	for _, m := range out.Meta {
		m.Retain()
	}
	return &out
}

// SizeOf is the number of bytes the columns of data hold in memory. Buffers that are
// shared through slices count by the slice's share.
func SizeOf(data arrow.RecordBatch) int64 {
	if data == nil {
		return 0
	}
	var n int64
	for _, c := range data.Columns() {
		n += sizeOf(c.Data())
	}
	return n
}

func sizeOf(d arrow.ArrayData) int64 {
	var n int64
	rows := int64(d.Len())
	switch t := d.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		if bufs := d.Buffers(); bufs[1] != nil && rows > 0 {
			offsets := arrow.Int32Traits.CastFromBytes(bufs[1].Bytes())
			n += int64(offsets[d.Offset()+d.Len()]-offsets[d.Offset()]) + 4*rows
		}
	case arrow.FixedWidthDataType:
		n += (rows*int64(t.BitWidth()) + 7) / 8
	default:
		for _, b := range d.Buffers() {
			if b != nil {
				n += int64(b.Len())
			}
		}
		for _, c := range d.Children() {
			n += sizeOf(c)
		}
		return n
	}
	if d.NullN() > 0 {
		n += (rows + 7) / 8
	}
	return n
}
