package worker

import (
	"reflect"
	"testing"
	"time"

	"seikan/engine/rpc"
)

func at(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }

func order(epoch int64, number uint64) *rpc.Order {
	return &rpc.Order{Epoch: epoch, Number: number, Lease: 8000}
}

// TestALeaseCountsFromSendingTheReport (Invariant 7): with 8 s, the last second is for stopping.
func TestALeaseCountsFromSendingTheReport(t *testing.T) {
	t.Parallel()
	var r Rules
	if r.Lapsed(at(0)) {
		t.Error("a lease that was never held has run out")
	}
	if obey, lapsed, start := r.Take(order(1, 1), at(0), at(3)); !obey || lapsed || !start {
		t.Errorf("obey %v, lapsed %v, start %v", obey, lapsed, start)
	}
	if r.Lapsed(at(6.9)) || !r.Lapsed(at(7)) {
		t.Errorf("the lease is held until %v", r.Expires())
	}
	// An answer to an older report takes nothing away.
	r.Take(order(1, 2), at(-3), at(4))
	if r.Lapsed(at(6.9)) {
		t.Error("an older report shortened the lease")
	}
}

func TestALeaseThatRanOutIsToldBeforeItIsRenewed(t *testing.T) {
	t.Parallel()
	var r Rules
	r.Take(order(1, 1), at(0), at(0))
	obey, lapsed, start := r.Take(order(1, 2), at(20), at(20))
	if !obey || !lapsed || !start {
		t.Errorf("obey %v, lapsed %v, start %v", obey, lapsed, start)
	}
}

func TestNothingIsStartedWithoutALease(t *testing.T) {
	t.Parallel()
	var r Rules
	if _, _, start := r.Take(order(1, 1), time.Time{}, at(0)); start {
		t.Error("an order that renews nothing starts tasks")
	}
	r.Take(order(1, 2), at(0), at(0))
	if _, lapsed, start := r.Take(order(1, 3), at(0), at(9)); start || !lapsed {
		t.Errorf("an order that was 9 s on its way: start %v, lapsed %v", start, lapsed)
	}
}

// TestOrdersOfThePastAreRefused (Invariant 6).
func TestOrdersOfThePastAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		epoch  int64
		number uint64
		obey   bool
	}{
		{"a master that has been replaced", 4, 100, false},
		{"an overtaken order", 5, 9, false},
		{"the same order again", 5, 10, true},
		{"the next order", 5, 11, true},
		{"a new master, which counts anew", 6, 1, true},
	} {
		var r Rules
		r.Take(order(5, 10), at(0), at(0))
		obey, _, _ := r.Take(order(c.epoch, c.number), at(1), at(1))
		if obey != c.obey {
			t.Errorf("%s: obey %v", c.what, obey)
		}
		if !obey && (r.Epoch() != 5 || r.Obeyed() != 10 || !r.Expires().Equal(at(7))) {
			t.Errorf("%s: left its mark: %+v", c.what, r)
		}
	}
}

type ended bool

func (e ended) Ended() bool { return bool(e) }

func TestAKeyIsStartedOnceAndForgottenWhenNoLongerNamed(t *testing.T) {
	t.Parallel()
	key := func(attempt int64) rpc.TaskKey {
		return rpc.TaskKey{JobID: "1", Pipeline: 1, Attempt: attempt, Role: rpc.Head}
	}
	here := map[rpc.TaskKey]ended{key(1): true, key(2): false, key(3): true, key(4): false}
	start, stop, forget := Obey(here, []rpc.TaskSpec{{TaskKey: key(3)}, {TaskKey: key(4)}, {TaskKey: key(5)}})
	if !reflect.DeepEqual(start, []rpc.TaskSpec{{TaskKey: key(5)}}) || !reflect.DeepEqual(stop, []rpc.TaskKey{key(2)}) ||
		!reflect.DeepEqual(forget, []rpc.TaskKey{key(1)}) {
		t.Errorf("start %v, stop %v, forget %v", start, stop, forget)
	}
}
