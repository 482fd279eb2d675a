package worker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"seikan/engine/rpc"
)

// Rules say what a worker may do with the orders it gets: pure, so that the simulation of the
// cluster obeys the same ones. Times are on the worker's monotonic clock.
type Rules struct {
	epoch  int64
	number uint64
	until  time.Time
	long   time.Duration
}

// Epoch is the highest one seen.
func (r *Rules) Epoch() int64 { return r.epoch }

// Obeyed is the number of the newest order obeyed in Epoch.
func (r *Rules) Obeyed() uint64 { return r.number }

// Lease is how long the lease is, 0 before the first.
func (r *Rules) Lease() time.Duration { return r.long }

// Lapsed says whether tasks must be stopped: a lease was held and is so near its end that they
// are only just stopped when it has run out. (Invariant 7: the master, which counts from
// receiving what the worker counts from sending, may place them elsewhere after that.)
func (r *Rules) Lapsed(now time.Time) bool { return !r.until.IsZero() && !r.held(now) }

// Expires is when Lapsed becomes true unless the lease is renewed; zero before the first lease.
func (r *Rules) Expires() time.Time {
	if r.until.IsZero() {
		return r.until
	}
	return r.until.Add(-r.long / 8)
}

func (r *Rules) held(now time.Time) bool { return now.Before(r.Expires()) }

// Take takes in an order that came at now and answers the report sent at sent, zero when that
// is not known. obey is false for an order of a master that has been replaced (Invariant 6) and
// for one that a newer order has overtaken. lapsed tells that the lease ran out before the order
// came: everything must be stopped, since another node may run it by now, whatever the order
// says. start tells that a lease is held, without which nothing is started.
func (r *Rules) Take(o *rpc.Order, sent, now time.Time) (obey, lapsed, start bool) {
	if o.Epoch < r.epoch || o.Epoch == r.epoch && o.Number < r.number {
		return false, false, false
	}
	lapsed = r.Lapsed(now)
	r.epoch, r.number = o.Epoch, o.Number
	if long := time.Duration(o.Lease) * time.Millisecond; long > 0 && !sent.IsZero() {
		r.long = long
		if u := sent.Add(long); u.After(r.until) {
			r.until = u
		}
	}
	return true, lapsed, r.held(now)
}

// Obey compares what is here with what an order names. A key that is here is never started a
// second time, however it ended; it is forgotten when it has ended and is no longer named.
func Obey[T interface{ Ended() bool }](here map[rpc.TaskKey]T, order []rpc.TaskSpec) (start []rpc.TaskSpec, stop, forget []rpc.TaskKey) {
	named := make(map[rpc.TaskKey]bool, len(order))
	for _, s := range order {
		named[s.TaskKey] = true
		if _, ok := here[s.TaskKey]; !ok {
			start = append(start, s)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(here), compareKeys) {
		switch {
		case named[key]:
		case here[key].Ended():
			forget = append(forget, key)
		default:
			stop = append(stop, key)
		}
	}
	return start, stop, forget
}

func compareKeys(a, b rpc.TaskKey) int {
	return cmp.Or(cmp.Compare(a.JobID, b.JobID), cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Attempt, b.Attempt),
		cmp.Compare(a.Role, b.Role), cmp.Compare(a.Subtask, b.Subtask))
}
