package master

import (
	"testing"
	"time"

	"seikan/db/state"
)

// TestDataOfOneNodeIsFoundByThoseThatSeeTheSameFiles: a job on local files goes on when its node is
// gone, on another process that sees the same ones, and nowhere else.
func TestDataOfOneNodeIsFoundByThoseThatSeeTheSameFiles(t *testing.T) {
	t.Parallel()
	files := func(name string) func(*NodeFact) { return func(n *NodeFact) { n.Info.Files = name } }
	fallen := func(seen string) *table {
		return facts().job("1", state.Running, func(j *JobFact) { j.Shape.Pipelines[0].NodeBound = "LocalFile" },
			placed(state.PipelineFailed, time.Minute, func(p *PipelineFact) {
				at := Place{Node: "b", Incarnation: "b.1", Files: seen}
				p.Placement = Placement{"head": at, "chain-0": at, "chain-1": at}
			}))
	}
	waits := "1 holds: node b, where its data is, is not there; the pipeline must run on one node: LocalFile"
	fallen("machine 1").node("a", files("machine 2")).node("c", files("machine 1")).want(t, "1/1 begins on c:5801")
	fallen("machine 1").node("a", files("machine 2")).node("c").want(t, waits)
	fallen("").node("a", files("machine 1")).node("c").want(t, waits)
}
