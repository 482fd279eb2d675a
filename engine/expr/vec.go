package expr

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"seikan/engine/record"
)

// vec is a column while it is computed. Only the slice of its family is set: integers, dates
// and times share i (in the unit of typ), both float types share f.
type vec struct {
	typ  record.Type
	mask int    // -1; or 0 when row 0 stands for every row
	null []bool // nil: no nulls
	i    []int64
	f    []float64
	d    []decimal128.Num
	b    []bool
	off  []int32 // row k is data[off[k]:off[k+1]]
	data []byte
	arr  arrow.Array // nested types, as they came

	nulls []bool  // memory for null
	wide  []int64 // memory for i of a loaded column
	view  bool    // slices may belong to the batch
}

// family says which slice of a vec holds values of a kind.
type family uint8

const (
	famNone family = iota
	famInt
	famFloat
	famDecimal
	famBool
	famText
	famArray
)

func familyOf(k record.Kind) family {
	switch {
	case k == record.Null:
		return famNone
	case k.Integer() || k.Temporal():
		return famInt
	case k == record.Float || k == record.Double:
		return famFloat
	case k == record.Decimal:
		return famDecimal
	case k == record.Boolean:
		return famBool
	case k == record.String || k == record.Bytes:
		return famText
	}
	return famArray
}

// reset prepares v for n values of type t, none of them null. Fixed-width values are to be
// assigned, texts appended.
func (v *vec) reset(t record.Type, n int) {
	v.typ, v.mask, v.null, v.arr = t, -1, nil, nil
	switch familyOf(t.Kind) {
	case famInt:
		v.i = grow(v.i, n)
	case famFloat:
		v.f = grow(v.f, n)
	case famDecimal:
		v.d = grow(v.d, n)
	case famBool:
		v.b = grow(v.b, n)
	case famText:
		v.off = append(v.off[:0], 0)
		v.data = v.data[:0]
	}
}

// grow returns s with length n; its contents are undefined.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/8)
	}
	return s[:n]
}

// setNull marks row i of n null.
func (v *vec) setNull(i, n int) {
	if v.null == nil {
		v.nulls = grow(v.nulls, n)
		clear(v.nulls)
		v.null = v.nulls
	}
	v.null[i] = true
}

// allNull makes every one of n values null.
func (v *vec) allNull(n int) {
	v.nulls = grow(v.nulls, n)
	for i := range v.nulls {
		v.nulls[i] = true
	}
	v.null = v.nulls
}

func (v *vec) isNull(i int) bool {
	return v.null != nil && v.null[i&v.mask] || v.typ.Kind == record.Null
}

// isTrue reads a BOOLEAN; null is not true.
func (v *vec) isTrue(i int) bool {
	return v.b != nil && !v.isNull(i) && v.b[i&v.mask]
}

// text is value i of a STRING or BYTES column, to be read only.
func (v *vec) text(i int) []byte {
	k := i & v.mask
	return v.data[v.off[k]:v.off[k+1]]
}

// str is text as a string that lives as long as the column.
func (v *vec) str(i int) string {
	b := v.text(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// endText closes the text appended to data since the last one.
func (v *vec) endText() { v.off = append(v.off, int32(len(v.data))) }

// strictNulls makes v null wherever one of args is.
func (v *vec) strictNulls(n int, args ...*vec) {
	for _, a := range args {
		switch {
		case a.typ.Kind == record.Null || a.mask == 0 && a.null != nil && a.null[0]:
			v.allNull(n)
			return
		case a.null == nil || a.mask == 0:
		case v.null == nil:
			v.nulls = append(v.nulls[:0], a.null[:n]...)
			v.null = v.nulls
		default:
			for i, isNull := range a.null[:n] {
				if isNull {
					v.null[i] = true
				}
			}
		}
	}
}

// zeroNull makes a constant null of type t.
func zeroNull(t record.Type) *vec {
	v := &vec{}
	v.reset(t, 1)
	v.endText()
	v.mask = 0
	v.allNull(1)
	return v
}

// size is the memory v holds on to, in bytes.
func (v *vec) size() int {
	return cap(v.i)*8 + cap(v.f)*8 + cap(v.d)*16 + cap(v.b) + cap(v.off)*4 + cap(v.data) + cap(v.nulls) + cap(v.wide)*8
}
