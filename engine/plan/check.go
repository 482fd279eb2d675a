package plan

import (
	"slices"

	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

// Check reports what is wrong with a job file as far as that can be told without making any
// plugin: names, edges, options and schemas. Nothing is connected to, so that a client can check
// a job whose systems only the nodes reach. Build finds the rest.
func Check(file *job.File) error {
	env, problems := ParseEnv(file.Env)
	b := &builder{env: env, problems: &problems}
	read := func(kind string, blocks []*hocon.Value) (nodes []*node) {
		for i, block := range blocks {
			n := readNode(kind, i, block, &problems)
			n.canonical(&problems)
			nodes = append(nodes, n)
		}
		return nodes
	}
	sources, transforms, sinks := read("source", file.Source), read("transform", file.Transform), read("sink", file.Sink)
	wire(sources, transforms, sinks, &problems)
	b.optionsOnly(slices.Concat(sources, transforms, sinks))
	return once(problems).Err()
}
