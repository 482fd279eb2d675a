// Package raft is the cluster's state store: rqlite v8 as a library, one SQLite database kept
// the same on every node by the Raft log. Nothing of rqlite shows outside this package.
package raft

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"seikan/migrations"
)

// Layer is one stream of a node's port: connections that come in, and connections to the same
// stream of another node. TLS, if any, is inside.
type Layer interface {
	net.Listener
	Dial(address string, timeout time.Duration) (net.Conn, error)
}

// Config of Open. Zero values are replaced by the defaults named here.
type Config struct {
	// Dir holds the node's state and its id. It must be on a local disk and belong to one
	// process at a time.
	Dir string
	// ID is proposed for a new Dir; empty means a random one. The id kept in Dir wins.
	ID string
	// Advertise is the host:port under which the other nodes reach this one.
	Advertise string
	// Voteless: this node's role is never to vote, nor to lead.
	Voteless bool
	// Raft and Cluster are two streams of the node's port. Close closes both.
	Raft, Cluster Layer
	// Log receives what rqlite and hashicorp/raft say, too; nil means slog.Default().
	Log *slog.Logger
	// Level is the lowest level of hashicorp/raft's messages: DEBUG, INFO, WARN (default), ERROR.
	Level string

	// WorkerLease (8 s) is how long tasks run on without a master. The timeouts below follow it.
	WorkerLease time.Duration
	// Heartbeat (a sixth of WorkerLease, at most 1 s) is how long a follower waits for a leader, at
	// least; up to twice that.
	Heartbeat time.Duration
	// Election (as Heartbeat) is how long a candidate waits for votes, at least; up to twice that.
	Election time.Duration
	// Lease (three quarters of Heartbeat, never more than it) is how long a leader goes on without
	// a majority.
	Lease time.Duration
	// CallTimeout (10 s) bounds a call to another node.
	CallTimeout time.Duration
	// Patience (6 s) is how long Forwarding waits for a leader before it refuses.
	Patience time.Duration

	// MinFreeBytes (128 MiB) of disk must be free, else writes are refused; below an eighth of it
	// the node stops.
	MinFreeBytes uint64
	// SnapshotEntries (8192) log entries make a snapshot.
	SnapshotEntries uint64

	// Migrations is the schema; nil means migrations.All().
	Migrations []migrations.Migration
	// Oldest is the oldest schema that this program works on; 0 means migrations.Oldest, or all of
	// Migrations where those are fewer.
	Oldest int
	// Clock tells when migrations were applied; nil means time.Now.
	Clock func() time.Time
	// Fatal is called, once, when this node must not go on: its disk is full or failing, so that
	// its copy may differ from the others'. It must end the process, without calling Close; nil
	// means log and exit(1).
	Fatal func(error)

	free func(dir string) (uint64, error) // of a test
}

func (c *Config) fill() error {
	switch {
	case c.Dir == "":
		return errors.New("no directory given")
	case c.Raft == nil || c.Cluster == nil:
		return errors.New("no network layers given")
	}
	if _, _, err := net.SplitHostPort(c.Advertise); err != nil {
		return fmt.Errorf("advertised address %q: %w; it must be host:port", c.Advertise, err)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Level == "" {
		c.Level = "WARN"
	}
	defaults := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	defaults(&c.WorkerLease, 8*time.Second)
	c.followLease()
	defaults(&c.CallTimeout, 10*time.Second)
	defaults(&c.Patience, 6*time.Second)
	if c.MinFreeBytes == 0 {
		c.MinFreeBytes = 128 << 20
	}
	if c.SnapshotEntries == 0 {
		c.SnapshotEntries = 8192
	}
	if c.Migrations == nil {
		c.Migrations = migrations.All()
	}
	if c.Oldest == 0 {
		c.Oldest = min(migrations.Oldest, len(c.Migrations))
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.free == nil {
		c.free = freeBytes
	}
	if c.Fatal == nil {
		log := c.Log
		c.Fatal = func(err error) {
			log.Error("the state store stops this process", "error", err)
			os.Exit(1)
		}
	}
	return nil
}
