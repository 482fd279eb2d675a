package doctor

import (
	"io/fs"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/engine/job/hocon"
)

// Facts are what was found out about this host and the cluster it belongs to.
type Facts struct {
	Now      time.Time
	Version  string // of this program
	Config   *config.Config
	Problems hocon.Problems
	Files    []File
	Key      File // of the cluster key
	KeyBad   string
	Owner    Account // of the state directory: who the node is
	Ports    []Port
	Names    []config.Peer
	Disks    []Disk
	Sync     Sync
	Storages []Storage
	Limits   []Limits
	Certs    []Certificate

	Nodes  []Node              // every node that is known of, by its address
	Status *node.ClusterStatus // nil: no node answered
	Down   string              // why not
}

// File is a file of the configuration.
type File struct {
	Path       string
	Exists     bool
	Readable   bool // by the user of this program
	Mode       fs.FileMode
	UID, GID   uint32
	HasSecrets bool
	Err        string
}

// Account is a user of this host.
type Account struct {
	Known  bool
	UID    uint32
	Groups []uint32
}

// Port is one of the two that a node listens at.
type Port struct {
	Setting string // that chooses it
	Addr    string
	Node    *node.About // of this cluster or another; nil: no node answers there
	Other   bool        // something else listens
	Err     string      // it cannot be listened at
}

// Disk is where something is kept.
type Disk struct {
	What, Dir string
	Free      int64 // bytes
	Total     int64
	Inodes    int64 // free ones; -1: the file system has no limit
	Missing   bool  // the directory is not there yet
	Err       string
}

// Sync is how long it takes to make 4 KiB durable in the state directory.
type Sync struct {
	Dir    string
	Count  int
	Median time.Duration
	Worst  time.Duration
	Err    string
	Denied bool // this user may not write there
}

// Storage is what trying one came to.
type Storage struct {
	What, Where string
	Took        time.Duration
	Err         string
	Denied      bool // this user may not
	Missing     bool // a folder that the node will make
}

// Limits are those of a process: a node that runs, or else this one.
type Limits struct {
	Process   string
	OpenFiles uint64
	Memory    int64 // bytes that its cgroup allows; 0: no limit
	Node      bool
}

// Certificate is one of seatunnel.seikan.tls.
type Certificate struct {
	Path      string
	NotBefore time.Time
	NotAfter  time.Time
	Names     []string // that it is for
	Misses    []string // names and addresses that others call this host by, and that it is not for
	Err       string
	Untrusted string // why the CA does not vouch for it
	KeyFile   File
}

// Node is a node as seen from here.
type Node struct {
	Addr   string
	Listed bool // in the member list; else another node named it
	About  node.About
	Clock  time.Duration // how much its clock is ahead of this host's
	Sure   time.Duration // the clock's error; 0: it was not read
	Err    string
	Other  bool // it belongs to a cluster of another name
}
