package node

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/rpc"
)

// A node whose key file was lost goes on without it: jobs whose text holds sealed values wait, by
// name of the file, and go on when the key is there again.

// lookForKey uses the key that has appeared in its file, if any.
func (s *Server) lookForKey() error {
	if s.guard.Key() != nil {
		return nil
	}
	key, err := readKey(s.cfg.ClusterKeyFile)
	if err != nil {
		return fmt.Errorf("read the cluster key: %w", err)
	}
	return s.useKey(key)
}

// awaitKey looks for the key of a cluster this node is in, in its file and at the master, until it
// has it.
func (s *Server) awaitKey(ctx context.Context) {
	for s.guard.Key() == nil {
		if s.disk.cluster() != "" {
			if err := s.lookForKey(); err != nil {
				s.log.Warn("the cluster key cannot be used", "error", err)
			}
			if s.guard.Key() == nil {
				s.askForKey(ctx)
			}
			if s.guard.Key() != nil {
				s.log.Info("the cluster key is there", "file", s.cfg.ClusterKeyFile)
				s.master.Wake()
				return
			}
		}
		if !pause(ctx, keyEvery) {
			return
		}
	}
}

const keyEvery = time.Second

// askForKey takes the key from the master, if that is another node and has one.
func (s *Server) askForKey(ctx context.Context) {
	leader, addr := s.raft.Leader()
	if leader == "" || leader == s.raft.ID() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := s.peers.dial(addr)
	if err != nil {
		return
	}
	var key []byte
	if err := rpc.Ask(ctx, conn, "cluster-key", nil, &key); err != nil || len(key) == 0 {
		return
	}
	if err := s.keepKey(key); err != nil {
		s.log.Warn("the cluster key is not kept", "error", err)
	}
}

// keyMissing says what is missing, and where it belongs.
func (s *Server) keyMissing() error {
	return fmt.Errorf("the cluster key is missing, and it seals values of this job: put it into %s on every node", s.cfg.ClusterKeyFile)
}

// seal seals the secrets of a job that is to be stored: without a key one that has some is not.
func (s *Server) seal(root *hocon.Value) (*hocon.Value, error) {
	if sealer := s.sealer.Load(); sealer != nil {
		return sealer.Seal(root, Sensitive)
	}
	if !bytes.Equal(hocon.JSON(job.Redact(root, Sensitive)), hocon.JSON(root)) {
		return nil, s.keyMissing()
	}
	return root, nil
}

// findSealed notes, on a master without the key, which jobs need it. Without it none can be added.
func (s *Server) findSealed(ctx context.Context) error {
	if s.sealer.Load() != nil {
		return nil
	}
	ids, err := s.master.Jobs.Holding(ctx, job.Sealed)
	if err != nil {
		return err
	}
	sealed := map[string]bool{}
	for _, id := range ids {
		sealed[id] = true
	}
	s.sealed.Store(&sealed)
	return nil
}

// lacks says what a job waits for that this node does not have, "" for nothing.
func (s *Server) lacks(jobID string) string {
	sealed := s.sealed.Load()
	if s.sealer.Load() != nil || sealed == nil || !(*sealed)[jobID] {
		return ""
	}
	return s.keyMissing().Error()
}
