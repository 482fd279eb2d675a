package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seikan/engine/job"
	"seikan/engine/rpc"
)

// The cluster key seals the values of sensitive options and proves membership. The node that
// forms the cluster makes it; who joins is handed it over the nodes' own connection; it is never
// in the state store, in blobs or in backups.

// useKey puts a key to use; nil is "none yet".
func (s *Server) useKey(key []byte) error {
	if len(key) == 0 {
		return nil
	}
	sealer, err := job.NewSealer(key)
	if err != nil {
		return err
	}
	s.sealer.Store(sealer)
	s.guard.SetKey(key)
	return nil
}

// keepKey writes a new key to its file and uses what stands there then.
func (s *Server) keepKey(key []byte) error {
	key, err := writeKey(s.cfg.ClusterKeyFile, key)
	if err != nil {
		return fmt.Errorf("keep the cluster key: %w; make %s writable for this user, or put the key there", err, s.cfg.ClusterKeyFile)
	}
	return s.useKey(key)
}

// makeKey gives a new cluster its key.
func (s *Server) makeKey() error {
	if s.guard.Key() != nil {
		return nil
	}
	return s.keepKey(newKey())
}

// takeKey asks the cluster's nodes for the key, one after another.
func (s *Server) takeKey(ctx context.Context, addrs []string) error {
	if s.guard.Key() != nil {
		return nil
	}
	var all []error
	for _, addr := range addrs {
		var key []byte
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		conn, err := s.peers.dial(addr)
		if err == nil {
			err = rpc.Ask(asking, conn, "cluster-key", nil, &key)
		}
		cancel()
		switch {
		case err != nil:
			all = append(all, err)
		case len(key) > 0:
			return s.keepKey(key)
		default: // that cluster has none
			return nil
		}
	}
	return fmt.Errorf("take over the cluster key: %w", errors.Join(all...))
}
