//go:build faults

package faults

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"seikan/appliance/testbed"
)

// before is the commit of the program that is upgraded from. Its state store is a version behind.
const before = "a5a11f9"

// Which of the programs below.
const (
	oldProgram = iota
	newProgram
)

// programs is a cluster of nodes of one of them.
func programs(t *testing.T, first int) Options {
	t.Helper()
	need(t)
	o := calm()
	o.Programs, o.Program = []string{testbed.At(t, before), testbed.Seikan(t)}, first
	return o
}

// becomes stops a node in order and starts it as another program.
func (s *scene) becomes(n *Node, program int) {
	s.t.Helper()
	n.Stop()
	n.Program = program
	n.Start()
	s.WaitReady()
	s.WaitMaster()
}

// TestNodesAreUpgradedOneByOne replaces the program of one node after another while a job runs,
// takes one back in between, and at the end has the new state store.
func TestNodesAreUpgradedOneByOne(t *testing.T) {
	under(t, 3, programs(t, oldProgram), upgraded(Files()), func(s *scene) {
		third := s.Others(s.home)[1]
		s.becomes(s.Others(s.home)[0], newProgram)
		s.more()
		s.becomes(third, newProgram)
		s.more()
		s.becomes(third, oldProgram) // two programs, either may lead
		s.more()
		s.becomes(s.home, newProgram)
		s.more()
		if raised(s) == nil {
			s.t.Error("the schema was raised beside an old program")
		}
		s.becomes(third, newProgram)
		s.more()
		s.Wait("the schema is raised", 20*time.Second, func(context.Context) error { return raised(s) })
		s.more()
	})
}

// raised asks whether a node has said that it raised the schema.
func raised(s *scene) error {
	for _, n := range s.Nodes {
		text, err := os.ReadFile(n.log())
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte("schema of the state store was raised")) {
			return nil
		}
	}
	return errors.New("nobody says so")
}

// upgraded is a job that lasts as long as it takes.
func upgraded(to Target) Ledger { l := ledger(to); l.Rate = 600; return l }

// TestAnUpgradeMayBeTakenBack upgrades all nodes but one and takes each back to the old program.
func TestAnUpgradeMayBeTakenBack(t *testing.T) {
	under(t, 3, programs(t, oldProgram), upgraded(SQLite()), func(s *scene) {
		changed := []*Node{s.home, s.Others(s.home)[0]}
		for _, program := range []int{newProgram, oldProgram} {
			for _, n := range changed {
				s.becomes(n, program)
				s.more()
			}
		}
	})
}

// TestAnOldNodeDoesNoHarmToANewStore starts a program beside new ones that does not know their
// store's schema: it is never ready, and nobody minds.
func TestAnOldNodeDoesNoHarmToANewStore(t *testing.T) {
	under(t, 3, programs(t, newProgram), loud(Files()), func(s *scene) {
		s.apart()
		n := s.Others(s.master, s.home)[0]
		a, err := n.About(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		n.Stop()
		n.Program = oldProgram
		n.Start()
		s.more()
		if err := s.master.Transfer(s.t.Context(), a.Node); err != nil {
			s.t.Log(err)
		}
		s.more()
		s.becomes(n, newProgram)
		s.undisturbed()
	})
}
