// Package config reads seatunnel.yaml, the hazelcast files and the JVM options file into one
// typed, validated Config in which every setting knows where it came from.
package config

import "time"

// Role is what a process does in the cluster.
type Role string

// The roles. A file never names one: the command line does.
const (
	Hybrid Role = "master_and_worker"
	Master Role = "master"
	Worker Role = "worker"
	Client Role = "client" // speaks to a cluster and is no part of it
)

// Config is everything a node or a client is told from outside.
type Config struct {
	Home     string // SEATUNNEL_HOME; "" when there is none
	Dir      string // directory of seatunnel.yaml, or where it would stand; relative paths start here
	StateDir string // everything that must survive a restart
	Role     Role
	Files    []File
	Ignored  []Ignored // settings that are given and have no meaning here, to be said once
	Notes    []string  // what is worth a line in the log at start

	ClusterName string
	Network     Network
	RESTV1      RESTV1
	HTTP        HTTP
	TLS         TLS
	Client      ClientSettings
	Tags        map[string]string // member attributes, matched by env.tag_filter

	BackupCount int // nodes that may fail at once
	Slots       Slots
	Checkpoint  Checkpoint
	MapStore    MapStore
	Telemetry   Telemetry
	EventReport EventReport

	HistoryJobExpire        time.Duration
	History                 History
	State                   StateSize
	JobScheduleStrategy     string // REJECT or WAIT
	PrintExecutionInfoEvery time.Duration
	PrintJobMetricsEvery    time.Duration // the client's progress table

	Lease           time.Duration // how long a worker may run without hearing from the master
	VoterReplace    time.Duration // how long a voter may be gone before another takes its place
	Drain           time.Duration // how long a node that is stopped waits for its tasks
	EarlyDeathProof bool          // a refused port, seen by two nodes, ends a lease early
	MinFreeBytes    int64         // below this on the state disk no job is accepted
	MemoryBytes     int64         // memory limit of the process; 0: from the machine or its cgroup
	ClusterKeyFile  string

	JVM  JVM
	Logs Logs

	settings []Setting
}

// File is a file that was looked for.
type File struct {
	Name  string // seatunnel.yaml
	Path  string // where it stands or was expected; "" when nowhere
	Found bool
	Why   string // what chose the path: "home", "environment HAZELCAST_CONFIG", …
}

// Ignored is a setting without a meaning here.
type Ignored struct {
	Key, From, Reason string
}

// Network is how nodes find and reach each other.
type Network struct {
	BindAddress   string   // "" means loopback while Members names only this host, else every address
	Interfaces    []string // hazelcast.network.interfaces: patterns such as 10.3.10.*, see Listen
	PublicAddress string   // host or host:port told to others; "" is the bound one
	Port          int
	AutoIncrement bool
	PortCount     int // ports tried from Port on with AutoIncrement
	Discover      bool
	Members       []Member
	PortTries     int // ports tried at a member that is listed without one
}

// RESTV1 says which parts of the REST API on the node port answer.
type RESTV1 struct {
	Enabled bool
	Groups  map[string]bool // HEALTH_CHECK, CLUSTER_READ, CLUSTER_WRITE, DATA, …
}

// HTTP is the port of REST V2, the console and SQL.
type HTTP struct {
	Enabled                 bool
	BindAddress             string // as Network.BindAddress
	Port                    int
	DynamicPort             bool // try Port … Port+PortRange-1
	PortRange               int
	ContextPath             string // "" or "/x", without a slash at the end
	AllowRemoteWithoutLogin bool
	MaxBodyBytes            int64
}

// TLS is used by every port when Cert is set.
type TLS struct {
	Cert, Key, CA string // paths
	ClientAuth    string // none, optional or require
}

// ClientSettings is how a client reaches the cluster.
type ClientSettings struct {
	ClusterName    string
	Members        []Member
	ConnectTimeout time.Duration // for reaching any member; negative: for ever
}

// Slots of a worker.
type Slots struct {
	Dynamic bool
	Num     int // when not Dynamic
}

// Checkpoint are the defaults of jobs and where checkpoints are kept.
type Checkpoint struct {
	Interval    time.Duration
	Timeout     time.Duration
	MaxRetained int
	Storage     Storage
}

// MapStore says where the state database is copied to.
type MapStore struct {
	Enabled     bool
	ClusterName string  // isolates clusters that share a storage
	Storage     Storage // of the namespace, without ClusterName; zero when not Enabled
}

// Telemetry is what is measured for others.
type Telemetry struct {
	Metrics       bool // Prometheus on the node port
	DeleteJobLogs bool // job logs go with the job's history
}

// EventReport is where job events are posted; off when URL is "".
type EventReport struct {
	URL     string
	Headers map[string]string
}

// JVM is what the options for a Java machine mean here.
type JVM struct {
	Xmx, Xms    int64 // bytes; 0 when not given
	DumpOnOOM   bool
	DumpPath    string
	Processors  int    // GOMAXPROCS; 0 when not given
	MemoryShare int    // -XX:MaxRAMPercentage, percent of the machine's memory; 0 when not given
	TimeZone    string // -Duser.timezone
	Properties  map[string]string
}

// Logs of the process.
type Logs struct {
	Dir      string
	FileName string // without .log
	PerJob   bool   // a file of its own for each job
	Level    string // debug, info, warn or error
	MaxBytes int64  // of one file
	MaxTotal int64  // of all files, bytes
	MaxAge   time.Duration
	MaxFiles int
}
