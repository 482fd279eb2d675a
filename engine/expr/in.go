package expr

import (
	"bytes"
	"math"
	"strings"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// in is [NOT] IN (list).
//
// In ZETA a null on the left gives true when the list begins with a null, else false, also for
// NOT IN, and nulls in the list equal nothing.
func (c *compiler) in(x *syntax.In) (*node, error) {
	n, err := c.expr(x.X)
	if err != nil {
		return nil, err
	}
	ansi := c.ansi()
	args := []*node{n}
	var tests []*node // one "=" an element that is not in the set
	set := newValueSet(n)
	for _, e := range x.List {
		item, err := c.expr(e)
		if err != nil {
			return nil, err
		}
		args = append(args, item)
		if set.add(item, ansi) {
			continue
		}
		test, err := c.compare(e, "=", n, item)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	out := c.node(x, record.Of(record.Boolean), args, func(f *frame, out *vec) {
		left := n.run(f)
		set.mark(left, out.b)
		unknown := set.null
		for _, t := range tests {
			v := t.run(f)
			for i := range out.b {
				if v.isNull(i) && !out.b[i] && !left.isNull(i) {
					out.setNull(i, f.n)
				}
				out.b[i] = out.b[i] || v.isTrue(i)
			}
		}
		var first *vec
		if left.null != nil && !ansi {
			first = args[1].run(f)
		}
		for i := range out.b {
			hit := out.b[i]
			switch {
			case left.isNull(i) && ansi, !hit && unknown && ansi:
				out.setNull(i, f.n)
			case left.isNull(i):
				out.b[i] = first != nil && first.isNull(i)
			case hit && out.null != nil:
				out.null[i] = false
				out.b[i] = !x.Not
			default:
				out.b[i] = hit != x.Not
			}
		}
	})
	return out, nil
}

// valueSet holds the constants of an IN list that can be looked up.
type valueSet struct {
	kind  record.Kind // of the left side: STRING, DOUBLE for numbers, else none
	nums  map[float64]bool
	texts map[string]bool
	few   [][]byte // the texts again, when they are few enough to go through
	null  bool     // the list has a null constant
}

func newValueSet(n *node) *valueSet {
	s := &valueSet{}
	switch k := n.typ.Kind; {
	case k == record.String:
		s.kind, s.texts = k, map[string]bool{}
	case k.Integer() && k < record.BigInt || k == record.Double || k == record.Float:
		s.kind, s.nums = record.Double, map[float64]bool{}
	}
	return s
}

// add reports whether the set takes care of item.
func (s *valueSet) add(item *node, ansi bool) bool {
	if !item.constant() {
		return false
	}
	if item.isNull() {
		s.null = true
		return true
	}
	k := item.typ.Kind
	switch {
	case s.kind == record.String && k == record.String:
		text := strings.Clone(item.value.str(0))
		s.texts[text] = true
		s.few = append(s.few, []byte(text))
	case s.kind == record.Double && k.Integer() && !(ansi && exceeds53(item.value.i[0])):
		s.nums[float64(item.value.i[0])] = true
	case s.kind == record.Double && (k == record.Double || k == record.Float):
		s.nums[item.value.f[0]] = true
	default:
		return false
	}
	return true
}

func exceeds53(v int64) bool { return v > 1<<53 || v < -1<<53 }

func (s *valueSet) mark(left *vec, dst []bool) {
	switch {
	case len(s.few) > 0 && len(s.few) <= 8:
		for i := range dst {
			dst[i] = false
			if left.isNull(i) {
				continue
			}
			text := left.text(i)
			for _, x := range s.few {
				if bytes.Equal(text, x) {
					dst[i] = true
					break
				}
			}
		}
	case len(s.texts) > 0:
		for i := range dst {
			dst[i] = !left.isNull(i) && s.texts[left.str(i)]
		}
	case len(s.nums) > 0 && familyOf(left.typ.Kind) == famInt:
		for i := range dst {
			dst[i] = s.nums[float64(left.i[i&left.mask])]
		}
	case len(s.nums) > 0:
		for i := range dst {
			x := left.f[i&left.mask]
			dst[i] = !math.IsNaN(x) && s.nums[x]
		}
	default:
		clear(dst)
	}
}
