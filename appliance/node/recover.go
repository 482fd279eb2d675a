package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"seikan/appliance/config"
	"seikan/db/raft"
	"seikan/engine/checkpoint"
)

// Recover makes the node whose state is on this host, and which must not be running, the only
// voter of its cluster at its next start. The cluster gets a new id, so that a lost node that
// comes back after all is refused. It returns the node's address.
func Recover(cfg *config.Config) (addr string, err error) {
	dir := filepath.Join(cfg.StateDir, "raft")
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("there is no state of a node in %s: %w", cfg.StateDir, err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return "", fmt.Errorf("the node of %s is running: stop it first", cfg.StateDir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "node-id"))
	if err != nil {
		return "", fmt.Errorf("read the node's id: %w", err)
	}
	id := strings.TrimSpace(string(text))
	text, err = os.ReadFile(filepath.Join(dir, "members.json"))
	var members []raft.Member
	if err = errors.Join(err, json.Unmarshal(text, &members)); err != nil {
		return "", fmt.Errorf("read the members of the cluster: %w", err)
	}
	for _, m := range members {
		if m.ID == id {
			addr = m.Addr
		}
	}
	if addr == "" {
		return "", fmt.Errorf("this node (%s) does not stand among the members it knows of", id)
	}
	disk, err := readMembership(cfg.StateDir)
	if err != nil {
		return "", err
	}
	if disk.cluster() == "" {
		return "", errors.New("this node is in no cluster: there is nothing to recover")
	}
	// The format of hashicorp/raft's manual recovery; the store reads it once, when it opens.
	peers, err := json.Marshal([]map[string]any{{"id": id, "address": addr, "non_voter": false}})
	if err != nil {
		return "", err
	}
	only, err := json.Marshal([]raft.Member{{ID: id, Addr: addr, Voter: true}})
	if err != nil {
		return "", err
	}
	if err := writeDurably(filepath.Join(dir, "store", "raft", "peers.json"), peers); err != nil {
		return "", fmt.Errorf("tell the store that it is alone: %w", err)
	}
	if err := writeDurably(filepath.Join(dir, "members.json"), only); err != nil {
		return "", fmt.Errorf("forget the other members: %w", err)
	}
	return addr, disk.become(randomID(16), disk.cluster())
}

// afterRecover begins a new incarnation of the state at the first reign after a Recover: what the
// lost disks held may be newer than this one's, so numbers that were given out are not given out
// again, and checkpoints that only the storage knows are adopted.
func (s *Server) afterRecover(ctx context.Context) error {
	lost := s.disk.lost()
	if lost == "" {
		return nil
	}
	s.log.Error("THIS CLUSTER GOES ON FROM ONE DISK, by `seikan cluster recover`: what only the lost nodes held is lost, and none of them may come back with its old disk",
		"was", lost, "is", s.disk.cluster())
	if err := checkpoint.Recover(ctx, s.master.Jobs, s.blobs, s.disk.cluster(), "recovery of cluster "+lost, s.log); err != nil {
		return err
	}
	return s.disk.set(s.disk.cluster())
}
