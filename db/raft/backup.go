package raft

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"
)

// Backup writes a consistent copy of this node's database to w: an SQLite file that stands
// alone. On the leader it holds everything that was Done before the call. While it runs it needs as
// much disk again as the database, and whoever writes it to the same disk that much once more:
// without this room it is refused (ErrDiskLow), since a full disk would stop the node.
func (n *Node) Backup(w io.Writer) error {
	if err := n.roomForCopies(); err != nil {
		return fmt.Errorf("back up the state store: %w", err)
	}
	// Not the BINARY format: it copies the main file after a snapshot, and goes on without the
	// newest writes when raft refuses to take one.
	request := &proto.BackupRequest{Format: proto.BackupRequest_BACKUP_REQUEST_FORMAT_DELETE}
	if err := n.st.Backup(request, w); err != nil {
		return fmt.Errorf("back up the state store: %w", kindOf(err))
	}
	return nil
}

// roomForCopies looks whether two copies of the database leave the disk with what it needs.
func (n *Node) roomForCopies() error {
	size, err := sizeOf(n.st.Path(), "db.sqlite", "db.sqlite-wal")
	if err != nil {
		return err
	}
	free, err := n.cfg.free(n.cfg.Dir)
	if err != nil {
		return err
	}
	if needs := 2*size + n.cfg.MinFreeBytes; free < needs {
		return fmt.Errorf("%w for a copy of it: %s has %d MiB and needs %d MiB; make room on its disk", ErrDiskLow, n.cfg.Dir, free>>20, needs>>20)
	}
	return nil
}

// sizeOf adds up the sizes of those files that exist.
func sizeOf(dir string, names ...string) (sum uint64, err error) {
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += uint64(info.Size())
	}
	return sum, nil
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
