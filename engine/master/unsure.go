package master

import (
	"errors"
	"time"

	"seikan/db/state"
)

// unsure is a placement whose write had no answer: it may take effect yet, and its slots must not
// be given away meanwhile. A later master need not know of it, since its epoch refuses such writes.
type unsure struct {
	after int64 // attempt of the row then
	at    time.Duration
	where Placement
}

// inFlight is how long a write without an answer may take to have its effect.
const inFlight = time.Minute

// unsures are those of one reign, by job and pipeline.
type unsures map[string]map[int]unsure

// note remembers a placement whose write ended with err, if that leaves its outcome open.
func (u unsures) note(b Begin, err error, now time.Duration) {
	if err == nil || errors.Is(err, state.ErrMoved) || errors.Is(err, state.ErrDeposed) {
		return
	}
	if u[b.JobID] == nil {
		u[b.JobID] = map[int]unsure{}
	}
	u[b.JobID][b.Pipeline] = unsure{b.After, now, b.Placement}
}

// of are a job's that are open still.
func (u unsures) of(j JobFact, now time.Duration) map[int]Placement {
	var out map[int]Placement
	for id, s := range u[j.Job.ID] {
		if j.Pipelines[id].Row.Attempt != s.after || now-s.at > inFlight {
			delete(u[j.Job.ID], id)
			continue
		}
		if out == nil {
			out = map[int]Placement{}
		}
		out[id] = s.where
	}
	return out
}

// stands says whether all of a placement could be begun now.
func (d *decider) stands(p Placement) bool {
	for _, at := range p {
		if !d.starts(at) {
			return false
		}
	}
	return true
}

// starts says whether a node starts what it is ordered to.
func (d *decider) starts(at Place) bool {
	n, known := d.Nodes[at.Node]
	return known && !n.Info.Draining && !d.lost(at.Node, at.Incarnation)
}
