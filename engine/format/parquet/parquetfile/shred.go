package parquetfile

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// slots are the places of a column at some depth of its type, in file order (the "levels" of
// the Dremel paper, Melnik et al. 2010): where the value lies in its array, or absent, and its
// repetition and definition level.
type slots struct {
	at       []int32
	rep, def []uint8
}

const absent = -1

// shred hands the values of arr to the columns below n. Columns that are not nested take a
// shorter way, in column.addFlat.
func (n *node) shred(arr arrow.Array, s slots, rep uint8) error {
	if n.repetition == optional {
		s = s.present(arr)
	} else if arr.NullN() > 0 && slices.ContainsFunc(s.at, func(p int32) bool { return p != absent && arr.IsNull(int(p)) }) {
		return fmt.Errorf("field %q: a map has a null as key, which parquet cannot hold", n.name)
	}
	if n.column != nil {
		return n.column.addNested(arr, s)
	}
	switch a := arr.(type) {
	case *array.Struct:
		if n.converted != convNone || a.NumField() != len(n.children) {
			return n.mismatch(arr)
		}
		for i, c := range n.children {
			if err := c.shred(a.Field(i), s, rep); err != nil {
				return err
			}
		}
		return nil
	case *array.Map:
		if n.converted != convMap {
			return n.mismatch(arr)
		}
		inner := s.repeat(a.ValueOffsets, rep+1)
		entries := n.children[0].children
		if err := entries[0].shred(a.Keys(), inner, rep+1); err != nil {
			return err
		}
		return entries[1].shred(a.Items(), inner, rep+1)
	case *array.List:
		if n.converted != convList {
			return n.mismatch(arr)
		}
		return n.children[0].children[0].shred(a.ListValues(), s.repeat(a.ValueOffsets, rep+1), rep+1)
	}
	return n.mismatch(arr)
}

func (n *node) mismatch(arr arrow.Array) error {
	return fmt.Errorf("field %q: the batch has arrow type %s, which is not what the schema says", n.name, arr.DataType())
}

// present raises the definition level of the slots whose value is not null.
func (s slots) present(arr arrow.Array) slots {
	out := slots{at: make([]int32, len(s.at)), rep: s.rep, def: make([]uint8, len(s.at))}
	for i, at := range s.at {
		out.at[i], out.def[i] = at, s.def[i]
		switch {
		case at == absent:
		case arr.IsNull(int(at)):
			out.at[i] = absent
		default:
			out.def[i]++
		}
	}
	return out
}

// repeat makes a slot of each element of the lists at s.
func (s slots) repeat(offsets func(int) (int64, int64), rep uint8) slots {
	var out slots
	for i, at := range s.at {
		from, to := int64(0), int64(0)
		if at != absent {
			from, to = offsets(int(at))
		}
		if from == to {
			out.add(absent, s.rep[i], s.def[i])
			continue
		}
		out.add(int32(from), s.rep[i], s.def[i]+1)
		for e := from + 1; e < to; e++ {
			out.add(int32(e), rep, s.def[i]+1)
		}
	}
	return out
}

func (s *slots) add(at int32, rep, def uint8) {
	s.at, s.rep, s.def = append(s.at, at), append(s.rep, rep), append(s.def, def)
}

// topLevel are the slots of n rows.
func topLevel(n int) slots {
	s := slots{at: make([]int32, n), rep: make([]uint8, n), def: make([]uint8, n)}
	for i := range s.at {
		s.at[i] = int32(i)
	}
	return s
}
