package plan

import (
	"fmt"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

// node is one plugin block of the file, before anything is connected.
type node struct {
	kind    string // source, transform, sink
	index   int    // position in its list
	name    string // plugin_name as registered
	block   *hocon.Value
	inputs  []string
	output  string
	at      hocon.Pos // of the block
	inPos   hocon.Pos
	outPos  hocon.Pos
	par     int // parallelism option, 0 when absent
	parents []*node
	reads   []*node // children, filled when wired
}

func (n *node) title() string { return n.kind + "(" + n.name + ")" }

var wiring = &option.Spec{Name: "wiring", Options: []option.Option{
	{Key: "plugin_name", Type: option.String},
	{Key: "plugin_output", Type: option.String, Old: []string{"result_table_name"}},
	{Key: "plugin_input", Type: option.List, Old: []string{"source_table_name"}},
	{Key: "parallelism", Type: option.Int},
}}

// readNode takes the wiring keys out of a block.
func readNode(kind string, index int, block *hocon.Value, problems *hocon.Problems) *node {
	o, ps := wiring.Parse(block)
	for _, p := range ps {
		if !p.Warning {
			problems.Add(p)
		}
	}
	n := &node{kind: kind, index: index, block: block, at: block.Pos, name: o.String("plugin_name"),
		output: o.String("plugin_output"), inputs: o.List("plugin_input"), par: int(o.Int("parallelism")),
		inPos: o.ValuePos("plugin_input"), outPos: o.ValuePos("plugin_output")}
	if f := block.Get("plugin_name"); f != nil {
		n.at = f.KeyPos
	} else if n.name == "" {
		problems.Add(hocon.Problem{Code: "CFG-080", Pos: block.Pos, Message: "a " + kind + " block without plugin_name", Label: "expected Name { … }"})
	}
	return n
}

// spec is that of the node's plugin, nil when there is none.
func (n *node) spec() *option.Spec {
	switch n.kind {
	case "source":
		if f, ok := plugin.FindSource(n.name); ok {
			return f.Spec
		}
	case "transform":
		if f, ok := plugin.FindTransform(n.name); ok {
			return f.Spec
		}
	case "sink":
		if f, ok := plugin.FindSink(n.name); ok {
			return f.Spec
		}
	}
	return nil
}

// canonical finds the registered spelling of the node's plugin.
func (n *node) canonical(problems *hocon.Problems) bool {
	spec := n.spec()
	if spec != nil {
		n.name = spec.Name
		return true
	}
	if n.name == "" {
		return false
	}
	var names []string
	for _, s := range plugin.Specs(n.kind) {
		names = append(names, s.Name)
	}
	p := hocon.Problem{Code: "CFG-081", Pos: n.at, Message: fmt.Sprintf("there is no %s called %q", n.kind, n.name), Help: "seikan connectors lists what this build has"}
	if near := option.Nearest(n.name, names); near != "" {
		p.Label = fmt.Sprintf("did you mean %q?", near)
	} else {
		for _, other := range []string{"source", "transform", "sink"} {
			for _, s := range plugin.Specs(other) {
				if other != n.kind && strings.EqualFold(s.Name, n.name) {
					p.Label = "this build has it as a " + other + " only"
				}
			}
		}
	}
	problems.Add(p)
	return false
}

// wire connects the nodes by their names, by the rules for simple and complex graphs, and
// returns the transforms in an order in which inputs come first.
func wire(sources, transforms, sinks []*node, problems *hocon.Problems) []*node {
	if len(sources) == 1 && len(transforms) <= 1 && len(sinks) == 1 {
		last := sources[0]
		for _, t := range transforms {
			connect(last, t)
			last = t
		}
		connect(last, sinks[0])
		return transforms
	}
	producers := map[string]*node{}
	for _, n := range slices.Concat(sources, transforms) {
		if n.output == "" {
			problems.Add(hocon.Problem{Code: "CFG-082", Pos: n.at, Message: fmt.Sprintf("The %s is not configured with 'plugin_output' (result_table_name) option", n.title()), Label: "a job with more than one source, transform or sink names every edge"})
			continue
		}
		if other := producers[n.output]; other != nil {
			problems.Add(hocon.Problem{Code: "CFG-083", Pos: n.outPos, Message: fmt.Sprintf("The value of the 'plugin_output' (result_table_name) option of the (%s and %s) plugins is both '%s', and they must be different.", other.name, n.name, n.output)})
			continue
		}
		producers[n.output] = n
	}
	for _, n := range slices.Concat(transforms, sinks) {
		if len(n.inputs) == 0 {
			problems.Add(hocon.Problem{Code: "CFG-084", Pos: n.at, Message: fmt.Sprintf("The %s is not configured with 'plugin_input' (source_table_name) option", n.title())})
		}
		for _, in := range n.inputs {
			from := producers[in]
			if from == nil {
				p := hocon.Problem{Code: "CFG-085", Pos: n.inPos, Message: fmt.Sprintf("The 'plugin_input' (source_table_name) option configured in [%s] is incorrect, and the source/transform[%s] is not found.", n.name, in)}
				if near := option.Nearest(in, names(producers)); near != "" {
					p.Label = fmt.Sprintf("did you mean %q?", near)
				}
				problems.Add(p)
				continue
			}
			if !slices.Contains(n.parents, from) {
				connect(from, n)
			}
		}
	}
	for _, n := range slices.Concat(sources, transforms) {
		if n.output != "" && producers[n.output] == n && len(n.reads) == 0 {
			problems.Add(hocon.Problem{Code: "CFG-086", Pos: n.outPos, Message: fmt.Sprintf("this table(%s) belonging to %s is not used.", n.output, n.title()), Label: "no transform or sink reads it"})
		}
	}
	return sortTransforms(transforms, problems)
}

func connect(from, to *node) {
	from.reads = append(from.reads, to)
	to.parents = append(to.parents, from)
}

func names(m map[string]*node) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func sortTransforms(transforms []*node, problems *hocon.Problems) []*node {
	done := map[*node]bool{}
	var order []*node
	for len(order) < len(transforms) {
		before := len(order)
		for _, t := range transforms {
			ready := !done[t]
			for _, p := range t.parents {
				ready = ready && (p.kind == "source" || done[p])
			}
			if ready {
				done[t] = true
				order = append(order, t)
			}
		}
		if len(order) == before {
			for _, t := range transforms {
				if !done[t] {
					problems.Add(hocon.Problem{Code: "CFG-087", Pos: t.inPos, Message: fmt.Sprintf("the transform(%s) reads, over others, its own output", t.name), Label: "a cycle"})
				}
			}
			return order
		}
	}
	return order
}
