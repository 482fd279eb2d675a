//go:build faults

package faults

import (
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	os.Stdout.WriteString("measured: " + Tally() + "\n")
	os.Exit(code)
}

func shared() Options { return Options{BackupCount: 1, SharedDir: true} }

// calm is a cluster in which a change of the master must touch no task.
func calm() Options {
	o := shared()
	o.Lease = LongLease
	return o
}

func ledger(to Target) Ledger { return Ledger{Rows: 30_000, Rate: 2500, Target: to} }

// loud is a ledger that shows rows before they are committed, and lasts longer than any election.
func loud(to Target) Ledger { return Ledger{Rows: 30_000, Rate: 1500, Target: to, Loud: true} }

func TestALedgerIsExactWithoutFaults(t *testing.T) {
	t.Parallel()
	c := Start(t, 3, shared())
	l := Ledger{Rows: 20_000, Rate: 20_000, Target: Files()}
	l.Write(t, c.Nodes[0].Data)
	began := time.Now()
	id := c.Submit(c.Nodes[2], l.Text())
	j := c.WaitStatus(id, "FINISHED", 30*time.Second)
	t.Log(time.Since(began))
	l.Count(t, c.Nodes[0].Data, j)
}

func TestLeadershipCanBeHandedOverWhileRowsMove(t *testing.T) {
	under(t, 3, calm(), loud(Files()), func(s *scene) {
		enough := watch(s.t, "leadership handed over three times", s.home.Said)
		for range 3 {
			s.lead(s.Others(s.master)[s.random.IntN(2)])
			s.more()
		}
		enough()
		s.undisturbed()
	})
}

func TestAReplacedNodeIsTakenIn(t *testing.T) {
	under(t, 3, calm(), loud(Files()), func(s *scene) {
		s.apart()
		s.Others(s.master, s.home)[0].Replace()
		s.WaitReady()
		s.WaitVoters(3)
		s.undisturbed()
	})
}
