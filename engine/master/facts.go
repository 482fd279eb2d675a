package master

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// Facts are everything the master's decisions stand on: rows, and what workers last said. Times
// are on the master's monotonic clock, counted from the beginning of its reign.
type Facts struct {
	Now   time.Duration
	Lease time.Duration
	Wait  bool // job-schedule-strategy WAIT: a job without room stays PENDING; else it fails
	Nodes map[string]NodeFact
	Jobs  []JobFact // not ended, oldest submit first
}

// NodeFact is a worker as last heard.
type NodeFact struct {
	Info  rpc.NodeInfo
	Heard time.Duration // of its newest report
	Dead  bool          // proved by other means than silence
	// Draining is since when it says that it is drained, which Info tells.
	Draining time.Duration
	// Obeyed is the number of the newest order of this reign that Tasks are the outcome of.
	Obeyed uint64
	Tasks  map[rpc.TaskKey]rpc.TaskReport
}

// JobFact is a job that has not ended.
type JobFact struct {
	Job       state.Job
	Shape     *Shape // nil until planned
	PlanErr   error  // planning failed, or the rows cannot be read
	Lacks     string // what it waits for before anything of it is started
	Planning  bool
	Dirty     int64                // bad rows of all pipelines, as last reported; for a Shape that limits them
	Since     time.Duration        // when this master first saw the job's status
	Pipelines map[int]PipelineFact // started ones; 0 is the preparation
	Unsure    map[int]Placement    // of pipelines, whose writes may take effect yet
}

// PipelineFact is a pipeline's row.
type PipelineFact struct {
	Row       state.Pipeline
	Placement Placement
	Names     []string      // keys of Placement, sorted
	Falls     state.Falls   // of an attempt that has fallen and those before it in the window of retries
	Since     time.Duration // when this master first saw the row's status
	// SinceOrder is the number of the first order that was made from that status.
	SinceOrder uint64
}

func (f PipelineFact) tasks() []string {
	if len(f.Names) == len(f.Placement) {
		return f.Names
	}
	return slices.Sorted(maps.Keys(f.Placement))
}

// Placement says where each task of an attempt runs.
type Placement map[string]Place

// Place is a node in one incarnation: after a restart it is another place.
type Place struct {
	Node        string `json:"node"`
	Incarnation string `json:"incarnation"`
	Addr        string `json:"addr"`
	Files       string `json:"files,omitempty"` // see rpc.NodeInfo
}

// Seat is where an order goes: a node in one incarnation.
type Seat struct{ Node, Incarnation string }

// TaskName is the key of a task in a Placement.
func TaskName(role rpc.Role, subtask int) string {
	if role == rpc.Chain {
		return fmt.Sprintf("chain-%d", subtask)
	}
	return string(role)
}

// Shape is what the master must know of a job's plan.
type Shape struct {
	Pipelines   []PipelineShape   `json:"pipelines"`
	Tags        map[string]string `json:"tags,omitempty"`
	RetryTimes  int64             `json:"retry_times"`
	RetryWaitMS int64             `json:"retry_wait_ms"`
	MemoryBytes int64             `json:"memory_bytes"`
	// DirtyMaxCount is how many bad rows all pipelines together may have, 0 for no such limit.
	DirtyMaxCount int64 `json:"dirty_max_count,omitempty"`
	// CheckpointTimeoutMS is the job's own, 0 for the engine's.
	CheckpointTimeoutMS int64             `json:"checkpoint_timeout_ms,omitempty"`
	EnvOptions          map[string]string `json:"env_options,omitempty"`
	Dag                 json.RawMessage   `json:"dag,omitempty"` // for people: vertices and edges
}

// PipelineShape is one pipeline of a plan.
type PipelineShape struct {
	ID          int    `json:"id"`
	Parallelism int    `json:"parallelism"`
	Committers  int    `json:"committers"`
	NodeBound   string `json:"node_bound,omitempty"`
}

// slots is what a task takes: the enumerator one and each committer one, which both live in the
// head, and each subtask one.
func (p PipelineShape) slots(name string) int {
	if name == string(rpc.Head) {
		return 1 + p.Committers
	}
	return 1
}

// all is what the whole pipeline takes.
func (p PipelineShape) all() int { return 1 + p.Committers + p.Parallelism }

// Action is something the master must do.
type Action interface{ action() }

type (
	// Plan the job: its file is checked and its shape found, outside the loop.
	Plan struct{ JobID string }
	// Move changes a job's status.
	Move struct {
		JobID string
		Move  state.Move
	}
	// Begin an attempt of a pipeline at these places, which shall run within a time.
	Begin struct {
		JobID     string
		Pipeline  int
		Placement Placement
		After     int64 // the attempt before
		Within    time.Duration
	}
	// Save the status of a pipeline's attempt, and why it has fallen, if it has.
	Save struct {
		Pipeline state.Pipeline
		Fall     state.Fall
	}
	// End a job. Forced: it has not finished what it owes; if it owes commits, it cannot be
	// CANCELED and fails instead.
	End struct {
		JobID  string
		Status state.Status
		Error  string
		Forced bool
	}
	// Hold says why a job waits.
	Hold struct{ JobID, Reason string }
)

func (Plan) action()  {}
func (Move) action()  {}
func (Begin) action() {}
func (Save) action()  {}
func (End) action()   {}
func (Hold) action()  {}

func (s *Shape) encode() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("master: a shape is always JSON: " + err.Error())
	}
	return string(b)
}
