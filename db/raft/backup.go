package raft

import (
	"errors"
	"fmt"
	"io"

	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"
)

// Backup writes a consistent copy of this node's database to w: an SQLite file that stands
// alone. On the leader it holds everything that was Done before the call. It needs as much disk
// again as the database while it runs.
func (n *Node) Backup(w io.Writer) error {
	// Not the BINARY format: it copies the main file after a snapshot, and goes on without the
	// newest writes when raft refuses to take one.
	request := &proto.BackupRequest{Format: proto.BackupRequest_BACKUP_REQUEST_FORMAT_DELETE}
	if err := n.st.Backup(request, w); err != nil {
		return fmt.Errorf("back up the state store: %w", kindOf(err))
	}
	return nil
}

// Snapshot shortens the log now.
func (n *Node) Snapshot() error {
	if err := n.st.Snapshot(0); err != nil && !errors.Is(err, store.ErrNothingNewToSnapshot) {
		return fmt.Errorf("make a snapshot of the state store: %w", kindOf(err))
	}
	return nil
}

// Stats are figures for status pages and metrics.
type Stats struct {
	ID, Addr, LeaderID, LeaderAddr string
	State                          string // Leader, Follower, Candidate or Shutdown
	Voter, Ready, DiskLow          bool
	Term, CommitIndex, Applied     uint64
	SnapshotIndex                  uint64
	DirBytes, LogBytes, FreeBytes  uint64
}

// Stats collects the figures. It walks the directory: not for every second.
func (n *Node) Stats() (Stats, error) {
	all, err := n.st.Stats()
	if err != nil {
		return Stats{}, fmt.Errorf("figures of the state store: %w", kindOf(err))
	}
	raft, _ := all["raft"].(map[string]any)
	number := func(key string) uint64 {
		v, _ := raft[key].(int64)
		return uint64(max(0, v))
	}
	s := Stats{ID: n.id, Addr: n.cfg.Advertise, DiskLow: n.low.Load(), FreeBytes: n.free.Load(),
		Term: number("term"), CommitIndex: number("commit_index"), Applied: number("applied_index"),
		SnapshotIndex: number("last_snapshot_index"), LogBytes: number("log_size")}
	s.LeaderID, s.LeaderAddr = n.Leader()
	s.State, _ = raft["state"].(string)
	s.Voter, _ = raft["voter"].(bool)
	s.Ready, _ = all["ready"].(bool)
	if size, ok := all["dir_size"].(int64); ok {
		s.DirBytes = uint64(size)
	}
	return s, nil
}
