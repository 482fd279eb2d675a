package raft

import (
	"testing"

	"seikan/db"
	"seikan/db/dbtest"
)

// The leader is killed again and again under clients on every node. What they saw must have an
// order, with the lost answers open and with the lost answers looked up by their ids.
func TestSwapsAreLinearizableUnderLeaderKills(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	if err := dbtest.MakeRegister(soon(t), nodes[0].Forwarding()); err != nil {
		t.Fatal(err)
	}
	// Clients keep their node's place, not the node, since it is replaced when it was killed.
	places := make([]*place, len(nodes))
	var stores []db.Store
	for i, n := range nodes {
		places[i] = &place{}
		places[i].node.Store(n)
		stores = append(stores, places[i], places[i])
	}
	each, most := 120, 4
	if testing.Short() {
		each, most = 40, 1
	}
	finished := make(chan []dbtest.Op, 1)
	go func() { finished <- dbtest.Swap(soon(t), stores, each) }()
	kills := 0
	var history []dbtest.Op
	for history == nil {
		select {
		case history = <-finished:
			continue
		default:
		}
		leader := leaderOf(t, nodes)
		before := number(t, leader.Forwarding(), "SELECT v FROM register")
		until(t, "some swaps are done", func() bool {
			rows, err := leader.Forwarding().Query(db.Stale(soon(t)), db.S("SELECT v FROM register"))
			return err != nil || rows.Values[0][0].(int64) > before+20 || len(finished) > 0
		})
		if kills >= most || len(finished) > 0 {
			history = <-finished
			continue
		}
		for i, n := range nodes {
			if n == leader {
				n.kill()
				kills++
				nodes[i] = n.again(t)
				places[i].node.Store(nodes[i])
			}
		}
	}
	if kills == 0 {
		t.Error("no leader was killed")
	}
	unknown := 0
	for _, o := range history {
		if !o.Read && o.Outcome == db.Unknown {
			unknown++
		}
	}
	t.Logf("%d operations, %d with unknown outcome, %d leaders killed", len(history), unknown, kills)
	if !dbtest.Linearizable(history) {
		t.Error("the history is not linearizable")
	}
	resolved, err := dbtest.Resolve(soon(t), leaderOf(t, nodes).Forwarding(), history)
	if err != nil {
		t.Fatal(err)
	}
	if !dbtest.Linearizable(resolved) {
		t.Error("the history is not linearizable once the unknown outcomes are looked up")
	}
}
