//go:build faults

package faults

import (
	"runtime"
	"testing"
	"time"

	"seikan/appliance/testbed/lacking"
)

// TestAWrongClockTouchesNothing lets a node's wall clock jump, forth and back, while the master
// or the tasks are there. (DESIGN: leases and deadlines are counted on clocks that do not jump)
func TestAWrongClockTouchesNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		lacking.Skip(t, "a clock can be shifted on amd64 only")
	}
	for name, choose := range map[string]func(*scene) *Node{
		"master": func(s *scene) *Node { return s.master },
		"worker": func(s *scene) *Node { return s.home },
	} {
		for jump, ahead := range map[string]time.Duration{"an hour ahead": time.Hour, "a day behind": -24 * time.Hour} {
			t.Run(name+"/"+jump, func(t *testing.T) {
				under(t, 3, calm(), loud(SQLite()), func(s *scene) {
					s.apart()
					n := choose(s)
					n.Shift(ahead)
					s.WaitClock(n, ahead)
					s.more()
					s.lead(s.Others(s.master, s.home)[0])
					s.more()
					n.Shift(0)
					s.more()
					s.undisturbed()
				})
			})
		}
	}
}

// TestARestartGoesOnFromTheNewestCheckpointWhateverTheClock sets the clock back and then kills the
// node with the tasks: what was committed with the later time is not the newest.
func TestARestartGoesOnFromTheNewestCheckpointWhateverTheClock(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		lacking.Skip(t, "a clock can be shifted on amd64 only")
	}
	under(t, 3, shared(), ledger(Files()), func(s *scene) {
		s.home.Shift(time.Hour)
		s.more()
		s.home.Shift(0)
		s.more()
		s.more()
		s.home.Kill9()
		s.home.Start()
		s.more()
	})
}

// TestAClusterOfWrongClocksRunsJobs starts every node with another time.
func TestAClusterOfWrongClocksRunsJobs(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		lacking.Skip(t, "a clock can be shifted on amd64 only")
	}
	under(t, 3, shared(), ledger(Files()), func(s *scene) {
		for i, n := range s.Nodes {
			n.Shift(time.Duration(i-1) * 24 * time.Hour)
		}
		s.together()
		s.home.Kill9()
		s.home.Start()
		s.home.Shift(48 * time.Hour)
		s.more()
	})
}
