//go:build faults

package faults

import (
	"fmt"
	"testing"
	"time"
)

// TestAPausedNodeComesBackHarmless pauses for less and for more than the lease: a node that wakes
// up does nothing that another may be doing by then. (P3)
func TestAPausedNodeComesBackHarmless(t *testing.T) {
	t.Parallel()
	for _, leases := range []float64{0.5, 3, 20} {
		long := time.Duration(leases * float64(Lease))
		t.Run(fmt.Sprintf("worker/%v", long), func(t *testing.T) {
			under(t, 3, shared(), ledger(SQLite()), func(s *scene) {
				s.apart()
				s.home.Pause()
				s.hold(long)
				s.home.Continue()
				s.more()
			})
		})
		t.Run(fmt.Sprintf("master/%v", long), func(t *testing.T) {
			l := loud(Files())
			if long > 10*Lease {
				l.Rate /= 3 // it still runs when the old master is back
			}
			under(t, 3, calm(), l, func(s *scene) {
				s.apart()
				old := s.master
				if long < Lease { // too short for an election
					old.Pause()
					s.WaitMore(s.home, 1)
				} else {
					s.succeed("master paused", old.Pause)
				}
				s.hold(long)
				old.Continue()
				s.WaitMaster()
				s.undisturbed()
			})
		})
		t.Run(fmt.Sprintf("master with the tasks/%v", long), func(t *testing.T) {
			under(t, 3, shared(), ledger(Files()), func(s *scene) {
				s.together()
				s.home.Pause()
				s.hold(long)
				s.home.Continue()
				s.more()
			})
		})
	}
}

// hold lets a fault last.
func (s *scene) hold(long time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(long):
	case <-s.t.Context().Done():
	}
}
