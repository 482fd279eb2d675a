package raft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"seikan/db"
)

// BootstrapFrom makes this empty node the first of a new cluster that begins with the state in
// the file path, which Backup wrote; "" is an empty state. settle then makes the changes without
// which nobody may use that state; until it has succeeded every write but its own is refused as
// not ready. After an error BootstrapFrom may be called again and begins with the file again. A
// process that is killed meanwhile leaves a state that is not settled: the caller notes before
// that it begins, and empties Dir when it finds that note.
func (n *Node) BootstrapFrom(ctx context.Context, path string, settle func(context.Context, db.Store) error) error {
	if n.readyIn.Load() > 0 {
		return errors.New("form a cluster: this node is in one already")
	}
	n.unsettled.Store(true)
	if err := n.found(ctx, path, settle); err != nil {
		return fmt.Errorf("form a cluster: %w", err)
	}
	n.unsettled.Store(false)
	return nil
}

func (n *Node) found(ctx context.Context, path string, settle func(context.Context, db.Store) error) error {
	members, err := n.Members()
	switch {
	case err != nil:
		return err
	case len(members) > 1 || len(members) == 1 && members[0].ID != n.id:
		return errors.New("this node is in one already")
	case len(members) == 0:
		if err := n.bootstrap(); err != nil {
			return err
		}
	}
	for !n.st.IsLeader() || !n.st.Ready() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ctx.Done():
			return ErrClosed
		case <-time.After(10 * time.Millisecond):
		}
	}
	if path != "" {
		if err := n.load(path); err != nil {
			return fmt.Errorf("restore from %s: %w", path, err)
		}
	}
	own := &view{node: n, migrating: true}
	if _, _, err := n.raise(ctx, own); err != nil {
		return err
	}
	return settle(ctx, own)
}

// load replaces the database of the only node there is. It goes into a snapshot and not through
// the log, which would hold all of it in memory.
func (n *Node) load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := n.st.ReadFrom(f); err != nil {
		return kindOf(err)
	}
	return nil
}
