package master

import (
	"testing"

	"seikan/engine/rpc"
)

// A node that comes back with an empty disk has a new id: its tasks of before are past at once,
// and what only its host can see is found there.
func TestANodeWithANewIDIsFoundAtItsAddress(t *testing.T) {
	t.Parallel()
	heard := func(id, addr string) *node {
		return &node{fact: NodeFact{Info: rpc.NodeInfo{ID: id, Incarnation: id + ".1", Addr: addr}, Tasks: map[rpc.TaskKey]rpc.TaskReport{}}}
	}
	nodes := map[string]*node{"n1": heard("n1", "h1:5801"), "new": heard("new", "h2:5801"), "silent": {fact: NodeFact{Info: rpc.NodeInfo{Addr: "h3:5801"}}}}
	p := Placement{"head": {Node: "n1", Incarnation: "n1.0", Addr: "h1:5801"}, "chain-0": {Node: "n2", Incarnation: "n2.7", Addr: "h2:5801"}, "chain-1": {Node: "n3", Incarnation: "n3.1", Addr: "h3:5801"}, "chain-2": {Node: "n4", Incarnation: "n4.1", Addr: "h4:5801"}}
	moved(p, nodes)
	want := Placement{"head": {Node: "n1", Incarnation: "n1.0", Addr: "h1:5801"}, "chain-0": {Node: "new", Incarnation: "n2.7", Addr: "h2:5801"}, "chain-1": {Node: "n3", Incarnation: "n3.1", Addr: "h3:5801"}, "chain-2": {Node: "n4", Incarnation: "n4.1", Addr: "h4:5801"}}
	for task, at := range want {
		if p[task] != at {
			t.Errorf("%s is at %+v, want %+v", task, p[task], at)
		}
	}
	f := Facts{Nodes: map[string]NodeFact{}, Lease: 1, Now: 0}
	for id, n := range nodes {
		if n.fact.Tasks != nil {
			f.Nodes[id] = n.fact
		}
	}
	d := &decider{Facts: f}
	if !d.lost(p["chain-0"].Node, p["chain-0"].Incarnation) {
		t.Error("the old process at a taken address counts as alive")
	}
	if d.lost(p["chain-2"].Node, p["chain-2"].Incarnation) {
		t.Error("a node that is merely silent counts as dead")
	}
}
