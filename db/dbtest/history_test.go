package dbtest

import (
	"math"
	"testing"

	"seikan/db"
)

func TestLinearizableTellsRightFromWrong(t *testing.T) {
	t.Parallel()
	read := func(v, call, ret int64) Op { return Op{Read: true, Value: v, Call: call, Return: ret} }
	swap := func(old, new int64, o db.Outcome, call, ret int64) Op {
		return Op{Old: old, New: new, Outcome: o, Call: call, Return: ret}
	}
	lost := func(old, new, call int64) Op { return swap(old, new, db.Unknown, call, math.MaxInt64) }
	for name, c := range map[string]struct {
		history []Op
		want    bool
	}{
		"nothing":                                {nil, true},
		"one after another":                      {[]Op{swap(0, 1, db.Done, 1, 2), read(1, 3, 4), swap(1, 2, db.Done, 5, 6), read(2, 7, 8)}, true},
		"stale read":                             {[]Op{swap(0, 1, db.Done, 1, 2), read(0, 3, 4)}, false},
		"read during a swap, either way":         {[]Op{swap(0, 1, db.Done, 1, 9), read(0, 2, 3), read(1, 4, 5)}, true},
		"read goes back":                         {[]Op{swap(0, 1, db.Done, 1, 9), read(1, 2, 3), read(0, 4, 5)}, false},
		"two winners":                            {[]Op{swap(0, 1, db.Done, 1, 4), swap(0, 2, db.Done, 2, 3)}, false},
		"refused though it would fit":            {[]Op{swap(0, 1, db.Refused, 1, 2)}, false},
		"refused, another was first":             {[]Op{swap(0, 1, db.Done, 1, 4), swap(0, 2, db.Refused, 2, 3)}, true},
		"lost answer, happened":                  {[]Op{lost(0, 1, 1), read(1, 2, 3)}, true},
		"lost answer, never happened":            {[]Op{lost(0, 1, 1), read(0, 2, 3)}, true},
		"lost answer, happened later":            {[]Op{lost(0, 1, 1), read(0, 2, 3), read(1, 4, 5)}, true},
		"lost answer, happened and did not":      {[]Op{lost(0, 1, 1), read(1, 2, 3), read(0, 4, 5)}, false},
		"lost answer before its call":            {[]Op{read(1, 1, 2), lost(0, 1, 3)}, false},
		"two lost answers of which one can have": {[]Op{lost(0, 1, 1), lost(0, 2, 2), read(2, 3, 4), swap(2, 3, db.Done, 5, 6), read(3, 7, 8)}, true},
		"two lost answers, both seen":            {[]Op{lost(0, 1, 1), lost(0, 2, 2), read(2, 3, 4), read(1, 5, 6)}, false},
	} {
		if got := Linearizable(c.history); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
