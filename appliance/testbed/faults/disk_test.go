//go:build faults

package faults

import (
	"testing"
	"time"
)

// TestAFullDiskStopsItsNodeAlone fills a node's state disk: the node ends, with a word why, the
// others carry on, and with room again it is back.
func TestAFullDiskStopsItsNodeAlone(t *testing.T) {
	t.Parallel()
	for name, choose := range map[string]func(*scene) *Node{
		"master":   func(s *scene) *Node { return s.master },
		"follower": func(s *scene) *Node { return s.Others(s.master, s.home)[0] },
		"worker":   func(s *scene) *Node { return s.home },
	} {
		t.Run(name, func(t *testing.T) {
			o := calm()
			o.StateMiB = 64
			under(t, 3, o, loud(Files()), func(s *scene) {
				s.apart()
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
				if n != s.home {
					s.undisturbed()
				}
			})
		})
	}
}

// TestASlowDiskIsWaitedFor gives nodes disks on which it takes long until anything is durable:
// what waits for them is late, and nothing is lost.
func TestASlowDiskIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, choose := range map[string]func(*scene) ([]*Node, time.Duration){
		"follower": func(s *scene) ([]*Node, time.Duration) { return s.Others(s.master, s.home)[:1], 200 * time.Millisecond },
		"worker":   func(s *scene) ([]*Node, time.Duration) { return []*Node{s.home}, 200 * time.Millisecond },
		"all":      func(s *scene) ([]*Node, time.Duration) { return s.Nodes, 20 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			under(t, 3, shared(), ledger(Files()), func(s *scene) {
				s.apart()
				slow, sync := choose(s)
				for _, n := range slow {
					n.Kill9()
					n.Sync = sync
				}
				for _, n := range slow {
					n.Start()
				}
				s.more()
				s.more()
			})
		})
	}
}
