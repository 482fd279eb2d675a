package columnar

import (
	"errors"
	"fmt"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/record"
)

func toList(from, want arrow.DataType, elem record.Type) (Converter, error) {
	f, ok := from.(arrow.ListLikeType)
	if !ok || from.ID() == arrow.MAP {
		return nil, errNever
	}
	convert, err := to(f.Elem(), elem)
	if err != nil {
		return nil, err
	}
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		l, ok := arr.(array.ListLike)
		if !ok {
			return nil, fmt.Errorf("arrow type %s is not read", arr.DataType())
		}
		offsets, first, err := rebase(l)
		if err != nil {
			return nil, err
		}
		if last := first + int64(offsets[arr.Len()]); last > int64(l.ListValues().Len()) {
			return nil, fmt.Errorf("the file is damaged: lists end at element %d of %d", last, l.ListValues().Len())
		}
		part := array.NewSlice(l.ListValues(), first, first+int64(offsets[arr.Len()]))
		defer part.Release()
		values, err := convert(part, above(offsets, bad))
		if err != nil {
			return nil, err
		}
		defer values.Release()
		return assemble(arr, want, []arrow.ArrayData{values.Data()}, offsetBuffer(offsets)), nil
	}, nil
}

// rebase returns the lists' offsets counted from the first value, whose index is first. Values of
// null lists must be none, as readers make them.
func rebase(l array.ListLike) (offsets []int32, first int64, err error) {
	offsets = make([]int32, l.Len()+1)
	if l.Len() > 0 {
		first, _ = l.ValueOffsets(0)
	}
	for i := range l.Len() {
		from, to := l.ValueOffsets(i)
		if from-first != int64(offsets[i]) || to < from || to-first > 1<<31-1 {
			return nil, 0, errors.New("list offsets are not in order")
		}
		offsets[i+1] = int32(to - first)
	}
	return offsets, first, nil
}

// above reports an element's row.
func above(offsets []int32, bad Bad) Bad {
	return func(element int, err error) {
		bad(sort.Search(len(offsets)-1, func(i int) bool { return int(offsets[i+1]) > element }), err)
	}
}

func offsetBuffer(offsets []int32) *memory.Buffer {
	return memory.NewBufferBytes(arrow.GetBytes(offsets))
}

func toMap(from, want arrow.DataType, key, value record.Type) (Converter, error) {
	f, ok := from.(*arrow.MapType)
	if !ok {
		return nil, errNever
	}
	keys, err := to(f.KeyType(), key)
	if err != nil {
		return nil, err
	}
	items, err := to(f.ItemType(), value)
	if err != nil {
		return nil, err
	}
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		m, ok := arr.(*array.Map)
		if !ok {
			return nil, fmt.Errorf("arrow type %s is not read", arr.DataType())
		}
		offsets, first, err := rebase(m)
		if err != nil {
			return nil, err
		}
		last := first + int64(offsets[arr.Len()])
		if last > int64(min(m.Keys().Len(), m.Items().Len())) {
			return nil, fmt.Errorf("the file is damaged: maps end at entry %d of %d keys and %d values", last, m.Keys().Len(), m.Items().Len())
		}
		up := above(offsets, bad)
		part := func(a arrow.Array, convert Converter) (arrow.Array, error) {
			s := array.NewSlice(a, first, last)
			defer s.Release()
			return convert(s, up)
		}
		k, err := part(m.Keys(), keys)
		if err != nil {
			return nil, err
		}
		defer k.Release()
		v, err := part(m.Items(), items)
		if err != nil {
			return nil, err
		}
		defer v.Release()
		pairs := array.NewData(want.(*arrow.MapType).Elem(), k.Len(), []*memory.Buffer{nil},
			[]arrow.ArrayData{k.Data(), v.Data()}, 0, 0)
		defer pairs.Release()
		return assemble(arr, want, []arrow.ArrayData{pairs}, offsetBuffer(offsets)), nil
	}, nil
}

// toRow takes the fields by name.
func toRow(from arrow.DataType, t record.Type) (Converter, error) {
	f, ok := from.(*arrow.StructType)
	if !ok {
		return nil, errNever
	}
	want := t.Arrow()
	parts := make([]Column, len(t.Fields))
	for i, field := range t.Fields {
		at, err := Find(f.Fields(), field.Name)
		if err != nil {
			return nil, err
		}
		convert, err := to(f.Field(at).Type, field.Type)
		if err != nil {
			return nil, err
		}
		parts[i] = Column{at, convert}
	}
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		s, ok := arr.(*array.Struct)
		if !ok {
			return nil, fmt.Errorf("arrow type %s is not read", arr.DataType())
		}
		children := make([]arrow.ArrayData, len(parts))
		for i, p := range parts {
			if n := s.Field(p.Index).Len(); n != arr.Len() {
				return nil, fmt.Errorf("the file is damaged: %d rows have %d values of field %q", arr.Len(), n, t.Fields[i].Name)
			}
			c, err := p.Convert(s.Field(p.Index), bad)
			if err != nil {
				return nil, err
			}
			defer c.Release()
			children[i] = c.Data()
		}
		return assemble(arr, want, children), nil
	}, nil
}
