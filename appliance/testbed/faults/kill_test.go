//go:build faults

package faults

import "testing"

// places are where a cluster's nodes keep data, and how they talk.
var places = map[string]Options{
	"shared directory": {BackupCount: 1, SharedDir: true},
	"own directories":  {BackupCount: 1},
	"mutual TLS":       {BackupCount: 1, SharedDir: true, TLS: true},
}

func TestAKilledWorkerLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for name, o := range places {
		t.Run(name, func(t *testing.T) {
			under(t, 3, o, ledger(SQLite()), func(s *scene) {
				s.apart()
				s.measure("node with tasks killed and started, new committed rows", func() {
					s.home.Kill9()
					s.home.Start()
					s.more()
				})
			})
		})
	}
}

func TestAKilledMasterTouchesNoTask(t *testing.T) {
	t.Parallel()
	for name, o := range places {
		t.Run(name, func(t *testing.T) {
			o.Lease = LongLease
			under(t, 3, o, loud(Files()), func(s *scene) {
				s.apart()
				old := s.master
				s.succeed("master killed", old.Kill9)
				s.more()
				old.Start()
				s.undisturbed()
			})
		})
	}
}

func TestAKilledMasterWithTheTasksLosesAndDoublesNothing(t *testing.T) {
	under(t, 3, shared(), ledger(SQLite()), func(s *scene) {
		s.together()
		s.measure("master with tasks killed and started, new committed rows", func() {
			s.home.Kill9()
			s.master = s.WaitMaster(s.Others(s.home)...)
			s.home.Start()
			s.more()
		})
	})
}

func TestAllKilledCarryOnByThemselves(t *testing.T) {
	t.Parallel()
	for name, o := range places {
		t.Run(name, func(t *testing.T) {
			under(t, 3, o, ledger(Files()), func(s *scene) {
				s.measure("all killed and started, new committed rows", func() {
					for _, n := range s.Nodes {
						n.Kill9()
					}
					for _, n := range s.Nodes {
						n.Start()
					}
					s.more()
				})
			})
		})
	}
}

func TestTwoOfFiveMayFail(t *testing.T) {
	o := calm()
	o.BackupCount = 2
	under(t, 5, o, loud(SQLite()), func(s *scene) {
		s.apart()
		old, voter := s.master, s.Others(s.master, s.home)[0]
		s.succeed("master and a voter of five killed", func() {
			old.Kill9()
			voter.Kill9()
		}, voter)
		s.more()
		s.undisturbed()
	})
}

// TestEachOfFiveMayFail kills one after another, the node with the tasks and all at last.
func TestEachOfFiveMayFail(t *testing.T) {
	o := shared()
	o.BackupCount = 2
	under(t, 5, o, ledger(Files()), func(s *scene) {
		s.apart()
		old := s.master
		old.Kill9()
		s.master = s.WaitMaster(s.Others(old)...)
		s.home.Kill9()
		s.home.Start()
		s.more()
		for _, n := range s.Nodes {
			n.Kill9()
		}
		for _, n := range s.Nodes {
			n.Start()
		}
		s.more()
	})
}
