package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"seikan/db/backup"
	"seikan/engine/master"
)

// BackupStatus is how the backups of a cluster's state do.
type BackupStatus struct {
	Storage  string        `json:"storage"`
	Behind   time.Duration `json:"behind_ns"`        // what was accepted longer ago than this is in the newest backup
	Newest   string        `json:"newest,omitempty"` // object; empty: this master has made none yet
	Number   int64         `json:"number,omitempty"`
	Taken    time.Time     `json:"taken,omitzero"`
	Bytes    int64         `json:"bytes,omitempty"` // of it, stored
	Failures int64         `json:"failures,omitempty"`
	Error    string        `json:"error,omitempty"` // of the last of these
}

// backupsBehind is how far the newest backup may be behind before people are told.
const backupsBehind = 30 * time.Second

var errNoBackups = errors.New("the state of this cluster is not backed up: hazelcast.yaml has no map-store")

// uploading is the uploader of a node that reigns.
type uploading = atomic.Pointer[backup.Uploader]

// backUp copies the state again and again while this node reigns.
func (s *Server) backUp(ctx context.Context) {
	if s.backups == nil {
		return
	}
	if s.guard.Key() == nil {
		s.log.Error("THE STATE IS NOT BACKED UP: backups are encrypted with the cluster key, which is missing", "file", s.cfg.ClusterKeyFile)
	}
	for s.guard.Key() == nil { // nobody would take one that is not encrypted for this cluster's
		if !pause(ctx, keyEvery) {
			return
		}
	}
	u := &backup.Uploader{Store: s.backups, Folder: s.cfg.MapStore.ClusterName, Cluster: s.cfg.ClusterName, ClusterID: s.disk.cluster(),
		Key: s.guard.Key(), Source: s.raft.Backup, Version: s.master.Jobs.Changes, Dir: s.cfg.StateDir, Log: s.log}
	s.uploader.Store(u)
	defer s.uploader.Store(nil)
	_ = u.Run(ctx) // ends with ctx
}

// Backups says how the backups do; false on a node that makes none: only the master of a cluster
// with a map-store does.
func (s *Server) Backups() (BackupStatus, bool) {
	u := s.uploader.Load()
	if u == nil {
		return BackupStatus{}, false
	}
	st := u.Status()
	out := BackupStatus{Storage: s.backups.String(), Behind: u.Age(), Newest: st.Newest.Name, Number: st.Newest.Seq, Taken: st.Newest.Taken, Bytes: st.Newest.Size, Failures: st.Failures}
	if st.Err != nil {
		out.Error = st.Err.Error()
	}
	return out, true
}

// warning is what an administrator should know, "" for nothing.
func (b BackupStatus) warning() string {
	if b.Behind < backupsBehind {
		return ""
	}
	why := b.Error
	if why == "" {
		why = "it takes that long"
	}
	return fmt.Sprintf("the newest backup of the state is %v behind: %s", b.Behind.Round(time.Second), why)
}

// backupsHere answers for the master; nil: there is no map-store.
func (s *Server) backupsHere(context.Context, nothing) (*BackupStatus, error) {
	b, makes := s.Backups()
	switch {
	case makes:
		return &b, nil
	case s.backups == nil:
		return nil, nil
	case s.guard.Key() == nil && s.raft.IsLeader():
		return &BackupStatus{Storage: s.backups.String(), Behind: backupsBehind, Error: "the cluster key, which encrypts backups, is missing: put it into " + s.cfg.ClusterKeyFile}, nil
	}
	return nil, master.ErrNotMaster
}

// backUpHere makes a backup now, whether or not something has changed.
func (s *Server) backUpHere(ctx context.Context, _ nothing) (BackupStatus, error) {
	u := s.uploader.Load()
	switch {
	case s.backups == nil:
		return BackupStatus{}, errNoBackups
	case u == nil:
		return BackupStatus{}, master.ErrNotMaster
	}
	if _, err := u.Now(ctx); err != nil {
		return BackupStatus{}, err
	}
	b, _ := s.Backups()
	return b, nil
}

// backUpNow asks the master for a backup.
func (s *Server) backUpNow(ctx context.Context, _ nothing) (out BackupStatus, err error) {
	err = s.askMaster(ctx, "backup", nothing{}, &out)
	return out, err
}
