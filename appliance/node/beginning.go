package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"seikan/appliance/config"
	"seikan/db"
	"seikan/db/backup"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/job"
	"seikan/storage"
)

// How a cluster begins: with the newest good backup of its state where there is one, else empty.
// It is restored by the one node that forms the cluster, which has no state of its own, and that
// begins to serve when the restored state is settled: nothing that lives is ever overwritten.

// past is the state that a new cluster begins with.
type past struct {
	From  string    `json:"from"`  // the backup; empty: there is none
	Taken time.Time `json:"taken"` // when it was made
	By    string    `json:"by"`    // who has put it here: byNode, else the command
	file  string
}

// Who lets a node begin with a backup. Only the command is an administrator's word: it forms a
// cluster though there may be another one.
const (
	byCommand = "seikan restore"
	byNode    = "node"
)

// Where the state to begin with lies below a state directory.
const (
	pastDir  = "restore"
	pastFile = "state.db"
	pastNote = "restore.json"
)

// found forms a new cluster.
func (s *Server) found(ctx context.Context, why string) error {
	if err := s.lookForKey(); err != nil {
		return err
	}
	doing := "this node forms the cluster, and looks for a backup of its state"
	s.waits.Store(&doing)
	p, err := s.past(ctx)
	if err != nil {
		return fmt.Errorf("look for a backup to begin with: %w", err)
	}
	if p.From == "" {
		if err := s.makeKey(); err != nil {
			return err
		}
	} else {
		doing := fmt.Sprintf("restoring the state from backup %s of %s", p.From, p.Taken.Format(time.RFC3339))
		s.waits.Store(&doing)
	}
	if err := s.disk.begin(); err != nil {
		return err
	}
	id := randomID(16)
	err = s.raft.BootstrapFrom(ctx, p.file, func(ctx context.Context, store db.Store) error {
		jobs := state.New(store, time.Now, state.RandomID)
		if p.From == "" {
			err = jobs.BeginIncarnation(ctx, id)
		} else if err = checkpoint.Recover(ctx, jobs, s.blobs, id, p.From, s.log); err == nil {
			err = s.keyOfPast(ctx, jobs)
		}
		if err != nil {
			return err
		}
		return s.disk.set(id) // from here on others are told, and join
	})
	if err != nil {
		return err
	}
	s.log.Info("formed a new cluster", "cluster", s.cfg.ClusterName, "id", id, "why", why)
	if p.From != "" {
		s.log.Warn("the cluster goes on from a backup: what was accepted after it was taken is lost", "backup", p.From, "taken", p.Taken)
	}
	return os.RemoveAll(filepath.Join(s.cfg.StateDir, pastDir))
}

// past finds the state to begin with: what `seikan restore` has put here, else the newest good
// backup, which is looked for at every try. Whoever cannot tell whether there is one must not begin
// without.
func (s *Server) past(ctx context.Context) (past, error) {
	if p, ordered, err := s.ordered(); ordered || err != nil {
		return p, err
	}
	if s.backups == nil {
		return past{}, nil
	}
	i, err := backup.Newest(ctx, s.backups, s.guard.Key(), s.ownBackups())
	switch {
	case errors.Is(err, backup.ErrNone):
		return past{}, nil
	case errors.Is(err, backup.ErrKey):
		return past{}, fmt.Errorf("%w; it belongs into %s on this node (seatunnel.seikan.cluster-key-file)", err, s.cfg.ClusterKeyFile)
	case errors.Is(err, backup.ErrOtherCluster):
		return past{}, fmt.Errorf("%w; change clusterName of the map-store in hazelcast.yaml, or cluster-name", err)
	case errors.Is(err, backup.ErrDamaged):
		return past{}, fmt.Errorf("%w; move them away to begin without a past", err)
	case err != nil:
		return past{}, fmt.Errorf("%w; see map-store in hazelcast.yaml", err)
	}
	for _, passed := range i.Passed {
		s.log.Error("A BACKUP IS DAMAGED: the one before it is restored", "error", passed)
	}
	return stage(ctx, s.cfg, s.backups, i, s.guard.Key(), byNode)
}

