//go:build faults

package faults

import "testing"

// TestAFullDiskStopsItsNodeAlone fills a node's state disk: the node ends, with a word why, the
// others carry on, and with room again it is back.
func TestAFullDiskStopsItsNodeAlone(t *testing.T) {
	for name, choose := range map[string]func(*scene) *Node{
		"master":   func(s *scene) *Node { s.apart(); return s.master },
		"follower": func(s *scene) *Node { s.apart(); return s.Others(s.master, s.home)[0] },
		"worker":   func(s *scene) *Node { s.apart(); return s.home },
	} {
		t.Run(name, func(t *testing.T) {
			o := calm()
			o.StateMiB = 64
			under(t, 3, o, ledger(Files()), func(s *scene) {
				n := choose(s)
				n.FillDisk()
				s.WaitEnded(n)
				s.WaitSaid(n, "disk")
				s.WaitMaster(s.Others(n)...)
				if n != s.home {
					s.more()
				}
				n.FreeDisk()
				n.Start()
				s.more()
			})
		})
	}
}
