//go:build faults

package faults

import (
	"fmt"
	"testing"
	"time"
)

func shared() Options { return Options{BackupCount: 1, SharedDir: true} }

// calm is a cluster in which a change of the master must touch no task.
func calm() Options {
	o := shared()
	o.Lease = LongLease
	return o
}

func ledger(to Target) Ledger { return Ledger{Rows: 30_000, Rate: 2500, Target: to} }

func TestAKilledWorkerLosesAndDoublesNothing(t *testing.T) {
	under(t, 3, Options{BackupCount: 1}, ledger(SQLite()), func(s *scene) {
		s.apart()
		began := time.Now()
		s.home.Kill9()
		s.home.Start()
		s.more()
		s.note("node with tasks killed and started to new committed rows", began)
	})
}

func TestAKilledMasterTouchesNoTask(t *testing.T) {
	under(t, 3, calm(), ledger(Files()), func(s *scene) {
		s.apart()
		began := time.Now()
		s.master.Kill9()
		others := s.Others(s.master)
		s.more()
		s.WaitMaster(others...)
		s.note("master killed to new master", began)
		s.master.Start()
		s.undisturbed()
	})
}

func TestAKilledMasterWithTheTasksLosesAndDoublesNothing(t *testing.T) {
	under(t, 3, shared(), ledger(SQLite()), func(s *scene) {
		s.together()
		began := time.Now()
		s.home.Kill9()
		s.WaitMaster(s.Others(s.home)...)
		s.note("master with tasks killed to new master", began)
		s.home.Start()
		s.more()
		s.note("master with tasks killed to new committed rows", began)
	})
}

func TestAllKilledCarryOnByThemselves(t *testing.T) {
	under(t, 3, shared(), ledger(Files()), func(s *scene) {
		began := time.Now()
		for _, n := range s.Nodes {
			n.Kill9()
		}
		for _, n := range s.Nodes {
			n.Start()
		}
		s.more()
		s.note("all killed and started to new committed rows", began)
	})
}

// TestAPausedNodeComesBackHarmless pauses for less and for more than the lease: a node that wakes
// up does nothing that another may be doing by then. (P3)
func TestAPausedNodeComesBackHarmless(t *testing.T) {
	for _, leases := range []float64{0.5, 3, 20} {
		long := time.Duration(leases * float64(Lease))
		t.Run(fmt.Sprintf("worker/%v", long), func(t *testing.T) {
			under(t, 3, shared(), ledger(SQLite()), func(s *scene) {
				s.apart()
				s.pause(s.home, long)
				s.more()
			})
		})
		t.Run(fmt.Sprintf("master/%v", long), func(t *testing.T) {
			under(t, 3, calm(), ledger(Files()), func(s *scene) {
				s.apart()
				s.pause(s.master, long)
				s.undisturbed()
			})
		})
	}
}

// pause stops a process for a time that the fault is made of.
func (s *scene) pause(n *Node, long time.Duration) {
	s.t.Helper()
	n.Pause()
	select {
	case <-time.After(long):
	case <-s.t.Context().Done():
	}
	n.Continue()
}

func TestACutNetworkSplitsNothing(t *testing.T) {
	for name, cut := range map[string]func(*scene){
		"leader": func(s *scene) {
			s.apart()
			s.Partition(s.master)
			began := time.Now()
			old := s.master
			s.master = s.WaitMaster(s.Others(old)...)
			s.note("master cut off to new master", began)
			s.more()
			s.Heal()
			s.undisturbed()
		},
		// Its workers have hardly begun to speak to it.
		"new leader": func(s *scene) {
			s.apart()
			s.lead(s.Others(s.master, s.home)[0])
			s.Partition(s.master)
			s.WaitMaster(s.Others(s.master)...)
			s.more()
			s.Heal()
			s.undisturbed()
		},
		"follower": func(s *scene) {
			s.apart()
			s.Partition(s.Others(s.master, s.home)[0])
			s.more()
			s.more()
			s.Heal()
			s.undisturbed()
		},
		"worker": func(s *scene) {
			s.apart()
			s.Partition(s.home)
			s.hold(4 * Lease)
			s.Heal()
			s.more()
		},
		"leader to follower": func(s *scene) {
			s.apart()
			s.OneWay(s.master, s.Others(s.master, s.home)[0])
			s.more()
			s.hold(3 * Lease)
			s.Heal()
		},
		"worker to leader": func(s *scene) {
			s.apart()
			s.OneWay(s.home, s.master)
			s.hold(5 * Lease)
			s.Heal()
			s.more()
		},
		"leader to worker": func(s *scene) {
			s.apart()
			s.OneWay(s.master, s.home)
			s.hold(5 * Lease)
			s.Heal()
			s.more()
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := shared()
			if name == "leader" || name == "new leader" || name == "follower" {
				o = calm() // no task is there
			}
			under(t, 3, o, ledger(SQLite()), cut)
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

func TestLeadershipCanBeHandedOverWhileRowsMove(t *testing.T) {
	under(t, 3, calm(), ledger(Files()), func(s *scene) {
		for range 3 {
			s.lead(s.Others(s.master)[s.random.IntN(2)])
			s.more()
		}
		s.undisturbed()
	})
}

func TestAReplacedNodeIsTakenIn(t *testing.T) {
	under(t, 3, calm(), ledger(Files()), func(s *scene) {
		s.apart()
		s.Others(s.master, s.home)[0].Replace()
		s.WaitReady()
		s.WaitVoters(3)
		s.undisturbed()
	})
}

func TestMutualTLSCarriesAFailover(t *testing.T) {
	o := calm()
	o.TLS = true
	under(t, 3, o, ledger(SQLite()), func(s *scene) {
		s.apart()
		s.master.Kill9()
		s.WaitMaster(s.Others(s.master)...)
		s.more()
		s.master.Start()
		s.undisturbed()
	})
}

func TestTwoOfFiveMayFail(t *testing.T) {
	o := calm()
	o.BackupCount = 2
	under(t, 5, o, ledger(SQLite()), func(s *scene) {
		s.apart()
		down := []*Node{s.master, s.Others(s.master, s.home)[0]}
		began := time.Now()
		for _, n := range down {
			n.Kill9()
		}
		s.WaitMaster(s.Others(down...)...)
		s.note("master and a voter of five killed to new master", began)
		s.more()
		s.undisturbed()
	})
}
