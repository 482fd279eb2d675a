package raft

import (
	"testing"
	"time"
)

// A worker gives its tasks up an eighth before its lease runs out.
func TestElectionsFitIntoTheLease(t *testing.T) {
	t.Parallel()
	for _, lease := range []time.Duration{time.Second, 2 * time.Second, 8 * time.Second, time.Minute} {
		c := Config{WorkerLease: lease}
		c.followLease()
		if worst := 2*c.Heartbeat + 2*c.Election; worst > lease*7/8 {
			t.Errorf("with a lease of %v an election may take %v", lease, worst)
		}
		if c.Heartbeat > time.Second || c.Lease > c.Heartbeat {
			t.Errorf("with a lease of %v: heartbeat %v, leader's lease %v", lease, c.Heartbeat, c.Lease)
		}
	}
	c := Config{WorkerLease: time.Second, Heartbeat: 700 * time.Millisecond}
	if c.followLease(); c.Heartbeat != 700*time.Millisecond {
		t.Errorf("a heartbeat that is given becomes %v", c.Heartbeat)
	}
}

// The libraries' insides are what slacken expects.
func TestIdleLeaderSlackens(t *testing.T) {
	t.Parallel()
	n := single(t)
	if err := slacken(n.inner, time.Second); err != nil {
		t.Error(err)
	}
	write(t, n.LeaderStore(), op("a"))
}

func TestDiskIsLookedAtMoreOftenTheFullerItIs(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, c := range []struct {
		free, enough uint64
		want         time.Duration
	}{{0, gib, 100 * time.Millisecond}, {gib, gib, 100 * time.Millisecond}, {gib + 4<<20, gib, 100 * time.Millisecond}, {2 * gib, gib, 500 * time.Millisecond},
		{100 * gib, gib, time.Second}} {
		if got := lookAgainIn(c.free, c.enough); got != c.want {
			t.Errorf("with %d free of %d needed: %v, want %v", c.free, c.enough, got, c.want)
		}
	}
}
