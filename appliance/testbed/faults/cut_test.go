//go:build faults

package faults

import "testing"

// TestACutNetworkTouchesNoTaskElsewhere cuts off nodes that run no task of the job. (P3, P4)
func TestACutNetworkTouchesNoTaskElsewhere(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*scene){
		"leader": func(s *scene) {
			old := s.master
			s.succeed("master cut off", func() { s.Partition(old) })
			s.more()
		},
		// Its workers have hardly begun to speak to it.
		"new leader": func(s *scene) {
			s.lead(s.Others(s.master, s.home)[0])
			old := s.master
			s.succeed("new master cut off", func() { s.Partition(old) })
			s.more()
		},
		"follower": func(s *scene) {
			s.Partition(s.Others(s.master, s.home)[0])
			s.more()
			s.more()
		},
		"leader to follower": func(s *scene) {
			s.OneWay(s.master, s.Others(s.master, s.home)[0])
			s.more()
			s.hold(3 * Lease)
		},
		"follower to leader": func(s *scene) {
			s.OneWay(s.Others(s.master, s.home)[0], s.master)
			s.more()
			s.hold(3 * Lease)
		},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, 3, calm(), loud(SQLite()), func(s *scene) {
				s.apart()
				cut(s)
				s.Heal()
				s.undisturbed()
			})
		})
	}
}

// TestACutNetworkSplitsNothing cuts off the node with the tasks, and both ways between it and its
// master: once for less, once for much more than the lease. (P3)
func TestACutNetworkSplitsNothing(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*scene){
		"worker":           func(s *scene) { s.Partition(s.home) },
		"worker to leader": func(s *scene) { s.OneWay(s.home, s.master) },
		"leader to worker": func(s *scene) { s.OneWay(s.master, s.home) },
		"leader with the tasks": func(s *scene) {
			s.together()
			s.Partition(s.home)
		},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, 3, shared(), ledger(SQLite()), func(s *scene) {
				s.apart()
				cut(s)
				s.hold(5 * Lease)
				s.Heal()
				s.more()
			})
		})
	}
}
