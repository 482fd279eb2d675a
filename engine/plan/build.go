package plan

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Build checks a job file and plans it, reporting every problem it can find at once. Sources
// and sinks may connect to their systems to learn schemas. The plan's warnings do not stop
// the job.
func Build(ctx context.Context, file *job.File, jobID string, log *slog.Logger) (*Plan, error) {
	var problems hocon.Problems
	env, envProblems := ParseEnv(file.Env)
	problems = append(problems, envProblems...)
	read := func(kind string, blocks []*hocon.Value) []*node {
		nodes := make([]*node, len(blocks))
		for i, b := range blocks {
			nodes[i] = readNode(kind, i, b, &problems)
		}
		return nodes
	}
	sources, transforms, sinks := read("source", file.Source), read("transform", file.Transform), read("sink", file.Sink)
	b := &builder{ctx: ctx, env: env, jobID: jobID, log: log, dir: filepath.Dir(file.Name), problems: &problems,
		tables: map[*node][]*record.Schema{}, source: map[*node]*SourceNode{}, transform: map[*node]*TransformNode{}}
	known := true
	for _, n := range slices.Concat(sources, transforms, sinks) {
		known = n.canonical(&problems) && known
	}
	order := wire(sources, transforms, sinks, &problems)
	wired := known && problems.Err() == nil
	if wired {
		b.sources(sources)
		b.transforms(order)
	} else {
		b.optionsOnly(slices.Concat(sources, transforms, sinks))
	}
	var plan *Plan
	switch {
	case problems.Err() == nil:
		plan = b.pipelines(sources, order, sinks)
	case wired:
		b.unions(sinks)
		b.optionsOnly(sinks)
	}
	if plan == nil && env.Dirty.Sink != nil {
		if n := b.dirtyNode(); n.canonical(&problems) {
			b.optionsOnly([]*node{n})
		}
	}
	problems = once(problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	plan.Warnings = problems
	return plan, nil
}

// once drops what was said before: a sink is checked in every pipeline that reaches it.
func once(problems hocon.Problems) hocon.Problems {
	seen := map[hocon.Problem]bool{}
	return slices.DeleteFunc(problems, func(p hocon.Problem) bool {
		defer func() { seen[p] = true }()
		return seen[p]
	})
}

type builder struct {
	ctx       context.Context
	env       Env
	jobID     string
	log       *slog.Logger
	dir       string
	problems  *hocon.Problems
	tables    map[*node][]*record.Schema
	source    map[*node]*SourceNode
	transform map[*node]*TransformNode
}

func (b *builder) job(par int) plugin.Job {
	return plugin.Job{ID: b.jobID, Streaming: b.env.Streaming, Parallelism: par, ConfigDir: b.dir, Env: b.env.Raw, Log: b.log}
}

func (b *builder) parse(spec *option.Spec, block *hocon.Value) (*option.Values, bool) {
	o, ps := spec.Parse(block)
	if ps.Err() != nil {
		ps = append(ps, schemas(spec, o)...)
	}
	*b.problems = append(*b.problems, ps...)
	return o, ps.Err() == nil
}

// schemas checks the schema blocks of a plugin that will not be made, which else would do it.
func schemas(spec *option.Spec, o *option.Values) hocon.Problems {
	var problems hocon.Problems
	for _, opt := range spec.Options {
		if opt.Type != option.Schema {
			continue
		}
		if v := o.Tree(opt.Key); v != nil && v.Kind == hocon.Object {
			_, err := job.ParseSchema(v)
			problems.AddErr(v.Pos, err)
		}
	}
	return problems
}

func (b *builder) sources(nodes []*node) {
	for _, n := range nodes {
		f, _ := plugin.FindSource(n.name)
		o, ok := b.parse(f.Spec, n.block)
		if !ok {
			continue
		}
		src, err := f.New(b.ctx, b.job(b.parallelism(n)), o)
		if err != nil {
			b.problems.AddErr(n.at, about(n, err))
			continue
		}
		if src.Traits().Unbounded && !b.env.Streaming {
			b.problems.Add(hocon.Problem{Code: "CFG-060", Pos: n.at, Message: fmt.Sprintf("'%s' source don't support off-line job.", n.name), Label: "unbounded", Help: "set job.mode = STREAMING in env"})
			continue
		}
		sn := &SourceNode{Action: fmt.Sprintf("Source[%d]-%s", n.index, n.name), Factory: f, Options: o, Source: src, Tables: src.Tables()}
		for _, t := range sn.Tables {
			t.Freeze()
		}
		b.source[n], b.tables[n] = sn, sn.Tables
	}
}

func about(n *node, err error) error {
	if plugin.IsPermanent(err) { // it has a place of its own, or says all there is
		return err
	}
	return fmt.Errorf("%s: %w", n.title(), err)
}

func (b *builder) parallelism(n *node) int {
	if n.par > 0 {
		return n.par
	}
	return b.env.Parallelism
}

// input is the one schema a transform reads, nil after reporting why there is none.
func (b *builder) input(n *node) *record.Schema {
	var in *record.Schema
	for _, p := range n.parents {
		tables := b.tables[p]
		switch {
		case len(tables) == 0:
			return nil // reported at the parent
		case len(tables) > 1:
			b.problems.Add(hocon.Problem{Code: "CFG-061", Pos: n.at, Message: fmt.Sprintf("%s: Adding transform to multi-table source is not supported.", n.title()), Label: fmt.Sprintf("its input has %d tables", len(tables))})
			return nil
		case in != nil && !in.SameRow(tables[0]):
			b.problems.Add(hocon.Problem{Code: "CFG-062", Pos: n.at, Message: n.title() + ": Transform/Sink don't support processing data with two different structures.", Label: "its inputs differ"})
			return nil
		case in == nil:
			in = tables[0]
		}
	}
	return in
}

func (b *builder) transforms(order []*node) {
	for _, n := range order {
		f, _ := plugin.FindTransform(n.name)
		o, ok := b.parse(f.Spec, n.block)
		in := b.input(n)
		if !ok || in == nil {
			continue
		}
		t, err := f.New(b.ctx, b.job(b.parallelism(n)), in, o)
		if err != nil {
			b.problems.AddErr(n.at, about(n, err))
			continue
		}
		tn := &TransformNode{Action: fmt.Sprintf("Transform[%d]-%s", n.index, n.name), Factory: f, Options: o, Input: in, Output: t.Schema().Freeze()}
		if err := t.Close(); err != nil {
			b.problems.AddErr(n.at, about(n, err))
		}
		b.transform[n], b.tables[n] = tn, []*record.Schema{tn.Output}
	}
}

// optionsOnly checks options where nothing can be made yet, so that one run shows them too.
func (b *builder) optionsOnly(nodes []*node) {
	for _, n := range nodes {
		if spec := n.spec(); spec != nil {
			if o, ok := b.parse(spec, n.block); ok {
				*b.problems = append(*b.problems, schemas(spec, o)...)
			}
		}
	}
}

func (b *builder) pipelines(sources, order, sinks []*node) *Plan {
	plan := &Plan{Env: b.env}
	b.unions(sinks)
	for i, s := range sources {
		p := &Pipeline{ID: i + 1, Parallelism: b.parallelism(s), Source: b.source[s]}
		vertex := map[*node]int{s: 0}
		for _, t := range order {
			if in := present(t.parents, vertex); len(in) > 0 {
				tn := *b.transform[t]
				tn.Inputs = in
				p.Transforms = append(p.Transforms, &tn)
				vertex[t] = len(p.Transforms)
			}
		}
		for _, k := range sinks {
			if in := present(k.parents, vertex); len(in) > 0 {
				if sn := b.sink(k, p, in); sn != nil {
					p.Sinks = append(p.Sinks, sn)
				}
			}
		}
		plan.Pipelines = append(plan.Pipelines, p)
	}
	if b.env.Dirty.Sink != nil {
		plan.Dirty = b.dirtySink()
	}
	if b.problems.Err() == nil {
		b.guarantees(plan)
	}
	return plan
}

func present(parents []*node, vertex map[*node]int) []int {
	var in []int
	for _, p := range parents {
		if v, ok := vertex[p]; ok {
			in = append(in, v)
		}
	}
	return in
}

// unions checks sinks whose inputs come from several plugins.
func (b *builder) unions(sinks []*node) {
	for _, n := range sinks {
		if len(n.parents) < 2 {
			continue
		}
		var first *record.Schema
		for _, p := range n.parents {
			tables := b.tables[p]
			if len(tables) == 0 {
				break // reported there
			}
			if len(tables) > 1 {
				b.problems.Add(hocon.Problem{Code: "CFG-063", Pos: n.at, Message: n.title() + ": Sink don't support simultaneous writing of data from multi-table source and other sources."})
				break
			}
			if first != nil && !first.SameRow(tables[0]) {
				b.problems.Add(hocon.Problem{Code: "CFG-062", Pos: n.at, Message: n.title() + ": Transform/Sink don't support processing data with two different structures.", Label: "its inputs differ"})
				break
			}
			first = tables[0]
		}
	}
}

func (b *builder) sink(n *node, p *Pipeline, inputs []int) *SinkNode {
	f, _ := plugin.FindSink(n.name)
	var tables []*record.Schema
	for _, v := range inputs {
		for _, t := range p.Vertex(v) {
			if !slices.ContainsFunc(tables, func(o *record.Schema) bool { return o.Table() == t.Table() }) {
				tables = append(tables, t)
			}
		}
	}
	sn := &SinkNode{Index: n.index, Factory: f, Inputs: inputs, Replicas: 1}
	label := "MultiTableSink"
	if !f.MultiTable {
		label = tables[0].Table()
	}
	sn.Action = fmt.Sprintf("Sink[%d]-%s-%s", n.index, n.name, label)
	paths := make([]string, len(tables))
	for i, t := range tables {
		paths[i] = t.Table()
	}
	for _, t := range tables {
		block := job.ResolvePlaceholders(n.block, t, excluded(f.Spec))
		o, ok := b.parse(f.Spec, block)
		if !ok {
			return nil
		}
		if f.Spec.Find("multi_table_sink_replica") != nil {
			sn.Replicas = max(1, int(o.Int("multi_table_sink_replica")))
		}
		j := b.job(p.Parallelism)
		j.Tables = paths
		s, err := f.New(b.ctx, j, t, o)
		if err != nil {
			b.problems.AddErr(n.at, about(n, err))
			return nil
		}
		if f.Guarantee != nil {
			sn.Guarantee = f.Guarantee(o)
		}
		sn.Tables = append(sn.Tables, SinkTable{Table: t.Table(), Schema: t, Options: o, Sink: s})
	}
	return sn
}

func excluded(spec *option.Spec) []string {
	var keys []string
	for _, o := range spec.Options {
		if o.Excluded {
			keys = append(keys, o.Key)
		}
	}
	return keys
}
