// Package rpc is what nodes say to each other about jobs: a worker's session with the master,
// and a chain's link to the head of its pipeline. Messages are JSON in gRPC frames: they are few
// and small (rows never travel between nodes), a person can read them, and a node one version
// older or newer ignores the fields it does not know.
package rpc

import (
	"time"

	"seikan/engine/checkpoint"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Role is what a task does for its pipeline.
type Role string

const (
	Prepare Role = "prepare" // save modes, once a job, before any reader starts
	Head    Role = "head"    // enumerator, committers and checkpoint coordinator
	Chain   Role = "chain"   // one subtask
	Settle  Role = "settle"  // finish owed commits of a job that was cancelled or has failed
)

// TaskKey names one placement of a task. A report with another attempt than the row's is of the
// past.
type TaskKey struct {
	JobID    string `json:"job"`
	Pipeline int    `json:"pipeline"`
	Attempt  int64  `json:"attempt"`
	Role     Role   `json:"role"`
	Subtask  int    `json:"subtask,omitempty"`
}

// TaskSpec is a task a worker shall run.
type TaskSpec struct {
	TaskKey
	RunID     string `json:"run"`
	HeadAddr  string `json:"head_addr,omitempty"` // where a chain finds its head
	Restore   bool   `json:"restore,omitempty"`   // go on from the newest checkpoint
	Savepoint bool   `json:"savepoint,omitempty"` // a head shall take a savepoint and end
	Move      bool   `json:"move,omitempty"`      // a head shall take a checkpoint and end, to go on elsewhere
}

// TaskState is how a task is doing.
type TaskState string

const (
	Starting TaskState = "STARTING"
	Running  TaskState = "RUNNING"
	Finished TaskState = "FINISHED"
	Failed   TaskState = "FAILED"
	Stopped  TaskState = "STOPPED" // it was told to
)

// Ended says whether the task is over.
func (s TaskState) Ended() bool { return s == Finished || s == Failed || s == Stopped }

// TaskReport is what a worker says of a task.
type TaskReport struct {
	TaskKey
	State     TaskState          `json:"state"`
	Error     string             `json:"error,omitempty"`
	Permanent bool               `json:"permanent,omitempty"` // trying again cannot heal Error
	Link      bool               `json:"link,omitempty"`      // Error is a broken link between chain and head
	Kind      record.BarrierKind `json:"kind,omitempty"`      // how a head finished
	Doing     string             `json:"doing,omitempty"`
	Counters  map[string]int64   `json:"counters,omitempty"` // of a chain's attempt; of a head: of earlier attempts
	Dirty     int64              `json:"dirty,omitempty"`
	// Ended is when the master first heard of the end, on its clock.
	Ended time.Duration `json:"-"`
}

// NodeInfo is what a worker says of itself.
type NodeInfo struct {
	ID          string            `json:"id"`
	Incarnation string            `json:"incarnation"` // new with each start of the process
	Addr        string            `json:"addr"`        // of its rpc
	Role        string            `json:"role"`        // master_and_worker, master, worker
	Version     string            `json:"version"`
	Tags        map[string]string `json:"tags,omitempty"`
	Slots       int               `json:"slots"` // 0: dynamic
	MemoryBytes int64             `json:"memory_bytes"`
	Draining    bool              `json:"draining,omitempty"`
	// Files names the tree of files that the node sees: two nodes of one name see the same one. ""
	// is not known to be that of any other.
	Files string `json:"files,omitempty"`
}

// Report is what a worker sends: on every change, and at least every second.
type Report struct {
	Node  NodeInfo `json:"node"`
	Seq   uint64   `json:"seq"`   // grows; an Order names the newest one it has seen
	Epoch int64    `json:"epoch"` // highest seen
	// Obeyed is the Number of the newest order obeyed in Epoch: Tasks are what came of it.
	Obeyed uint64       `json:"obeyed,omitempty"`
	Tasks  []TaskReport `json:"tasks"`
}

// Order is what the master answers: everything this worker shall run. What it runs and the
// order does not name, it stops.
type Order struct {
	Epoch  int64  `json:"epoch"`
	Number uint64 `json:"number,omitempty"` // grows in an epoch: a lower one than obeyed is late
	// Seq is the newest report seen before the master last proved that it still is one. The
	// lease counts from sending it.
	Seq   uint64     `json:"seq"`
	Lease int64      `json:"lease_ms"`
	Tasks []TaskSpec `json:"tasks"`
	Deny  string     `json:"deny,omitempty"` // why this worker gets no orders
}

// UpKind is the kind of an Up.
type UpKind string

const (
	Hello    UpKind = "hello"    // the chain is here
	Ready    UpKind = "ready"    // it has opened its plugins
	Want     UpKind = "want"     // a split
	Done     UpKind = "done"     // a split is read to its end
	Answer   UpKind = "answer"   // to a barrier
	Activity UpKind = "activity" // what it is busy with
)

// Up is what a chain tells its head.
type Up struct {
	Kind     UpKind          `json:"kind"`
	Task     TaskKey         `json:"task"`
	Passed   int64           `json:"passed,omitempty"` // Want
	Split    string          `json:"split,omitempty"`  // Done
	Ack      *checkpoint.Ack `json:"ack,omitempty"`    // Answer
	Activity string          `json:"activity,omitempty"`
}

// Down is what a head tells a chain; one member is set.
type Down struct {
	Welcome  *Welcome        `json:"welcome,omitempty"`
	Split    *plugin.Split   `json:"split,omitempty"`   // the answer to a Want
	None     bool            `json:"none,omitempty"`    // the answer to a Want: nothing now
	Changed  bool            `json:"changed,omitempty"` // wanting again may help
	Barrier  *record.Barrier `json:"barrier,omitempty"`
	Complete int64           `json:"complete,omitempty"`
	End      bool            `json:"end,omitempty"` // the pipeline is finished
}

// Welcome lets a chain begin.
type Welcome struct {
	Writers []checkpoint.WriterState `json:"writers,omitempty"`
}
