package plan

import (
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Plan is a job ready to run: one Pipeline for each source, with everything its rows reach.
type Plan struct {
	Env       Env
	Pipelines []*Pipeline
	Dirty     *SinkNode      // keeps bad rows, nil when they are only counted
	Warnings  hocon.Problems // what was accepted with a word
}

// Pipeline is one source with the transforms and sinks behind it. It starts, fails, restarts
// and takes checkpoints as a whole.
type Pipeline struct {
	ID          int // from 1
	Parallelism int
	Source      *SourceNode
	Transforms  []*TransformNode // inputs come before their readers
	Sinks       []*SinkNode
}

// SourceNode is the source of a pipeline; it is vertex 0.
type SourceNode struct {
	Action  string
	Factory *plugin.SourceFactory
	Options *option.Values
	Source  plugin.Source
	Tables  []*record.Schema
}

// TransformNode is vertex i+1 of its pipeline when it stands at Transforms[i].
type TransformNode struct {
	Action  string
	Factory *plugin.TransformFactory
	Options *option.Values
	Inputs  []int // vertices it reads
	Input   *record.Schema
	Output  *record.Schema
}

// SinkNode is a sink of a pipeline, with one inner sink for each table.
type SinkNode struct {
	Action    string
	Index     int // position in the job file
	Factory   *plugin.SinkFactory
	Inputs    []int // vertices it reads
	Tables    []SinkTable
	Guarantee plugin.Guarantee
	Replicas  int // writers for each table and subtask
}

// SinkTable is the part of a SinkNode that writes one table.
type SinkTable struct {
	Table   string // path of the table in the rows
	Schema  *record.Schema
	Options *option.Values
	Sink    plugin.Sink
}

// Vertex returns the schemas that leave vertex i.
func (p *Pipeline) Vertex(i int) []*record.Schema {
	if i == 0 {
		return p.Source.Tables
	}
	return []*record.Schema{p.Transforms[i-1].Output}
}

// Slots is the number of slots the pipeline takes: its enumerator, a committer for each sink
// that has one, and one for each subtask.
func (p *Pipeline) Slots() int {
	n := 1 + p.Parallelism
	for _, s := range p.Sinks {
		if s.Factory.Committer {
			n++
		}
	}
	return n
}

// NodeBound says why the pipeline must run on one node, "" when it may be spread.
func (p *Pipeline) NodeBound() string {
	if r := p.Source.Source.Traits().NodeBound; r != "" {
		return p.Source.Action + ": " + r
	}
	for _, s := range p.Sinks {
		for _, t := range s.Tables {
			if b, ok := t.Sink.(plugin.NodeBound); ok {
				if r := b.NodeBound(); r != "" {
					return s.Action + ": " + r
				}
			}
		}
	}
	return ""
}
