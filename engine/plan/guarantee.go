package plan

import (
	"fmt"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Delivery is what one path from a source to a sink can promise (P2).
type Delivery struct {
	ExactlyOnce bool
	Reason      string
}

// Deliver computes the guarantee of a sink of p.
func (p *Pipeline) Deliver(s *SinkNode) Delivery {
	t := p.Source.Source.Traits()
	switch {
	case !t.Stored && !t.Replayable:
		return Delivery{Reason: "the source keeps no position: a restart reads again from its beginning or loses what was on the way"}
	case s.Guarantee == plugin.Ledger && len(s.Inputs) > 1:
		return Delivery{Reason: "the sink reads one source by several ways, which a ledger of the source's positions cannot tell apart"}
	case s.Guarantee == plugin.Staged:
		return Delivery{ExactlyOnce: true, Reason: "rows are staged and published by the checkpoint that saves the source's position"}
	case s.Guarantee == plugin.Ledger && t.Replayable:
		return Delivery{ExactlyOnce: true, Reason: "the target keeps each split's position in the transaction that writes its rows"}
	case s.Guarantee == plugin.Ledger:
		return Delivery{Reason: "the source cannot give the same rows again from a position, so a ledger in the target cannot tell them apart"}
	case s.Guarantee == plugin.Idempotent:
		return Delivery{Reason: "rows since the last checkpoint may be written again, each over itself by its key"}
	}
	return Delivery{Reason: "rows since the last checkpoint may be written again after a failure"}
}

// guarantees refuses what was asked for and cannot be kept.
func (b *builder) guarantees(plan *Plan) {
	for _, p := range plan.Pipelines {
		for _, s := range p.Sinks {
			d := p.Deliver(s)
			if d.ExactlyOnce || s.Guarantee < plugin.Staged || s.Guarantee == plugin.Staged && !asks(s) {
				continue
			}
			at := s.Tables[0].Options.Pos()
			if asks(s) {
				at = s.Tables[0].Options.KeyPos("is_exactly_once")
			}
			problem := hocon.Problem{Code: "CFG-070", Pos: at, Warning: b.env.BestEffort,
				Message: fmt.Sprintf("%s → %s cannot be exactly-once: %s", p.Source.Action, s.Action, d.Reason),
				Help:    "turn the sink's exactly-once option off, or accept repeated rows with env { guarantee = best-effort }"}
			b.problems.Add(problem)
		}
	}
}

// asks reports whether a job file option turns exactly-once on, rather than the sink having it
// of its own accord.
func asks(s *SinkNode) bool {
	o := s.Tables[0].Options
	return s.Factory.Spec.Find("is_exactly_once") != nil && o.Given("is_exactly_once") && o.Bool("is_exactly_once")
}

// DirtySchema is the schema of the rows a dirty.sink gets.
func DirtySchema() *record.Schema {
	return (&record.Schema{Path: record.TablePath{Table: "dirty"}, Columns: []record.Column{
		{Name: "raw", Type: record.Of(record.Bytes)},
		{Name: "error", Type: record.Of(record.String)},
		{Name: "table_name", Type: record.Of(record.String)},
		{Name: "split", Type: record.Of(record.String)},
		{Name: "position", Type: record.Of(record.BigInt)},
		{Name: "time", Type: record.Of(record.Timestamp)},
	}}).Freeze()
}

// dirtyNode is the block of dirty.sink.
func (b *builder) dirtyNode() *node {
	block := b.env.Dirty.Sink
	// Either { plugin_name = X … } or { X { … } }.
	if block.Get("plugin_name") == nil && len(block.Fields) == 1 && block.Fields[0].Value.Kind == hocon.Object {
		f := block.Fields[0]
		inner := *f.Value
		inner.Fields = append([]*hocon.Field{{Key: "plugin_name", KeyPos: f.KeyPos, Value: &hocon.Value{Kind: hocon.String, Text: f.Key, Pos: f.KeyPos}}}, inner.Fields...)
		block = &inner
	}
	return readNode("sink", -1, block, b.problems)
}

func (b *builder) dirtySink() *SinkNode {
	n := b.dirtyNode()
	if !n.canonical(b.problems) {
		return nil
	}
	schema := DirtySchema()
	p := &Pipeline{Parallelism: b.env.Parallelism, Source: &SourceNode{Tables: []*record.Schema{schema}}}
	sn := b.sink(n, p, []int{0})
	if sn != nil {
		sn.Action = "Dirty" + strings.TrimPrefix(sn.Action, "Sink[-1]")
	}
	return sn
}
