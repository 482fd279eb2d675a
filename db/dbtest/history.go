package dbtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"seikan/db"
)

// Op is one operation on a register that starts at 0, as its caller saw it. Times are ticks of
// one counter.
type Op struct {
	ID      string // of the op row that a swap writes; empty for a read
	Read    bool
	Value   int64 // what a read saw
	Old     int64 // a swap makes Old into New, or is refused where the value is not Old
	New     int64
	Outcome db.Outcome // of a swap; Refused means by its guard
	Call    int64
	Return  int64 // math.MaxInt64 for Unknown: it may take effect at any time after Call, or never
}

func (o Op) String() string {
	if o.Read {
		return fmt.Sprintf("[%d-%d] read %d", o.Call, o.Return, o.Value)
	}
	return fmt.Sprintf("[%d-%d] swap %d for %d: %v", o.Call, o.Return, o.Old, o.New, o.Outcome)
}

// apply runs the operation on the value and says whether what was seen agrees.
func (o Op) apply(value int64) (int64, bool) {
	switch {
	case o.Read:
		return value, value == o.Value
	case o.Outcome == db.Refused:
		return value, value != o.Old
	}
	return o.New, value == o.Old
}

// Linearizable looks for an order of the operations in which each takes effect at one moment
// between its call and its return (Herlihy and Wing 1990), by the search of Wing and Gong (1993)
// with the memory of Lowe (2017). It returns false if there is none.
func Linearizable(history []Op) bool {
	ops := slices.Clone(history)
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	s := search{ops: ops, done: make([]byte, len(ops)), seen: make(map[string]bool)}
	for _, o := range ops {
		if o.Return != math.MaxInt64 {
			s.left++
		}
	}
	return s.from(0, 0)
}

type search struct {
	ops  []Op // by call
	done []byte
	left int // operations that must still find their place
	seen map[string]bool
}

func (s *search) from(first int, value int64) bool {
	if s.left == 0 {
		return true
	}
	for first < len(s.ops) && s.done[first] == 1 {
		first++
	}
	key := fmt.Sprint(first, " ", value, " ", string(s.done[first:]))
	if s.seen[key] {
		return false
	}
	s.seen[key] = true
	// An operation may come next only if none that is still missing has returned before its call.
	earliest := int64(math.MaxInt64)
	for i := first; i < len(s.ops) && s.ops[i].Call <= earliest; i++ {
		if s.done[i] == 0 {
			earliest = min(earliest, s.ops[i].Return)
		}
	}
	for i := first; i < len(s.ops) && s.ops[i].Call <= earliest; i++ {
		if s.done[i] == 1 {
			continue
		}
		next, ok := s.ops[i].apply(value)
		if !ok {
			continue
		}
		must := 0
		if s.ops[i].Return != math.MaxInt64 {
			must = 1
		}
		s.done[i], s.left = 1, s.left-must
		if s.from(first, next) {
			return true
		}
		s.done[i], s.left = 0, s.left+must
	}
	return false
}

// MakeRegister makes the tables that Swap uses.
func MakeRegister(ctx context.Context, s db.Store) error {
	_, err := s.Write(ctx, db.S("CREATE TABLE register (one INTEGER PRIMARY KEY, v INTEGER NOT NULL) STRICT"),
		db.S("CREATE TABLE swap (id TEXT PRIMARY KEY) STRICT"), db.S("INSERT INTO register(one, v) VALUES (1, 0)"))
	return err
}

// Swap lets one client per store read and swap the register n times each, and returns what they
// saw. Operations that were refused for other reasons than a guard did nothing and are left out.
func Swap(ctx context.Context, stores []db.Store, n int) []Op {
	var (
		clock, values atomic.Int64
		mu            sync.Mutex
		history       []Op
		wg            sync.WaitGroup
	)
	add := func(o Op) {
		mu.Lock()
		defer mu.Unlock()
		history = append(history, o)
	}
	for client, s := range stores {
		wg.Go(func() {
			for i := 0; i < n && ctx.Err() == nil; i++ {
				read := Op{Read: true, Call: clock.Add(1)}
				rows, err := s.Query(ctx, db.S("SELECT v FROM register"))
				if err != nil {
					continue // a failed read saw nothing
				}
				read.Value, read.Return = rows.Values[0][0].(int64), clock.Add(1)
				add(read)
				swap := Op{ID: fmt.Sprint(client, "/", i), Old: read.Value, New: values.Add(1), Call: clock.Add(1)}
				res, err := s.Write(ctx, append(db.Guard("(SELECT v FROM register) = ?", swap.Old),
					db.S("UPDATE register SET v = ?", swap.New), db.S("INSERT INTO swap(id) VALUES (?)", swap.ID))...)
				swap.Outcome, swap.Return = res.Outcome, clock.Add(1)
				if res.Outcome == db.Unknown {
					swap.Return = math.MaxInt64
				}
				if res.Outcome != db.Refused || errors.Is(err, db.ErrGuard) {
					add(swap)
				}
			}
		})
	}
	wg.Wait()
	return history
}

// Resolve looks up by their ids what became of the Unknown swaps of a history, when nothing is
// on its way any more: it drops those that never happened. Done swaps whose row is missing, and
// refused ones whose row is there, are an error.
func Resolve(ctx context.Context, s db.Store, history []Op) ([]Op, error) {
	rows, err := s.Query(ctx, db.S("SELECT id FROM swap"))
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	for _, r := range rows.Values {
		there[r[0].(string)] = true
	}
	var out []Op
	for _, o := range history {
		switch {
		case o.Read:
		case o.Outcome == db.Done && !there[o.ID], o.Outcome == db.Refused && there[o.ID]:
			return nil, fmt.Errorf("%v: its row is there: %v", o, there[o.ID])
		case o.Outcome == db.Unknown && !there[o.ID]:
			continue
		case o.Outcome == db.Unknown:
			o.Outcome, o.Return = db.Done, math.MaxInt64-1 // it must have its place
		}
		out = append(out, o)
	}
	return out, nil
}
