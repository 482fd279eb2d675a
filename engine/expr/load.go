package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/record"
)

// load fills v from an Arrow array. Texts, 64-bit integers and doubles are not copied.
func (v *vec) load(a arrow.Array, t record.Type) error {
	n := a.Len()
	v.typ, v.mask, v.null, v.arr = t, -1, nil, nil
	v.view = true
	if a.NullN() > 0 {
		v.nulls = grow(v.nulls, n)
		for i := range v.nulls {
			v.nulls[i] = a.IsNull(i)
		}
		v.null = v.nulls
	}
	switch x := a.(type) {
	case *array.Null:
	case *array.Int8:
		v.wide = widen(v.wide, x.Int8Values())
		v.i = v.wide
	case *array.Int16:
		v.wide = widen(v.wide, x.Int16Values())
		v.i = v.wide
	case *array.Int32:
		v.wide = widen(v.wide, x.Int32Values())
		v.i = v.wide
	case *array.Date32:
		v.wide = widen(v.wide, x.Date32Values())
		v.i = v.wide
	case *array.Int64:
		v.i = x.Int64Values()
	case *array.Time64:
		v.wide = widen(v.wide, x.Time64Values())
		v.i = v.wide
	case *array.Timestamp:
		v.wide = widen(v.wide, x.TimestampValues())
		v.i = v.wide
	case *array.Float32:
		v.f = make([]float64, n)
		for i, y := range x.Float32Values() {
			v.f[i] = float64(y)
		}
	case *array.Float64:
		v.f = x.Float64Values()
	case *array.Decimal128:
		v.d = x.Values()
	case *array.Boolean:
		v.b = grow(v.b, n)
		for i := range v.b {
			v.b[i] = x.Value(i)
		}
	case *array.String:
		v.loadText(x.ValueOffsets(), x.Data())
	case *array.Binary:
		if t.Kind != record.Bytes {
			v.arr = a
			break
		}
		v.loadText(x.ValueOffsets(), x.Data())
	default:
		if familyOf(t.Kind) != famArray {
			return fmt.Errorf("a column of type %s holds Arrow %s", t, a.DataType())
		}
		v.arr = a
	}
	return nil
}

func (v *vec) loadText(offsets []int32, d arrow.ArrayData) {
	v.off, v.data = offsets, nil
	if b := d.Buffers()[2]; b != nil {
		v.data = b.Bytes()
	}
	if len(offsets) == 0 {
		v.off = []int32{0}
	}
}

func widen[T ~int8 | ~int16 | ~int32 | ~int64](dst []int64, src []T) []int64 {
	dst = grow(dst, len(src))
	for i, x := range src {
		dst[i] = int64(x)
	}
	return dst
}

// unload forgets memory that may belong to the batch, so that it is not written to later.
func (v *vec) unload() {
	if v.view {
		v.i, v.f, v.d, v.off, v.data = nil, nil, nil, nil, nil
		v.view = false
	}
	v.arr = nil
}

// array makes n values of v an Arrow array of v's type, in memory of its own.
func (v *vec) array(n int) arrow.Array {
	dt := v.typ.Arrow()
	if v.typ.Kind == record.Null {
		return array.NewNull(n)
	}
	if v.arr != nil {
		v.arr.Retain()
		return v.arr
	}
	nulls, bitmap := v.bitmap(n)
	bufs := []*memory.Buffer{bitmap, nil}
	switch familyOf(v.typ.Kind) {
	case famInt:
		bufs[1] = v.intBuffer(n, dt)
	case famFloat:
		if v.typ.Kind == record.Float {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(v.f[i&v.mask])
			}
			bufs[1] = memory.NewBufferBytes(arrow.Float32Traits.CastToBytes(out))
		} else {
			bufs[1] = memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(spread(v.f, v.mask, n)))
		}
	case famDecimal:
		bufs[1] = memory.NewBufferBytes(arrow.Decimal128Traits.CastToBytes(spread(v.d, v.mask, n)))
	case famBool:
		out := make([]byte, (n+7)/8)
		for i := range n {
			if v.b[i&v.mask] {
				out[i>>3] |= 1 << (i & 7)
			}
		}
		bufs[1] = memory.NewBufferBytes(out)
	case famText:
		offsets, data := v.textBuffers(n)
		bufs = []*memory.Buffer{bitmap, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data)}
	case famArray: // a null of a nested type
		return array.MakeArrayOfNull(memory.DefaultAllocator, dt, n)
	}
	d := array.NewData(dt, n, bufs, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

func (v *vec) bitmap(n int) (nulls int, bitmap *memory.Buffer) {
	if v.null == nil {
		return 0, nil
	}
	bits := make([]byte, (n+7)/8)
	for i := range n {
		if v.null[i&v.mask] {
			nulls++
		} else {
			bits[i>>3] |= 1 << (i & 7)
		}
	}
	return nulls, memory.NewBufferBytes(bits)
}

func (v *vec) intBuffer(n int, dt arrow.DataType) *memory.Buffer {
	switch dt.(arrow.FixedWidthDataType).BitWidth() {
	case 8:
		return memory.NewBufferBytes(arrow.Int8Traits.CastToBytes(narrow[int8](v.i, v.mask, n)))
	case 16:
		return memory.NewBufferBytes(arrow.Int16Traits.CastToBytes(narrow[int16](v.i, v.mask, n)))
	case 32:
		return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(narrow[int32](v.i, v.mask, n)))
	}
	return memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(spread(v.i, v.mask, n)))
}

