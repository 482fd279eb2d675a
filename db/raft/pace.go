package raft

import (
	"errors"
	"reflect"
	"sync/atomic"
	"time"
	"unsafe"

	hraft "github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/store"
)

// electionsIn is how many heartbeat timeouts fit into a worker's lease: a follower waits up to two
// for the leader that is gone and up to two for votes, and the new master has to be found.
const electionsIn = 6

// followLease derives the timeouts that are not given: as slow as the workers' lease allows, since
// each idle node pays for every heartbeat, and never slower than makes a new master late.
func (c *Config) followLease() {
	const shortest, longest = 150 * time.Millisecond, time.Second
	follow := min(max(c.WorkerLease/electionsIn, shortest), longest)
	for d, v := range map[*time.Duration]time.Duration{&c.Heartbeat: follow, &c.Election: follow} {
		if *d == 0 {
			*d = v
		}
	}
	if c.Lease == 0 {
		c.Lease = c.Heartbeat * 3 / 4
	}
}

// commitEvery is how often a leader that has nothing to send tells its followers what is
// committed, at least; up to twice that. Only what reads a follower's own copy waits for it.
func (c *Config) commitEvery() time.Duration {
	return min(max(c.Heartbeat/5, 50*time.Millisecond), 200*time.Millisecond)
}

// innerOf is the raft inside rqlite's store, which has no door to it.
func innerOf(st *store.Store) (*hraft.Raft, error) {
	field := reflect.ValueOf(st).Elem().FieldByName("raft")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*hraft.Raft]() || field.IsNil() {
		return nil, errors.New("rqlite's store holds no raft")
	}
	return (*hraft.Raft)(field.UnsafePointer()), nil
}

// slacken sets raft's CommitTimeout, which rqlite leaves at 50 ms: the larger half of all that an
// idle leader sends. Raft reads its configuration anew each time, since it can be reloaded, but not
// this part of it.
func slacken(r *hraft.Raft, every time.Duration) error {
	field := reflect.ValueOf(r).Elem().FieldByName("conf")
	if !field.IsValid() || field.Type() != reflect.TypeFor[atomic.Value]() {
		return errors.New("raft's configuration is not where it was")
	}
	conf := (*atomic.Value)(unsafe.Pointer(field.UnsafeAddr()))
	c, ok := conf.Load().(hraft.Config)
	if !ok {
		return errors.New("raft's configuration is of another type")
	}
	c.CommitTimeout = every
	conf.Store(c)
	return nil
}

// lookAgainIn is how soon a disk must be looked at again: before a fast one could have filled.
func lookAgainIn(free, enough uint64) time.Duration {
	const shortest, longest, bytesPerSecond = 100 * time.Millisecond, time.Second, 2 << 30
	if free <= enough {
		return shortest
	}
	return time.Duration(min(max(float64(free-enough)/bytesPerSecond, shortest.Seconds()), longest.Seconds()) * float64(time.Second))
}
