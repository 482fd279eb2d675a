package rest

import (
	"context"
	"errors"
	"io"
	"time"

	"seikan/db/state"
)

// Backend is what the API needs of the node it answers for. Every node has all of it: one that
// is not the master asks the master. Its methods are called at the same time.
type Backend interface {
	// About says which node this is.
	About() About
	// Ready is nil when the node can take work, else why not.
	Ready(ctx context.Context) error
	// Jobs are the rows of the jobs; reads are local, writes go to the leader.
	Jobs() *state.Jobs
	// Submit records a job and gives its id. It is durable when Submit returns; the API waits
	// for its plan. state.ErrExists when the id is taken by a job that s does not go on with.
	Submit(ctx context.Context, s Submission) (id string, err error)
	// Stop cancels a job, or ends it with a savepoint; it does not wait for the end. An error
	// that is state.ErrNotFound or state.ErrMoved says that there is nothing to stop.
	Stop(ctx context.Context, id string, savepoint bool) error
	// Metrics are the counters of running jobs by job id, their names as task.Counters.Map
	// makes them: "SourceReceivedCount#<table>".
	Metrics(ctx context.Context, ids []string) (map[string]map[string]int64, error)
	// Members lists the nodes of the cluster.
	Members(ctx context.Context) ([]Member, error)
	// UpdateTags replaces the tags of this node.
	UpdateTags(ctx context.Context, tags map[string]string) error
	// ListLogs lists the log files of all nodes that answer.
	ListLogs(ctx context.Context) ([]LogFile, error)
	// LocalLogs names the log files of this node; ErrNoLogs when it writes none.
	LocalLogs(ctx context.Context) ([]string, error)
	// OpenLog opens a log file of this node. name is never a path.
	OpenLog(ctx context.Context, name string) (io.ReadCloser, error)
	// Pool counts what SeaTunnel's coordinator does with its thread pool.
	Pool(ctx context.Context) Pool
	// Facts are figures of this node, for metrics.
	Facts(ctx context.Context) Facts
}

// ErrNoLogs says that this node writes no log files.
var ErrNoLogs = errors.New("no log folder is configured")

// About says which node of which cluster this is, in which version.
type About struct {
	ClusterName string
	Version     string // shown as projectVersion
	Commit      string // abbreviated
	Host        string // of the node's own port
	Port        int
	Telemetry   bool // telemetry.metric.enabled
}

// Submission is a job to run.
type Submission struct {
	Text    []byte
	Format  Format
	Name    string // settled: from the request, the job's env, or the default
	ID      string // decimal; empty for a new one
	Restore bool   // go on with job ID from its newest checkpoint
}

// Format is the language of a job.
type Format string

// The formats. REST clients of SeaTunnel send JSON; the others are an extension.
const (
	JSON  Format = "json"
	HOCON Format = "hocon"
	SQL   Format = "sql"
)

// Member is a node of the cluster.
type Member struct {
	Host      string
	Port      int
	Master    bool
	Worker    bool // it runs tasks
	Tags      map[string]string
	Slots     int     // 0: as many as memory allows
	SlotsUsed int     // by tasks now
	Vitals    *Vitals // nil when it did not answer
}

// LogFile is a log file of a node.
type LogFile struct {
	Host string
	Port int // of the node, as Member.Port
	Name string
}

// Pool is the master's work on jobs in the terms of a thread pool.
type Pool struct {
	Coordinator bool // this node may become master: else the pool is not shown
	Active      int64
	Core        int64
	Max         int64
	Size        int64
	Queued      int64
	Completed   int64
	Tasks       int64 // ever taken in
	Rejected    int64
}

// Facts are figures of a node and, on the master, of the cluster.
type Facts struct {
	StateBytes  int64          // in use by the state database
	StateWarn   int64          // from here on the log warns; 0: never
	StateMax    int64          // from here on no job is accepted; 0: never
	Reigns      int64          // masters there have been; each takes the next number
	Renewals    int64          // of this node's lease
	Master      bool           // this node is the master; what follows is known there alone
	BackupAge   *time.Duration // of the newest backup; nil: there is none, or none is made
	Unknown     *int64         // objects on the checkpoint storage that belong to nobody, as of the last sweep; nil: none yet
	Checkpoints []CheckpointFacts
}

// CheckpointFacts are those of a pipeline that runs.
type CheckpointFacts struct {
	JobID    string
	Pipeline int64
	Age      time.Duration // since the newest one was completed
	Took     time.Duration // from trigger to completion of that one
	Bytes    int64         // of its manifest
	Failed   int64         // given up since
}