// PrepareRestore lets the node of cfg, which must be stopped and in no cluster, form one that goes
// on from a backup when it is started. The backup may be of a cluster with another name.
func PrepareRestore(ctx context.Context, cfg *config.Config, store storage.Store, i backup.Info, key []byte) error {
	disk, err := readMembership(cfg.StateDir)
	switch {
	case err != nil:
		return err
	case disk.cluster() != "":
		return fmt.Errorf("the node of %s is in cluster %s, and a backup is never restored over live data: empty the directory if that cluster is given up", cfg.StateDir, disk.cluster())
	case cfg.Role == config.Worker:
		return errors.New("a worker does not form a cluster: restore on a node that may be master")
	}
	if _, err := stage(ctx, cfg, store, i, key, byCommand); err != nil {
		return fmt.Errorf("prepare the restore of backup %s: %w", i.Name, err)
	}
	return nil
}

// stage restores a backup to where a node begins from when it forms a cluster.
func stage(ctx context.Context, cfg *config.Config, store storage.Store, i backup.Info, key []byte, by string) (past, error) {
	dir := filepath.Join(cfg.StateDir, pastDir)
	p := past{From: i.Name, Taken: i.Taken, By: by, file: filepath.Join(dir, pastFile)}
	if err := os.RemoveAll(dir); err != nil {
		return past{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return past{}, err
	}
	if err := backup.RestoreFile(ctx, store, i, key, p.file); err != nil {
		return past{}, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return past{}, err
	}
	return p, writeDurably(filepath.Join(dir, pastNote), text)
}

// ordered is the state that `seikan restore` has put here to begin with; false: it has put none
// here. A note that does not say by whom is an earlier version's, and may be an administrator's.
func (s *Server) ordered() (past, bool, error) {
	dir := filepath.Join(s.cfg.StateDir, pastDir)
	text, err := os.ReadFile(filepath.Join(dir, pastNote))
	if errors.Is(err, fs.ErrNotExist) {
		return past{}, false, nil
	}
	p := past{file: filepath.Join(dir, pastFile)}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return past{}, false, fmt.Errorf("read what `seikan restore` has prepared: %w", err)
	}
	return p, p.By != byNode, nil
}

// staged says whether `seikan restore` has prepared this node to form a cluster.
func (s *Server) staged() bool {
	_, ordered, err := s.ordered()
	return ordered && err == nil && s.disk.cluster() == ""
}

// giveUpPast drops what this node has copied to begin with: it joins a cluster that lives. What
// `seikan restore` has put here is not dropped, and forbids that.
func (s *Server) giveUpPast() error {
	dir := filepath.Join(s.cfg.StateDir, pastDir)
	_, ordered, err := s.ordered()
	switch {
	case err != nil:
		return err
	case ordered:
		return errors.New("`seikan restore` has prepared this node to form a cluster, and another one was formed before it: stop all nodes, empty the " +
			"state directories of the others, and start this one first; or remove " + dir)
	}
	return os.RemoveAll(dir)
}

// ownBackups are those that a cluster may begin with.
func (s *Server) ownBackups() backup.Want {
	return backup.Want{Folder: s.cfg.MapStore.ClusterName, Cluster: s.cfg.ClusterName}
}

// keyOfPast makes a key for a restored state that has none and needs none. One that needs the old
// key must not get another: its jobs wait until the old one is there.
func (s *Server) keyOfPast(ctx context.Context, jobs *state.Jobs) error {
	if s.guard.Key() != nil {
		return nil
	}
	sealed, err := jobs.Holding(ctx, job.Sealed)
	switch {
	case err != nil:
		return err
	case len(sealed) == 0:
		return s.makeKey()
	}
	s.log.Error("THE CLUSTER KEY IS MISSING: jobs whose secrets it seals wait for it", "file", s.cfg.ClusterKeyFile, "jobs", len(sealed))
	return nil
}

// begin notes that this node is about to form a cluster. Until set it has told nobody of it, so
// what a crash leaves is thrown away.
func (m *membership) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := writeDurably(m.path, []byte(`{"cluster_id":"","forming":true}`)); err != nil {
		return fmt.Errorf("note that a cluster is formed: %w", err)
	}
	return nil
}

// dropUnfinished removes what a node that was killed while it formed a cluster has left: its state
// store, or, once the cluster was formed, the copy of the backup that it began with.
func dropUnfinished(m *membership, raftDir string) error {
	if m.cluster() != "" {
		return os.RemoveAll(filepath.Join(filepath.Dir(m.path), pastDir))
	}
	if !m.Forming {
		return nil
	}
	lock, err := os.OpenFile(filepath.Join(raftDir, "lock"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s is used by another process", raftDir)
	}
	entries, err := os.ReadDir(raftDir)
	if err != nil {
		return err
	}
	kept := []string{"lock", "node-id"}
	for _, e := range entries {
		if slices.Contains(kept, e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(raftDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