func narrow[T int8 | int16 | int32](src []int64, mask, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = T(src[i&mask])
	}
	return out
}

func spread[T any](src []T, mask, n int) []T {
	out := make([]T, n)
	if mask != 0 {
		copy(out, src)
		return out
	}
	for i := range out {
		out[i] = src[0]
	}
	return out
}

func (v *vec) textBuffers(n int) ([]int32, []byte) {
	offsets := make([]int32, n+1)
	if v.mask == 0 {
		one := v.text(0)
		data := make([]byte, 0, n*len(one))
		for i := range n {
			data = append(data, one...)
			offsets[i+1] = int32(len(data))
		}
		return offsets, data
	}
	first := v.off[0]
	for i := range offsets {
		offsets[i] = v.off[i] - first
	}
	return offsets, append([]byte(nil), v.data[first:v.off[n]]...)
}

// take fills v with rows of a, by index; a negative index gives null.
func (v *vec) take(f *frame, a *vec, index []int32) {
	n := len(index)
	if familyOf(v.typ.Kind) == famArray {
		v.takeArray(f, a, index)
		return
	}
	for i, k := range index {
		if k < 0 || a.isNull(int(k)) {
			v.setNull(i, n)
			if familyOf(v.typ.Kind) == famText {
				v.endText()
			}
			continue
		}
		v.copyValue(i, a, int(k))
	}
}

// copyValue sets value i to value k of a, which is not null and has the same type.
func (v *vec) copyValue(i int, a *vec, k int) {
	switch familyOf(v.typ.Kind) {
	case famInt:
		v.i[i] = a.i[k&a.mask]
	case famFloat:
		v.f[i] = a.f[k&a.mask]
	case famDecimal:
		v.d[i] = a.d[k&a.mask]
	case famBool:
		v.b[i] = a.b[k&a.mask]
	case famText:
		v.data = append(v.data, a.text(k)...)
		v.endText()
	}
}

func (v *vec) takeArray(f *frame, a *vec, index []int32) {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	for _, k := range index {
		if k < 0 {
			b.AppendNull()
		} else {
			b.Append(k)
		}
	}
	indices := b.NewArray()
	defer indices.Release()
	out, err := compute.TakeArray(f.ctx, a.arr, indices)
	if err != nil {
		f.fatal = fmt.Errorf("picking values of type %s: %w", v.typ, err)
		out = array.MakeArrayOfNull(memory.DefaultAllocator, v.typ.Arrow(), len(index))
	}
	f.held = append(f.held, out)
	v.arr = out
	v.null = nil
	for i := range index {
		if out.IsNull(i) {
			v.setNull(i, len(index))
		}
	}
}

// mergeArrays is merge for nested types.
func mergeArrays(f *frame, out *vec, values []*vec, choice []int32) {
	var parts []arrow.Array
	start := make([]int32, len(values))
	length := int32(0)
	for k, v := range values {
		if v != nil && v.arr != nil {
			start[k] = length
			parts = append(parts, v.arr)
			length += int32(v.arr.Len())
		}
	}
	index := make([]int32, len(choice))
	for i, k := range choice {
		index[i] = -1
		if k >= 0 && values[k].arr != nil && !values[k].isNull(i) {
			index[i] = start[k] + int32(i)
		}
	}
	if len(parts) == 0 {
		out.allNull(len(choice))
		return
	}
	all, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		f.fatal = fmt.Errorf("joining values of type %s: %w", out.typ, err)
		out.allNull(len(choice))
		return
	}
	f.held = append(f.held, all)
	out.takeArray(f, &vec{typ: out.typ, mask: -1, arr: all}, index)
}
