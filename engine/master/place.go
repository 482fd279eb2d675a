package master

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"seikan/engine/rpc"
)

// fits places all pipelines of a job on paper. full: it lacks nothing but room, which others may
// give back.
func (d *decider) fits(j JobFact) (reason string, full bool) {
	homes := d.homes
	d.homes, d.trial = map[string]Place{}, d.trial[:0]
	defer func() { d.homes = homes }()
	for _, p := range j.Shape.Pipelines {
		if _, reason := d.place(j, p, tasksOf(p)); reason != "" {
			full = d.open(j, p)
			d.giveBack(j.Job.ID)
			return reason, full
		}
	}
	return "", false
}

// open says whether a pipeline has a node where it could run if there was room.
func (d *decider) open(j JobFact, p PipelineShape) bool {
	home := Place{}
	if p.NodeBound != "" {
		home = d.home(j)
	}
	return slices.ContainsFunc(d.rooms, func(r room) bool { return r.sees(home) && r.bars(j) == "" })
}

func tasksOf(p PipelineShape) []string {
	names := []string{string(rpc.Head)}
	for i := range p.Parallelism {
		names = append(names, TaskName(rpc.Chain, i))
	}
	return names
}

// home is the node where a job's data lies that only one node can see: the same for all its
// node-bound pipelines, from the save modes on and through every restart, or one that sees the same
// files. The zero Place is not chosen yet.
func (d *decider) home(j JobFact) Place {
	for _, p := range j.Shape.Pipelines {
		if p.NodeBound == "" {
			continue
		}
		for _, at := range j.Pipelines[p.ID].Placement {
			return at
		}
	}
	if at, ok := j.Pipelines[0].Placement[string(rpc.Prepare)]; ok {
		return at
	}
	return d.homes[j.Job.ID]
}

// bound counts the slots of a job's node-bound pipelines.
func bound(j JobFact) (slots int) {
	for _, p := range j.Shape.Pipelines {
		if p.NodeBound != "" {
			slots += p.all()
		}
	}
	return slots
}

// place chooses a node for each task: among those with the job's tags and room, the one with the
// fewest slots taken. A node-bound pipeline has one node for all.
func (d *decider) place(j JobFact, p PipelineShape, tasks []string) (Placement, string) {
	out := Placement{}
	if p.NodeBound != "" {
		need, home := 0, d.home(j)
		for _, t := range tasks {
			need += p.slots(t)
		}
		room := need
		if home.Node == "" {
			room = bound(j)
		}
		n, reason := d.choose(j, need, room, home)
		if reason != "" {
			return nil, reason + "; the pipeline must run on one node: " + p.NodeBound
		}
		d.homes[j.Job.ID] = n
		for _, t := range tasks {
			out[t] = n
		}
		return out, ""
	}
	for _, t := range tasks {
		room := p.slots(t)
		if need := bound(j); t == string(rpc.Prepare) && need > room {
			room = need // its node is the job's home
		}
		n, reason := d.choose(j, p.slots(t), room, Place{})
		if reason != "" {
			return nil, reason
		}
		out[t] = n
	}
	return out, ""
}

// choose finds a node that has room, and takes slots of it; home, if there is one, limits the choice
// to that node and those that see the same files. A node that is silent, and so perhaps lost, is
// chosen last.
func (d *decider) choose(j JobFact, slots, room int, home Place) (Place, string) {
	best := -1
	for i := range d.rooms {
		r := &d.rooms[i]
		if !r.sees(home) || best >= 0 && !r.before(&d.rooms[best]) {
			continue
		}
		if r.refuses(j, room) == "" {
			best = i
		}
	}
	if best < 0 {
		return Place{}, d.refusal(j, room, home)
	}
	r := &d.rooms[best]
	d.trial = append(d.trial, taken{best, slots, r.take(j, slots)})
	return Place{Node: r.id, Incarnation: r.fact.Info.Incarnation, Addr: r.fact.Info.Addr, Files: r.fact.Info.Files}, ""
}

// refusal says why no node was chosen.
func (d *decider) refusal(j JobFact, room int, home Place) string {
	count := map[string]int{}
	for i := range d.rooms {
		if r := &d.rooms[i]; r.sees(home) {
			count[r.refuses(j, room)]++
		}
	}
	delete(count, away)
	who, none := "no worker has room", "no worker is there"
	if home.Node != "" {
		who, none = fmt.Sprintf("node %s, where its data is, has no room", home.Node), fmt.Sprintf("node %s, where its data is, is not there", home.Node)
	}
	if len(count) == 0 {
		return none
	}
	var whys []string
	for _, why := range slices.Sorted(maps.Keys(count)) {
		whys = append(whys, fmt.Sprintf("%d %s", count[why], why))
	}
	return who + ": " + strings.Join(whys, ", ")
}
