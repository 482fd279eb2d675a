package master

// moved puts the node that is at an address now in the place of one that was: after its disk was
// lost, or the whole cluster was restored from a backup, a node has another id. What can be seen
// on that host alone is there still, and a new process at its address proves that the old one has
// ended: the incarnation stays the old one's, which is past. (Invariant 7)
func moved(p Placement, nodes map[string]*node) {
	for task, at := range p {
		if _, same := nodes[at.Node]; same || at.Addr == "" {
			continue
		}
		for id, n := range nodes {
			if n.fact.Info.Addr == at.Addr && n.fact.Tasks != nil && n.fact.Info.Incarnation != at.Incarnation {
				at.Node = id
				p[task] = at
			}
		}
	}
}
