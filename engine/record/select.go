package record

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Filter keeps the rows where keep is true, with their kinds, ordinals and metadata. The
// caller still owns b and gets one reference to the result, which is b itself when every
// row is kept.
func Filter(ctx context.Context, b *Batch, keep []bool) (*Batch, error) {
	n := 0
	for _, k := range keep {
		if k {
			n++
		}
	}
	if n == len(keep) {
		b.Retain()
		return b, nil
	}
	if first := firstKept(keep); n > 0 && contiguous(keep, first, n) {
		return b.Slice(first, first+n), nil
	}
	mask := array.NewBooleanBuilder(memory.DefaultAllocator)
	defer mask.Release()
	mask.AppendValues(keep, nil)
	sel := mask.NewBooleanArray()
	defer sel.Release()

	out := *b
	cols := make([]arrow.Array, b.Data.NumCols())
	for i, c := range b.Data.Columns() {
		f, err := filterColumn(ctx, c, sel, keep)
		if err != nil {
			return nil, err
		}
		defer f.Release()
		cols[i] = f
	}
	out.Data = array.NewRecordBatch(b.Data.Schema(), cols, int64(n))
	out.Bytes = SizeOf(out.Data)
	out.Kinds, out.Ordinals = nil, make([]int64, 0, n)
	if b.Kinds != nil {
		out.Kinds = make([]RowKind, 0, n)
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
	out.Meta = nil
	for name, m := range b.Meta {
		f, err := compute.FilterArray(ctx, m, sel, *compute.DefaultFilterOptions())
		if err != nil {
			return nil, err
		}
		if out.Meta == nil {
			out.Meta = make(map[string]arrow.Array, len(b.Meta))
		}
		out.Meta[name] = f
	}
	return &out, nil
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

// filterColumn picks the kept entries. Arrow's kernel knows no maps, wherever they are inside the
// type, so those are put together from runs of kept rows.
func filterColumn(ctx context.Context, c arrow.Array, sel *array.Boolean, keep []bool) (arrow.Array, error) {
	if !hasMap(c.DataType()) {
		return compute.FilterArray(ctx, c, sel, *compute.DefaultFilterOptions())
	}
	var runs []arrow.Array
	for from := 0; from < len(keep); from++ {
		to := from
		for to < len(keep) && keep[to] {
			to++
		}
		if to > from {
			run := array.NewSlice(c, int64(from), int64(to))
			defer run.Release()
			runs = append(runs, run)
			from = to
		}
	}
	if runs == nil {
		return array.NewSlice(c, 0, 0), nil
	}
	return array.Concatenate(runs, memory.DefaultAllocator)
}

func hasMap(t arrow.DataType) bool {
	if t.ID() == arrow.MAP {
		return true
	}
	nested, ok := t.(arrow.NestedType)
	return ok && slices.ContainsFunc(nested.Fields(), func(f arrow.Field) bool { return hasMap(f.Type) })
}

func firstKept(keep []bool) int {
	for i, k := range keep {
		if k {
			return i
		}
	}
	return len(keep)
}

func contiguous(keep []bool, first, n int) bool {
	if first+n > len(keep) {
		return false
	}
	for _, k := range keep[first : first+n] {
		if !k {
			return false
		}
	}
	return true
}
