package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// member reads field k of a ROW; null when the row is.
func (c *compiler) member(e syntax.Expr, row *node, k int) *node {
	slot, t := c.slot(), row.typ.Fields[k].Type
	return &node{typ: t, at: e.At(), volatile: row.volatile, eval: func(f *frame) *vec {
		in := row.run(f)
		v := &f.slots[slot]
		s, ok := in.arr.(*array.Struct)
		if !ok {
			return c.mistyped(f, v, t, in)
		}
		if err := v.load(s.Field(k), t); err != nil {
			f.fatal = err
		}
		for i := range f.n {
			if s.IsNull(i) {
				if v.null == nil {
					v.setNull(i, f.n)
				}
				v.null[i] = true
			}
		}
		return v
	}}
}

// entry reads the value of a MAP at a key; null when there is none.
func (c *compiler) entry(e syntax.Expr, m *node, key string) *node {
	slot, items, t := c.slot(), c.slot(), *m.typ.Elem
	return &node{typ: t, at: e.At(), volatile: m.volatile, eval: func(f *frame) *vec {
		in := m.run(f)
		v, values := &f.slots[slot], &f.slots[items]
		a, ok := in.arr.(*array.Map)
		var keys *array.String
		if ok {
			keys, ok = a.Keys().(*array.String)
		}
		if !ok {
			return c.mistyped(f, v, t, in)
		}
		index := make([]int32, f.n)
		for i := range index {
			index[i] = -1
			if a.IsNull(i) {
				continue
			}
			from, to := a.ValueOffsets(i)
			for k := from; k < to; k++ {
				if keys.Value(int(k)) == key {
					index[i] = int32(k)
				}
			}
		}
		if err := values.load(a.Items(), t); err != nil {
			f.fatal = err
		}
		v.reset(t, f.n)
		v.take(f, values, index)
		return v
	}}
}

func (c *compiler) mistyped(f *frame, v *vec, t record.Type, in *vec) *vec {
	if in.arr != nil {
		f.fatal = fmt.Errorf("a value of type %s holds Arrow %s", in.typ, in.arr.DataType())
	}
	v.reset(t, f.n)
	for range f.n {
		v.endText()
	}
	v.allNull(f.n)
	return v
}
