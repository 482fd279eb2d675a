package record

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Filter keeps the rows where keep is true, with their kinds, ordinals and metadata. The
// caller still owns b and gets one reference to the result, which is b itself when every
// row is kept.
func Filter(b *Batch, keep []bool) (*Batch, error) {
	if b.Data == nil { // only progress
		b.Retain()
		return b, nil
	}
	columns := make([]int, b.Data.NumCols())
	for i := range columns {
		columns[i] = i
	}
	return Pick(b, b.Schema, columns, keep)
}

// Pick is Filter for some columns of b, as a batch of schema.
func Pick(b *Batch, schema *Schema, columns []int, keep []bool) (*Batch, error) {
	runs, rows := runsOf(keep)
	whole := rows == len(keep)
	picked := make([]arrow.Array, 0, len(columns))
	defer func() {
		for _, c := range picked {
			c.Release()
		}
	}()
	for _, c := range columns {
		col, err := pickColumn(b.Data.Column(c), runs, rows, whole)
		if err != nil {
			return nil, fmt.Errorf("filter column %s: %w", b.Schema.Columns[c].Name, err)
		}
		picked = append(picked, col)
	}
	out := *b
	out.Schema = schema
	out.Data = array.NewRecordBatch(schema.Arrow(), picked, int64(rows))
	out.Bytes = SizeOf(out.Data)
	if !whole {
		out.pickRows(b, keep, rows)
	}
	out.Meta = nil
	for name, m := range b.Meta {
		col, err := pickColumn(m, runs, rows, whole)
		if err != nil {
			out.Release()
			return nil, fmt.Errorf("filter metadata %s: %w", name, err)
		}
		if out.Meta == nil {
			out.Meta = make(map[string]arrow.Array, len(b.Meta))
		}
		out.Meta[name] = col
	}
	return &out, nil
}

// pickRows keeps the kinds and ordinals of the kept rows of b.
func (out *Batch) pickRows(b *Batch, keep []bool, rows int) {
	out.Kinds, out.Ordinals = nil, make([]int64, 0, rows)
	if b.Kinds != nil {
		out.Kinds = make([]RowKind, 0, rows)
	}
	for i, k := range keep {
		if !k {
			continue
		}
		out.Ordinals = append(out.Ordinals, b.Ordinal(i))
		if b.Kinds != nil {
			out.Kinds = append(out.Kinds, b.Kinds[i])
		}
	}
}

// pickColumn copies the kept runs. Fixed-width values and texts, nearly all there is, take a way
// of their own that is several times as fast as Arrow's kernels; nested ones are joined from
// slices, since those kernels know no maps.
func pickColumn(c arrow.Array, runs []run, rows int, whole bool) (arrow.Array, error) {
	switch {
	case whole:
		c.Retain()
		return c, nil
	case rows == 0:
		return array.NewSlice(c, 0, 0), nil
	case len(runs) == 1:
		return array.NewSlice(c, int64(runs[0].from), int64(runs[0].to)), nil
	}
	if out := pickArray(c, runs, rows); out != nil {
		return out, nil
	}
	parts := make([]arrow.Array, len(runs))
	for i, r := range runs {
		parts[i] = array.NewSlice(c, int64(r.from), int64(r.to))
		defer parts[i].Release()
	}
	return array.Concatenate(parts, memory.DefaultAllocator)
}

// Slice returns rows [from, to), sharing memory with b. It still stands for b's whole
// stretch of the split.
func (b *Batch) Slice(from, to int) *Batch {
	out := *b
	out.Data = b.Data.NewSlice(int64(from), int64(to))
	out.Bytes = SizeOf(out.Data)
	if b.Kinds != nil {
		out.Kinds = b.Kinds[from:to]
	}
	if b.Ordinals != nil {
		out.Ordinals = b.Ordinals[from:to]
	} else if from > 0 || to < b.Rows() {
		out.Ordinals = make([]int64, to-from)
		for i := range out.Ordinals {
			out.Ordinals[i] = b.Ordinal(from + i)
		}
	}
	out.Meta = nil
	for name, m := range b.Meta {
		if out.Meta == nil {
			out.Meta = make(map[string]arrow.Array, len(b.Meta))
		}
		out.Meta[name] = array.NewSlice(m, int64(from), int64(to))
	}
	return &out
}

// Skip drops the rows up to and including number ordinal of the split, for a sink replica
// that holds them already. The caller still owns b.
func (b *Batch) Skip(ordinal int64) *Batch {
	from := 0
	for from < b.Rows() && b.Ordinal(from) <= ordinal {
		from++
	}
	if from == 0 {
		b.Retain()
		return b
	}
	return b.Slice(from, b.Rows())
}

// run is a stretch of rows that a filter keeps.
type run struct{ from, to int }

// runsOf cuts keep into runs and counts their rows.
func runsOf(keep []bool) (runs []run, rows int) {
	for i := 0; i < len(keep); {
		if !keep[i] {
			i++
			continue
		}
		from := i
		for i < len(keep) && keep[i] {
			i++
		}
		runs = append(runs, run{from, i})
		rows += i - from
	}
	return runs, rows
}

// pickArray copies the runs of a fixed-width or text array; nil for other types.
func pickArray(a arrow.Array, runs []run, rows int) arrow.Array {
	d := a.Data()
	var bufs []*memory.Buffer
	switch t := a.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		offsets, data := pickTexts(d, runs, rows)
		bufs = []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data)}
	case arrow.FixedWidthDataType:
		width := t.BitWidth() / 8
		if width == 0 || len(d.Buffers()) != 2 {
			return nil
		}
		src := d.Buffers()[1].Bytes()[d.Offset()*width:]
		dst := make([]byte, 0, rows*width)
		for _, r := range runs {
			dst = append(dst, src[r.from*width:r.to*width]...)
		}
		bufs = []*memory.Buffer{nil, memory.NewBufferBytes(dst)}
	default:
		return nil
	}
	nulls := 0
	if a.NullN() > 0 {
		bits := make([]byte, (rows+7)/8)
		k := 0
		for _, r := range runs {
			for i := r.from; i < r.to; i++ {
				if a.IsValid(i) {
					bits[k>>3] |= 1 << (k & 7)
				} else {
					nulls++
				}
				k++
			}
		}
		bufs[0] = memory.NewBufferBytes(bits)
	}
	out := array.NewData(a.DataType(), rows, bufs, nil, nulls, 0)
	defer out.Release()
	return array.MakeFromData(out)
}

func pickTexts(d arrow.ArrayData, runs []run, rows int) (offsets []int32, data []byte) {
	offsets = make([]int32, 1, rows+1)
	if rows == 0 {
		return offsets, nil
	}
	in := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
	size := 0
	for _, r := range runs {
		size += int(in[r.to] - in[r.from])
	}
	data = make([]byte, 0, size)
	var all []byte
	if b := d.Buffers()[2]; b != nil {
		all = b.Bytes()
	}
	for _, r := range runs {
		shift := int32(len(data)) - in[r.from]
		data = append(data, all[in[r.from]:in[r.to]]...)
		for _, end := range in[r.from+1 : r.to+1] {
			offsets = append(offsets, end+shift)
		}
	}
	return offsets, data
}
