package master

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// room is what a node has, and what is taken of it.
type room struct {
	id     string
	fact   *NodeFact
	lost   bool
	silent bool // it may be lost
	used   int  // slots
	jobs   map[string]int64
	bytes  int64 // that jobs may hold there: the sum of jobs
}

// taken is one step of placing, to be given back.
type taken struct {
	room, slots int
	bytes       int64
}

const away = "away"

// sees says whether the data of a home can be seen from here; the zero Place is everywhere.
func (r *room) sees(home Place) bool {
	return home.Node == "" || r.id == home.Node || home.Files != "" && r.fact.Info.Files == home.Files
}

// before says whether a room is a better choice than another.
func (r *room) before(o *room) bool {
	if r.silent != o.silent {
		return o.silent
	}
	return r.used < o.used
}

// absent says that no task can be there: its node is lost, or no worker.
func (r *room) absent() bool { return r.lost || r.fact.Info.Role == "master" }

// staffed says whether a worker is there.
func (d *decider) staffed() bool {
	return slices.ContainsFunc(d.rooms, func(r room) bool { return !r.absent() })
}

// bars says why a job cannot be here whatever room there is; "" means it can.
func (r *room) bars(j JobFact) string {
	i := &r.fact.Info
	switch {
	case r.absent():
		return away
	case i.Draining:
		return "drained"
	case !hasTags(i.Tags, j.Shape.Tags):
		return fmt.Sprintf("without the tags %v", j.Shape.Tags)
	}
	return ""
}

// refuses says why a task that needs some slots cannot have this room; "" means it can.
func (r *room) refuses(j JobFact, slots int) string {
	if why := r.bars(j); why != "" {
		return why
	}
	i := &r.fact.Info
	switch _, has := r.jobs[j.Job.ID]; {
	case i.Slots > 0 && r.used+slots > i.Slots:
		return fmt.Sprintf("without %d free slots", slots)
	case !has && i.MemoryBytes > 0 && r.bytes+j.Shape.MemoryBytes > i.MemoryBytes:
		return fmt.Sprintf("without %d bytes of free memory (env memory.bytes)", j.Shape.MemoryBytes)
	}
	return ""
}

func hasTags(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// take gives slots to a job, and tells the memory that it did not have there before.
func (r *room) take(j JobFact, slots int) (bytes int64) {
	r.used += slots
	if j.Shape == nil {
		return 0
	}
	if _, has := r.jobs[j.Job.ID]; has {
		return 0
	}
	if r.jobs == nil {
		r.jobs = map[string]int64{}
	}
	r.jobs[j.Job.ID] = j.Shape.MemoryBytes
	r.bytes += j.Shape.MemoryBytes
	return j.Shape.MemoryBytes
}

// giveBack undoes the steps of a trial for one job.
func (d *decider) giveBack(job string) {
	for _, t := range d.trial {
		r := &d.rooms[t.room]
		r.used -= t.slots
		if t.bytes > 0 {
			r.bytes -= t.bytes
			delete(r.jobs, job)
		}
	}
	d.trial = d.trial[:0]
}

// occupied counts the slots and the memory taken on each node: by attempts that run, by those
// that have ended and may not be gone yet, by placements that may take effect yet, and by tasks of
// the past that will not stop.
func (d *decider) occupied() {
	d.rooms, d.index = make([]room, 0, len(d.Nodes)), make(map[string]int, len(d.Nodes))
	for _, id := range slices.Sorted(maps.Keys(d.Nodes)) {
		n := d.Nodes[id]
		d.index[id] = len(d.rooms)
		d.rooms = append(d.rooms, room{id: id, fact: &n, lost: d.lost(id, n.Info.Incarnation), silent: d.quiet(n) > d.Lease/2})
	}
	type attempt struct {
		job      string
		pipeline int
	}
	present := make(map[attempt]int64, 2*len(d.Jobs))
	for _, j := range d.Jobs {
		for id, p := range j.Pipelines {
			if p.Row.Status.Ended() && d.gone(j, id, p) {
				continue
			}
			present[attempt{j.Job.ID, id}] = p.Row.Attempt
			d.taken(j, id, p.Placement)
		}
		for id, p := range j.Unsure {
			p = maps.Clone(p)
			maps.DeleteFunc(p, func(_ string, at Place) bool { return !d.starts(at) })
			d.taken(j, id, p)
		}
	}
	for i := range d.rooms {
		for key, t := range d.rooms[i].fact.Tasks {
			if !t.State.Ended() && present[attempt{key.JobID, key.Pipeline}] != key.Attempt {
				d.rooms[i].used++
			}
		}
	}
}

// quiet is how long nothing has been heard of a node.
func (d *decider) quiet(n NodeFact) time.Duration { return d.Now - n.Heard }

func (d *decider) taken(j JobFact, pipeline int, p Placement) {
	shape := shapeOf(j, pipeline)
	for name, at := range p {
		if i, known := d.index[at.Node]; known {
			d.rooms[i].take(j, shape.slots(name))
		}
	}
}

// slots are those taken on each node.
func (d *decider) slots() map[string]int {
	out := make(map[string]int, len(d.rooms))
	for i := range d.rooms {
		out[d.rooms[i].id] = d.rooms[i].used
	}
	return out
}

func shapeOf(j JobFact, pipeline int) PipelineShape {
	if j.Shape != nil {
		for _, p := range j.Shape.Pipelines {
			if p.ID == pipeline {
				return p
			}
		}
	}
	return PipelineShape{ID: pipeline}
}
